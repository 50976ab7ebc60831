"""What was received ahead of a gap.

Pieces are kept as they came, without overlaps, in a sorted list: memory follows what was received,
not the offsets that a peer names. A peer that leaves more gaps than any network does is out to make
us work; its connection is closed.
"""

from __future__ import annotations

from bisect import bisect_right, insort

MOST_PIECES = 512
"""Of one stream. A window of 1 MiB whose every second packet was lost has about 440."""


class TooManyPiecesError(Exception):
    """The peer has left too many gaps."""


class Pieces:
    """Data out of order; of one stream, or of the handshake."""

    __slots__ = ("_data", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._data: dict[int, bytes] = {}

    def __repr__(self) -> str:
        return f"<Pieces {len(self._starts)}>"

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, start: int, data: bytes) -> None:
        """Keep what is new of some data.

        Raises:
            TooManyPiecesError: There are too many.
        """
        starts = self._starts
        end = start + len(data)
        at = bisect_right(starts, start)
        if at:
            before = starts[at - 1]
            covered = before + len(self._data[before])
            if covered >= end:
                return
            if covered > start:
                data = data[covered - start :]
                start = covered
        # What it reaches over is dropped, or cuts its end off.
        while at < len(starts) and starts[at] < end:
            following = starts[at]
            if following + len(self._data[following]) <= end:
                del self._data[following]
                del starts[at]
                continue
            data = data[: following - start]
            break
        if not data:
            return
        if len(starts) >= MOST_PIECES:
            message = f"more than {MOST_PIECES} gaps in a stream"
            raise TooManyPiecesError(message)
        insort(starts, start)
        self._data[start] = data

    def pull(self, offset: int) -> bytes:
        """All that follows an offset without a gap; it is kept no longer."""
        starts = self._starts
        parts = []
        count = 0
        for start in starts:
            if start > offset:
                break
            piece = self._data.pop(start)
            count += 1
            end = start + len(piece)
            if end > offset:
                parts.append(piece[offset - start :] if offset > start else piece)
                offset = end
        del starts[:count]
        return parts[0] if len(parts) == 1 else b"".join(parts)
