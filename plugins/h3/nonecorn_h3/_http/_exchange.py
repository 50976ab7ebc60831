"""One request's Exchange: what its stream may do to the client (RFC 9114 section 4.1).

There is one of these per request; it is also what reads the request's stream (`MessageReader`), and
what the connection calls for everything that happens to it, so nothing has to be looked up twice.
What the application sends is checked by `MessageExchange`, and becomes frames here. A response is
HEADERS, DATA, and maybe HEADERS with the trailers. Bytes go straight to the port, which holds them
until the client takes them, and says when there are too many.

The request body is fed as it comes and counted until the application has `consumed` it; only then
is it credited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nonecorn.spi import NEVER, Header, Stream, Waiter
from nonecorn.spi.messages.exchange import MessageExchange
from nonecorn_h3._http._frames import data_header, headers_frame
from nonecorn_h3._http._qpack import PREFIX
from nonecorn_h3._http._reader import WANT_HEAD, MessageReader

if TYPE_CHECKING:
    from nonecorn.spi.messages.response import Block
    from nonecorn_h3._http._connection import H3Connection
    from nonecorn_h3.sessions import Session, StreamHandler

_JOINED = 16384
"""Bytes of a body that are copied to leave with what stands before them."""


class H3Exchange(MessageReader, MessageExchange):
    """See `nonecorn.spi.Exchange` and `nonecorn_h3.sessions.SessionExchange`.

    Attributes:
        moved_at: When a byte of what waits was last sent, in seconds of the clock.
        moved: How many were sent by then.
        written: Bytes given to the port.
        paused: The port has said that too much waits.
        datagrams: Who is told of the stream's datagrams (RFC 9297).
    """

    __slots__ = (
        "app_deadline", "authority", "bodyless", "can_push", "datagrams", "ends_at",
        "head_request", "heard_at", "incremental", "moved", "moved_at", "paused", "received",
        "responded", "stream", "trailers_due", "unread", "urgency", "waiting", "we_ended",
        "written",
    )  # fmt: skip

    connection: H3Connection
    moved_at: float
    moved: int

    def __init__(self, connection: H3Connection, stream_id: int) -> None:
        super().__init__(connection, stream_id)
        self.stream: Stream | None = None
        self.can_push = False
        self.responded = False
        self.bodyless = False
        self.we_ended = False
        self.heard_at = self.opened_at
        self.app_deadline = NEVER
        self.written = 0
        self.unread = 0
        self.received = 0
        self.urgency = 3
        self.incremental = False
        self.waiting: Waiter | None = None
        self.paused = False
        self.datagrams: Callable[[bytes], None] | None = None
        self.trailers_due = False

    def __repr__(self) -> str:
        sides = (
            "response sent" if self.we_ended else
            "responding" if self.responded else
            "head awaited" if self.phase == WANT_HEAD else
            "asked"
        )  # fmt: skip
        return f"<H3Exchange {self.id} {sides} written={self.written} unread={self.unread}>"

    # Response -------------------------------------------------------------------------------------

    def _send_response(self, block: Block, body: bytes, end: bool) -> None:
        head = headers_frame(block)
        if body:
            self._send(head, body, end)
        else:
            self._write(head, end=end or self.bodyless)
        if end:
            self.all_sent()

    def _send_body(self, data: bytes, end: bool) -> None:
        if data:
            self._send(b"", data, end)
        elif end:
            self._write(b"", end=True)
        if end:
            self.all_sent()

    def _send_head(self, block: Block) -> None:
        self._write(headers_frame(block), end=False)

    def trailers(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        block = self.connection.writer.trailers(headers)
        if self.stream is None:
            return
        self.trailers_due = False
        if not self.bodyless:
            self._write(headers_frame(PREFIX + block) if block else b"", end=True)
        self.all_sent()

    def push(self, stream: Stream, target: bytes, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        if self.stream is not None and self.can_push:
            self.connection.pushes.promise(self, target, headers)

    def _send(self, before: bytes, data: bytes, end: bool) -> None:
        """One frame of DATA, behind what else leaves with it."""
        size = len(data)
        before += data_header(size)
        if size <= _JOINED:
            self._write(before + data, end=end)
        else:
            self._write(before, end=False)
            self._write(data, end=end)

    def _write(self, data: bytes, *, end: bool) -> None:
        self.written += len(data)
        self.connection.port.write(self.id, data, end)

    def all_sent(self) -> None:
        """See `MessageExchange`: the last byte was written, and our direction ended with it."""
        self.we_ended = True
        self.connection.response_done(self)

    # Request body ---------------------------------------------------------------------------------

    def consumed(self, stream: Stream, count: int) -> None:
        """See `nonecorn.spi.Exchange`."""
        if not self.closed:
            self.unread -= count
            self.connection.port.consumed(self.id, count)

    # For the connection ---------------------------------------------------------------------------

    def was_reset(self, code: int) -> None:
        """RESET_STREAM."""
        self.connection.was_reset(self)

    def was_stopped(self, code: int) -> None:
        """STOP_SENDING."""
        self.connection.was_stopped(self)

    def pause_writing(self) -> None:
        """The port holds too much: let the application wait."""
        self.paused = True
        connection = self.connection
        self.moved_at = connection.now()
        self.moved = self.written - connection.port.buffered(self.id)
        connection.wake_at(connection.after(connection.limits.write_timeout))
        self.block()

    def resume_writing(self) -> None:
        """Let it go on."""
        self.paused = False
        self.unblock()

    def prioritize(self, urgency: int, incremental: bool) -> None:
        """RFC 9218: what the client asks for, or the application."""
        if (urgency, incremental) != (self.urgency, self.incremental):
            self.urgency, self.incremental = urgency, incremental
            self.connection.port.prioritize(self.id, urgency, incremental)

    @property
    def full(self) -> bool:
        """See `MessageExchange`."""
        return self.unread >= self.connection.limits.receive_buffer

    def look_at_writing(self, now: float) -> float:
        """See `MessageExchange`."""
        connection = self.connection
        timeout = connection.limits.write_timeout
        if not self.paused or not timeout:
            return NEVER
        moved = self.written - connection.port.buffered(self.id)
        if moved > self.moved:
            self.moved, self.moved_at = moved, now
        return self.moved_at + timeout

    # nonecorn_h3.sessions.SessionExchange ---------------------------------------------------------

    @property
    def max_datagram(self) -> int:
        """See `SessionExchange`."""
        return self.connection.datagrams.most(self.id)

    def greeted(self, callback: Callable[[], None], /) -> bool:
        """See `SessionExchange`."""
        return self.connection.sessions.when_greeted(callback)

    def join(self, session: Session, /) -> None:
        """See `SessionExchange`."""
        if not self.closed:
            self.datagrams = session.datagram_received
            self.connection.sessions.join(self.id, session)

    def open_stream(self, handler: StreamHandler, /, *, bidirectional: bool) -> int:
        """See `SessionExchange`."""
        return self.connection.sessions.open(self.id, handler, bidirectional=bidirectional)

    def close_stream(self, stream: int, /) -> None:
        """See `SessionExchange`."""
        self.connection.sessions.close_stream(stream)

    def wake_at(self, when: float, /) -> None:
        """See `SessionExchange`."""
        self.connection.wake_at(when)

    def send_datagram(self, data: bytes, /) -> bool:
        """See `SessionExchange`."""
        return not self.closed and self.connection.datagrams.send(self.id, data)
