"""UDP sockets of a bind string, `HOST:PORT` as for TCP.

Their buffers are as large as the system allows: what arrives while the worker is busy waits there.
IP must not fragment what is sent (RFC 9000 section 14).
"""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import TYPE_CHECKING

from nonecorn.spi.bind_hosts import bind_hosts

if TYPE_CHECKING:
    from nonecorn.spi import BindRequest, Bound

_BUFFER = 4 << 20
"""Bytes that the system is asked for, each way; it gives what `net.core.rmem_max` allows."""

# linux/in.h, linux/in6.h; Python does not name them.
_IP_MTU_DISCOVER = 10
_IPV6_MTU_DISCOVER = 23
_PMTUDISC_PROBE = 3
_IP_DONTFRAG = {"darwin": 28, "win32": 14}
_IPV6_DONTFRAG = {"darwin": 62, "win32": 14}


def bind(request: BindRequest) -> list[Bound]:
    """Bind every address that the bind string names.

    Raises:
        ConfigError: The string is not `HOST:PORT`.
        BindError: No such host, or the system refused.
    """
    return bind_hosts(request, socket.SOCK_DGRAM, prepare=_prepare)


def _prepare(sock: socket.socket) -> None:
    _enlarge(sock)
    _keep_whole(sock, sock.family)


def _enlarge(sock: socket.socket) -> None:
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)


def _keep_whole(sock: socket.socket, family: int) -> None:
    """Never fragment; and let probes of the path be longer than the system thinks it carries."""
    v6 = family == socket.AF_INET6
    level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
    if sys.platform == "linux":
        option: int | None = _IPV6_MTU_DISCOVER if v6 else _IP_MTU_DISCOVER
        value = _PMTUDISC_PROBE
    else:
        option = (_IPV6_DONTFRAG if v6 else _IP_DONTFRAG).get(sys.platform)
        value = 1
    if option is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(level, option, value)
