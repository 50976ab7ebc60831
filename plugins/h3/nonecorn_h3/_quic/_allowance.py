"""Bounds how often something may happen: answers to packets of strangers, log lines."""

from __future__ import annotations


class Allowance:
    """A token bucket.

    Args:
        rate: Uses per second.
        burst: Uses at once.
    """

    __slots__ = ("_burst", "_left", "_rate", "_then")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._then = 0.0

    def __repr__(self) -> str:
        return f"<Allowance {self._left:.0f}/{self._burst:.0f} {self._rate:.0f}/s>"

    def use(self, now: float) -> bool:
        """May it happen? Counted if so.

        Args:
            now: Seconds, of any clock that never runs backwards.
        """
        self._left = min(self._burst, self._left + (now - self._then) * self._rate)
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
