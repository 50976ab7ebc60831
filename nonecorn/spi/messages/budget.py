"""How much noise a connection may make.

Some frames are cheap to send and cost the receiver more than they are worth: resets, settings,
empty DATA, priorities, unknown types (CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-27316). Each
is legitimate now and then, so none has a limit of its own: a connection has one budget, every such
frame takes from it, and honest work gives back. So a peer that does nothing else is through soon,
while one that is served may cancel as it likes. Time gives back, too, but slowly: idle connections
that are kept alive live for ever.

A stream that we reset because of the peer counts like one that it reset itself (CVE-2025-8671: what
matters is who caused it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi.messages.faults import ConnectionFault

if TYPE_CHECKING:
    import enum

    from nonecorn.spi.clock import Clock

FRAME = 1
"""Costs: a frame that asks for an answer or for book-keeping."""
RESET = 5
"""A request that was begun for nothing."""

_REQUEST = 4
"""What a response that was sent whole gives back."""
_DATA = 2
"""What a DATA frame that we sent gives back: window updates come for these."""
_SECONDS = 60.0
"""An exhausted budget is whole again after so many."""


class NoiseBudget:
    """One connection's.

    Args:
        clock: Time.
        size: Units that it holds.
        code: What a client is told that has none left.

    Attributes:
        left: Units now.
    """

    __slots__ = ("_clock", "_code", "_since", "_size", "left")

    def __init__(self, clock: Clock, size: int, code: enum.IntEnum) -> None:
        self._clock = clock
        self._code = code
        self._size = size
        self._since = clock.now
        self.left: float = size

    def __repr__(self) -> str:
        return f"<NoiseBudget {self.left:.0f} of {self._size}>"

    def spend(self, units: int) -> None:
        """Take units.

        Raises:
            ConnectionFault: There are none left.
        """
        self.left -= units
        if self.left < 0:
            now = self._clock.now
            self.left = min(
                self._size, self.left + (now - self._since) * self._size / _SECONDS
            )  # fmt: skip
            self._since = now
            if self.left < 0:
                raise ConnectionFault(self._code, "noise")

    def request_served(self) -> None:
        """A response was sent whole."""
        if self.left < self._size:
            self.left += _REQUEST

    def data_sent(self, frames: int) -> None:
        """So many DATA frames with something in them were sent."""
        if self.left < self._size:
            self.left += _DATA * frames
