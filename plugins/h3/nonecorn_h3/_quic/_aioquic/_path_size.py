"""How large a datagram the path carries: DPLPMTUD (RFC 8899, RFC 9000 section 14.3).

1200 bytes arrive on every path that QUIC can use. A larger size is used once a packet of that size,
PING and PADDING, has been acknowledged. The largest is tried first, since it is right almost
everywhere; where it is lost three times, the truth is searched for by halves. That such a packet is
lost says nothing of congestion.
"""

from __future__ import annotations

BASE = 1200
_TRIES = 3
_CLOSE_ENOUGH = 24
"""Bytes by which the size found may be below the truth."""


class PathSize:
    """The search, on one path.

    Args:
        most: Largest size wanted, and taken by the peer.

    Attributes:
        size: What may be sent.
    """

    __slots__ = ("_high", "_most", "_probe", "_tries", "size")

    def __init__(self, most: int) -> None:
        self.size = BASE
        self._most = most
        self._high = most
        self._tries = 0
        self._probe = 0

    def __repr__(self) -> str:
        return f"<PathSize {self.size} of {self._most}>"

    def probe(self) -> int:
        """Size of a packet to be tried now; 0 for none. One is under way at a time."""
        if self._probe:
            return 0
        if self._high == self._most and self.size < self._most:
            self._probe = self._most
        elif self._high - self.size > _CLOSE_ENOUGH:
            self._probe = (self.size + self._high) // 2
        return self._probe

    def arrived(self, probe: int) -> bool:
        """A probe was acknowledged. True: `size` has grown."""
        self._probe = 0
        self._tries = 0
        if probe <= self.size or probe > self._high:
            return False
        self.size = probe
        return True

    def lost(self, probe: int) -> None:
        """A probe was lost, for whatever reason."""
        self._probe = 0
        self._tries += 1
        if self._tries >= _TRIES:
            self._tries = 0
            self._high = probe - 1

    def limit(self, most: int) -> None:
        """The peer takes no larger ones."""
        self._most = min(self._most, most)
        self._high = min(self._high, self._most)

    def restart(self) -> None:
        """The path is another, or carries less than it did."""
        self.size = BASE
        self._high = self._most
        self._tries = 0
        self._probe = 0
