"""Frames on the wire (RFC 9113 section 4.1 and 6): types, flags, and the nine bytes before each."""

from __future__ import annotations

import struct
from collections.abc import Mapping

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""RFC 9113 section 3.4."""

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE = range(9)
CONTINUATION = 0x9
PRIORITY_UPDATE = 0x10  # RFC 9218 section 7.1

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20

# SETTINGS parameters (RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1).
HEADER_TABLE_SIZE = 0x1
ENABLE_PUSH = 0x2
MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4
MAX_FRAME_SIZE = 0x5
MAX_HEADER_LIST_SIZE = 0x6
ENABLE_CONNECT_PROTOCOL = 0x8
NO_RFC7540_PRIORITIES = 0x9

HEADER_SIZE = 9
DEFAULT_WINDOW = 65535
DEFAULT_FRAME_SIZE = 16384
MOST_FRAME_SIZE = (1 << 24) - 1
MOST_WINDOW = (1 << 31) - 1
MOST_STREAM_ID = (1 << 31) - 1

_HEADER = struct.Struct(">HBBBL")
_WORD = struct.Struct(">L")
_TWO_WORDS = struct.Struct(">LL")
_SETTING = struct.Struct(">HL")

unpack_header = _HEADER.unpack_from
"""Length without its low byte, that byte, type, flags, stream."""
unpack_word = _WORD.unpack_from
unpack_two_words = _TWO_WORDS.unpack_from
iter_settings = _SETTING.iter_unpack


def frame_header(length: int, kind: int, flags: int, stream_id: int) -> bytes:
    """What stands before a payload of `length` bytes."""
    return _HEADER.pack(length >> 8, length & 255, kind, flags, stream_id)


def settings(values: Mapping[int, int]) -> bytes:
    """A SETTINGS frame."""
    payload = b"".join(_SETTING.pack(number, value) for number, value in values.items())
    return frame_header(len(payload), SETTINGS, 0, 0) + payload


def rst_stream(stream_id: int, code: int) -> bytes:
    """A RST_STREAM frame."""
    return frame_header(4, RST_STREAM, 0, stream_id) + _WORD.pack(code)


def goaway(last_id: int, code: int) -> bytes:
    """A GOAWAY frame without debug data: what is known about a peer's fault is for our log."""
    return frame_header(8, GOAWAY, 0, 0) + _TWO_WORDS.pack(last_id, code)


def window_update(stream_id: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame."""
    return frame_header(4, WINDOW_UPDATE, 0, stream_id) + _WORD.pack(increment)


def ping(payload: bytes, *, ack: bool) -> bytes:
    """A PING frame with its eight bytes."""
    return frame_header(8, PING, ACK if ack else 0, 0) + payload


def field_block(kind: int, flags: int, stream_id: int, block: bytes, most: int) -> bytes:
    """HEADERS or PUSH_PROMISE, with as many CONTINUATION frames as the block needs.

    Args:
        kind: Type of the first frame.
        flags: Its flags, without END_HEADERS.
        stream_id: Of all of them.
        block: Payload of the first, and field block.
        most: Size of frame that the peer takes.
    """
    if len(block) <= most:
        return frame_header(len(block), kind, flags | END_HEADERS, stream_id) + block
    frames = [frame_header(most, kind, flags, stream_id), block[:most]]
    for start in range(most, len(block), most):
        piece = block[start : start + most]
        last = END_HEADERS if start + most >= len(block) else 0
        frames += (frame_header(len(piece), CONTINUATION, last, stream_id), piece)
    return b"".join(frames)
