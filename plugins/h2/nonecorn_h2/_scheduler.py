"""Whose turn it is to send: the streams of one connection that are ready, in order of priority.

Streams have an urgency and may be incremental (RFC 9218). The lowest urgency number goes first
(section 10). Within one urgency, streams that are not incremental are sent whole, one after the
other, in the order of their requests; incremental ones take turns, a chunk each:

    urgency 1   serial  7
    urgency 3   serial  1, 9        shares  { serial, 3, 5 }    →  1 3 5  1 3 5  ...
    urgency 7   serial  11

The serial streams together are one share, beside each incremental one. Of a client that sends the
priorities of RFC 7540 instead, all streams together are a share of urgency 3; which of them has the
share's turn is the tree's decision (`_tree`).

Strictly followed, that starves: a response of urgency 7, or an event stream opened after a long
download, waits for as long as the others have anything to send. Servers should avoid it, by means
of their own (section 10), and leave something to tunnels (section 10.1). Here, of the turns that
are contended, one in `FAIR_TURN` goes to all that are ready by rotation, whatever their priority.
So the order holds for all that is short, and what goes on for ever takes no more than fifteen
sixteenths of the link.

What a peer can make this remember is bounded: one entry for each stream that the connection
inserted, for as many more as `limit` says that have a PRIORITY_UPDATE and no request (RFC 9218
section 7.1; the last ones are kept), and a few nodes of the tree.

No input or output, no time; nothing raises.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from nonecorn_h2._tree import DEFAULT_WEIGHT, WeightedTree

DEFAULT_URGENCY = 3
"""RFC 9218 section 4.1."""

FAIR_TURN = 16

_SERIAL = 0
_WEIGHTED = -1
"""Shares that are not one incremental stream; no stream has such numbers."""

_DEFAULT = DEFAULT_URGENCY << 1
_TREE = 16
"""Levels: twice the urgency, and one if incremental; this one says that the tree has the stream."""


class Scheduler:
    """The streams of one connection that may send.

    Args:
        limit: How many PRIORITY_UPDATE frames are kept for streams that are not open yet.
    """

    __slots__ = ("_early", "_limit", "_newest", "_queues", "_ready", "_streams", "_tree", "_turns")

    def __init__(self, limit: int = 100) -> None:
        self._limit = limit
        self._streams: dict[int, int] = {}
        self._queues: list[_Queue] = []  # in order of urgency; made when needed, and kept
        self._ready: dict[int, None] = {}  # in the order in which fair turns come
        self._turns = FAIR_TURN
        self._early: dict[int, int] = {}
        self._newest = 0
        self._tree: WeightedTree | None = None

    def __repr__(self) -> str:
        tree = f" tree={self._tree!r}" if self._tree is not None else ""
        return (
            f"<Scheduler streams={len(self._streams)} ready={list(self._ready)}"
            f" early={len(self._early)}{tree}>"
        )

    @property
    def early(self) -> int:
        """Streams that have a PRIORITY_UPDATE and no request yet.

        Together with the open ones they must not exceed SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9218
        section 7.1).
        """
        return len(self._early)

    @property
    def alternates(self) -> bool:
        """Streams of one urgency take turns now: the next chunk may be another one's."""
        if len(self._ready) < 2:
            return False
        for queue in self._queues:
            if queue.shares:
                return len(queue.shares) > 1 or _WEIGHTED in queue.shares
        raise AssertionError  # pragma: no cover  # a ready stream is in a queue

    def said_early(self, stream_id: int) -> tuple[int, bool] | None:
        """What the PRIORITY_UPDATE for a stream that is not open yet said, if there was one."""
        level = self._early.get(stream_id)
        return None if level is None else (level >> 1, bool(level & 1))

    def skip(self, stream_id: int) -> None:
        """Streams up to this one, if they are not here, will not open any more.

        Idle streams of lower numbers than an open one do not (RFC 9113 section 5.1.1), nor does one
        that was refused.
        """
        early = self._early
        for each in [each for each in early if each <= stream_id]:
            del early[each]

    # Streams come, change and go ------------------------------------------------------------------

    def insert(
        self,
        stream_id: int,
        urgency: int = DEFAULT_URGENCY,
        incremental: bool = False,  # noqa: FBT002  # by position: this is called for each request
        /,
    ) -> None:
        """A stream has opened, with what its `priority` field says.

        A PRIORITY_UPDATE that came before it prevails (RFC 9218 section 7).
        """
        level = self._opened(stream_id)
        if level is None:
            level = urgency << 1 | incremental
            if self._tree is not None and level == _DEFAULT:
                # The client sends weights; for this stream it has, or the default one holds.
                if stream_id in self._tree:
                    self._tree.open(stream_id)
                    self._streams[stream_id] = _TREE
                else:
                    self._insert_weighted(stream_id, 0, DEFAULT_WEIGHT, False)
                return
        self._streams[stream_id] = level

    def insert_weighted(
        self, stream_id: int, depends_on: int, weight: int, exclusive: bool, /
    ) -> None:
        """A stream has opened, with a dependency and a weight of 1 to 256 (RFC 7540 section 5.3).

        For clients that send no priorities of RFC 9218; a PRIORITY_UPDATE that came before
        prevails.
        """
        level = self._opened(stream_id)
        if level is None:
            self._insert_weighted(stream_id, depends_on, weight, exclusive)
        else:
            self._streams[stream_id] = level

    def reprioritize(self, stream_id: int, urgency: int, incremental: bool, /) -> None:
        """A PRIORITY_UPDATE, or the application's own `priority` field.

        For a stream that is not open yet it is kept until then, for one that has ended it means
        nothing.
        """
        level = urgency << 1 | incremental
        if stream_id in self._streams:
            self._move(stream_id, level)
        elif stream_id > self._newest and stream_id % 2:
            early = self._early
            if stream_id not in early and len(early) >= self._limit:
                if not early:
                    return
                del early[next(iter(early))]
            early[stream_id] = level

    def reweight(self, stream_id: int, depends_on: int, weight: int, exclusive: bool, /) -> None:
        """A PRIORITY frame, for any stream (RFC 7540 section 6.3).

        It moves no stream that has a priority of RFC 9218 other than the default.
        """
        level = self._streams.get(stream_id)
        if level == _TREE:
            assert self._tree is not None  # there are streams in it
            self._tree.place(stream_id, depends_on, weight, exclusive)
        elif level is None:
            # Idle ones group others, and stay when streams of higher numbers have opened.
            if (stream_id > self._newest and stream_id % 2) or (
                self._tree is not None and stream_id in self._tree
            ):
                self._made_tree().group(stream_id, depends_on, weight, exclusive)
        elif level == _DEFAULT and self._made_tree().add(stream_id, depends_on, weight, exclusive):
            self._move(stream_id, _TREE)

    def remove(self, stream_id: int) -> None:
        """A stream has ended. For one that is not here this does nothing."""
        self.unready(stream_id)
        if self._streams.pop(stream_id, None) == _TREE:
            assert self._tree is not None  # there was a stream in it
            self._tree.remove(stream_id)

    # Turns ----------------------------------------------------------------------------------------

    def ready(self, stream_id: int) -> None:
        """The stream has something to send, and its window lets it.

        For one that is ready or is not here this does nothing.
        """
        if stream_id not in self._ready and stream_id in self._streams:
            self._ready[stream_id] = None
            self._enqueue(stream_id)

    def unready(self, stream_id: int) -> None:
        """The stream has nothing to send, or no window.

        For one that is not ready this does nothing.
        """
        if stream_id in self._ready:
            del self._ready[stream_id]
            self._dequeue(stream_id)

    def next(self) -> int | None:
        """Which stream sends the next chunk; None if none is ready.

        It stays ready, and may have the next turn as well.
        """
        ready = self._ready
        if len(ready) < 2:
            for stream_id in ready:
                return stream_id
            return None
        self._turns -= 1
        if not self._turns:
            self._turns = FAIR_TURN
            stream_id = next(iter(ready))
            del ready[stream_id]
            ready[stream_id] = None
            return stream_id
        for queue in self._queues:
            if queue.shares:
                stream_id = queue.next()
                if stream_id == _WEIGHTED:
                    assert self._tree is not None  # it has a share
                    return self._tree.next()
                return stream_id
        raise AssertionError  # pragma: no cover  # a ready stream is in a queue

    # ----------------------------------------------------------------------------------------------

    def _opened(self, stream_id: int) -> int | None:
        if stream_id % 2:  # what we push has numbers of its own
            self._newest = max(self._newest, stream_id)
        early = self._early
        if not early:
            return None
        level = early.get(stream_id)
        self.skip(stream_id)
        return level

    def _insert_weighted(
        self, stream_id: int, depends_on: int, weight: int, exclusive: bool
    ) -> None:
        added = self._made_tree().add(stream_id, depends_on, weight, exclusive)
        self._streams[stream_id] = _TREE if added else _DEFAULT

    def _made_tree(self) -> WeightedTree:
        if self._tree is None:
            self._tree = WeightedTree()
        return self._tree

    def _move(self, stream_id: int, level: int) -> None:
        was = self._streams[stream_id]
        ready = stream_id in self._ready
        if ready:
            self._dequeue(stream_id)
        if was == _TREE:
            assert self._tree is not None  # there is a stream in it
            self._tree.remove(stream_id)
        self._streams[stream_id] = level
        if ready:
            self._enqueue(stream_id)

    def _enqueue(self, stream_id: int) -> None:
        level = self._streams[stream_id]
        queue = self._queue(level)
        if level == _TREE:
            assert self._tree is not None  # there is a stream in it
            self._tree.ready(stream_id)
            queue.shares[_WEIGHTED] = None
        elif level & 1:
            queue.shares[stream_id] = None
        else:
            insort(queue.serial, stream_id)
            queue.shares[_SERIAL] = None

    def _dequeue(self, stream_id: int) -> None:
        level = self._streams[stream_id]
        queue = self._queue(level)
        if level == _TREE:
            assert self._tree is not None  # there is a stream in it
            if not self._tree.unready(stream_id):
                del queue.shares[_WEIGHTED]
        elif level & 1:
            del queue.shares[stream_id]
        else:
            serial = queue.serial
            del serial[bisect_left(serial, stream_id)]
            if not serial:
                del queue.shares[_SERIAL]

    def _queue(self, level: int) -> _Queue:
        urgency = level >> 1 if level != _TREE else DEFAULT_URGENCY
        for queue in self._queues:
            if queue.urgency == urgency:
                return queue
        queue = _Queue(urgency)
        self._queues.append(queue)
        self._queues.sort(key=lambda queue: queue.urgency)
        return queue


class _Queue:
    """Who is ready, of one urgency: those sent one after the other, and those who take turns."""

    __slots__ = ("serial", "shares", "urgency")

    def __init__(self, urgency: int) -> None:
        self.urgency = urgency
        self.serial: list[int] = []
        self.shares: dict[int, None] = {}

    def next(self) -> int:
        """The stream whose turn it is, or `_WEIGHTED`."""
        shares = self.shares
        share = next(iter(shares))
        if len(shares) > 1:
            del shares[share]
            shares[share] = None
        return share or self.serial[0]
