"""Numbers of HTTP/3 (RFC 9114 sections 6.2, 7.2 and 11.2), and integers of variable length.

An integer begins with two bits that say whether it has 1, 2, 4 or 8 bytes (RFC 9000 section 16). A
frame is two of them, its type and its length, and as many bytes.
"""

from __future__ import annotations

DATA = 0x0
HEADERS = 0x1
CANCEL_PUSH = 0x3
SETTINGS = 0x4
PUSH_PROMISE = 0x5
GOAWAY = 0x7
MAX_PUSH_ID = 0xD
PRIORITY_UPDATE_REQUEST = 0xF0700
PRIORITY_UPDATE_PUSH = 0xF0701

FROM_HTTP2 = frozenset((0x2, 0x6, 0x8, 0x9))
"""Types of HTTP/2 without a meaning here: an error (section 7.2.8)."""

CONTROL_STREAM = 0x0
PUSH_STREAM = 0x1
ENCODER_STREAM = 0x2
DECODER_STREAM = 0x3

QPACK_MAX_TABLE_CAPACITY = 0x1
MAX_FIELD_SECTION_SIZE = 0x6
QPACK_BLOCKED_STREAMS = 0x7
ENABLE_CONNECT_PROTOCOL = 0x8
H3_DATAGRAM = 0x33

MOST_INTEGER = (1 << 62) - 1
MOST_STREAM_ID = MOST_INTEGER - 3
"""Of a client's bidirectional stream."""


def encode_integer(value: int) -> bytes:
    """An integer in as few bytes as it needs."""
    if value < 0x40:
        return _SMALL[value]
    if value < 0x4000:
        return (0x4000 | value).to_bytes(2, "big")
    if value < 0x40000000:
        return (0x80000000 | value).to_bytes(4, "big")
    return (0xC000000000000000 | value).to_bytes(8, "big")


def read_integer(data: bytes | bytearray, position: int) -> tuple[int, int]:
    """An integer, and where it ends.

    Raises:
        IndexError: It is not there as a whole.
    """
    first = data[position]
    if first < 0x40:
        return first, position + 1
    end = position + (1 << (first >> 6))
    if end > len(data):
        raise IndexError
    value = int.from_bytes(data[position:end], "big")
    return value & ((1 << (8 * (end - position) - 2)) - 1), end


def read_integers(payload: bytes) -> list[int]:
    """A payload that is integers and nothing else.

    Raises:
        IndexError: It is not.
    """
    values: list[int] = []
    position = 0
    while position < len(payload):
        value, position = read_integer(payload, position)
        values.append(value)
    return values


def encode_frame(kind: int, payload: bytes) -> bytes:
    """A frame as a whole."""
    return encode_integer(kind) + encode_integer(len(payload)) + payload


def headers_frame(block: bytes) -> bytes:
    """HEADERS with an encoded field section."""
    return b"\x01" + encode_integer(len(block)) + block


def data_header(size: int) -> bytes:
    """What stands before so many bytes of DATA."""
    return b"\x00" + encode_integer(size)


def reserved(number: int) -> int:
    """One of the numbers that mean nothing, so that peers learn to ignore them (section 7.2.8)."""
    return 0x1F * number + 0x21


_SMALL = tuple(bytes((value,)) for value in range(0x40))
