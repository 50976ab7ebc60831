"""How many requests of a worker run at once; the others wait in a queue, with a deadline."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.spi import Runtime, Waiter


class RequestQueue:
    """See `nonecorn.spi.Admission`: first come, first served.

    Args:
        runtime: The worker's.
        limit: Requests at once.
        timeout: Seconds in the queue; 0 for no end.
    """

    __slots__ = ("_active", "_limit", "_runtime", "_timeout", "_waiting")

    def __init__(self, runtime: Runtime, limit: int, timeout: float) -> None:
        self._runtime = runtime
        self._limit = limit
        self._timeout = timeout
        self._active = 0
        self._waiting: OrderedDict[Waiter, None] = OrderedDict()

    def __repr__(self) -> str:
        return f"<RequestQueue active={self._active}/{self._limit} waiting={len(self._waiting)}>"

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    async def enter(self) -> bool:
        """See `nonecorn.spi.Admission`."""
        if self._active < self._limit:
            self._active += 1
            return True
        waiter = self._runtime.waiter()
        self._waiting[waiter] = None
        timer = None
        if self._timeout:
            timer = self._runtime.call_at(self._runtime.time() + self._timeout, waiter.set)
        entered = False
        try:
            await waiter.wait()
            entered = waiter not in self._waiting
        finally:
            # `leave` takes a waiter out when it gives it the place; a cancelled task passes
            # that on.
            if timer is not None:
                timer.cancel()
            if waiter in self._waiting:
                del self._waiting[waiter]
            elif not entered:
                self.leave()
        return entered

    def leave(self) -> None:
        """See `nonecorn.spi.Admission`."""
        if self._waiting:
            waiter, _ = self._waiting.popitem(last=False)
            waiter.set()
        else:
            self._active -= 1
