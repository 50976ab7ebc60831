"""Time that moves only when a test says so.

`ManualClock` is the `nonecorn.spi.Clock` that protocols read, and the hand that turns it. Seconds
pass in `advance`, one event at a time and in order: every whole tick first updates `now` and
`date`, as a runtime does once a second, and then calls who asked for ticks; timers fire at their
exact time in between.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from nonecorn.spi import TICK, Clock

START = 1000.0
"""First reading in monotonic seconds; not zero, so that a forgotten `deadline = 0` shows."""

WALL = 784111777.0
"""First reading of the wall clock: Sun, 06 Nov 1994 08:49:37 GMT, the example date of RFC 9110."""


class ManualTimer:
    """A call that waits for its time; what `call_at` returns."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Do not make the call; harmless once it was made."""
        self.callback = None

    def __repr__(self) -> str:
        state = "spent" if self.callback is None else "pending"
        return f"<ManualTimer at={self.when:.3f} {state}>"


class ManualClock(Clock):
    """A `Clock` that a test advances.

    Args:
        start: First monotonic reading, in seconds.
        wall: First wall clock reading, in POSIX seconds.
    """

    __slots__ = ("_next_tick", "_on_tick", "_order", "_time", "_timers", "_wall")

    def __init__(self, start: float = START, wall: float = WALL) -> None:
        super().__init__(start, wall)
        self._time = start
        self._wall = wall - start
        self._next_tick = start + TICK
        self._timers: list[tuple[float, int, ManualTimer]] = []
        self._order = itertools.count()
        self._on_tick: list[Callable[[], None]] = []

    def time(self) -> float:
        """Exact monotonic seconds, where `now` is that of the last tick."""
        return self._time

    def on_tick(self, callback: Callable[[], None]) -> None:
        """Call back after each tick."""
        self._on_tick.append(callback)

    def call_at(self, when: float, callback: Callable[[], None]) -> ManualTimer:
        """Call back at `when`, in seconds of `time()`: in the next `advance` if it has passed."""
        timer = ManualTimer(when, callback)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    @property
    def next_timer(self) -> float | None:
        """When the next timer that was not cancelled is due; None without one."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance(self, seconds: float) -> None:
        """Let time pass: ticks and timers happen in order, each at its own time.

        Raises:
            ValueError: Time does not run backwards.
        """
        if seconds < 0:
            message = f"time cannot pass by {seconds} seconds"
            raise ValueError(message)
        end = self._time + seconds
        while True:
            timer = self.next_timer
            # A timer due at a tick comes first, so that what it sets is seen by the tick's sweep.
            if timer is not None and timer <= min(end, self._next_tick):
                self._time = max(self._time, timer)
                callback = heapq.heappop(self._timers)[2].callback
                assert callback is not None
                callback()
            elif self._next_tick <= end:
                self._time = self._next_tick
                self._next_tick += TICK
                self.tick(self._time, self._wall + self._time)
                for on_tick in tuple(self._on_tick):
                    on_tick()
            else:
                self._time = end
                return
