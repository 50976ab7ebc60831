"""Places for requests, and the queue before them: first come, first served, with a deadline."""

from __future__ import annotations

from nonecorn.spi import Runtime, Waiter


class Places:
    """The places of one middleware in one worker.

    Args:
        count: How many there are.
        queue: How many requests may wait at once.
        timeout: Seconds for which one waits.
    """

    __slots__ = ("_count", "_queue", "_taken", "_timeout", "_waiting")

    def __init__(self, count: int, queue: int, timeout: float) -> None:
        self._count = count
        self._queue = queue
        self._timeout = timeout
        self._taken = 0
        self._waiting: dict[Waiter, None] = {}

    def __repr__(self) -> str:
        return f"<Places taken={self._taken}/{self._count} waiting={len(self._waiting)}>"

    def enter_at_once(self) -> bool:
        """Take a place if there is one."""
        if self._taken < self._count:
            self._taken += 1
            return True
        return False

    async def wait(self, runtime: Runtime) -> bool:
        """Take a place when one comes free; False where none does in time, or too many wait."""
        if len(self._waiting) >= self._queue:
            return False
        waiter = runtime.waiter()
        self._waiting[waiter] = None
        timer = runtime.call_at(runtime.time() + self._timeout, waiter.set)
        entered = False
        try:
            await waiter.wait()
            entered = waiter not in self._waiting
        finally:
            # `leave` takes out whom it gives the place; a task that was cancelled meanwhile passes
            # it on.
            timer.cancel()
            if waiter in self._waiting:
                del self._waiting[waiter]
            elif not entered:
                self.leave()
        return entered

    def leave(self) -> None:
        """Give the place to who waits longest, or back."""
        if self._waiting:
            waiter = next(iter(self._waiting))
            del self._waiting[waiter]
            waiter.set()
        else:
            self._taken -= 1
