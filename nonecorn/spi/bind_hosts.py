"""Sockets of a `HOST:PORT` bind string, for whatever transport: TCP, or UDP.

A host name is bound at every address it has, and no host at every address of the machine, always
with one port. IPv6 sockets never take IPv4 along (IPV6_V6ONLY): systems differ in that default, and
`0.0.0.0:8000` beside `[::]:8000` works only so; `:8000` means both.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from nonecorn.spi.bind_address import TCPAddress, display, parse
from nonecorn.spi.bind_failures import tcp_error
from nonecorn.spi.errors import BindError, ConfigError
from nonecorn.spi.transport import BindRequest, Bound

_Endpoint: TypeAlias = tuple[int, tuple[Any, ...]]
"""Address family and socket address."""

_ATTEMPTS = 32
"""How often the port that the system chose at one address may prove to be taken at another."""

_UNAVAILABLE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""Why one of several addresses may be left out, such as `::1` where IPv6 is switched off."""


def bind_hosts(
    request: BindRequest,
    kind: socket.SocketKind,
    *,
    prepare: Callable[[socket.socket], None],
    start: Callable[[socket.socket], None] | None = None,
) -> list[Bound]:
    """Bind every address that a bind string names.

    Args:
        request: What is to be bound.
        kind: Of socket.
        prepare: Sets what must be set before a socket is bound.
        start: Does what is to be done once it is, such as to listen.

    Raises:
        ConfigError: The string is not `HOST:PORT`.
        BindError: No such host, or the system refused.
    """
    address = parse(request.address)
    endpoints = _resolve(address, request.address, kind)
    if request.reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        message = "reuse_port: this platform has no SO_REUSEPORT: set it to 'auto' or 'off'"
        raise ConfigError(message)

    def open_one(family: int, name: tuple[Any, ...]) -> socket.socket:
        if request.reuse_port and name[1] and getattr(request.options, "reuse_port", "") != "on":
            # Meant for our own workers. A second start of the server, which would set the option
            # too, would silently get half of the clients: see that nobody is there yet.
            _socket(family, name, kind, prepare).close()
        sock = _socket(family, name, kind, prepare, reuse_port=request.reuse_port)
        try:
            if start is not None:
                start(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    note = " (UDP)" if kind == socket.SOCK_DGRAM else ""
    attempts = _ATTEMPTS if address.port == 0 and len(endpoints) > 1 else 1
    while True:
        attempts -= 1
        try:
            sockets = _open_all(endpoints, address.port, open_one, note)
        except BindError as error:
            if attempts and getattr(error.__cause__, "errno", None) == errno.EADDRINUSE:
                continue
            raise
        return [
            Bound(sock=sock, display=display(sock), reuse_port=request.reuse_port)
            for sock in sockets
        ]


def _resolve(address: TCPAddress, text: str, kind: socket.SocketKind) -> list[_Endpoint]:
    """Every socket address of a host, without repeats, in the resolver's order."""
    if not address.host:
        wildcard: list[_Endpoint] = [(socket.AF_INET, ("0.0.0.0", address.port))]
        if socket.has_ipv6:
            wildcard.append((socket.AF_INET6, ("::", address.port, 0, 0)))
        return wildcard
    try:
        found = socket.getaddrinfo(address.host, address.port, type=kind, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        message = (
            f"cannot bind {text}: the host {address.host!r} has no known address: "
            "check its spelling, or write an address"
        )
        raise BindError(message) from error
    return list(dict.fromkeys((int(family), name) for family, _, _, _, name in found))


def _open_all(
    endpoints: list[_Endpoint],
    port: int,
    open_one: Callable[[int, tuple[Any, ...]], socket.socket],
    note: str,
) -> list[socket.socket]:
    """Open all endpoints with one port; those that this machine lacks are left out."""
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        left_out: BindError | None = None
        for family, name in endpoints:
            host = f"[{name[0]}]" if family == socket.AF_INET6 else name[0]
            try:
                sock = open_one(family, (name[0], port, *name[2:]))
            except OSError as error:
                failure = tcp_error(f"{host}:{port}{note}", error)
                if len(endpoints) == 1 or error.errno not in _UNAVAILABLE:
                    raise failure from error
                left_out = failure
                continue
            sockets.append(opened.enter_context(sock))
            port = sock.getsockname()[1]
        if left_out is not None and not sockets:
            raise left_out
        opened.pop_all()
        return sockets


def _socket(
    family: int,
    name: tuple[Any, ...],
    kind: socket.SocketKind,
    prepare: Callable[[socket.socket], None],
    *,
    reuse_port: bool = False,
) -> socket.socket:
    """A bound socket."""
    sock = socket.socket(family, kind)  # close-on-exec by default (PEP 446)
    try:
        sock.setblocking(False)
        if sys.platform in ("win32", "cygwin"):
            # There SO_REUSEADDR lets any program take over a port that is in use; this forbids it.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        prepare(sock)
        sock.bind(name)
    except BaseException:
        sock.close()
        raise
    return sock
