"""How often each client may come: the generic cell rate algorithm (GCRA).

A client has one number, the time at which it will have used up nothing: each request moves it on by
the time that one request is worth, and one that would move it further ahead than its burst is worth
is refused. That is a token bucket without a timer and without a second number, and with no window
at whose edge twice the rate goes through.

A client whose time has passed is as good as unknown, so forgetting it forgets nothing. The table is
bounded: beyond its size the client is forgotten that was seen longest ago. To be forgotten while it
is held back, a client would need as many others as the table holds between two of its own requests.
"""

from __future__ import annotations

from collections.abc import Hashable


class RateTable:
    """The clients of one worker.

    Args:
        count: Requests of each client …
        period: … in so many seconds.
        burst: How many of them may come at once.
        size: Clients that are remembered.
    """

    __slots__ = ("_due", "_size", "_step", "_window", "burst", "count", "period")

    def __init__(self, count: int, period: float, burst: int, size: int) -> None:
        self.count = count
        self.period = period
        self.burst = burst or count
        self._step = period / count
        self._window = self._step * self.burst
        self._size = size
        self._due: dict[Hashable, float] = {}  # in the order in which they were seen

    def __repr__(self) -> str:
        return f"<RateTable {self.count}/{self.period:g}s {len(self._due)}/{self._size} clients>"

    def __len__(self) -> int:
        return len(self._due)

    def take(self, client: Hashable, now: float) -> tuple[int, float]:
        """Count a request of a client.

        Args:
            client: Who it is.
            now: Monotonic seconds.

        Returns:
            How many more may come at once, and in how many seconds all of them may again; -1, and
            the seconds until the next may come, where this one may not.
        """
        due = max(self._due.pop(client, now), now) + self._step
        ahead = due - now
        # Sums of steps are no exact multiples of one: a billionth of a step decides nothing.
        excess = ahead - self._window
        if excess > self._step * 1e-9:
            self._due[client] = due - self._step
            return -1, excess
        if len(self._due) >= self._size:
            del self._due[next(iter(self._due))]
        self._due[client] = due
        return int((self._window - ahead) / self._step + 1e-9), ahead
