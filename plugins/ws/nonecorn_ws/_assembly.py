"""A message from its frames: size, number, compression and UTF-8, checked as they come.

Everything is gathered in one `bytearray`, so that a message in a million pieces takes the memory
of its bytes, and the time too. Text is checked with each piece: whoever sends no UTF-8 hears of it
then, not at the message's end (RFC 6455 section 8.1).
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from nonecorn_ws._codec import CodecLimits, FrameError

if TYPE_CHECKING:
    from nonecorn_ws._deflate import Deflate

_Decoder = codecs.getincrementaldecoder("utf-8")


class Assembly:
    """One message that is not complete.

    Args:
        limits: What it may grow to.
        text: It is text.
        deflate: Inflates it; None where it is not compressed.
    """

    __slots__ = ("_buffer", "_decoder", "_deflate", "_fragments", "_limits", "_size")

    def __init__(self, limits: CodecLimits, text: bool, deflate: Deflate | None) -> None:
        self._limits = limits
        self._deflate = deflate
        self._decoder = _Decoder() if text else None
        self._buffer = bytearray()
        self._fragments = 0
        self._size = 0

    def __repr__(self) -> str:
        kind = "binary" if self._decoder is None else "text"
        return f"<Assembly {kind} size={len(self._buffer)} fragments={self._fragments}>"

    def begin_frame(self) -> None:
        """A frame of the message begins.

        Raises:
            FrameError: 1009, there are too many.
        """
        self._fragments += 1
        if self._fragments > self._limits.fragments:
            raise FrameError(1009, "too many fragments")

    def add(self, data: bytes | bytearray, final: bool) -> None:
        """Take a frame's payload, or a part of it; `final` with the message's last.

        Raises:
            FrameError: 1009 where it grows too big, 1007 where it is no UTF-8 or no DEFLATE.
        """
        self._size += len(data)
        if self._size > self._limits.message:
            raise FrameError(1009, "message too big")
        buffer = self._buffer
        if self._deflate is not None:
            before = len(buffer)
            self._deflate.inflate(data, final, buffer, self._limits.inflated)
            data = buffer[before:] if before else buffer
        else:
            buffer += data
        if self._decoder is not None:
            try:
                self._decoder.decode(data, final)
            except UnicodeDecodeError:
                raise FrameError(1007, "invalid UTF-8") from None

    def finish(self) -> str | bytes:
        """The message, after its last `add`."""
        return bytes(self._buffer) if self._decoder is None else self._buffer.decode()
