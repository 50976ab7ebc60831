"""What a request stream says: frames, in their order, from bytes that are cut anywhere.

A request is HEADERS, DATA, and maybe HEADERS with the trailers; frames of unknown types may stand
between them (RFC 9114 section 4.1). A frame of DATA is passed on as its bytes come. HEADERS is kept
until it is whole, which is bounded. Everything that is not body is credited as it is read, so only
what an application does not receive uses up the stream's credit.

A block of fields that refers to entries of the client's table which have not arrived blocks its
stream: what follows is held without credit until they have.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from nonecorn.spi import RemoteProtocolError
from nonecorn_h3._http import _budget as budget
from nonecorn_h3._http import _frames as f
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode, StreamFault
from nonecorn_h3._http._qpack import BlockedError

if TYPE_CHECKING:
    from nonecorn.spi import Headers, Limits, QuicPort, Runtime
    from nonecorn.spi.messages.request import Head
    from nonecorn_h3._http._qpack import FieldDecoder

WANT_HEAD, WANT_BODY, COMPLETE = range(3)

_NOT_HERE = f.FROM_HTTP2 | {
    f.CANCEL_PUSH, f.SETTINGS, f.PUSH_PROMISE, f.GOAWAY, f.MAX_PUSH_ID, f.PRIORITY_UPDATE_REQUEST,
    f.PRIORITY_UPDATE_PUSH,
}  # fmt: skip
"""Sections 7.2.3 to 7.2.8, RFC 9218 section 7.2."""


class Receiver(typing.Protocol):
    """What a reader tells; the exchange is the reader itself. Any of these may raise a
    `ConnectionFault`.
    """

    port: QuicPort
    runtime: Runtime
    limits: Limits
    decoder: FieldDecoder

    def known_head(self, block: bytes) -> Head | None:
        """What a block means, where that is known without decoding it."""
        ...

    def head(self, exchange: Any, fields: Headers | None, block: bytes, *, ended: bool) -> None:
        """The fields of a request; None where they are too large."""
        ...

    def request(self, exchange: Any, head: Head, *, ended: bool) -> None:
        """A request that was understood."""
        ...

    def refused(self, exchange: Any, error: RemoteProtocolError | StreamFault) -> None:
        """A request that is not to be served."""
        ...

    def body(self, exchange: Any, data: bytes, *, ended: bool) -> None:
        """Bytes of DATA."""
        ...

    def trailers(self, exchange: Any, fields: Headers | None) -> None:
        """A trailer section; None where it is too large."""
        ...

    def ended(self, exchange: Any) -> None:
        """The client has ended its direction, after what was told before."""
        ...

    def fault(self, exchange: Any, fault: StreamFault) -> None:
        """A stream error."""
        ...

    def head_awaited(self) -> None:
        """A request has begun, and its head is not there yet."""
        ...

    def is_session_frame(self, kind: int) -> bool:
        """A stream that begins with this is a session's."""
        ...

    def session_stream(self, exchange: Any, session: int, data: bytes, end: bool) -> None:
        """It is: it has never been a request."""
        ...

    def noise(self, units: int) -> None:
        """Something of which a client may not send many."""
        ...


class MessageReader:
    """The receiving half of an `H3Exchange`.

    Attributes:
        connection: Whose.
        id: Number of the stream.
        phase: `WANT_HEAD`, `WANT_BODY`, or `COMPLETE` once the trailers were read.
        peer_ended: The client has ended its direction, and all of it was read.
        expected: Bytes that `content-length` still promises; -1 where there was none.
        opened_at: When it was opened, in seconds of the clock.
        closed: Nothing more is wanted of it.
        tunnelling: It carries raw bytes.
    """

    __slots__ = (
        "_blocked", "_buffer", "_first", "_held", "_held_end", "_kind", "_left", "_needed",
        "closed", "connection", "expected", "id", "opened_at", "peer_ended", "phase", "tunnelling",
    )  # fmt: skip

    def __init__(self, connection: Receiver, stream_id: int) -> None:
        self.connection: Receiver = connection
        self.id = stream_id
        self.phase = WANT_HEAD
        self.peer_ended = False
        self.expected = -1
        self.opened_at = connection.runtime.clock.now
        self.closed = False
        self.tunnelling = False
        self._buffer: bytearray | None = None
        self._needed = 0
        self._kind = 0
        self._left = 0
        self._first = True
        self._blocked = False
        self._held: bytearray | None = None
        self._held_end = False

    def receive(self, data: bytes, end: bool) -> None:
        """Bytes of the stream; see `nonecorn.spi.QuicProtocol.stream_data`.

        Raises:
            ConnectionFault: What they say cannot be.
        """
        if self._blocked:
            if self._held is None:
                self._held = bytearray()
            self._held += data
            self._held_end = end
            return
        fresh = len(data)
        buffer = self._buffer
        if buffer is not None:
            buffer += data
            if len(buffer) < self._needed and not end:
                self.connection.port.consumed(self.id, fresh)
                return
            data = bytes(buffer)
            self._buffer = None
        kept = self._read(data, end)
        if kept < fresh:
            self.connection.port.consumed(self.id, fresh - kept)

    def resume(self) -> None:
        """Entries for which the stream was blocked have arrived, maybe all.

        Raises:
            ConnectionFault: As `receive`.
        """
        held = bytes(self._held or b"")
        end = self._held_end
        try:
            fields = self.connection.decoder.resume(self.id)
        except BlockedError:
            return
        self._blocked = False
        self._held = None
        self._fields(fields, b"", ended=end and not held)
        if not self.closed and (held or (end and not self.peer_ended)):
            self.receive(held, end)

    def _read(self, data: bytes, end: bool) -> int:
        """Read frames; returns how many bytes were fed to the stream, or are held."""
        size = len(data)
        position = 0
        fed = 0
        while position < size:
            if self._left:
                take = min(self._left, size - position)
                self._left -= take
                if self._kind == f.DATA:
                    fed += take
                    piece = data if take == size else data[position : position + take]
                    position += take
                    self._body(piece, ended=end and position == size and not self._left)
                    if self.closed:
                        return fed
                else:
                    position += take
                continue
            kind = data[position]
            start = position + 2
            if kind < 0x40 and start <= size and data[start - 1] < 0x40:
                length = data[start - 1]
            else:
                try:
                    kind, start = f.read_integer(data, position)
                    length, start = f.read_integer(data, start)
                except IndexError:
                    self._keep(data, position, size - position + 1)
                    break
            if kind == f.HEADERS:
                self._first = False
                if length > self.connection.limits.head_size:
                    self._head_too_large()
                    return fed
                if start + length > size:
                    self._keep(data, position, start - position + length)
                    break
                position = start + length
                if not self._block(data[start:position], ended=end and position == size):
                    if self._blocked and position < size:
                        self._held = bytearray(data[position:])
                        fed += size - position
                    self._held_end = end
                    return fed
            elif kind == f.DATA:
                if self.phase != WANT_BODY:
                    raise ConnectionFault(ErrorCode.FRAME_UNEXPECTED, "data")
                if not length:
                    self.connection.noise(budget.FRAME)
                self._kind = kind
                self._left = length
                self._first = False
                position = start
            elif self._first and self.connection.is_session_frame(kind):
                self.connection.session_stream(self, length, data[start:], end)
                return size - start
            else:
                self._other(kind)
                self._kind = kind
                self._left = length
                position = start
                self._first = False
        if end and not self.peer_ended:
            self._ended()
        elif self.phase == WANT_HEAD:
            self.connection.head_awaited()
        return fed

    def _keep(self, data: bytes, position: int, needed: int) -> None:
        self._buffer = bytearray(data[position:] if position else data)
        self._needed = needed

    def _other(self, kind: int) -> None:
        """A frame of no request's (sections 7.2 and 9)."""
        if kind in _NOT_HERE:
            raise ConnectionFault(ErrorCode.FRAME_UNEXPECTED, "frame-type")
        self.connection.noise(budget.FRAME)

    def _block(self, block: bytes, *, ended: bool) -> bool:
        """HEADERS. Returns whether reading may go on."""
        if self.phase == COMPLETE or self.tunnelling:
            # Sections 4.1 and 4.4
            raise ConnectionFault(ErrorCode.FRAME_UNEXPECTED, "headers")
        connection = self.connection
        if self.phase == WANT_HEAD:
            head = connection.known_head(block)
            if head is not None:
                self.phase = WANT_BODY
                self.peer_ended = ended
                connection.request(self, head, ended=ended)
                return not self.closed
        try:
            fields = connection.decoder.decode(self.id, block)
        except BlockedError:
            self._blocked = True
            connection.head_awaited()
            return False
        self._fields(fields, block, ended=ended)
        return not self.closed

    def _fields(self, fields: Headers | None, block: bytes, *, ended: bool) -> None:
        """Decoded fields: the head, or the trailers."""
        connection = self.connection
        self.peer_ended = ended
        if self.phase == WANT_HEAD:
            self.phase = WANT_BODY
            connection.head(self, fields, block, ended=ended)
            return
        self.phase = COMPLETE
        connection.trailers(self, fields)

    def _body(self, data: bytes, *, ended: bool) -> None:
        """DATA, or a part of it."""
        self.peer_ended = ended
        if self.expected >= 0:
            # RFC 9114 section 4.1.2
            self.expected -= len(data)
            if self.expected < 0 or (ended and self.expected):
                self.connection.port.consumed(self.id, len(data))
                self._fault("content-length")
                return
        self.connection.body(self, data, ended=ended)

    def _ended(self) -> None:
        """The client has ended its direction."""
        if self._left or self._buffer is not None:
            raise ConnectionFault(ErrorCode.FRAME_ERROR, "truncated")
        self.peer_ended = True
        if self.phase == WANT_HEAD:
            fault = StreamFault(ErrorCode.REQUEST_INCOMPLETE, "no-head")
            self.connection.refused(self, fault)
        elif self.expected > 0:
            self._fault("content-length")
        else:
            self.connection.ended(self)

    def _fault(self, reason: str) -> None:
        self.connection.fault(self, StreamFault(ErrorCode.MESSAGE_ERROR, reason))

    def _head_too_large(self) -> None:
        """HEADERS longer than what it may unfold into: not even kept."""
        if self.phase == WANT_HEAD:
            self.connection.refused(self, RemoteProtocolError(431, "head-too-large"))
        else:
            self.connection.fault(self, StreamFault(ErrorCode.EXCESSIVE_LOAD, "trailers"))

    @property
    def incomplete(self) -> bool:
        """Field sections may still come, or were not decoded."""
        return self._blocked or not self.peer_ended
