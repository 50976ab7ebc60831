"""A datagram socket whose network is the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn.spi import DatagramPort, Endpoint, Runtime
    from nonecorn.spi.runtime import Address
    from nonecorn.testing.runtime import MemoryRuntime


class MemoryDatagramPort:
    """A `DatagramPort` in memory.

    Attributes:
        sent: Every datagram sent, with its address, oldest first.
        marks: The ECN field of each.
        reading: `pause_reading` was not called.
        closed: `close` was called.
    """

    def __init__(
        self,
        runtime: MemoryRuntime,
        endpoint: Callable[[DatagramPort], Endpoint],
        server: Address | None = ("127.0.0.1", 8000),
    ) -> None:
        self.runtime: Runtime = runtime
        self.server = server
        self.sent: list[tuple[bytes, Any]] = []
        self.marks: list[int] = []
        self.reading = True
        self.closed = False
        self._taken = 0
        self.endpoint = endpoint(self)

    def send(self, packets: list[bytes], address: Any, mark: int = 0) -> None:
        """Keep the datagrams in `sent`, and `mark` for each in `marks`."""
        if not self.closed:
            self.sent.extend((packet, address) for packet in packets)
            self.marks.extend([mark] * len(packets))

    def pause_reading(self) -> None:
        """Receive no more."""
        self.reading = False

    def close(self) -> None:
        """Stop receiving."""
        self.closed = True

    def take(self) -> list[tuple[bytes, Any]]:
        """What was sent since the last `take`."""
        packets = self.sent[self._taken :]
        self._taken = len(self.sent)
        return packets

    def receive(
        self, packets: list[bytes], address: Any = ("127.0.0.1", 50000), *, mark: int = 0
    ) -> None:
        """Datagrams arrive from one peer, in one call; `mark` is their ECN field."""
        if self.reading and not self.closed and packets:
            self.endpoint.datagrams_received([(packet, address, mark) for packet in packets])

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<MemoryDatagramPort {state} sent={len(self.sent)}>"
