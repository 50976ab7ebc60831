"""`health_bind` where there is no supervisor: on the worker's own event loop, from before the
application's start-up to after its shutdown.

These connections are no clients: a drain does not wait for them, no limit of connections holds them
up, and no observer hears of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nonecorn.serving.health.connection import HealthConnection

if TYPE_CHECKING:
    from nonecorn.serving.bindings import Binding
    from nonecorn.serving.health.facts import Facts
    from nonecorn.spi import Listening, Port, Protocol, Runtime

CONNECTIONS = 64
"""Connections at once: a further one takes the place of the oldest."""
_SEND_BUFFER = 1 << 20


class HealthService:
    """See the module.

    Args:
        runtime: The worker's.
        facts: What to tell.

    Attributes:
        ports: The connections, oldest first.
    """

    __slots__ = ("_facts", "_listenings", "_runtime", "ports")

    def __init__(self, runtime: Runtime, facts: Callable[[], Facts]) -> None:
        self._runtime = runtime
        self._facts = facts
        self._listenings: list[Listening] = []
        self.ports: dict[Port, None] = {}

    def __repr__(self) -> str:
        return f"<HealthService {len(self._listenings)} listeners, {len(self.ports)} connections>"

    async def listen(self, bindings: Iterable[Binding], backlog: int) -> None:
        """Answer whoever connects to these, whose queues have that length."""
        for binding in bindings:
            self._listenings.append(
                await self._runtime.listen(
                    binding.bound.sock, self._accept, backlog=backlog, send_buffer=_SEND_BUFFER
                )
            )

    def close(self) -> None:
        """Answer nobody any more. Idempotent."""
        for listening in self._listenings:
            listening.close()
        self._listenings.clear()
        for port in list(self.ports):
            port.close()

    def _accept(self, port: Port) -> Protocol:
        if len(self.ports) >= CONNECTIONS:
            # An honest one is done in no time: who keeps its connection does not keep others out.
            oldest = next(iter(self.ports))
            del self.ports[oldest]
            oldest.abort()
        self.ports[port] = None
        port.on_close = self._closed
        return HealthConnection(port, self._facts)

    def _closed(self, port: Port) -> None:
        self.ports.pop(port, None)
