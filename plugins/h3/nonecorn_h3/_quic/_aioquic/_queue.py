"""Which stream is next: RFC 9218 for QUIC.

Streams stand in the queue of their urgency while they have something that may be sent, and nowhere
else: a hundred responses whose peer gives no credit cost nothing. The one in front sends until it
has nothing more; if it is incremental, it goes behind the others after each frame.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn_h3._quic._aioquic._streams import Stream

_FIRST = -1
_LAST = 7


class Queue:
    """Streams with something to send."""

    __slots__ = ("_levels", "_size")

    def __init__(self) -> None:
        self._levels: list[deque[Stream] | None] = [None] * (_LAST - _FIRST + 1)
        self._size = 0

    def __repr__(self) -> str:
        return f"<Queue {self._size}>"

    def __len__(self) -> int:
        return self._size

    def add(self, stream: Stream) -> None:
        """A stream has something to send; nothing happens if it is there already."""
        if stream.queued:
            return
        stream.queued = True
        self._size += 1
        level = stream.urgency - _FIRST
        streams = self._levels[level]
        if streams is None:
            streams = self._levels[level] = deque()
        streams.append(stream)

    def first(self) -> Stream | None:
        """Whose turn it is; None for nobody."""
        if self._size:
            for streams in self._levels:
                if streams:
                    return streams[0]
        return None

    def served(self, stream: Stream, *, more: bool) -> None:
        """The first stream has sent a frame.

        Args:
            stream: The first.
            more: It has another that may be sent.
        """
        streams = self._levels[stream.urgency - _FIRST]
        assert streams is not None
        if not more:
            streams.popleft()
            stream.queued = False
            self._size -= 1
        elif stream.incremental and len(streams) > 1:
            streams.rotate(-1)

    def remove(self, stream: Stream) -> None:
        """A stream has nothing to send any more."""
        if stream.queued:
            stream.queued = False
            self._size -= 1
            streams = self._levels[stream.urgency - _FIRST]
            assert streams is not None
            streams.remove(stream)

    def move(self, stream: Stream, urgency: int, incremental: bool) -> None:
        """A stream has another priority; urgencies out of range are the nearest in it."""
        urgency = min(max(urgency, _FIRST), _LAST)
        stream.incremental = incremental
        if urgency != stream.urgency:
            queued = stream.queued
            self.remove(stream)
            stream.urgency = urgency
            if queued:
                self.add(stream)
