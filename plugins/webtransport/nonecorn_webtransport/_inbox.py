"""What waits for an application to receive it: news of streams in turn, and datagrams.

A stream stands here once, however much it has to say, and says one message when its turn comes. So
the queue is no longer than there are streams, none can crowd out the others, and what a stream
holds is bounded by its credit. Datagrams have a queue of their own, as long as it is set, in which
the oldest makes way; the two queues take turns.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from nonecorn_webtransport._bell import Bell

if TYPE_CHECKING:
    from nonecorn.spi import Message, Runtime
    from nonecorn_webtransport._stream import SessionStream


class Inbox:
    """One session's.

    Args:
        runtime: Whose tasks wait.
        most: Datagrams that wait.
        size: Bytes of them.

    Attributes:
        bell: Rings when there is something.
        dropped: Datagrams for which there was no room.
    """

    __slots__ = ("_datagrams", "_drain", "_held", "_most", "_size", "_streams", "_turn", "bell",
                 "dropped")  # fmt: skip

    def __init__(self, runtime: Runtime, most: int, size: int) -> None:
        self.bell = Bell(runtime)
        self.dropped = 0
        self._most = most
        self._size = size
        self._held = 0
        self._streams: deque[SessionStream] = deque()
        self._datagrams: deque[bytes] = deque()
        self._drain = False
        self._turn = False

    def __repr__(self) -> str:
        return f"<Inbox streams={len(self._streams)} datagrams={len(self._datagrams)}>"

    def stream(self, stream: SessionStream) -> None:
        """A stream has news; it is not here yet."""
        self._streams.append(stream)
        self.bell.ring()

    def datagram(self, data: bytes) -> None:
        """One came."""
        waiting = self._datagrams
        waiting.append(data)
        self._held += len(data)
        while len(waiting) > self._most or self._held > self._size:
            self._held -= len(waiting.popleft())
            self.dropped += 1
        self.bell.ring()

    def drain(self) -> None:
        """The session is to come to its end."""
        self._drain = True
        self.bell.ring()

    def clear(self) -> None:
        """The application is not interested any more."""
        self._streams.clear()
        self._datagrams.clear()
        self._held = 0
        self._drain = False

    def take(self) -> Message | None:
        """The next message, if there is one."""
        if self._drain:
            self._drain = False
            return {"type": "webtransport.drain"}
        datagrams, streams = self._datagrams, self._streams
        if datagrams and (self._turn or not streams):
            self._turn = False
            data = datagrams.popleft()
            self._held -= len(data)
            return {"type": "webtransport.datagram.receive", "data": data}
        self._turn = True
        while streams:
            stream = streams.popleft()
            message = stream.take()
            if stream.queued:
                streams.append(stream)
            if message is not None:
                return message
        return None
