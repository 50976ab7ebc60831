"""One socket per worker, all with one address (SO_REUSEPORT).

Linux spreads new connections over such sockets evenly; over workers that share one it does not: who
is awake already gets nearly all. Elsewhere the option has other meanings, and workers share.
"""

from __future__ import annotations

import contextlib
import socket
import sys

SPREADS = sys.platform == "linux"
"""The system spreads connections over sockets with one address."""

_INHERITED = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE"),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE"),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL"),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT"),
)
"""Options of a listening socket that its connections have too."""


def sibling(sock: socket.socket, backlog: int) -> socket.socket:
    """Another socket with the address and the options of one that was bound with SO_REUSEPORT.

    Raises:
        OSError: The system refused: another user's process may not join, for one.
    """
    other = socket.socket(sock.family, sock.type, sock.proto)
    try:
        other.setblocking(False)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if sock.family == socket.AF_INET6:
            only = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        if sock.type == socket.SOCK_STREAM:
            for level, name in _INHERITED:
                with contextlib.suppress(AttributeError, OSError):
                    option = getattr(socket, name)
                    other.setsockopt(level, option, sock.getsockopt(level, option))
        other.bind(sock.getsockname())
        if sock.type == socket.SOCK_STREAM:
            other.listen(backlog)
    except BaseException:
        other.close()
        raise
    return other
