"""Frames that a server sends: unmasked, so a head of two to ten bytes and the payload.

RFC 6455 section 5.2. The heads of short frames, which are most, stand in tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi import LocalProtocolError
from nonecorn_ws._codec import NO_CODE

if TYPE_CHECKING:
    from nonecorn_ws._deflate import Deflate

_FIN, _RSV1 = 0x80, 0x40
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x1, 0x2, 0x8, 0x9, 0xA

_TEXT_HEADS = tuple(bytes((_FIN | _TEXT, size)) for size in range(126))
_BINARY_HEADS = tuple(bytes((_FIN | _BINARY, size)) for size in range(126))


class FrameEncoder:
    """The sending half of a codec.

    Args:
        deflate: Compresses, where that was negotiated.
    """

    __slots__ = ("_compressing", "_deflate", "_open")

    def __init__(self, deflate: Deflate | None = None) -> None:
        self._deflate = deflate
        self._open = 0
        """Opcode of the message whose first parts were sent."""
        self._compressing = False

    def message(self, data: str | bytes, final: bool, /) -> bytes:
        """See `nonecorn_ws.FrameCodec`."""
        if isinstance(data, str):
            payload = data.encode()
            heads = _TEXT_HEADS
        else:
            payload = data
            heads = _BINARY_HEADS
        if final and self._deflate is None and not self._open:
            size = len(payload)
            if size < 126:
                return heads[size] + payload
            return _head(heads[0][0], size) + payload
        return self._part(payload, heads[0][0] & 0xF, final)

    def ping(self, data: bytes, /) -> bytes:
        """See `nonecorn_ws.FrameCodec`."""
        return bytes((_FIN | _PING, len(data))) + data

    def pong(self, data: bytes, /) -> bytes:
        """See `nonecorn_ws.FrameCodec`."""
        return bytes((_FIN | _PONG, len(data))) + data

    def close(self, code: int, reason: str, /) -> bytes:
        """See `nonecorn_ws.FrameCodec`."""
        payload = b"" if code == NO_CODE else code.to_bytes(2, "big") + reason.encode()
        return bytes((_FIN | _CLOSE, len(payload))) + payload

    def _part(self, payload: bytes, opcode: int, final: bool) -> bytes:
        """A frame of a message that is compressed, in parts, or both."""
        first = opcode
        deflate = self._deflate
        if self._open:
            if self._open != opcode:
                message = "a message's parts are all text or all bytes"
                raise LocalProtocolError(message)
            first = 0  # section 5.4: a continuation
        else:
            # RFC 7692 section 7.2.1: a message is compressed or not; its first frame says so.
            self._compressing = deflate is not None and (
                not final or len(payload) >= deflate.threshold
            )
            if self._compressing:
                first |= _RSV1
        if self._compressing and deflate is not None:
            payload = deflate.compress(payload, final)
        self._open = 0 if final else opcode
        return _head(first | _FIN if final else first, len(payload)) + payload


def _head(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 65536:
        return b"%c\x7e%b" % (first, size.to_bytes(2, "big"))
    return b"%c\x7f%b" % (first, size.to_bytes(8, "big"))
