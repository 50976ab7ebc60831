"""How long to wait before a worker is started again."""

from __future__ import annotations

HEALTHY = 10.0
"""Seconds of service after which a worker's end is a misfortune, and no sign of a next one."""
_FIRST, _MOST = 0.5, 30.0


class Backoff:
    """For one place among the workers: at once after good service, and then ever later.

    Attributes:
        failures: Ends in a row without good service in between.
        unready: Of these, the last ones that were never ready.
    """

    __slots__ = ("failures", "unready")

    def __init__(self) -> None:
        self.failures = 0
        self.unready = 0

    def __repr__(self) -> str:
        return f"<Backoff failures={self.failures} unready={self.unready}>"

    def ended(self, served: float | None) -> float:
        """A worker has ended after so many seconds of service; None: it was never ready.

        Returns:
            Seconds to wait.
        """
        self.unready = self.unready + 1 if served is None else 0
        if served is not None and served >= HEALTHY:
            self.failures = 0
        self.failures += 1
        if self.failures == 1:
            return 0.0
        return min(_FIRST * 2.0 ** min(self.failures - 2, 16), _MOST)
