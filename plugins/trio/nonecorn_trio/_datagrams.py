"""A bound datagram socket, for QUIC."""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Any

from nonecorn.spi import DatagramBatches
from nonecorn_trio._poller import READ

if TYPE_CHECKING:
    from nonecorn.spi import Endpoint, Runtime
    from nonecorn.spi.runtime import Address
    from nonecorn_trio._runtime import TrioRuntime

_logger = logging.getLogger("nonecorn.error")


class DatagramSocket:
    """See `nonecorn.spi.DatagramPort`. Owns `sock`, a copy of the bound socket."""

    __slots__ = ("_batches", "_closed", "_endpoint", "_owner", "_sock", "runtime", "server")

    def __init__(self, owner: TrioRuntime, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.runtime: Runtime = owner
        self._owner = owner
        self._sock = sock
        self._batches = DatagramBatches(sock)
        self._closed = False
        self._endpoint: Endpoint | None = None
        name = sock.getsockname()
        self.server: Address | None = (
            (name[0], name[1]) if isinstance(name, tuple) else (os.fsdecode(name), None)
        )

    def start(self, endpoint: Endpoint) -> None:
        """Begin to receive."""
        self._endpoint = endpoint
        if not self._closed:
            self._owner.poller.register(self._sock, READ, self._ready)

    def send(self, packets: list[bytes], address: Any, mark: int = 0) -> None:
        """Send to one peer."""
        if not self._closed:
            self._batches.send(packets, address, mark)

    def pause_reading(self) -> None:
        """Receive no more, and still send."""
        if self._endpoint is not None and not self._closed:
            self._endpoint = None
            self._owner.poller.unregister(self._sock)

    def close(self) -> None:
        """Stop for good."""
        if not self._closed:
            self.pause_reading()
            self._closed = True
            self._sock.close()
            self._owner.socket_closed(self)

    def _ready(self, _mask: int) -> None:
        # The mask may be older than `close`.
        if self._closed or self._endpoint is None:
            return
        packets = self._batches.receive()
        if packets:
            try:
                self._endpoint.datagrams_received(packets)
            except Exception:
                _logger.exception("%r raised in datagrams_received", self._endpoint)

    def __repr__(self) -> str:
        return f"<DatagramSocket {'closed' if self._closed else 'open'} server={self.server}>"
