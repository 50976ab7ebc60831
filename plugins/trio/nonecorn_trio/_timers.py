"""Scheduled calls: a heap, and one task that sleeps until its first entry is due.

The task sleeps inside a cancel scope whose deadline is that entry's time; an earlier entry moves
the deadline. With nothing scheduled the deadline is infinite: an idle worker is not woken.
"""

from __future__ import annotations

import heapq
import logging
import math
from collections.abc import Callable

import trio

_logger = logging.getLogger("nonecorn.error")
_COMPACT_FROM = 64


class Timer:
    """See `nonecorn.spi.Timer`."""

    __slots__ = ("_callback", "_timers", "when")

    def __init__(self, timers: Timers, when: float, callback: Callable[[], None]) -> None:
        self._timers = timers
        self._callback: Callable[[], None] | None = callback
        self.when = when

    def cancel(self) -> None:
        """Do not make the call."""
        if self._callback is not None:
            self._callback = None
            self._timers.cancelled()

    def take(self) -> Callable[[], None] | None:
        """What is to be called, once."""
        callback, self._callback = self._callback, None
        return callback

    @property
    def active(self) -> bool:
        """The call is still to come."""
        return self._callback is not None

    def __repr__(self) -> str:
        return f"<Timer at={self.when:.3f}{'' if self.active else ' over'}>"


class Timers:
    """The scheduled calls of one runtime."""

    __slots__ = ("_cancelled", "_count", "_heap", "_scope")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = 0
        self._cancelled = 0
        self._scope: trio.CancelScope | None = None

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Schedule a call at a time of trio's clock; calls of one time keep their order."""
        timer = Timer(self, when, callback)
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, timer))
        if self._scope is not None and when < self._scope.deadline:
            self._scope.deadline = when
        return timer

    def cancelled(self) -> None:
        """An entry is void. It stays until it is due, or until half of a long heap is."""
        self._cancelled += 1
        if self._cancelled >= _COMPACT_FROM and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].active]
            heapq.heapify(self._heap)
            self._cancelled = 0

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """The task. Runs until it is cancelled."""
        while True:
            deadline = self._heap[0][0] if self._heap else math.inf
            with trio.CancelScope(deadline=deadline) as self._scope:
                await trio.sleep_forever()
            self._scope = None
            self._run_due(trio.current_time())

    def _run_due(self, now: float) -> None:
        # Only what is scheduled already: one that asks for another call at once must not starve
        # the loop.
        last = self._count
        while self._heap and self._heap[0][0] <= now and self._heap[0][1] <= last:
            callback = heapq.heappop(self._heap)[2].take()
            if callback is None:
                self._cancelled -= 1
                continue
            try:
                callback()
            except Exception:
                _logger.exception("scheduled call %r raised", callback)

    def __repr__(self) -> str:
        return f"<Timers pending={len(self._heap) - self._cancelled}>"
