"""How an HTTP/3 connection and its streams live and end: deadlines, farewells.

A stream ends when both sides have ended their direction, or one has given it up; `close` is the
only way out of the tables. An application that goes on after that is remembered (`Ghosts`) until it
has ended, since it still costs what a request costs.

A connection ends in two ways. With a farewell (RFC 9114 section 5.2): GOAWAY with the highest
possible stream number, so that the client makes no new requests; a moment later a second GOAWAY,
which names the first stream that is not served; when those before it are done, the client has
acknowledged all, or `limits.close_timeout` is over, and has had a moment to read, CONNECTION_CLOSE.
Or with a fault: CONNECTION_CLOSE at once.

`deadline` may be earlier than anything that is due: what is common only stores the time at which it
happened, and `sweep` finds out what is due and when to look again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi import NEVER, Context, QuicPort, RemoteProtocolError
from nonecorn.spi.messages.connection import MessageConnection
from nonecorn_h3._http import _frames as f
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode
from nonecorn_h3._http._qpack import FieldDecoder, StaticEncoder
from nonecorn_h3._http._reader import WANT_HEAD
from nonecorn_h3._http._unsent import LITTLE, LOOK, Unsent
from nonecorn_h3._settings import H3Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from nonecorn.spi import Timer
    from nonecorn_h3._http._exchange import H3Exchange
    from nonecorn_h3._http._push import Pushes
    from nonecorn_h3._http._sessions import Sessions
    from nonecorn_h3.sessions import StreamHandler

_ON_ITS_WAY = 0.5
"""Seconds in which requests arrive whose client had not heard of the farewell."""
_MOMENT = 1.0
"""Seconds that a client has to read a response: some forget what they have received at the close.
"""
_SHORT = 0.1
"""Seconds that the last words have before CONNECTION_CLOSE would take them back."""


class H3Life(MessageConnection["H3Exchange"]):
    """What of a connection is not about one message; `H3Connection` completes it.

    Attributes:
        decoder: Reads the client's field sections.
        streams: Who is told of each stream that is open, by number.
        exchanges: Those of them that are requests, and pushes.
        last_id: Highest number of a request so far; -4 before the first.
        leaving: The final GOAWAY was sent.
    """

    __slots__ = (
        "_control", "_ended_at", "_idle_at", "_said_at", "_stopped", "_timer", "_unsent",
        "decoder", "exchanges", "last_id", "leaving", "pushes", "sessions", "streams",
    )  # fmt: skip

    version = "3"
    no_error = ErrorCode.NO_ERROR
    cancelled = ErrorCode.REQUEST_CANCELLED
    internal_error = ErrorCode.INTERNAL_ERROR
    excessive_load = ErrorCode.EXCESSIVE_LOAD

    port: QuicPort

    pushes: Pushes
    sessions: Sessions
    _control: int

    def __init__(self, context: Context, port: QuicPort, settings: H3Settings) -> None:
        limits = context.limits
        super().__init__(
            context, port, StaticEncoder, noise=settings.noise, max_streams=settings.max_streams
        )
        self.decoder = FieldDecoder(
            limits, settings.qpack_table_size, settings.qpack_blocked_streams
        )
        self.streams: dict[int, StreamHandler] = {}
        self.exchanges: dict[int, H3Exchange] = {}
        self.last_id = -4
        self.leaving = False
        self._unsent = Unsent(port, limits.write_timeout)
        self._stopped: set[int] = set()
        self._timer: Timer | None = None
        self._said_at = -NEVER
        self._ended_at = -NEVER
        self._idle_at = self.deadline = self.after(limits.keep_alive_timeout)

    def __repr__(self) -> str:
        state = (
            "ended" if self.dead else
            "leaving" if self.leaving or self._timer is not None else
            "open"
        )  # fmt: skip
        return (
            f"<{type(self).__name__} {state} streams={len(self.exchanges)}"
            f" requests={self._requests} {self.budget!r}>"
        )

    # Time -----------------------------------------------------------------------------------------

    def head_awaited(self) -> None:
        """See `nonecorn_h3._http._reader.Receiver`."""
        self.wake_at(self.after(self.limits.head_timeout))

    def _note_idle(self) -> None:
        """Nothing is under way: the client may be silent for so long."""
        self._ended_at = self.runtime.time()  # a farewell counts less than the clock's ticks
        if self.leaving:
            self._leave()
            return
        self._idle_at = self.after(self.limits.keep_alive_timeout)
        self.wake_at(self._idle_at)

    # Called by the port ---------------------------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        """See `nonecorn.spi.QuicProtocol`."""
        self._end()
        self._end_streams("client-gone")
        self.streams.clear()

    def shutdown(self) -> None:
        """See `nonecorn.spi.QuicProtocol`."""
        if not self.dead:
            self._begin_farewell()

    # Farewell -------------------------------------------------------------------------------------

    def _begin_farewell(self) -> None:
        if self._timer is None and not self.leaving:
            self._goaway(f.MOST_STREAM_ID)
            self._call_in(_ON_ITS_WAY, self._end_farewell)

    def _end_farewell(self) -> None:
        """The client knows, or has had its time: what it asks for from now on is not served."""
        self._silence()
        self.leaving = True
        self._goaway(self.last_id + 4)
        self._said_at = self.runtime.time()
        if not self.exchanges:
            self._leave()

    def _call_in(self, seconds: float, callback: Callable[[], None]) -> None:
        """There is one timer, for farewells alone."""
        self._silence()
        self._timer = self.runtime.call_at(self.runtime.time() + seconds, callback)

    def _silence(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _goaway(self, stream_id: int) -> None:
        frame = f.encode_frame(f.GOAWAY, f.encode_integer(stream_id))
        self.port.write(self._control, frame, False)

    def _leave(self) -> None:
        """All is said; once the client has had time to hear it, close.

        CONNECTION_CLOSE takes with it what is still to be sent, or to be sent again.
        """
        if self.dead or self.exchanges:
            return
        now = self.runtime.time()
        if self._unsent:
            self._unsent.look(now)
            self._ended_at = now
        left = max(self._said_at + _SHORT, self._ended_at + _MOMENT) - now
        until = max(self._said_at, self._ended_at) + (self.limits.close_timeout or NEVER)
        if now < until and not self.port.settled:
            left = max(left, _SHORT)
        if left > 0:
            self._call_in(left, self._leave)
            return
        self._end()
        self.port.close(ErrorCode.NO_ERROR)

    def _end(self) -> None:
        self.dead = True
        self.deadline = NEVER
        self._silence()

    def fail(self, fault: ConnectionFault) -> None:
        """Nothing of what the peer sends is read any more (RFC 9114 section 8)."""
        if self.dead:
            return
        self.context.log.debug("%r: %s", self.port, fault)
        self._end()
        self._end_streams(fault.reason)
        self.port.close(fault.code)

    def _end_streams(self, reason: str) -> None:
        for exchange in list(self.exchanges.values()):
            self._let_go(exchange, reason)
            self.close(exchange)

    # Streams --------------------------------------------------------------------------------------

    def response_done(self, exchange: H3Exchange) -> None:
        """The last byte of a response was written."""
        self.budget.request_served()
        if exchange.written > LITTLE:
            now = self.now()
            self._unsent.add(exchange.id, now)
            self.wake_at(now + LOOK)
        if exchange.peer_ended:
            self.close(exchange)
        elif exchange.tunnelling:
            exchange.ends_at = self.after(self.limits.close_timeout)
            self.wake_at(exchange.ends_at)
        else:
            # RFC 9114 section 4.1: the rest of the request is not wanted.
            self.close(exchange)
            self.stop(exchange.id, ErrorCode.NO_ERROR)

    def abandon(self, exchange: H3Exchange, code: int) -> None:
        """See `MessageConnection`: in both directions."""
        if exchange.stream is not None:
            self._mourn(exchange.stream)
        self.close(exchange)
        self.port.reset(exchange.id, code)
        if not exchange.peer_ended:
            self.stop(exchange.id, code)

    def stop(self, stream_id: int, code: int) -> None:
        """Read no more of a stream. What came in one datagram may still be told in this tick."""
        if not self._stopped:
            self.runtime.end_of_tick(self._stopped.clear)
        self._stopped.add(stream_id)
        self.port.stop(stream_id, code)

    def _respond(self, exchange: H3Exchange, status: int) -> None:
        self.close(exchange)
        block = self.writer.head(status, ())[0]
        self.port.write(exchange.id, f.headers_frame(block), True)
        if not exchange.peer_ended:
            self.stop(exchange.id, ErrorCode.NO_ERROR)

    def close(self, exchange: H3Exchange) -> None:
        """Forget a stream."""
        if exchange.closed:
            return
        exchange.closed = True
        stream_id = exchange.id
        del self.streams[stream_id]
        del self.exchanges[stream_id]
        if exchange.unread and not self.dead:
            self.port.consumed(stream_id, exchange.unread)
        if exchange.waiting is not None:
            exchange.unblock()
        exchange.stream = None
        exchange.datagrams = None
        if stream_id & 1:
            self.pushes.forget(exchange)
        elif exchange.tunnelling:
            self.sessions.end(stream_id)
        if self.decoder.changes and exchange.incomplete:
            self.decoder.cancel(stream_id)
        if not self.exchanges and not self.dead:
            self._note_idle()

    def _is_full(self) -> bool:
        """As many requests as may be are under way: those whose streams were given up while their
        applications run count, too.
        """
        streams = len(self.exchanges) - len(self.pushes)
        if streams + len(self._ghosts) <= self._max_streams:
            return False
        self._ghosts.forget_ended()
        return streams + len(self._ghosts) > self._max_streams

    # Sweep ----------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """See `nonecorn.spi.QuicProtocol`."""
        if self.dead:
            return
        try:
            self._look(self.now())
        except ConnectionFault as fault:
            self.fail(fault)

    def _look(self, now: float) -> None:
        self.deadline = NEVER
        next_look = NEVER
        for exchange in list(self.exchanges.values()):
            if not exchange.closed:
                look = self._head_due if exchange.phase == WANT_HEAD else self._due
                next_look = min(next_look, look(exchange, now))
        for stream_id in self._unsent.look(now):
            self.port.reset(stream_id, ErrorCode.REQUEST_CANCELLED)
        next_look = min(
            next_look, self._unsent.due(now), self.sessions.due(now, self.limits.head_timeout)
        )
        self.wake_at(next_look)
        if not self.exchanges and not self.leaving:
            if self._idle_at <= now:
                # Nobody waits for anything.
                self._end_farewell()
            else:
                self.wake_at(self._idle_at)

    def _head_due(self, exchange: H3Exchange, now: float) -> float:
        """As `_due`, for a request whose head is not complete."""
        timeout = self.limits.head_timeout
        when = exchange.opened_at + timeout if timeout else NEVER
        if when <= now:
            self.refused(exchange, RemoteProtocolError(408, "head-timeout"))
            return NEVER
        return when

    # H3Connection's -------------------------------------------------------------------------------

    if TYPE_CHECKING:

        def refused(self, exchange: H3Exchange, error: RemoteProtocolError) -> None: ...
