"""One request's Exchange: what its stream may do to the client (RFC 9114 section 4.1).

There is one of these per request; it is also what reads the request's stream (`MessageReader`), and
what the connection calls for everything that happens to it, so nothing has to be looked up twice. A
response is HEADERS, DATA, and maybe HEADERS with the trailers. Bytes go straight to the port, which
holds them until the client takes them, and says when there are too many.

The request body is fed as it comes and counted until the application has `consumed` it; only then
is it credited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nonecorn.spi import NEVER, Header, LocalProtocolError, Stream, Waiter
from nonecorn.spi.messages.priority import parse_priority
from nonecorn.spi.messages.response import WITHOUT_BODY
from nonecorn_h3._http._errors import ErrorCode
from nonecorn_h3._http._frames import data_header, headers_frame
from nonecorn_h3._http._reader import WANT_HEAD, MessageReader

if TYPE_CHECKING:
    from nonecorn_h3._http._connection import H3Connection
    from nonecorn_h3.sessions import Session, StreamHandler

_JOINED = 16384
"""Bytes of a body that are copied to leave with what stands before them."""


class H3Exchange(MessageReader):
    """See `nonecorn.spi.Exchange` and `nonecorn_h3.sessions.SessionExchange`.

    Attributes:
        connection: Whose it is.
        stream: Who answers; None before the request is understood, and once the response is
            complete, or given up.
        zero_copy: DATA frames are made in memory.
        can_push: See `nonecorn.spi.Exchange`.
        authority: The request's, for what is pushed beside its response.
        responded: The final response has begun.
        bodyless: It has, and has no body: the client has the whole of it.
        we_ended: Our direction was ended.
        heard_at: When the client last sent some of the body, in seconds of the clock.
        ends_at: When a client whose tunnel we have ended is given up, if it goes on sending.
        app_deadline: When the application is.
        moved_at: When a byte of what waits was last sent.
        moved: How many were sent by then.
        written: Bytes given to the port.
        unread: Bytes fed and not consumed.
        received: Bytes fed.
        urgency: See RFC 9218.
        incremental: See RFC 9218.
        waiting: What the application waits for while the client takes no more.
        paused: The port has said that too much waits.
        datagrams: Who is told of the stream's datagrams (RFC 9297).
    """

    __slots__ = (
        "_head_request", "_trailers_due", "app_deadline", "authority", "bodyless", "can_push",
        "datagrams", "ends_at", "heard_at", "incremental", "moved", "moved_at", "paused",
        "received", "responded", "stream", "unread", "urgency", "waiting", "we_ended", "written",
    )  # fmt: skip

    zero_copy = False

    connection: H3Connection
    authority: bytes  # set where applications may push
    ends_at: float
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
        self._head_request = False
        self._trailers_due = False

    def __repr__(self) -> str:
        sides = (
            "response sent" if self.we_ended else
            "responding" if self.responded else
            "head awaited" if self.phase == WANT_HEAD else
            "asked"
        )  # fmt: skip
        return f"<H3Exchange {self.id} {sides} written={self.written} unread={self.unread}>"

    def begin(self, stream: Stream, method: str) -> None:
        """The request is understood, and this answers it."""
        self.stream = stream
        self._head_request = method == "HEAD"

    # Response -------------------------------------------------------------------------------------

    def respond(
        self,
        stream: Stream,
        status: int,
        headers: Iterable[Header],
        body: bytes,
        end: bool,
        trailers: bool,
    ) -> None:
        """See `nonecorn.spi.Exchange`."""
        if self.stream is None:
            return
        block, length, priority = self.connection.writer.head(status, headers)
        if self._head_request or status in WITHOUT_BODY:
            self.bodyless = True
            body = b""
            stream.remaining = 0
        elif length >= 0:
            left = length - len(body)
            if left < 0 or (end and left):
                message = f"the body is {len(body)} bytes, content-length said {length}"
                raise LocalProtocolError(message)
            stream.remaining = left
        else:
            stream.remaining = -1
        body = _as_bytes(body)
        if priority is not None:
            self._reprioritize(priority)
        self.responded = True
        self._trailers_due = trailers
        done = end and not trailers
        head = headers_frame(block)
        if body:
            self._send(head, body, done)
        else:
            self._write(head, end=done or self.bodyless)
        if done:
            self._all_sent()

    def body(self, stream: Stream, data: bytes, end: bool) -> None:
        """See `nonecorn.spi.Exchange`."""
        if self.stream is None:
            return
        done = end and not self._trailers_due
        if self.bodyless:
            # The client has the whole response; the application goes on until it is done, or the
            # client gone.
            if done:
                self._all_sent()
            return
        data = _as_bytes(data)
        if stream.remaining >= 0 and not self.tunnelling:
            _count(stream, len(data), end)
        if data:
            self._send(b"", data, done)
        elif done:
            self._write(b"", end=True)
        if done:
            self._all_sent()

    async def sendfile(self, stream: Stream, file: int, offset: int, count: int, end: bool) -> None:
        """See `nonecorn.spi.Exchange`; never called, since `zero_copy` is False."""

    def inform(self, stream: Stream, status: int, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        connection = self.connection
        block = connection.writer.interim(status, headers)
        if self.stream is None or self.responded:
            return
        if status == 100:
            self.heard_at = connection.now()
            connection.wake_at(connection.after(connection.limits.body_timeout))
            if self.peer_ended or self.received:
                return
        self._write(headers_frame(block), end=False)

    def trailers(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        block = self.connection.writer.trailers(headers)
        if self.stream is None:
            return
        self._trailers_due = False
        if not self.bodyless:
            self._write(headers_frame(_PREFIX + block) if block else b"", end=True)
        self._all_sent()

    def push(self, stream: Stream, target: bytes, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        if self.stream is not None and self.can_push:
            self.connection.pushes.promise(self, target, headers)

    def tunnel(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`: 200 to an extended CONNECT (RFC 9220 section 3)."""
        if self.stream is None:
            return
        block, _, _ = self.connection.writer.head(200, headers)
        self.responded = self.tunnelling = True
        # The application has answered; how long it talks is its own business.
        self.app_deadline = NEVER
        stream.remaining = -1
        self._write(headers_frame(block), end=False)

    def reset(self, stream: Stream) -> None:
        """See `nonecorn.spi.Exchange`."""
        if self.stream is None:
            return
        if self.bodyless and self.peer_ended:
            # Nothing is left of it that could be reset.
            self.connection.close(self)
        else:
            # RFC 9220 section 3: REQUEST_CANCELLED is what a TCP reset is in a tunnel.
            code = ErrorCode.REQUEST_CANCELLED if self.tunnelling else ErrorCode.INTERNAL_ERROR
            self.connection.abandon(self, code)

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

    def _all_sent(self) -> None:
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
        if self.waiting is None and self.stream is not None:
            self.waiting = self.stream.blocked = connection.runtime.waiter()

    def resume_writing(self) -> None:
        """Let it go on."""
        self.paused = False
        waiting, self.waiting = self.waiting, None
        if self.stream is not None:
            self.stream.blocked = None
        if waiting is not None:
            waiting.set()

    def prioritize(self, urgency: int, incremental: bool) -> None:
        """RFC 9218: what the client asks for, or the application."""
        if (urgency, incremental) != (self.urgency, self.incremental):
            self.urgency, self.incremental = urgency, incremental
            self.connection.port.prioritize(self.id, urgency, incremental)

    def _reprioritize(self, value: bytes) -> None:
        """RFC 9218 section 8: what the application does not say is as the client said."""
        self.prioritize(*parse_priority(value, self.urgency, self.incremental))

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


_PREFIX = b"\x00\x00"


def _as_bytes(data: bytes) -> bytes:
    """The application's bytes, which must not change while they wait.

    Raises:
        TypeError: They are none; nothing was sent.
    """
    return data if data.__class__ is bytes else bytes(memoryview(data))


def _count(stream: Stream, size: int, end: bool) -> None:
    left = stream.remaining - size
    if left < 0 or (end and left):
        how = f"{-left} bytes longer" if left < 0 else f"{left} bytes shorter"
        message = f"the body is {how} than content-length said"
        raise LocalProtocolError(message)
    stream.remaining = left
