"""How an open socket lives and ends: frames come, pings go, one side closes.

RFC 6455 section 7 in our words. Who closes first sends a close frame and waits for the other's.
The server then ends its direction of the connection first, so that the wait for stray packets is
not on the client (section 7.1.1). Where the client broke a rule there is nothing to wait for: close
frame and end leave together (section 7.1.7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nonecorn.spi import NEVER, Header, Headers, Message, RequestRecord, recorded_scope
from nonecorn_ws._codec import (
    LOST,
    WEIGHT,
    Close,
    Event,
    Failure,
    FrameCodecFactory,
    Ping,
    Pong,
)
from nonecorn_ws._flow import CLOSED, CLOSING, CONNECTING, DENYING, OPEN, PHASES, SocketFlow

_FAILURES = {1002: "protocol-error", 1007: "invalid-data", 1009: "message-too-big"}
_ALL = 1 << 62
"""Room without end, for what is not kept."""


class SocketLife(SocketFlow):
    """What of `WebSocketStream` happens on the wire.

    Attributes:
        codec: Makes the codec; the seam for faster ones.
    """

    __slots__ = ()

    codec: ClassVar[FrameCodecFactory]

    # Called by the protocol -----------------------------------------------------------------------

    def feed(self, data: bytes, end: bool) -> None:
        """See `nonecorn.spi.Stream`."""
        if data:
            self._received += len(data)
            phase = self._phase
            if phase == OPEN:
                self._held += len(data)
                self._heard = True
                self._read(data)
            elif phase == CONNECTING:
                self._held += len(data)
                if self._early is None:
                    self._early = []
                self._early.append(data)
            else:
                self._exchange.consumed(self, len(data))
                if phase == CLOSING:
                    self._await_close(data)
        if end:
            self._peer_ended()

    def feed_trailers(self, headers: Headers) -> None:
        """See `nonecorn.spi.Stream`; a tunnel has no trailers."""

    def disconnect(self, reason: str = "client-gone", status: int | None = None) -> None:
        """See `nonecorn.spi.Stream`."""
        if self._phase == CLOSED:
            return
        if status is not None:
            self.status = status
            self._headers = []
        if self._denial is not None:
            self._denial.disconnect(reason)
        self._finish(self._why if self._phase == CLOSING else reason)

    def half_close(self) -> None:
        """See `nonecorn.spi.Stream`."""
        self._peer_ended()

    def shutdown(self) -> None:
        """See `nonecorn.spi.Stream`: an open socket is closed, one to be is refused."""
        if self._phase == OPEN:
            self._close(self._heart.settings.drain_code, "", "shutdown")
        elif self._phase == CONNECTING:
            self._answer(503, "shutdown")

    # Frames ---------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        """Take frames, as many as there is room for."""
        codec = self._codec
        assert codec is not None  # open
        queue = self._queue
        while True:
            for event in codec.receive(data, self._room):
                kind = event.__class__
                if kind is str or kind is bytes:
                    queue.append(event)  # type: ignore[arg-type]
                    self._room -= len(event) + WEIGHT  # type: ignore[arg-type]
                else:
                    self._happened(event)
            if not codec.stalled or self._room <= 0:
                break
            data = b""  # what was answered at once takes no room after all
        if queue:
            if self._wake is not None:
                self._wake.set()
        elif self._held:
            self._credit(self._held)

    def _happened(self, event: Event) -> None:
        """A control frame, or a broken rule."""
        if isinstance(event, Ping):
            if self._heart.settings.pass_ping:
                self._pass(event)
            elif self.blocked is None:
                self._write(self._codec.pong(event.data))  # type: ignore[union-attr]
            else:
                # RFC 6455 section 5.5.3: only the latest ping needs its pong. A client that does
                # not read gets no more of them than this.
                if self._pong is None:
                    self._heart.watch(self, self._context.runtime.time())
                self._pong = event.data
        elif isinstance(event, Pong):
            if self._heart.settings.pass_ping and event.data != self._ping:
                self._pass(event)
        elif isinstance(event, Close):
            self._code, self._reason = event.code, event.reason
            frame = self._codec.close(event.code, "")  # type: ignore[union-attr]
            self._end(frame, "")
        elif isinstance(event, Failure):
            self._fail(event.code, event.reason, _FAILURES[event.code])

    def _pass(self, event: Ping | Pong) -> None:
        self._queue.append(event)
        self._room -= len(event) + WEIGHT

    def _credit(self, count: int) -> None:
        """So much was received by the application, or needs not be."""
        self._held -= count
        self._exchange.consumed(self, count)

    def _write(self, data: bytes) -> None:
        self._sent += len(data)
        self._exchange.body(self, data, False)

    # Pings ----------------------------------------------------------------------------------------

    def beat(self, now: float) -> None:
        """See `Beating`."""
        if self._phase == CLOSING:
            if now < self._at:
                self._heart.watch(self, self._at)
            else:
                self._exchange.reset(self)
                self._finish(self._why or "close-timeout")
            return
        pong = self._pong
        if pong is not None and self.blocked is None:
            self._pong = None
            self._write(self._codec.pong(pong))  # type: ignore[union-attr]
        when = self._keep_alive(now)
        if self._phase == OPEN:
            when = now if self._pong is not None else when
            if when < NEVER:
                self._heart.watch(self, when)

    def _keep_alive(self, now: float) -> float:
        """Ping, if it is time, and look for the answer to the last. Returns when to look again."""
        settings = self._heart.settings
        interval, timeout = settings.ping_interval, settings.ping_timeout
        if not interval:
            return NEVER
        if self._pinged:
            # Anything that came is a sign of life; and while we do not read, or the client does
            # not, there is nothing to conclude.
            if self._heard or self._queue or self.blocked is not None or not timeout:
                self._pinged = False
            elif now >= self._at + timeout:
                self._fail(1011, "ping timeout", "ping-timeout")
                return NEVER
        if not self._pinged and now >= self._at + interval:
            self._at = now
            if self.blocked is None:
                self._heard = False
                self._pinged = True
                self._ping = b"%x" % int(now * 1000)
                self._write(self._codec.ping(self._ping))  # type: ignore[union-attr]
        if self._pinged and timeout:
            first = self._at + min(interval, timeout)
            return first if now < first else self._at + timeout
        return self._at + interval

    # Ends -----------------------------------------------------------------------------------------

    def _close(self, code: int, reason: str, why: str) -> None:
        """Begin to close an open socket."""
        self._phase = CLOSING
        self._code, self._reason, self._why = code, reason, why
        self._at = self._context.runtime.time() + self._heart.settings.close_timeout
        self._heart.watch(self, self._at)
        self._write(self._codec.close(code, reason))  # type: ignore[union-attr]
        if self._held:
            self._credit(self._held)
        self._wake_all()
        if self._eof:
            self._peer_ended()
        elif self._codec is not None and self._codec.stalled:
            self._await_close(b"")

    def _await_close(self, data: bytes) -> None:
        """Our close was sent: what still comes before the client's is of no use."""
        assert self._codec is not None  # closing
        for event in self._codec.receive(data, _ALL):
            if isinstance(event, Close | Failure):
                self._end(b"", self._why)

    def _peer_ended(self) -> None:
        """The client ended its direction; with a close before it this is not heard of."""
        phase = self._phase
        if phase == OPEN and self._codec is not None and self._codec.stalled:
            self._eof = True  # a close may be among what was not read yet
        elif phase in (OPEN, CLOSING):
            self._end(b"", self._why or "client-gone")
        elif phase == CONNECTING:
            self._exchange.reset(self)
            self._finish("client-gone")

    def _fail(self, code: int, reason: str, why: str) -> None:
        """The client broke a rule, or is silent: close without waiting for its close."""
        self._code, self._reason = code, reason
        assert self._codec is not None  # open
        self._end(self._codec.close(code, reason), why)

    def _end(self, frame: bytes, why: str) -> None:
        """End our direction, and the socket."""
        self._sent += len(frame)
        self._exchange.body(self, frame, True)
        self._finish(why)

    def _finish(self, why: str) -> None:
        if self._phase == CLOSED:
            return
        self._phase = CLOSED
        self._heart.forget(self)
        self._codec = self._early = None
        denial = self._denial
        if denial is not None and denial.status is not None:
            self.status, self._headers, self._sent = denial.status, denial.headers, denial.sent
        if self._held:
            self._credit(self._held)
        self._wake_all()
        observers = self._context.observers.request_finished
        if observers:
            record = RequestRecord(
                scope=recorded_scope(self.scope),
                status=self.status,
                headers=self._headers,
                sent=self._sent,
                received=self._received,
                duration=self._context.runtime.time() - self._started,
                reason=why,
            )
            for observe in observers:
                observe(record)

    # WebSocketStream's ----------------------------------------------------------------------------

    if TYPE_CHECKING:

        def expire(self) -> None: ...

        async def run(self) -> None: ...

        async def receive(self) -> Message: ...

        async def send(self, message: Message) -> None: ...

        def _answer(self, status: int, why: str, headers: tuple[Header, ...] = ()) -> None: ...


__all__ = ["CLOSED", "CLOSING", "CONNECTING", "DENYING", "LOST", "OPEN", "PHASES", "SocketLife"]
