"""Variable-length integers (RFC 9000 section 16), without an object to read them from."""

from __future__ import annotations

from aioquic._buffer import BufferReadError

__all__ = ["BufferReadError", "read_varint", "varint"]


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """An integer, and where it ends.

    Raises:
        BufferReadError: It is cut off.
    """
    try:
        first = data[at]
        if first < 0x40:
            return first, at + 1
        if first < 0x80:
            return (first & 0x3F) << 8 | data[at + 1], at + 2
        width = 1 << (first >> 6)
        end = at + width
        data[end - 1]
    except IndexError:
        message = "an integer is cut off"
        raise BufferReadError(message) from None
    return int.from_bytes(data[at:end], "big") & ((1 << (8 * width - 2)) - 1), end


def varint(value: int) -> bytes:
    """An integer, as short as it can be."""
    if value < 0x40:
        return bytes((value,))
    if value < 0x4000:
        return (value | 0x4000).to_bytes(2, "big")
    if value < 0x40000000:
        return (value | 0x80000000).to_bytes(4, "big")
    return (value | 0xC000000000000000).to_bytes(8, "big")
