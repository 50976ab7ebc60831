"""Datagrams in batches: what every runtime does with a non-blocking UDP socket.

Packets of one size for one peer, which is what QUIC sends, go to the kernel in a single call where
it segments them, and come from it in a single call where it has put them together (Linux:
UDP_SEGMENT and UDP_GRO, udp(7)); elsewhere, and for everything else, one by one. With each comes
what routers have marked on it (ECN, RFC 3168), where the platform tells; with each leaves the mark
that is asked for, where the platform takes one (`sendmsg`, which Windows' Python does not have).

The field of the IP header is told to the kernel beside the packets: to that part of it which makes
the header, so by IP_TOS also on an IPv6 socket whose peer has an IPv4 address (`::ffff:192.0.2.1`).
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import sys
from typing import Any

Datagram = tuple[bytes, Any, int]
"""Data, the peer's address, and the ECN field of its IP header: 0 where it is not known."""

_RECEIVES = 64
"""Calls per readiness."""
_ENOUGH = 256
"""Datagrams after which no further call is made: what they cause has to be sent, too."""
_MAX_DATAGRAM = 65535
_SOL_UDP = 17
_UDP_SEGMENT = 103
_UDP_GRO = 104
_MAX_SEGMENTS = 64  # UDP_MAX_SEGMENTS of the kernels that introduced it
_NO_SEGMENTS = (errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP)
_NO_MARKS = (errno.EINVAL, errno.ENOPROTOOPT, errno.EOPNOTSUPP)
_MAX_PAYLOAD = 65000  # what is segmented must fit one IP datagram first, headers included

# linux/in.h, linux/in6.h; Python names only some of them.
_IP_TOS = 1
_IP_RECVTOS = 13
_IPV6_RECVTCLASS = 66
_IPV6_TCLASS = 67
_ECN = 0x03
_MAPPED = "::ffff:"
_Control = list[tuple[int, int, bytes]]
"""Ancillary data, as `sendmsg` takes it."""


class DatagramBatches:
    """Sends and receives on one non-blocking datagram socket.

    Args:
        sock: The socket; it stays the caller's.
    """

    __slots__ = ("_buffer", "_marks", "_segments", "_sock", "_together")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        internet = sock.family in (socket.AF_INET, socket.AF_INET6)
        self._segments = sys.platform == "linux" and internet
        self._together = self._segments and _receive_together(sock)
        self._buffer = memoryview(bytearray(_MAX_DATAGRAM if self._together else 0))
        self._marks = _marks(sock) if internet and hasattr(sock, "sendmsg") else {}

    def __repr__(self) -> str:
        kept = "together" if self._together else "one by one"
        marks = "" if self._marks else ", unmarked"
        sent = "segmented" if self._segments else "one by one"
        return f"<DatagramBatches {sent}, {kept}{marks}>"

    def receive(self) -> list[Datagram]:
        """What has arrived, oldest first, up to a bound; empty where nothing has."""
        return self._receive_together() if self._together else self._receive_each()

    def _receive_each(self) -> list[Datagram]:
        packets: list[Datagram] = []
        receive = self._sock.recvfrom
        for _ in range(_RECEIVES):
            try:
                data, address = receive(_MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                # An ICMP error that belongs to some earlier packet of ours.
                continue
            packets.append((data, address, 0))
        return packets

    def _receive_together(self) -> list[Datagram]:
        packets: list[Datagram] = []
        buffer = self._buffer
        buffers = [buffer]
        receive = self._sock.recvmsg_into
        for _ in range(_RECEIVES):
            try:
                size, control, _, address = receive(buffers, _CONTROL)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue
            step, mark = size, 0
            for _, kind, value in control:
                # Between the two families and UDP no number stands for two things.
                if kind == _UDP_GRO:
                    step = int.from_bytes(value[:4], sys.byteorder) or size
                elif kind in (_IP_TOS, _IPV6_TCLASS):
                    mark = value[0 if sys.byteorder == "little" or len(value) == 1 else -1] & _ECN
            if step >= size:
                packets.append((bytes(buffer[:size]), address, mark))
            else:
                packets += [
                    (bytes(buffer[at : min(at + step, size)]), address, mark)
                    for at in range(0, size, step)
                ]
            if len(packets) >= _ENOUGH:
                break
        return packets

    def send(self, packets: list[bytes], address: Any, mark: int = 0) -> None:
        """Send to one peer; what the kernel does not take now is dropped, as the network might.

        Args:
            packets: One datagram each.
            address: The peer's.
            mark: ECN field of their IP headers; 0 for that of the socket, which is what all get
                where the platform takes none.
        """
        control = self._mark(address, mark) if mark else []
        while self._segments and len(packets) > 1:
            count = _alike(packets)
            if count < 2 or not self._send_segments(packets[:count], address, control):
                break
            packets = packets[count:]
        for packet in packets:
            try:
                if control:
                    self._sock.sendmsg((packet,), control, 0, address)
                else:
                    self._sock.sendto(packet, address)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # Too long for the path, or no way to the peer: QUIC finds that out by itself.
                if control and error.errno in _NO_MARKS and self._send_unmarked(packet, address):
                    control = []

    def _send_unmarked(self, packet: bytes, address: Any) -> bool:
        """Send what was refused with a mark. Where that works it was the mark: there will be no
        other. Where it does not, it was the address, which is one peer's affair.
        """
        try:
            self._sock.sendto(packet, address)
        except OSError:
            return False
        self._marks = {}
        return True

    def _mark(self, address: Any, mark: int) -> _Control:
        """What has the headers of datagrams to this peer bear the mark; nothing where they cannot.

        A bleached field harms nobody: whoever marks finds out what arrives (RFC 9000 section 13.4).
        """
        v4 = True not in self._marks or (address[0].startswith(_MAPPED) and "." in address[0])
        found = self._marks.get(not v4)
        return [] if found is None else [found[mark]]

    def _send_segments(self, packets: list[bytes], address: Any, control: _Control) -> bool:
        """Send all in one call: all are as long as the first, and the last is not longer."""
        segment = (_SOL_UDP, _UDP_SEGMENT, struct.pack("=H", len(packets[0])))
        try:
            self._sock.sendmsg(packets, [segment, *control], 0, address)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            # Only what says that segments cannot be had ends them for good: an old kernel, a device
            # without checksums. A bad address is one peer's, who could otherwise slow all others.
            if error.errno in _NO_SEGMENTS:
                self._segments = False
            return False
        return True


_CONTROL = socket.CMSG_SPACE(4) * 3 if hasattr(socket, "CMSG_SPACE") else 0


def _alike(packets: list[bytes]) -> int:
    """How many of the first packets may go in one call."""
    size = len(packets[0])
    if not size:
        return 0
    most = min(len(packets), _MAX_SEGMENTS, _MAX_PAYLOAD // size)
    for count in range(1, most):
        length = len(packets[count])
        if length != size:
            return count + 1 if 0 < length < size else count
    return most


def _receive_together(sock: socket.socket) -> bool:
    """Ask for datagrams put together, and for their marks; False where the kernel does neither."""
    if sock.family == socket.AF_INET6:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVTCLASS, 1)
    with contextlib.suppress(OSError):
        # An IPv6 socket may receive from IPv4 addresses.
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTOS, 1)
    with contextlib.suppress(OSError):
        sock.setsockopt(_SOL_UDP, _UDP_GRO, 1)
        return True
    return False


def _marks(sock: socket.socket) -> dict[bool, tuple[tuple[int, int, bytes], ...]]:
    """Ancillary data for each mark, for IPv4 and (True) IPv6; the other six bits stay the socket's
    (RFC 2474).
    """
    octet = "=B" if sys.platform.startswith("freebsd") else "=i"
    found = {}
    for v6, level, option, form in (
        (False, socket.IPPROTO_IP, getattr(socket, "IP_TOS", None), octet),
        (True, socket.IPPROTO_IPV6, getattr(socket, "IPV6_TCLASS", None), "=i"),
    ):
        if option is None or (v6 and sock.family == socket.AF_INET):
            continue
        service = 0
        with contextlib.suppress(OSError):
            service = sock.getsockopt(level, option) & ~_ECN & 0xFF
        found[v6] = tuple(
            (level, option, struct.pack(form, service | mark)) for mark in range(_ECN + 1)
        )
    return found
