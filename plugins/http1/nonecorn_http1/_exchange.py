"""The sending half of an HTTP/1.1 connection: what a stream may do to its client.

Framing of responses (RFC 9112 section 6): a length where the application gave one, or where its
body is complete with the first message; chunks otherwise; the end of the connection for
HTTP/1.0. A body longer or shorter than its length is the application's error and never reaches
the wire as a well-formed message. Head and first body leave in one write.

All state of the connection is declared here, since Python gives one class of a hierarchy its
slots; `_connection` has the receiving half, `_life` what is about neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nonecorn.spi import Context, Header, Limits, LocalProtocolError, Port, Stream, Waiter
from nonecorn_http1._response import WITHOUT_BODY, ResponseWriter, field_lines, status_line
from nonecorn_http1._settings import Http1Settings

if TYPE_CHECKING:
    from nonecorn_http1._chunked import ChunkedReader
    from nonecorn_http1._fields import Fields
    from nonecorn_http1._reader import FieldReader

_JOINED_BODY = 65536
"""Up to this size a copy costs less than a second system call."""
_GATHERED = 16384
"""Parts of a body from this size on are gathered, until there are more bytes than the send buffer
holds or the tick ends, so that a system call takes several. Not what an application could still
change."""

# How the body of a response goes out: as it is, in chunks, or not at all.
_PLAIN, _CHUNKS, _NOTHING = range(3)

# Whether the connection carries raw bytes, and whether we have ended our direction of it.
NO_TUNNEL, OPEN, ENDED = range(3)


class Http1Exchange:
    """The Exchange of one HTTP/1.1 connection; `Http1Connection` completes it.

    Attributes:
        deadline: See `nonecorn.spi.Protocol`.
        stream: Whose response is due, or None.
        zero_copy: See `nonecorn.spi.Exchange`.
        can_push: HTTP/1.1 has no push.
    """

    __slots__ = (
        "_app_deadline",
        "_blocked",
        "_body_left",
        "_chunks",
        "_context",
        "_empty_lines",
        "_expecting",
        "_fields",
        "_fields_block",
        "_framing",
        "_gathered",
        "_gathered_size",
        "_gathering",
        "_keep_alive",
        "_limits",
        "_method",
        "_paused",
        "_peer_ended",
        "_pending",
        "_port",
        "_processing",
        "_reader",
        "_reading",
        "_received",
        "_requests",
        "_responding",
        "_stalled_at",
        "_trailers_due",
        "_tunnel",
        "_unread",
        "_upgrade_token",
        "_version",
        "_write",
        "_writer",
        "deadline",
        "stream",
        "zero_copy",
    )  # fmt: skip

    _app_deadline: float
    _blocked: Waiter | None
    _body_left: int
    _chunks: ChunkedReader | None
    _context: Context
    _expecting: bool
    _fields: Fields
    _fields_block: bytes
    _framing: int
    _gathered: list[bytes]
    _gathered_size: int
    _gathering: bool
    _keep_alive: bool
    _limits: Limits
    _method: str
    _paused: bool
    _peer_ended: bool
    _pending: bytes | bytearray
    _port: Port
    _reader: FieldReader
    _reading: int
    _responding: bool
    _stalled_at: int
    _trailers_due: bool
    _tunnel: int
    _unread: int
    _upgrade_token: bytes
    _version: str
    _write: Callable[[bytes], None]
    _writer: ResponseWriter
    deadline: float
    stream: Stream | None
    zero_copy: bool

    can_push = False

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
        if stream is not self.stream:
            return
        head, length, close = self._writer.head(status, headers)
        done = end and not trailers
        framing = _PLAIN
        if status in WITHOUT_BODY or self._method == "HEAD":
            framing = _NOTHING
            body = b""
            stream.remaining = 0
            ending = b"\r\n"
        elif length >= 0:
            left = length - len(body)
            if left < 0 or (end and left):
                message = f"the body is {len(body)} bytes, content-length said {length}"
                raise LocalProtocolError(message)
            stream.remaining = left
            ending = b"\r\n"
        elif done:
            stream.remaining = 0
            ending = b"content-length: %d\r\n\r\n" % len(body)
        elif self._version == "1.1":
            stream.remaining = -1
            framing = _CHUNKS
            ending = b"transfer-encoding: chunked\r\n\r\n"
            if body:
                body = b"%x\r\n%b\r\n" % (len(body), body)
        else:
            # HTTP/1.0 knows no chunks: the end of the connection ends the body (RFC 9112
            # section 6.3).
            stream.remaining = -1
            self._keep_alive = False
            ending = b"\r\n"
        self._framing = framing
        self._trailers_due = trailers
        if close or self._context.draining:
            self._keep_alive = self._expecting = False
        elif done and self._body_left > self._limits.receive_buffer:
            # So much of the request is still to come that it will not be read: the client is not to
            # take the connection for one that stays.
            self._keep_alive = False
        if not self._keep_alive and not self._expectation_met():
            ending = b"connection: close\r\n" + ending
        elif self._version == "1.0":
            ending = b"connection: keep-alive\r\n" + ending
        if len(body) < _JOINED_BODY:
            self._write(head + ending + body)
        else:
            self._port.writelines((head + ending, bytes(body)))  # or raise before the head has left
        if done:
            self._response_done()
        else:
            self._responding = True

    def body(self, stream: Stream, data: bytes, end: bool) -> None:
        """See `nonecorn.spi.Exchange`."""
        if stream is not self.stream:
            return
        if self._tunnel:
            if self._tunnel == OPEN:
                if data:
                    self._write(data)
                if end:
                    self._tunnel_ended()
            return
        done = end and not self._trailers_due
        framing = self._framing
        if framing == _CHUNKS:
            if data:
                last = b"\r\n0\r\n\r\n" if done else b"\r\n"
                if len(data) >= _GATHERED and data.__class__ is bytes:
                    self._gather(data, b"%x\r\n" % len(data), last)
                else:
                    self._send(b"".join((b"%x\r\n" % len(data), data, last)))
            elif done:
                self._send(b"0\r\n\r\n")
        elif framing == _PLAIN:
            if stream.remaining >= 0:
                self._count(stream, len(data), end)
            if len(data) >= _GATHERED and data.__class__ is bytes:
                self._gather(data)
            elif data:
                self._send(data)
        if done:
            if self._gathered_size:
                self._flush()
            self._response_done()

    def _gather(self, data: bytes, before: bytes = b"", after: bytes = b"") -> None:
        """Send part of a body together with those that come within the tick."""
        if not self._gathered_size:
            self._gathered = []
        if before:
            self._gathered += (before, data, after)
        else:
            self._gathered.append(data)
        self._gathered_size += len(data)
        if self._gathered_size > self._limits.send_buffer:
            self._flush()
        elif not self._gathering:
            self._gathering = True
            self._context.runtime.end_of_tick(self._tick_ended)

    def _send(self, data: bytes) -> None:
        """Send part of a body after what was gathered."""
        if self._gathered_size:
            self._gathered.append(data)
            self._flush()
        else:
            self._write(data)

    def _flush(self) -> None:
        parts = self._gathered
        self._gathered_size = 0
        self._port.writelines(parts)

    def _tick_ended(self) -> None:
        self._gathering = False
        if self._gathered_size:
            self._flush()

    async def sendfile(self, stream: Stream, file: int, offset: int, count: int, end: bool) -> None:
        """See `nonecorn.spi.Exchange`."""
        if stream is not self.stream:
            return
        framing = self._framing
        if framing == _NOTHING:
            count = 0
        elif stream.remaining >= 0:
            self._count(stream, count, end)
        if self._gathered_size:
            self._flush()
        if count:
            if framing == _CHUNKS:
                self._write(b"%x\r\n" % count)
            sent = await self._port.sendfile(file, offset, count)
            if sent != count:
                # What was promised cannot be had any more: the client must not take it for
                # complete.
                self.reset(stream)
                message = f"the file ended {count - sent} bytes before the response did"
                raise LocalProtocolError(message)
            if framing == _CHUNKS:
                self._write(b"\r\n")
        if end and stream is self.stream and not self._trailers_due:
            if framing == _CHUNKS:
                self._write(b"0\r\n\r\n")
            self._response_done()

    def inform(self, stream: Stream, status: int, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        lines = field_lines(headers)
        # RFC 9110 section 15.2: a 1xx response is never sent to an HTTP/1.0 client.
        if stream is not self.stream or self._responding or self._version == "1.0":
            return
        if status == 103 and not self._context.settings_of(Http1Settings).early_hints:
            return
        self._write(b"%b%b\r\n" % (status_line(status), lines))
        if status == 100:
            self._body_asked_for()

    def trailers(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`: they follow the last chunk (RFC 9112 section 7.1.2)."""
        if stream is not self.stream:
            return
        lines = field_lines(headers)
        if self._framing == _CHUNKS:
            self._send(b"0\r\n%b\r\n" % lines)
        self._response_done()

    def push(self, stream: Stream, target: bytes, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`; never called, since `can_push` is False."""

    def tunnel(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`: 101 to the Upgrade that chose the stream (RFC 9110
        section 7.8).
        """
        if stream is not self.stream:
            return
        head = self._writer.switching(headers)
        self._write(b"%bconnection: upgrade\r\nupgrade: %b\r\n\r\n" % (head, self._upgrade_token))
        self._responding = True
        self._tunnel_opened()

    def reset(self, stream: Stream) -> None:
        """See `nonecorn.spi.Exchange`: an aborted connection is the only way to say so in
        HTTP/1.1.
        """
        if stream is self.stream:
            self.stream = None
            self._abort()

    @staticmethod
    def _count(stream: Stream, size: int, end: bool) -> None:
        left = stream.remaining - size
        if left < 0 or (end and left):
            how = f"{-left} bytes longer" if left < 0 else f"{left} bytes shorter"
            message = f"the body is {how} than content-length said"
            raise LocalProtocolError(message)
        stream.remaining = left

    # The receiving half's -------------------------------------------------------------------------

    def _response_done(self) -> None:
        raise AssertionError  # pragma: no cover  # Http1Connection defines it

    def _expectation_met(self) -> bool:
        raise AssertionError  # pragma: no cover

    def _body_asked_for(self) -> None:
        raise AssertionError  # pragma: no cover

    def _tunnel_opened(self) -> None:
        raise AssertionError  # pragma: no cover

    def _tunnel_ended(self) -> None:
        raise AssertionError  # pragma: no cover

    def _abort(self) -> None:
        raise AssertionError  # pragma: no cover
