"""Responses that are complete, and that their clients have not taken yet.

An exchange ends when the last byte of its response is given to the port. A client without credit
can leave those bytes there for as long as it likes, on every stream that it may open; so they are
remembered until they have gone, or have not moved for `limits.write_timeout`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi import NEVER

if TYPE_CHECKING:
    from nonecorn.spi import QuicPort

LITTLE = 4096
"""Bytes of a response that are not worth remembering."""
LOOK = 2.0
"""Seconds until what was given to the port is looked at: it leaves with the tick, mostly."""


class Unsent:
    """One connection's.

    Args:
        port: Who has them.
        timeout: `limits.write_timeout`.
    """

    __slots__ = ("_port", "_streams", "_timeout")

    def __init__(self, port: QuicPort, timeout: float) -> None:
        self._port = port
        self._timeout = timeout
        self._streams: dict[int, tuple[float, int]] = {}

    def __repr__(self) -> str:
        return f"<Unsent {list(self._streams)}>"

    def __bool__(self) -> bool:
        return bool(self._streams)

    def add(self, stream_id: int, now: float) -> None:
        """The response of this stream was written as a whole."""
        self._streams[stream_id] = (now, -1)

    def forget(self, stream_id: int) -> None:
        """The client does not want it any more."""
        self._streams.pop(stream_id, None)

    def look(self, now: float) -> list[int]:
        """See what has gone, and what has moved.

        Returns:
            Streams that have not, for too long; they are forgotten.
        """
        stuck: list[int] = []
        for stream_id, (moved_at, before) in tuple(self._streams.items()):
            left = self._port.buffered(stream_id)
            if not left:
                del self._streams[stream_id]
            elif left != before:
                self._streams[stream_id] = (now, left)
            elif self._timeout and moved_at + self._timeout <= now:
                del self._streams[stream_id]
                stuck.append(stream_id)
        return stuck

    def due(self, now: float) -> float:
        """When to look again."""
        return now + LOOK if self._streams else NEVER
