"""A listener without a socket: the test makes the connections."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nonecorn.testing.port import MemoryPort

if TYPE_CHECKING:
    from nonecorn.spi import Port, Protocol
    from nonecorn.testing.runtime import MemoryRuntime


class MemoryListening:
    """What `MemoryRuntime.listen` returns.

    Attributes:
        sock: As given.
        limit: Connections that may wait.
        paused: `pause` was called: connections wait in `backlog`.
        closed: `close` was called.
        backlog: Connections that were not accepted yet.
    """

    def __init__(
        self,
        runtime: MemoryRuntime,
        sock: Any,
        accept: Callable[[Port], Protocol],
        backlog: int,
        send_buffer: int,
    ) -> None:
        self.sock = sock
        self.limit = backlog
        self.paused = False
        self.closed = False
        self.backlog: deque[MemoryPort] = deque()
        self._runtime = runtime
        self._accept = accept
        self._send_buffer = send_buffer

    def connect(self, **options: Any) -> MemoryPort:
        """A client connects: the port is served, or waits in `backlog` while accepting is paused.

        Args:
            **options: Those of `MemoryPort`.

        Raises:
            ConnectionRefusedError: The listener was closed, or its backlog is full.
        """
        if self.closed or len(self.backlog) >= self.limit:
            message = f"{self!r} takes no connections"
            raise ConnectionRefusedError(message)
        port = MemoryPort(self._runtime, **{"send_buffer": self._send_buffer, **options})
        self.backlog.append(port)
        self._accept_waiting()
        return port

    def pause(self) -> None:
        """Accept no more for now."""
        self.paused = True

    def resume(self) -> None:
        """Accept what waits, and again."""
        self.paused = False
        self._accept_waiting()

    def close(self) -> None:
        """Stop for good; what waits in the backlog is refused."""
        self.closed = True
        while self.backlog:
            self.backlog.popleft().closed = True

    def _accept_waiting(self) -> None:
        while self.backlog and not self.paused and not self.closed:
            port = self.backlog.popleft()
            port.set_protocol(self._accept(port))

    def __repr__(self) -> str:
        state = "closed" if self.closed else "paused" if self.paused else "open"
        return f"<MemoryListening {state} backlog={len(self.backlog)}>"
