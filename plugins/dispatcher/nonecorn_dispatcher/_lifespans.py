"""The lifespans of all applications of one dispatcher.

Each runs in a task of its own, so that one which fails, hangs or is cancelled does nothing to the
others. They start one after another in the order configured, the default application first, and
stop the other way round. One that fails to start stops the start; those before it are stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nonecorn.spi import LifespanError
from nonecorn.spi.lifespan import Lifespan

if TYPE_CHECKING:
    from nonecorn.spi import ASGIApp
    from nonecorn.spi.lifespan import Tasks

log = logging.getLogger("nonecorn.error")


class Lifespans:
    """One run of them.

    Args:
        tasks: Where they run.

    Attributes:
        failures: Who failed, and why: at start-up one, at shutdown maybe several.
    """

    def __init__(self, tasks: Tasks) -> None:
        self.failures: list[str] = []
        self._tasks = tasks
        self._all: dict[int, tuple[str, Lifespan]] = {}

    def __repr__(self) -> str:
        return f"<Lifespans {', '.join(label or 'default' for label, _ in self._all.values())}>"

    def add(self, app: ASGIApp, label: str, mode: str, state: dict[str, Any] | None = None) -> None:
        """Take an application in; once, however often it is mounted.

        Args:
            app: The application.
            label: What it is called in messages.
            mode: `auto`, `on` or `off`.
            state: Its dictionary, if that is somebody else's.
        """
        if id(app) not in self._all:
            lifespan = Lifespan(app, self._tasks, mode, label=label, state=state)
            self._all[id(app)] = label, lifespan

    def state_of(self, app: ASGIApp) -> dict[str, Any] | None:
        """An application's state; None where it has no lifespan."""
        found = self._all.get(id(app))
        return found[1].state if found is not None and found[1].supported else None

    async def start(self) -> bool:
        """Start all; False, and all stopped, where one fails."""
        begun: list[tuple[str, Lifespan]] = []
        for label, lifespan in self._all.values():
            try:
                await lifespan.startup(0)
            except LifespanError as error:
                if error.__cause__ is not None:
                    what = _told(label, "the application raised during lifespan start-up")
                    log.exception(what, exc_info=error.__cause__)
                await self._stop(begun)
                self.failures.insert(0, _told(label, lifespan.reason))
                return False
            begun.append((label, lifespan))
        return True

    async def stop(self) -> bool:
        """Stop all; False where one fails, which keeps no other from being stopped."""
        await self._stop(self._all.values())
        return not self.failures

    def cancel(self) -> None:
        """End what still runs, without ceremony."""
        for _, lifespan in self._all.values():
            lifespan.cancel()

    async def _stop(self, those: Iterable[tuple[str, Lifespan]]) -> None:
        for label, lifespan in reversed(list(those)):
            if not await lifespan.shutdown(0):
                self.failures.append(_told(label, lifespan.reason))


def _told(label: str, reason: str) -> str:
    return f"{label}: {reason}" if label else reason
