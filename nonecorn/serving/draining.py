"""How a worker's requests end: finished, if they have the time, and cut off otherwise.

A server that stops closes idle connections at once. A worker that another one replaces lets them
linger: a client that was about to send its next request on one would otherwise lose it. What comes
meanwhile is served, and answered with `Connection: close`; what stays silent is closed after a
while, as any idle connection is.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from nonecorn.serving.load import Load

if TYPE_CHECKING:
    from nonecorn.serving.connections import Connections
    from nonecorn.serving.contexts import Contexts
    from nonecorn.spi import Connection, Runtime

_CANCELLING = 1.0
"""Seconds that cancelled applications have to clean up, and aborted connections to close."""
_ARRIVING, _TICK = 5, 0.01
"""How often, and for how many seconds, a loop is left to itself after its listeners were closed."""
_LOOK = 0.05
"""Seconds between two looks at what still runs."""


class Draining:
    """The end of one worker's requests.

    Args:
        runtime: The worker's.
        contexts: Say which applications run.
        connections: Say when the last has gone.
        apart: Connections that are no clients': nobody waits for them, and they stay.
    """

    __slots__ = (
        "_apart", "_connections", "_contexts", "_hurried", "_lingering", "_log", "_runtime",
    )  # fmt: skip

    def __init__(
        self,
        runtime: Runtime,
        contexts: Contexts,
        connections: Connections,
        apart: Collection[Connection] = (),
    ) -> None:
        self._apart = apart
        self._runtime = runtime
        self._contexts = contexts
        self._connections = connections
        self._hurried = False
        self._lingering = True
        self._log = logging.getLogger("nonecorn.error")

    def __repr__(self) -> str:
        return f"<Draining {len(self._contexts.running)} requests, {self._connections!r}>"

    @property
    def load(self) -> Load:
        """What there is to do."""
        queue = self._contexts.queue
        return Load(
            connections=self._connections.open,
            requests=len(self._contexts.running),
            waiting=0 if queue is None else queue.waiting,
        )

    @property
    def _ports(self) -> list[Connection]:
        """Clients' connections."""
        return [port for port in self._runtime.ports if port not in self._apart]

    async def see_off(self, seconds: float, timeout: float) -> None:
        """Serve those who come, on the connections that they have or on others, once each.

        Args:
            seconds: For how long at most; until nobody is there, if that is sooner.
            timeout: As for `run`, which comes next; no more than half of it is taken here too.
        """
        self._contexts.drain()
        await self._linger(min(seconds, timeout / 2))

    async def run(self, timeout: float, linger: float = 0.0) -> bool:
        """Take nothing new, let requests finish, and cut off those that do not.

        Args:
            timeout: Seconds for them to finish.
            linger: Seconds that idle connections stay open first; half of `timeout` at most.

        Returns:
            Whether all did.
        """
        runtime, running = self._runtime, self._contexts.running
        deadline = runtime.time() + timeout
        self._contexts.drain()
        self._connections.close_listeners()
        for stream in list(running):
            try:
                stream.shutdown()
            except Exception:  # noqa: BLE001  # logged
                self._log.exception("%r raised at shutdown", stream)
        if linger:
            await self._linger(min(linger, timeout / 2))
        self._connections.ending = True
        for port in self._ports:
            try:
                port.protocol.shutdown()
            except Exception:  # noqa: BLE001  # logged
                self._log.exception("%r raised at shutdown; its connection is aborted", port)
                port.abort()
        if running:
            left = max(0.0, deadline - runtime.time())
            self._log.info("stopping: %d requests have %.3g s to finish", len(running), left)
        while self._ports or running:
            left = deadline - runtime.time()
            if self._hurried or left <= 0:
                await self._cut_and_wait()
                return False
            await self._pass(min(_LOOK, left))
        return True

    def settle(self) -> None:
        """Do not let idle connections linger any longer."""
        self._lingering = False
        self._look_now()

    def hurry(self) -> None:
        """Do not wait for requests any longer."""
        self._hurried = True
        self._lingering = False
        self._look_now()

    def cut(self) -> int:
        """Cancel every application. Returns how many there were."""
        running: list[Any] = list(self._contexts.running)
        for stream in running:
            if stream.job is not None:
                stream.job.cancel()
        return len(running)

    async def _linger(self, seconds: float) -> None:
        """Serve those who come once more, until they are silent."""
        runtime, running = self._runtime, self._contexts.running
        until = runtime.time() + seconds
        await self._arrivals()
        while self._lingering and (self._ports or running) and runtime.time() < until:
            await self._pass(min(_LOOK, until - runtime.time()))

    async def _arrivals(self) -> None:
        """Wait for connections that the loop has accepted and that are not ports yet.

        That takes a few ticks of the loop, however long they are; an empty set of ports says
        nothing meanwhile.
        """
        runtime = self._runtime
        for _ in range(_ARRIVING):
            tick = runtime.waiter()
            runtime.call_at(runtime.time() + _TICK, tick.set)
            await tick.wait()

    def _look_now(self) -> None:
        if self._connections.emptied is not None:
            self._connections.emptied.set()

    async def _cut_and_wait(self) -> None:
        runtime, running = self._runtime, self._contexts.running
        connections = len(self._ports)
        self._log.warning("%d requests and %d connections were cut off", self.cut(), connections)
        deadline = runtime.time() + _CANCELLING
        while running and runtime.time() < deadline:
            await self._pass(_LOOK)
        for port in self._ports:
            port.abort()
        deadline = runtime.time() + _CANCELLING
        while self._ports and runtime.time() < deadline:
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
