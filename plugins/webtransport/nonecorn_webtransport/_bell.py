"""Wakes all who wait for something: an application may wait from several tasks, and cancel them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.spi import Runtime, Waiter


class Bell:
    """What to wait for; whoever was woken looks whether it was for him.

    Args:
        runtime: Whose tasks wait.
    """

    __slots__ = ("_runtime", "_waiters")

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiters: list[Waiter] = []

    def __repr__(self) -> str:
        return f"<Bell waiting={len(self._waiters)}>"

    def ring(self) -> None:
        """Wake them."""
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                waiter.set()

    async def wait(self) -> None:
        """Wait for the next `ring`."""
        waiter = self._runtime.waiter()
        self._waiters.append(waiter)
        try:
            await waiter.wait()
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    async def tick(self) -> None:
        """Wait until others had their turn; also for the next `ring`."""
        self._runtime.end_of_tick(self.ring)
        await self.wait()
