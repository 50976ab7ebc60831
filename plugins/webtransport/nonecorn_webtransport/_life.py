"""How a session lives and ends: what its CONNECT stream says, streams and datagrams, time.

    CONNECTING ─ accept ─► OPEN ─ close, of either side ─► CLOSED
         └─ refusal ────────────────────────────────────────▲

CLOSED is also where the client's leaving, a broken rule or a time-out leads; `_finish` is the only
way there, and reports the session once. A close is a capsule with a code and a reason, and the end
of the CONNECT stream; without the capsule the code is 0 (draft-ietf-webtrans-http3 section 6). A
session whose CONNECT stream was reset, or whose connection has gone, has no code. Its streams are
reset, in both directions. What had come is still received, then `webtransport.disconnect`, again
and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nonecorn.spi import (
    NEVER,
    Context,
    Exchange,
    Header,
    Headers,
    Job,
    QuicPort,
    RemoteProtocolError,
    RequestRecord,
    Runtime,
    Waiter,
    recorded_scope,
)
from nonecorn_h3.capsules import DATAGRAM, CapsuleReader
from nonecorn_webtransport import _closing as closing
from nonecorn_webtransport._inbox import Inbox
from nonecorn_webtransport._settings import WebTransportSettings
from nonecorn_webtransport._stream import SessionStream
from nonecorn_webtransport._streams import Streams

if TYPE_CHECKING:
    from nonecorn_h3.sessions import SessionExchange, StreamHandler

CONNECTING, OPEN, CLOSED = range(3)
PHASES = ("connecting", "open", "closed")


class SessionLife:
    """What of `WebTransportSession` happens on the wire.

    Attributes:
        blocked: See `nonecorn.spi.Stream`.
        remaining: See `nonecorn.spi.Stream`.
        expect_continue: See `nonecorn.spi.Stream`.
        job: See `nonecorn.spi.Stream`.
        scope: The ASGI scope.
        status: Status of the response, once there is one.
        port: See `StreamOwner`.
        runtime: See `StreamOwner`.
        inbox: See `StreamOwner`.
        received: See `StreamOwner`; datagrams, too.
        sent: See `StreamOwner`; datagrams, too.
    """

    __slots__ = (
        "_capsules", "_code", "_connected", "_context", "_counted", "_early", "_exchange",
        "_handshake", "_headers", "_phase", "_ping_at", "_reason", "_refusal", "_run_out_at",
        "_session", "_settings", "_since_tick", "_started", "_streams", "blocked",
        "expect_continue", "inbox", "job", "port", "received", "remaining", "runtime", "scope",
        "sent", "status",
    )  # fmt: skip

    scope: dict[str, Any]
    blocked: Waiter | None
    job: Job | None
    status: int | None
    _headers: list[Header]
    _session: SessionExchange
    _started: float

    def __init__(self, context: Context, exchange: Exchange, port: QuicPort) -> None:
        limits = context.limits
        settings = context.settings_of(WebTransportSettings)
        self.blocked = self.job = self.status = None
        self.remaining = -1
        self.expect_continue = False
        self.port = port
        self.runtime: Runtime = context.runtime
        self.inbox = Inbox(context.runtime, settings.max_datagrams, limits.receive_buffer)
        self.received = self.sent = 0
        self._context = context
        self._settings = settings
        self._exchange = exchange
        self._phase = CONNECTING
        self._code: int | None = None
        self._reason = ""
        self._counted = False
        self._early: list[bytes] = []
        self._capsules: CapsuleReader = closing.capsule_reader()
        self._ping_at = self._run_out_at = NEVER
        self._streams: Streams | None = None
        self._since_tick = 0

    # Called by the connection: nonecorn.spi.Stream ------------------------------------------------

    def feed(self, data: bytes, end: bool) -> None:
        """See `nonecorn.spi.Stream`: capsules."""
        if data:
            if self._phase == CONNECTING:
                self._early.append(data)
            else:
                self._exchange.consumed(self, len(data))  # type: ignore[arg-type]
                if self._phase == OPEN:
                    self._read(data)
        if end:
            self.half_close()

    def feed_trailers(self, headers: Headers) -> None:
        """See `nonecorn.spi.Stream`; a tunnel has no trailers."""

    def half_close(self) -> None:
        """See `nonecorn.spi.Stream`: a close without a code, or the end of one with."""
        if self._phase == OPEN and not self._capsules.partial:
            self._closed(0, "")
        elif self._phase != CLOSED:
            # RFC 9297 section 3.3: cut short. Or nobody waits for the answer.
            self._abort("client-gone")

    def disconnect(self, reason: str = "client-gone", status: int | None = None) -> None:
        """See `nonecorn.spi.Stream`."""
        if self._phase != CLOSED:
            if status is not None:
                self.status = status
                self._headers = []
            self._finish(reason)

    def shutdown(self) -> None:
        """See `nonecorn.spi.Stream`: both sides are asked to come to an end."""
        if self._phase == CONNECTING:
            self._answer(503, "shutdown")
        elif self._phase == OPEN:
            timeout = self._settings.drain_timeout
            if not timeout:
                self._run_out()
                return
            self._write(closing.DRAIN_CAPSULE)
            self.inbox.drain()
            self._run_out_at = self.runtime.clock.now + timeout
            self._session.wake_at(self._run_out_at)

    # nonecorn_h3.sessions.Session -----------------------------------------------------------------

    def stream_opened(self, stream: int, /) -> StreamHandler | None:
        """See `nonecorn_h3.sessions.Session`."""
        if self._phase != OPEN:
            return None
        assert self._streams is not None  # open
        return self._streams.opened(stream)

    def datagram_received(self, data: bytes, /) -> None:
        """See `nonecorn_h3.sessions.Session`."""
        if self._phase == OPEN:
            self.received += len(data)
            self.inbox.datagram(data)

    def sweep(self, now: float, /) -> float:
        """See `nonecorn_h3.sessions.Session`."""
        if self._phase != OPEN:
            return NEVER
        if self._run_out_at <= now:
            self._run_out()
            return NEVER
        if self._ping_at <= now:
            if self.blocked is None:
                self._write(closing.PING)
            self._ping_at = now + self._settings.ping_interval
        assert self._streams is not None  # open
        when = self._streams.look(now, self._context.limits.write_timeout)
        return min(when, self._ping_at, self._run_out_at)

    # nonecorn_webtransport._stream.StreamOwner ----------------------------------------------------

    def stream_done(self, stream: SessionStream, /) -> None:
        """See `StreamOwner`."""
        if self._streams is not None:
            self._streams.done(stream)

    def stream_stuck(self, /) -> None:
        """See `StreamOwner`."""
        timeout = self._context.limits.write_timeout
        if timeout:
            self._session.wake_at(self.runtime.clock.now + timeout)

    # Within ---------------------------------------------------------------------------------------

    def _open(self, exchange: SessionExchange) -> None:
        """The application has accepted, and the client was told."""
        self._phase = OPEN
        self._session = exchange
        settings = self._settings
        self._streams = Streams(self, exchange, settings.max_streams)
        if settings.ping_interval:
            self._ping_at = self.runtime.clock.now + settings.ping_interval
            exchange.wake_at(self._ping_at)
        exchange.join(self)
        early, self._early = self._early, []
        for data in early:
            self.feed(data, False)

    def _read(self, data: bytes) -> None:
        """Take what the CONNECT stream says."""
        try:
            for kind, value in self._capsules.receive(data):
                if kind == closing.CLOSE:
                    self._closed(*closing.read_close(value))
                    return
                if kind == DATAGRAM:
                    # RFC 9297 section 3.5: by a client, or a proxy, without unreliable ones.
                    self.datagram_received(value)
                elif kind == closing.DRAIN:
                    self.inbox.drain()
        except RemoteProtocolError as error:
            self._abort(error.reason)

    def _write(self, data: bytes, *, end: bool = False) -> None:
        self._exchange.body(self, data, end)  # type: ignore[arg-type]

    def _closed(self, code: int, reason: str) -> None:
        """The client has closed the session."""
        self._code, self._reason = code, reason
        self._write(b"", end=True)
        self._finish("")

    def _run_out(self) -> None:
        """The worker stops, and the session's time is over."""
        self._close(self._settings.drain_code, "", "shutdown")

    def _close(self, code: int, reason: str, why: str) -> None:
        """Close an open session."""
        self._code, self._reason = code, reason
        self._write(closing.close_capsule(code, reason), end=True)
        self._finish(why)

    def _abort(self, why: str) -> None:
        """End it without a close: the client sees that something is wrong."""
        self._exchange.reset(self)  # type: ignore[arg-type]
        self._finish(why)

    def _finish(self, why: str) -> None:
        if self._phase == CLOSED:
            return
        self._phase = CLOSED
        self._early = []
        self._leave()
        if self._streams is not None:
            self._streams.end()
        self.inbox.bell.ring()
        if self.blocked is not None:
            self.blocked.set()
        observers = self._context.observers.request_finished
        if observers:
            record = RequestRecord(
                scope=recorded_scope(self.scope),
                status=self.status,
                headers=self._headers,
                sent=self.sent,
                received=self.received,
                duration=self.runtime.time() - self._started,
                reason=why,
            )
            for observe in observers:
                observe(record)

    # How many sessions a connection has -----------------------------------------------------------

    def _enter(self) -> bool:
        """Count among the sessions of the connection, if there is room."""
        counts: dict[QuicPort, int] = self._context.cache.setdefault(SessionLife, {})
        count = counts.get(self.port, 0)
        if count >= self._settings.max_sessions:
            return False
        counts[self.port] = count + 1
        self._counted = True
        return True

    def _leave(self) -> None:
        if self._counted:
            self._counted = False
            counts: dict[QuicPort, int] = self._context.cache[SessionLife]
            counts[self.port] -= 1
            if not counts[self.port]:
                del counts[self.port]

    # WebTransportSession's ------------------------------------------------------------------------

    if TYPE_CHECKING:

        def _answer(self, status: int, why: str, headers: tuple[Header, ...] = ()) -> None: ...


__all__ = ["CLOSED", "CONNECTING", "OPEN", "PHASES", "SessionLife"]
