"""Capsules (RFC 9297 section 3.2): what an extended CONNECT stream carries where its protocol says
so: type, length and value, one after the other.
"""

from __future__ import annotations

from nonecorn.spi import RemoteProtocolError
from nonecorn_h3._http._frames import encode_frame, read_integer

DATAGRAM = 0x00
"""Type of a capsule that carries a datagram reliably (RFC 9297 section 3.5)."""


class CapsuleReader:
    """Takes bytes of a tunnel as they come, and gives whole capsules.

    Args:
        most: Largest value of a capsule of a known type.
        known: Types to return; the values of others are dropped as they come, however long.
    """

    __slots__ = ("_buffer", "_known", "_most", "_skip")

    def __init__(self, most: int, known: frozenset[int]) -> None:
        self._most = most
        self._known = known
        self._buffer = b""
        self._skip = 0

    def __repr__(self) -> str:
        return f"<CapsuleReader waiting={len(self._buffer)} skip={self._skip}>"

    @property
    def partial(self) -> bool:
        """A capsule is incomplete; at the end of the stream that is malformed (section 3.3)."""
        return bool(self._buffer or self._skip)

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take bytes; return the type and value of each capsule that they complete.

        Raises:
            RemoteProtocolError: A capsule of a known type is too long.
        """
        found: list[tuple[int, bytes]] = []
        buffer = self._buffer + data if self._buffer else data
        position = 0
        while position < len(buffer):
            if self._skip:
                step = min(self._skip, len(buffer) - position)
                self._skip -= step
                position += step
                continue
            try:
                kind, start = read_integer(buffer, position)
                size, start = read_integer(buffer, start)
            except IndexError:
                break
            if kind not in self._known:
                self._skip = size
                position = start
                continue
            if size > self._most:
                raise RemoteProtocolError(400, "capsule-too-large")
            if start + size > len(buffer):
                break
            found.append((kind, buffer[start : start + size]))
            position = start + size
        self._buffer = buffer[position:]
        return found


def encode_capsule(kind: int, value: bytes) -> bytes:
    """A capsule; in shape it is what a frame is."""
    return encode_frame(kind, value)
