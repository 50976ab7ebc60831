"""How an HTTP/2 connection and its streams live and end: deadlines, pauses, farewells.

A stream ends when both sides have sent END_STREAM, or one has reset it; `close` is the only way out
of the engine's table. An application that goes on after its stream was reset is remembered
(`Ghosts`) until it has ended, since it still costs what a request costs.

A connection ends in two ways. With a farewell: GOAWAY with the highest possible stream number and a
PING; when that is answered, the client knows, and a second GOAWAY names the last stream that is
served (RFC 9113 section 6.8); when those are done our direction ends. Or with a fault: one GOAWAY,
and nothing more is read. Either way the client has `limits.close_timeout` to close its own
direction, so that it can read what it was sent.

`deadline` may be earlier than anything that is due: what is common only stores the time at which it
happened, and `sweep` finds out what is due and when to look again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi import NEVER, Context, Port
from nonecorn.spi.messages.connection import MessageConnection
from nonecorn_h2 import _frames as f
from nonecorn_h2._engine import IDLE, IN_DATA
from nonecorn_h2._errors import ConnectionFault, ErrorCode
from nonecorn_h2._frame_engine import FrameEngine
from nonecorn_h2._outbox import Outbox
from nonecorn_h2._settings import H2Settings

if TYPE_CHECKING:
    from nonecorn_h2._engine import Engine
    from nonecorn_h2._exchange import H2Exchange

_FAREWELL = b"nonecorn"
"""Payload of the PING that says when a GOAWAY has arrived."""


class H2Life(MessageConnection["H2Exchange"]):
    """What of a connection is not about one message; `H2Connection` completes it.

    Attributes:
        engine: Makes and reads frames.
        outbox: What waits to be sent.
        peer_ended: The client has ended its direction.
        stream_window: Receive window of a new stream.
        most_window: Largest one, and that of the connection.
        stock: By how many bytes the windows of all streams together may still grow.
    """

    __slots__ = (
        "_credit", "_dribbles", "_early", "_farewell_at", "_idle_at", "_leaving", "_partial_at",
        "_push", "_pushes", "_receiving", "_stalled", "_stalled_at", "engine", "most_window",
        "outbox", "peer_ended", "stock", "stream_window",
    )  # fmt: skip

    version = "2"
    no_error = ErrorCode.NO_ERROR
    cancelled = ErrorCode.CANCEL
    internal_error = ErrorCode.INTERNAL_ERROR
    excessive_load = ErrorCode.ENHANCE_YOUR_CALM

    port: Port

    def __init__(self, context: Context, port: Port) -> None:
        settings = context.settings_of(H2Settings)
        limits = context.limits
        self.engine = engine = self.make_engine(context, settings)
        super().__init__(
            context, port, type(engine), noise=settings.noise, max_streams=settings.max_streams
        )
        self.outbox = Outbox(
            context, port, engine, self.budget,
            most=settings.send_buffer, max_streams=settings.max_streams,
        )  # fmt: skip
        self.stream_window = min(limits.receive_buffer, f.MOST_WINDOW)
        self.most_window = self.stock = min(settings.receive_window, f.MOST_WINDOW)
        self._push = settings.push
        self._pushes = 0
        self._receiving = False
        self._early: list[bytes] = []  # what came while an application answered at once
        self._credit = 0
        self.peer_ended = False
        self._leaving = False
        self._farewell_at = NEVER
        self._stalled = 0
        self._stalled_at = NEVER
        self._idle_at = NEVER
        # The preface and SETTINGS of the client are the first that may dribble in.
        self._dribbles = True
        self._partial_at = self.deadline = self.after(limits.head_timeout)
        engine.start(_our_settings(context, settings), self.most_window)
        self.outbox.mark()

    def __repr__(self) -> str:
        state = (
            "ended" if self.dead else
            "leaving" if self._leaving or self._farewell_at < NEVER else
            "open"
        )  # fmt: skip
        return (
            f"<{type(self).__name__} {state} streams={len(self.engine.streams)}"
            f" requests={self._requests} {self.budget!r}>"
        )

    def make_engine(self, context: Context, settings: H2Settings) -> Engine:
        """The engine of this connection, whose receiver is this connection."""
        return FrameEngine(
            self,  # type: ignore[arg-type]  # H2Connection completes it
            context.limits,
            frame_size=settings.frame_size,
            connect_protocol=bool(context.stream_upgrades),
        )

    # Time -----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """All that was received has been dealt with."""
        if self.dead:
            return
        engine = self.engine
        if engine.partial or self._dribbles:
            self._note_partial()
        if not engine.streams:
            self._note_idle()
        if engine.out:
            self.outbox.mark()

    def _note_partial(self) -> None:
        """A frame or a field block is incomplete, or was until now.

        A head has `limits.head_timeout` from its first byte, however it is cut; DATA is a body,
        which may come slowly, but not stop.
        """
        partial = self.engine.partial
        if partial == IDLE:
            self._dribbles = False
            self._partial_at = NEVER
        elif partial == IN_DATA:
            self._dribbles = True
            exchange = self.engine.streams.get(self.engine.partial_id)
            if exchange is not None:
                exchange.heard_at = self.now()
            self._partial_at = self.after(self.limits.body_timeout)
            self.wake_at(self._partial_at)
        elif self.engine.fresh or not self._dribbles:
            self._dribbles = True
            self._partial_at = self.after(self.limits.head_timeout)
            self.wake_at(self._partial_at)

    def _note_idle(self) -> None:
        """Nothing is under way: the client may be silent for so long."""
        if self._leaving:
            self._leave()
            return
        self._idle_at = self.after(self.limits.keep_alive_timeout)
        self.wake_at(self._idle_at)

    # Called by the port ---------------------------------------------------------------------------

    def eof_received(self) -> bool | None:
        """See `nonecorn.spi.Protocol`."""
        self.peer_ended = True
        if self.dead:
            return False
        for exchange in list(self.engine.streams.values()):
            # Who ends its direction after a request may still read what there is of the response.
            stream = exchange.stream
            if stream is not None and exchange.peer_ended and not exchange.bodyless:
                stream.half_close()
            else:
                self._let_go(exchange, "client-gone")
                self.close(exchange)
        if self.engine.streams:
            self.wake_at(self.now())
            return True
        self.outbox.finish()
        self._wind_down()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See `nonecorn.spi.Protocol`."""
        self.dead = True
        self.deadline = NEVER
        self._end_streams("client-gone")
        self.outbox.end()
        self.engine.close()

    def pause_writing(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        self.outbox.paused = True
        self._stalled = self.port.buffered()
        self._stalled_at = self.after(self.limits.write_timeout)
        self.wake_at(self._stalled_at)

    def resume_writing(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        self._stalled_at = NEVER
        if self.dead:
            self._wind_down()
            return
        now = self.now()
        for exchange in self.engine.streams.values():
            exchange.moved_at = now  # it was not for the client's want of a window
        self.outbox.resume()

    def shutdown(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        if not self.dead:
            self._begin_farewell()

    # Farewell -------------------------------------------------------------------------------------

    def _begin_farewell(self) -> None:
        if self._farewell_at < NEVER or self._leaving:
            return
        engine = self.engine
        if not engine.greeted and not engine.streams:
            self._end_farewell()
            return
        engine.goaway(f.MOST_STREAM_ID, ErrorCode.NO_ERROR)
        engine.ping(_FAREWELL)
        self._farewell_at = self.now() + (self.limits.close_timeout or 1.0)
        self.wake_at(self._farewell_at)
        self.outbox.mark()

    def ponged(self, payload: bytes) -> None:
        """See `nonecorn_h2._engine.Receiver`."""
        if payload == _FAREWELL and self._farewell_at < NEVER:
            self._end_farewell()

    def _end_farewell(self) -> None:
        """The client knows, or has had its time: what it asks for from now on is not served."""
        engine = self.engine
        self._farewell_at = NEVER
        self._leaving = True
        engine.goaway(engine.last_id, ErrorCode.NO_ERROR)
        engine.stop(engine.last_id)
        self.outbox.mark()
        if not engine.streams:
            self._leave()

    def _leave(self) -> None:
        """All is said."""
        if not self.dead:
            self._linger()

    def _linger(self) -> None:
        """End our direction; what was sent can still be read (RFC 9112 section 9.6)."""
        self.outbox.finish()
        self._wind_down()
        if self.peer_ended:
            self.port.close()
        else:
            self.port.write_eof()

    def fail(self, fault: ConnectionFault) -> None:
        """Nothing of what the peer sends is read any more (RFC 9113 section 5.4.1)."""
        if self.dead:
            return
        self.context.log.debug("%r: %s", self.port, fault)
        self.dead = True
        self.engine.goaway(self.engine.last_id, fault.code)
        self._end_streams(fault.reason)
        self._linger()

    def _wind_down(self) -> None:
        """What is buffered still leaves, and then the peer is to close."""
        self.dead = True
        limits = self.limits
        self._stalled = self.port.buffered()
        self.deadline = self.after(limits.write_timeout if self._stalled else limits.close_timeout)

    def _abort(self) -> None:
        self.dead = True
        self.deadline = NEVER
        self.port.abort()

    def _end_streams(self, reason: str) -> None:
        for exchange in list(self.engine.streams.values()):
            self._let_go(exchange, reason)
            self.close(exchange)

    # Streams --------------------------------------------------------------------------------------

    def response_done(self, exchange: H2Exchange) -> None:
        """The last frame of a response was made."""
        self.budget.request_served()
        self.outbox.stream_ended()
        if exchange.peer_ended:
            self.close(exchange)
            return
        if not exchange.tunnelling:
            # RFC 9113 section 8.1: the rest of the request is not wanted. A client that is about to
            # end it anyway is not troubled with a reset.
            exchange.stream = None
            exchange.received = 0
            if exchange.expected > self.limits.receive_buffer:
                self.abandon(exchange, ErrorCode.NO_ERROR)
                return
            exchange.give_credit(exchange.unread)
            exchange.unread = 0
        exchange.ends_at = self.after(self.limits.close_timeout)
        self.wake_at(exchange.ends_at)

    def abandon(self, exchange: H2Exchange, code: int) -> None:
        """See `MessageConnection`: send RST_STREAM, and forget the stream."""
        self.engine.reset(exchange.id, code)
        if exchange.stream is not None:
            self._mourn(exchange.stream)
        self.close(exchange)
        self.outbox.mark()

    def _respond(self, exchange: H2Exchange, status: int) -> None:
        self.engine.headers(exchange, self.writer.head(status, ())[0], end=True)
        self.abandon(exchange, ErrorCode.NO_ERROR)

    def close(self, exchange: H2Exchange) -> None:
        """Forget a stream."""
        engine = self.engine
        del engine.streams[exchange.id]
        self.outbox.drop(exchange)
        self.stock += exchange.window - self.stream_window
        if exchange.waiting is not None:
            exchange.unblock()
        exchange.stream = None
        if not exchange.id & 1:
            self._pushes -= 1
        if not engine.streams and not self.dead:
            if self.peer_ended:
                self.outbox.flush()
                self._linger()
            else:
                self._note_idle()

    def _under_way(self) -> int:
        """Requests that count: those whose streams were reset while their applications run, too."""
        streams = len(self.engine.streams) - self._pushes
        return streams + len(self._ghosts) + self.outbox.unwritten

    def _is_full(self) -> bool:
        """As many requests as may be are under way, without those that have ended."""
        self._ghosts.forget_ended()
        return self._under_way() >= self._max_streams

    # Sweep ----------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        now = self.now()
        if (self.dead or self.outbox.paused) and not self._port_moves(now):
            return
        if self._partial_at <= now:
            self.fail(ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "head-timeout"))
            return
        if self._farewell_at <= now:
            self._end_farewell()
        next_look = min(self._partial_at, self._farewell_at, self._stalled_at)
        for exchange in list(self.engine.streams.values()):
            next_look = min(next_look, self._due(exchange, now))
        if self.dead:
            return
        self.deadline = now if self.peer_ended else next_look
        if not self.engine.streams:
            if self._idle_at <= now:
                # Nobody waits for anything: one GOAWAY says it all.
                self._end_farewell()
            else:
                self.wake_at(self._idle_at)

    def _port_moves(self, now: float) -> bool:
        """Whether the connection goes on. A slow client may, one that takes nothing may not."""
        if self.dead:
            buffered = self.port.buffered()
            if buffered >= self._stalled:
                self._abort()
            else:
                self._wind_down()
            return False
        if self._stalled_at <= now:
            buffered = self.port.buffered()
            if buffered >= self._stalled:
                self._end_streams("write-timeout")
                self._abort()
                return False
            self._stalled = buffered
            self._stalled_at = self.after(self.limits.write_timeout)
        return True


def _our_settings(context: Context, settings: H2Settings) -> dict[int, int]:
    """What our SETTINGS frame says (RFC 9113 section 6.5.2); what is as by default is left out."""
    limits = context.limits
    values = {
        f.MAX_CONCURRENT_STREAMS: settings.max_streams,
        f.INITIAL_WINDOW_SIZE: min(limits.receive_buffer, f.MOST_WINDOW),
        f.MAX_HEADER_LIST_SIZE: limits.head_size,
    }
    if settings.frame_size != f.DEFAULT_FRAME_SIZE:
        values[f.MAX_FRAME_SIZE] = settings.frame_size
    if context.stream_upgrades:
        values[f.ENABLE_CONNECT_PROTOCOL] = 1
    return values
