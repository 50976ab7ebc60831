"""The dependency tree of RFC 7540 section 5.3, for clients that still send such priorities.

The tree itself is the `priority` library's. This keeps a peer from doing harm with it:

- A stream depends on one that is in the tree, or has the default priority (sections 5.3.1 and
  5.3.5); the library would make up whatever stream is named.
- Nodes are few: the library looks for the next stream by recursion, past all that have nothing to
  send. Of those without a request, which only group others, the first ones stay: clients that use
  them open with them.
- A stream moved below its own dependent takes two steps (section 5.3.3): the library's one step
  would leave the dependent's dependents in two places.

Nothing here raises, whatever a peer sends; what cannot be done is left undone.
"""

from __future__ import annotations

from priority.priority import PriorityLoop, PriorityTree

DEFAULT_WEIGHT = 16
"""RFC 7540 section 5.3.5."""

MAX_STREAMS = 128
MAX_GROUPS = 32


class WeightedTree(PriorityTree):
    """Streams that share a connection by weight, each after those that it depends on.

    `next` says who sends next; it is only to be asked while a stream is ready.
    """

    def __init__(self) -> None:
        super().__init__(MAX_STREAMS + MAX_GROUPS + 1)  # the root counts
        self._groups: set[int] = set()
        self._ready: set[int] = set()

    def __repr__(self) -> str:
        streams = len(self._streams) - len(self._groups) - 1
        return (
            f"<WeightedTree streams={streams} ready={len(self._ready)} groups={len(self._groups)}>"
        )

    def __contains__(self, stream_id: int) -> bool:
        return stream_id in self._streams

    def add(self, stream_id: int, depends_on: int, weight: int, exclusive: bool, /) -> bool:
        """A stream with a request; a PRIORITY frame may have made a node for it before.

        Returns:
            False if there is no room.
        """
        if stream_id in self._groups:
            self.open(stream_id)
        elif len(self._streams) - len(self._groups) > MAX_STREAMS:
            return False
        self.place(stream_id, depends_on, weight, exclusive)
        return True

    def open(self, stream_id: int, /) -> None:
        """The request comes for which there is a node, and leaves it where it is."""
        self._groups.discard(stream_id)

    def group(self, stream_id: int, depends_on: int, weight: int, exclusive: bool, /) -> None:
        """A PRIORITY frame for a stream that has no request (RFC 7540 section 5.3.4)."""
        if stream_id not in self._groups:
            if len(self._groups) >= MAX_GROUPS:
                return
            self._groups.add(stream_id)
        self.place(stream_id, depends_on, weight, exclusive)

    def place(self, stream_id: int, depends_on: int, weight: int, exclusive: bool, /) -> None:
        """Insert a node, or move it with all that depend on it."""
        streams = self._streams
        if depends_on not in streams or depends_on == stream_id:
            depends_on, weight, exclusive = 0, DEFAULT_WEIGHT, False
        if stream_id not in streams:
            self.insert_stream(stream_id, depends_on, weight, exclusive)
            self.block(stream_id)
            return
        try:
            if self._is_below(depends_on, stream_id):
                parent = streams[stream_id].parent
                assert parent is not None  # it is not the root
                self.reprioritize(depends_on, parent.stream_id, streams[depends_on].weight)
            self.reprioritize(stream_id, depends_on, weight, exclusive)
        except PriorityLoop:
            # There is none, but the library looks for one no further than a hundred ancestors.
            return

    def remove(self, stream_id: int, /) -> None:
        """The stream has ended, or is served elsewhere; its dependents take its place."""
        self._ready.discard(stream_id)
        self.remove_stream(stream_id)

    def ready(self, stream_id: int, /) -> None:
        """The stream has something to send."""
        self._ready.add(stream_id)
        self.unblock(stream_id)

    def unready(self, stream_id: int, /) -> bool:
        """The stream has nothing to send.

        Returns:
            Whether another one has.
        """
        self._ready.discard(stream_id)
        self.block(stream_id)
        return bool(self._ready)

    def _is_below(self, stream_id: int, ancestor: int) -> bool:
        node = self._streams[stream_id].parent
        while node is not None:
            if node.stream_id == ancestor:
                return True
            node = node.parent
        return False
