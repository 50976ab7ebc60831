"""TCP listeners: `HOST:PORT`, at every address that means; see `nonecorn.spi.bind_hosts`.

What the options of a listening socket say, its connections inherit: the system then asks silent
peers by itself whether they are still there (TCP keep-alive), which costs the server nothing.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import TYPE_CHECKING

from nonecorn.spi.bind_hosts import bind_hosts

if TYPE_CHECKING:
    from nonecorn.spi import BindRequest, Bound

_PROBES = 4
"""Keep-alive probes without an answer before a connection counts as lost."""


def bind(request: BindRequest) -> list[Bound]:
    """Bind and listen on every address that the bind string names.

    Raises:
        ConfigError: The string is not `HOST:PORT`.
        BindError: No such host, or the system refused.
    """

    def start(sock: socket.socket) -> None:
        _keep_alive(sock, getattr(request.options, "tcp_keep_alive", 0.0))
        sock.listen(request.backlog)

    return bind_hosts(request, socket.SOCK_STREAM, prepare=_prepare, start=start)


def _prepare(sock: socket.socket) -> None:
    if sys.platform not in ("win32", "cygwin"):
        # Past connections in TIME_WAIT do not hinder a restart.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _keep_alive(sock: socket.socket, silence: float) -> None:
    """Ask peers that were silent for so many seconds, and give up on them after as many more."""
    if not silence:
        return
    seconds = max(1, round(silence))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Linux, FreeBSD and Windows say TCP_KEEPIDLE, macOS TCP_KEEPALIVE.
    for names, value in (
        (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), seconds),
        (("TCP_KEEPINTVL",), max(1, seconds // _PROBES)),
        (("TCP_KEEPCNT",), _PROBES),
    ):
        option = next((getattr(socket, each) for each in names if hasattr(socket, each)), None)
        if option is not None:
            # A limit of the platform's on the value is no reason not to serve.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
