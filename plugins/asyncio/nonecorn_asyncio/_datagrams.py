"""A bound datagram socket under asyncio."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nonecorn.spi import DatagramBatches
from nonecorn_asyncio._listening import local_address

if TYPE_CHECKING:
    from nonecorn.spi import DatagramPort, Endpoint
    from nonecorn_asyncio._runtime import AsyncioRuntime


class AsyncioDatagramPort:
    """See `nonecorn.spi.DatagramPort`."""

    __slots__ = ("_batches", "_closed", "_endpoint", "_sock", "runtime", "server")

    def __init__(
        self,
        runtime: AsyncioRuntime,
        sock: socket.socket,
        endpoint: Callable[[DatagramPort], Endpoint],
    ) -> None:
        self.runtime = runtime
        self.server = local_address(sock)
        self._sock = sock.dup()
        self._sock.setblocking(False)
        self._batches = DatagramBatches(self._sock)
        self._closed = False
        self._endpoint = endpoint(self)
        runtime.sockets.add(self)
        runtime.loop.add_reader(self._sock.fileno(), self._readable)

    def __repr__(self) -> str:
        return f"<AsyncioDatagramPort {'closed' if self._closed else 'open'} {self.server}>"

    def _readable(self) -> None:
        packets = self._batches.receive()
        if packets:
            try:
                self._endpoint.datagrams_received(packets)
            except Exception:
                self.runtime.log.exception("%r: datagrams could not be handled", self)

    def send(self, packets: list[bytes], address: Any, mark: int = 0) -> None:
        """See `nonecorn.spi.DatagramPort`."""
        if not self._closed:
            self._batches.send(packets, address, mark)

    def pause_reading(self) -> None:
        """See `nonecorn.spi.DatagramPort`."""
        if not self._closed:
            self.runtime.loop.remove_reader(self._sock.fileno())

    def close(self) -> None:
        """See `nonecorn.spi.DatagramPort`."""
        if not self._closed:
            self.pause_reading()
            self._closed = True
            self.runtime.sockets.discard(self)
            self._sock.close()
