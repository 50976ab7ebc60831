"""Whether what is sent on a path is marked ECT(0): RFC 9000 section 13.4.2 and appendix A.4.

There are paths that bleach marks, falsify them, or drop what is marked. So each is tested: its
first packets are marked, and no others until the peer has said how they arrived.

    TESTING ─ so many were sent, or a timeout ─► UNKNOWN ─ all lost, or all congested ─► FAILED
       └───────────── one has arrived as it was sent ───────────► CAPABLE ─ counts that cannot be ─┘

A path that bore marks and falls silent is UNKNOWN again, until such a packet turns out to have
arrived after all. Likewise a timeout ends the test, since marks may be what does not arrive: what
is sent again then is not marked. On a path that is merely slower than was thought all is well:
packets of the test whose acknowledgements come when they count as lost still tell that.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

ECT0 = 0b10
_TESTED = 10
"""Packets of a test; as many as a connection may begin with."""
_BLACK_HOLE = 3
"""Probe timeouts without news after which a path that bore marks seems not to do so any more."""


class State(Enum):
    """What is known of a path."""

    TESTING = "testing"
    UNKNOWN = "unknown"
    FAILED = "failed"
    CAPABLE = "capable"


class Marking:
    """The test of one path.

    Args:
        wanted: False: nothing is ever marked.

    Attributes:
        state: What is known of the path.
        mark: ECN field for what is sent now.
        late: Packets of the test that count as lost: number, and the packet number space's epoch.
    """

    __slots__ = ("_borne", "_left", "_open", "_silent", "_tested", "late", "mark", "state")

    def __init__(self, *, wanted: bool = True) -> None:
        self.state = State.TESTING if wanted else State.FAILED
        self.mark = ECT0 if wanted else 0
        self.late: list[tuple[int, Any]] = []
        self._left = _TESTED
        self._open = 0
        self._silent = 0
        self._tested = False
        self._borne = False

    def __repr__(self) -> str:
        return f"<Marking {self.state.value}>"

    @property
    def testing(self) -> bool:
        """Packets that are marked now are those of the test."""
        return self.state is State.TESTING

    def sent(self, *, kept: bool) -> None:
        """A packet of the test leaves.

        Args:
            kept: `settled` will follow, or `lost`: not for an acknowledgement alone.
        """
        self._open += kept
        self._tested |= kept
        self._left -= 1
        if self._left <= 0:
            self._end_test()

    def settled(self) -> None:
        """A packet of the test was acknowledged; what the peer has counted was judged before."""
        self._open -= 1
        self._conclude()

    def lost(self, number: int, epoch: Any) -> None:
        """A packet of the test is taken for lost."""
        self._open -= 1
        if self.state is not State.CAPABLE:
            self.late.append((number, epoch))
        self._conclude()

    def timed_out(self) -> None:
        """A probe timeout: nothing is acknowledged."""
        self._silent += 1
        if self.testing:
            self._end_test()
        elif self.state is State.CAPABLE and self._silent >= _BLACK_HOLE:
            self.state = State.UNKNOWN
            self.mark = 0

    def recover(self, low: int, high: int, epoch: Any) -> int:
        """The peer has these packets: how many of them are of the test, and were late."""
        before = len(self.late)
        self.late = [
            each for each in self.late if each[1] is not epoch or not low <= each[0] <= high
        ]
        return before - len(self.late)

    def heard(self) -> None:
        """Marked packets have arrived as they were sent, if maybe none that is still looked for."""
        self._silent = 0
        if self._borne and self.state is State.UNKNOWN:
            self.confirm()

    def confirm(self) -> None:
        """A marked packet has arrived as it was sent, and all others were counted."""
        self.state = State.CAPABLE
        self.mark = ECT0
        self._borne = True
        self.late.clear()

    def refute(self) -> None:
        """Marks do not arrive as they are sent, or are not told of: no more of them."""
        self.state = State.FAILED
        self.mark = 0
        self.late.clear()

    def _end_test(self) -> None:
        self.state = State.UNKNOWN
        self.mark = 0
        self._conclude()

    def _conclude(self) -> None:
        """All are accounted for, and none has arrived as it was sent."""
        ended = self.state is State.UNKNOWN and not self._borne
        if ended and self._tested and not self._open:
            self.state = State.FAILED
