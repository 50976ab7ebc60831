"""TCP listeners: `HOST:PORT`.

A host name is bound at every address it has, and no host at every address of the machine, always
with one port. IPv6 sockets never take IPv4 connections along (IPV6_V6ONLY): systems differ in that
default, and `0.0.0.0:8000` beside `[::]:8000` works only so; `:8000` means both.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from typing import Any, TypeAlias

from nonecorn.builtin.sockets.address import TCPAddress, display, parse
from nonecorn.builtin.sockets.failures import tcp_error
from nonecorn.spi import BindError, BindRequest, Bound

_Endpoint: TypeAlias = tuple[int, tuple[Any, ...]]
"""Address family and socket address."""

_ATTEMPTS = 32
"""How often the port that the system chose at one address may prove to be taken at another."""

_UNAVAILABLE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""Why one of several addresses may be left out, such as `::1` where IPv6 is switched off."""


def bind(request: BindRequest) -> list[Bound]:
    """Bind and listen on every address that the bind string names.

    Raises:
        ConfigError: The string is not `HOST:PORT`.
        BindError: No such host, or the system refused.
    """
    address = parse(request.address)
    endpoints = _resolve(address, request.address)
    attempts = _ATTEMPTS if address.port == 0 and len(endpoints) > 1 else 1
    while True:
        attempts -= 1
        try:
            sockets = _listen_all(endpoints, address.port, request.backlog)
        except BindError as error:
            if attempts and getattr(error.__cause__, "errno", None) == errno.EADDRINUSE:
                continue
            raise
        return [Bound(sock=sock, display=display(sock)) for sock in sockets]


def _resolve(address: TCPAddress, text: str) -> list[_Endpoint]:
    """Every socket address of a host, without repeats, in the resolver's order."""
    if not address.host:
        wildcard: list[_Endpoint] = [(socket.AF_INET, ("0.0.0.0", address.port))]
        if socket.has_ipv6:
            wildcard.append((socket.AF_INET6, ("::", address.port, 0, 0)))
        return wildcard
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        message = (
            f"cannot bind {text}: the host {address.host!r} has no known address: "
            "check its spelling, or write an address"
        )
        raise BindError(message) from error
    return list(dict.fromkeys((int(family), name) for family, _, _, _, name in found))


def _listen_all(endpoints: list[_Endpoint], port: int, backlog: int) -> list[socket.socket]:
    """Listen on all endpoints with one port; those that this machine lacks are left out."""
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        left_out: BindError | None = None
        for family, name in endpoints:
            host = f"[{name[0]}]" if family == socket.AF_INET6 else name[0]
            try:
                sock = _listen(family, (name[0], port, *name[2:]), backlog)
            except OSError as error:
                failure = tcp_error(f"{host}:{port}", error)
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


def _listen(family: int, name: tuple[Any, ...], backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)  # close-on-exec by default (PEP 446)
    try:
        sock.setblocking(False)
        if sys.platform in ("win32", "cygwin"):
            # There SO_REUSEADDR lets any program take over a port that is in use; this forbids it.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Past connections in TIME_WAIT do not hinder a restart.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(name)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock
