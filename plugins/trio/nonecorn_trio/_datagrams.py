"""A bound datagram socket.

Packets of one size for one peer, which is what QUIC sends, go to the kernel in a single call where
it segments them (Linux: UDP_SEGMENT, udp(7)).
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

from nonecorn_trio._poller import READ

if TYPE_CHECKING:
    from nonecorn.spi import Endpoint, Runtime
    from nonecorn.spi.runtime import Address
    from nonecorn_trio._runtime import TrioRuntime

_logger = logging.getLogger("nonecorn.error")
_RECEIVES = 64
"""Datagrams taken per readiness."""
_MAX_DATAGRAM = 65535
_SOL_UDP = 17
_UDP_SEGMENT = 103
_MAX_SEGMENTS = 64  # UDP_MAX_SEGMENTS of the kernels that introduced it.
_MAX_PAYLOAD = 65000  # What is segmented must fit one IP datagram first, headers included.


class DatagramSocket:
    """See `nonecorn.spi.DatagramPort`. Owns `sock`, a copy of the bound socket."""

    __slots__ = ("_closed", "_endpoint", "_owner", "_segments", "_sock", "runtime", "server")

    def __init__(self, owner: TrioRuntime, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.runtime: Runtime = owner
        self._owner = owner
        self._sock = sock
        self._closed = False
        self._endpoint: Endpoint | None = None
        self._segments = sys.platform == "linux"
        name = sock.getsockname()
        self.server: Address | None = (
            (name[0], name[1]) if isinstance(name, tuple) else (os.fsdecode(name), None)
        )

    def start(self, endpoint: Endpoint) -> None:
        """Begin to receive."""
        self._endpoint = endpoint
        if not self._closed:
            self._owner.poller.register(self._sock, READ, self._ready)

    def close(self) -> None:
        """Stop for good."""
        if not self._closed:
            self._closed = True
            if self._endpoint is not None:
                self._owner.poller.unregister(self._sock)
            self._sock.close()
            self._owner.socket_closed(self)

    def send(self, packets: list[bytes], address: Any) -> None:
        """Send to one peer; what the kernel does not take now is dropped, as the network might."""
        if self._closed:
            return
        if self._segments and len(packets) > 1 and self._send_segments(packets, address):
            return
        for packet in packets:
            try:
                self._sock.sendto(packet, address)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # Too long for the path, or no way to the peer: QUIC finds that out by itself.
                continue

    def _send_segments(self, packets: list[bytes], address: Any) -> bool:
        """Send all in one call, where all are as long as the first and the last is not longer."""
        size = len(packets[0])
        if (
            len(packets) > _MAX_SEGMENTS
            or size * len(packets) > _MAX_PAYLOAD
            or not 0 < len(packets[-1]) <= size
            or any(len(packet) != size for packet in packets[1:-1])
        ):
            return False
        control = [(_SOL_UDP, _UDP_SEGMENT, struct.pack("=H", size))]
        try:
            self._sock.sendmsg(packets, control, 0, address)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            # An old kernel, a device without checksums (EIO), a bad address: one at a time will
            # tell.
            self._segments = False
            return False
        return True

    def _ready(self, _mask: int) -> None:
        packets: list[tuple[bytes, Any]] = []
        receive = self._sock.recvfrom
        for _ in range(_RECEIVES):
            try:
                packets.append(receive(_MAX_DATAGRAM))
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                # An ICMP error that belongs to some earlier packet of ours.
                continue
        if packets and self._endpoint is not None:
            try:
                self._endpoint.datagrams_received(packets)
            except Exception:
                _logger.exception("%r raised in datagrams_received", self._endpoint)

    def __repr__(self) -> str:
        return f"<DatagramSocket {'closed' if self._closed else 'open'} server={self.server}>"
