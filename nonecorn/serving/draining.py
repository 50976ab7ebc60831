"""How a worker's requests end: finished, if they have the time, and cut off otherwise."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn.serving.connections import Connections
    from nonecorn.serving.contexts import Contexts
    from nonecorn.spi import Runtime

_CANCELLING = 1.0
"""Seconds that cancelled applications have to clean up, and aborted connections to close."""
_LOOK = 0.05
"""Seconds between two looks at what still runs."""


class Draining:
    """The end of one worker's requests.

    Args:
        runtime: The worker's.
        contexts: Say which applications run.
        connections: Say when the last has gone.
    """

    __slots__ = ("_connections", "_contexts", "_hurried", "_log", "_runtime")

    def __init__(self, runtime: Runtime, contexts: Contexts, connections: Connections) -> None:
        self._runtime = runtime
        self._contexts = contexts
        self._connections = connections
        self._hurried = False
        self._log = logging.getLogger("nonecorn.error")

    def __repr__(self) -> str:
        return f"<Draining {len(self._contexts.running)} requests, {self._connections!r}>"

    async def run(self, timeout: float) -> bool:
        """Take nothing new, let requests finish, and cut off those that do not.

        Args:
            timeout: Seconds for them to finish.

        Returns:
            Whether all did.
        """
        runtime, running = self._runtime, self._contexts.running
        self._contexts.drain()
        self._connections.close_listeners()
        for stream in list(running):
            try:
                stream.shutdown()
            except Exception:  # noqa: BLE001  # logged
                self._log.exception("%r raised at shutdown", stream)
        for port in list(runtime.ports):
            try:
                port.protocol.shutdown()
            except Exception:  # noqa: BLE001  # logged
                self._log.exception("%r raised at shutdown; its connection is aborted", port)
                port.abort()
        if running:
            self._log.info("stopping: %d requests have %g s to finish", len(running), timeout)
        deadline = runtime.time() + timeout
        while runtime.ports or running:
            left = deadline - runtime.time()
            if self._hurried or left <= 0:
                await self._cut_and_wait()
                return False
            await self._pass(min(_LOOK, left))
        return True

    def hurry(self) -> None:
        """Do not wait for requests any longer."""
        self._hurried = True
        if self._connections.emptied is not None:
            self._connections.emptied.set()

    def cut(self) -> int:
        """Cancel every application. Returns how many there were."""
        running: list[Any] = list(self._contexts.running)
        for stream in running:
            if stream.job is not None:
                stream.job.cancel()
        return len(running)

    async def _cut_and_wait(self) -> None:
        runtime, running = self._runtime, self._contexts.running
        connections = len(runtime.ports)
        self._log.warning("%d requests and %d connections were cut off", self.cut(), connections)
        deadline = runtime.time() + _CANCELLING
        while running and runtime.time() < deadline:
            await self._pass(_LOOK)
        for port in list(runtime.ports):
            port.abort()
        deadline = runtime.time() + _CANCELLING
        while runtime.ports and runtime.time() < deadline:
            await self._pass(_LOOK)

    async def _pass(self, seconds: float) -> None:
        """Wait a while, or until the last connection closes or there is a hurry."""
        emptied = self._connections.emptied = self._runtime.waiter()
        timer = self._runtime.call_at(self._runtime.time() + seconds, emptied.set)
        try:
            await emptied.wait()
        finally:
            timer.cancel()
            self._connections.emptied = None
