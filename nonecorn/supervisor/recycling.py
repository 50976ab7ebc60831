"""When a worker has served long enough, is too large, or hangs; and the service manager's watchdog.

Nothing here costs anything where it is not configured: no timer, no ping.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from nonecorn.spi.units import format_bytes, format_seconds
from nonecorn.supervisor.memory import CHEAP, resident

if TYPE_CHECKING:
    from nonecorn.config.schema import ServerSettings
    from nonecorn.serving.service_manager import ServiceManager
    from nonecorn.supervisor.child import Child
    from nonecorn.supervisor.loop import Loop, Timer
    from nonecorn.supervisor.pool import Pool

_LOOK = 1.0 if CHEAP else 10.0
"""Seconds between two looks at the workers' memory."""
_PINGS = 4
"""How often a worker is asked within the time that it has to answer."""


class Recycling:
    """See the module.

    Args:
        loop: The supervisor's.
        pool: The workers.
        manager: Wants to hear that they are alive.
    """

    def __init__(self, loop: Loop, pool: Pool, manager: ServiceManager) -> None:
        self._loop = loop
        self._pool = pool
        self._manager = manager
        self._asking: Timer | None = None
        self._weighing: Timer | None = None
        self.reconfigured()
        if manager.watchdog_interval:
            self._feed()

    def __repr__(self) -> str:
        server = self._settings
        return (
            f"<Recycling lifetime={server.max_worker_lifetime:g} "
            f"memory={server.max_worker_memory} hang={server.worker_hang_timeout:g}>"
        )

    @property
    def _settings(self) -> ServerSettings:
        return self._pool.generation.plan.server

    @property
    def _ping_interval(self) -> float:
        wanted = (self._settings.worker_hang_timeout, 2 * self._manager.watchdog_interval)
        return min((seconds for seconds in wanted if seconds), default=0.0) / _PINGS

    def child_serves(self, child: Child) -> None:
        """A worker begins to serve: its life is measured from now on."""
        server = self._settings
        if server.max_worker_lifetime:
            lifetime = server.max_worker_lifetime
            jitter = random.uniform(0, server.max_worker_lifetime_jitter)  # noqa: S311
            reason = f"it has served for max_worker_lifetime, {format_seconds(lifetime)}"
            self._loop.call_later(lifetime + jitter, lambda: self._pool.wish(child, reason))

    def reconfigured(self) -> None:
        """A generation with other settings has taken over."""
        if self._ping_interval and self._asking is None:
            self._ask()
        if self._settings.max_worker_memory and self._weighing is None:
            self._weigh()

    def _weigh(self) -> None:
        most = self._settings.max_worker_memory
        self._weighing = self._loop.call_later(_LOOK, self._weigh) if most else None
        for child in self._pool.serving if most else ():
            size = resident(child.pid)
            if size > most:
                text = f"its memory, {format_bytes(size)}, is over max_worker_memory"
                self._pool.wish(child, text)

    def _ask(self) -> None:
        interval = self._ping_interval
        self._asking = self._loop.call_later(interval, self._ask) if interval else None
        patience = self._settings.worker_hang_timeout
        now = time.monotonic()
        for child in self._pool.serving:
            if patience and child.asked is not None and now - child.asked > patience:
                child.hang(patience)
            else:
                child.ping()

    def _feed(self) -> None:
        """Workers that serve and do not answer, none of them, are for the service manager."""
        interval = self._manager.watchdog_interval
        oldest = time.monotonic() - 2 * interval
        serving = self._pool.serving
        if not serving or any(child.answered > oldest for child in serving):
            self._manager.alive()
        self._loop.call_later(interval, self._feed)
