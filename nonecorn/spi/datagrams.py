"""Datagrams in batches: what every runtime does with a non-blocking UDP socket.

Packets of one size for one peer, which is what QUIC sends, go to the kernel in a single call where
it segments them (Linux: UDP_SEGMENT, udp(7)); elsewhere, and for everything else, one by one.
"""

from __future__ import annotations

import errno
import struct
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

_RECEIVES = 64
"""Datagrams taken per readiness."""
_MAX_DATAGRAM = 65535
_SOL_UDP = 17
_UDP_SEGMENT = 103
_MAX_SEGMENTS = 64  # UDP_MAX_SEGMENTS of the kernels that introduced it
_NO_SEGMENTS = (errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP)
_MAX_PAYLOAD = 65000  # what is segmented must fit one IP datagram first, headers included


class DatagramBatches:
    """Sends and receives on one non-blocking datagram socket.

    Args:
        sock: The socket; it stays the caller's.
    """

    __slots__ = ("_segments", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._segments = sys.platform == "linux"

    def __repr__(self) -> str:
        return f"<DatagramBatches {'segmented' if self._segments else 'one by one'}>"

    def receive(self) -> list[tuple[bytes, Any]]:
        """What has arrived, oldest first, up to a bound; empty where nothing has."""
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
        return packets

    def send(self, packets: list[bytes], address: Any) -> None:
        """Send to one peer; what the kernel does not take now is dropped, as the network might."""
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
        except OSError as error:
            # Only what says that segments cannot be had ends them for good: an old kernel, a device
            # without checksums. A bad address is one peer's, who could otherwise slow all others.
            if error.errno in _NO_SEGMENTS:
                self._segments = False
            return False
        return True
