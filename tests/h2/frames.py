"""HTTP/2 frames as bytes, well-formed or not (RFC 9113 sections 4 and 6), and HPACK by hand.

Builders check nothing: a test says exactly what goes over the wire. Header blocks made by `block`
use no table and no Huffman code, so that they are constants and fit any connection.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)  # fmt: skip  # noqa: E501
PRIORITY_UPDATE = 0x10
UNKNOWN = 0xF3

TYPES = {
    0: "DATA", 1: "HEADERS", 2: "PRIORITY", 3: "RST_STREAM", 4: "SETTINGS", 5: "PUSH_PROMISE",
    6: "PING", 7: "GOAWAY", 8: "WINDOW_UPDATE", 9: "CONTINUATION", 16: "PRIORITY_UPDATE",
}  # fmt: skip

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20

(
    NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM,
    INADEQUATE_SECURITY, HTTP_1_1_REQUIRED,
) = range(14)  # fmt: skip

HEADER_TABLE_SIZE = 0x1
ENABLE_PUSH = 0x2
MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4
MAX_FRAME_SIZE = 0x5
MAX_HEADER_LIST_SIZE = 0x6
ENABLE_CONNECT_PROTOCOL = 0x8
NO_RFC7540_PRIORITIES = 0x9

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as received.

    Attributes:
        type: One of the numbers above.
        flags: As sent.
        stream: Identifier, without the reserved bit.
        payload: All of it, with padding.
    """

    type: int
    flags: int
    stream: int
    payload: bytes

    def __repr__(self) -> str:
        name = TYPES.get(self.type, hex(self.type))
        return f"<{name} {self.flags:#x} stream={self.stream} {self.payload[:24]!r}>"

    @property
    def end_stream(self) -> bool:
        return self.type in (DATA, HEADERS) and bool(self.flags & END_STREAM)


# Frames -------------------------------------------------------------------------------------------


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """A frame with its true length."""
    return head(len(payload), kind, flags, stream) + payload


def head(length: int, kind: int, flags: int, stream: int) -> bytes:
    """A frame's nine bytes; bit 31 of `stream` is the reserved one."""
    return struct.pack(">I", length)[1:] + struct.pack(">BBI", kind, flags, stream)


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def settings_ack() -> bytes:
    return frame(SETTINGS, ACK)


def headers(stream: int, fields: bytes | Fields, *, end: bool = True, flags: int = 0) -> bytes:
    """HEADERS with END_HEADERS; END_STREAM where `end`."""
    made = fields if isinstance(fields, bytes) else block(fields)
    return frame(HEADERS, END_HEADERS | flags | (END_STREAM if end else 0), stream, made)


def data(stream: int, payload: bytes = b"", *, end: bool = False) -> bytes:
    return frame(DATA, END_STREAM if end else 0, stream, payload)


def continuation(stream: int, payload: bytes, *, end: bool = True) -> bytes:
    return frame(CONTINUATION, END_HEADERS if end else 0, stream, payload)


def rst_stream(stream: int, code: int = CANCEL) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def ping(payload: bytes = b"measured", *, ack: bool = False) -> bytes:
    return frame(PING, ACK if ack else 0, 0, payload)


def goaway(last: int = 0, code: int = NO_ERROR, debug: bytes = b"") -> bytes:
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + debug)


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def depends(on: int, weight: int = 16, *, exclusive: bool = False) -> bytes:
    """The five bytes of RFC 7540's priorities."""
    return struct.pack(">IB", on | (0x80000000 if exclusive else 0), weight - 1)


def priority(stream: int, on: int = 0, weight: int = 16, *, exclusive: bool = False) -> bytes:
    return frame(PRIORITY, 0, stream, depends(on, weight, exclusive=exclusive))


def priority_update(stream: int, value: bytes) -> bytes:
    """RFC 9218 section 7.1."""
    return frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", stream) + value)


# HPACK (RFC 7541) ---------------------------------------------------------------------------------


def integer(value: int, prefix: int, pattern: int = 0) -> bytes:
    """Section 5.1: `value` in a prefix of so many bits, under `pattern`."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([pattern | value])
    made = bytearray([pattern | limit])
    value -= limit
    while value >= 128:
        made.append(value % 128 + 128)
        value //= 128
    made.append(value)
    return bytes(made)


def text(value: bytes) -> bytes:
    """Section 5.2: a string literal without Huffman code."""
    return integer(len(value), 7) + value


def literal(name: bytes, value: bytes) -> bytes:
    """Section 6.2.2: without indexing, new name."""
    return b"\x00" + text(name) + text(value)


def literal_indexed(name: bytes, value: bytes) -> bytes:
    """Section 6.2.1: with incremental indexing, new name."""
    return b"\x40" + text(name) + text(value)


def indexed(index: int) -> bytes:
    """Section 6.1."""
    return integer(index, 7, 0x80)


def table_size(size: int) -> bytes:
    """Section 6.3: dynamic table size update."""
    return integer(size, 5, 0x20)


def block(fields: Fields) -> bytes:
    return b"".join(literal(name, value) for name, value in fields)


# Requests -----------------------------------------------------------------------------------------


def request(
    path: bytes = b"/", *more: tuple[bytes, bytes], method: bytes = b"GET", scheme: bytes = b"http"
) -> Fields:
    """The fields of a request, with further ones at the end."""
    return [
        (b":method", method),
        (b":scheme", scheme),
        (b":path", path),
        (b":authority", b"test"),
        *more,
    ]


def without(name: bytes, fields: Fields | None = None) -> Fields:
    return [field for field in fields or request() if field[0] != name]
