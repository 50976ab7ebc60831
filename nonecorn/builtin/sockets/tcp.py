"""TCP listeners: `HOST:PORT`.

A host name is bound at every address it has, and no host at every address of the machine, always
with one port. IPv6 sockets never take IPv4 connections along (IPV6_V6ONLY): systems differ in that
default, and `0.0.0.0:8000` beside `[::]:8000` works only so; `:8000` means both.

What the options of a listening socket say, its connections inherit: the system then asks silent
peers by itself whether they are still there (TCP keep-alive), which costs the server nothing.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from typing import Any, TypeAlias

from nonecorn.builtin.sockets.address import TCPAddress, display, parse
from nonecorn.builtin.sockets.failures import tcp_error
from nonecorn.spi import BindError, BindRequest, Bound, ConfigError

_Endpoint: TypeAlias = tuple[int, tuple[Any, ...]]
"""Address family and socket address."""

_ATTEMPTS = 32
"""How often the port that the system chose at one address may prove to be taken at another."""

_PROBES = 4
"""Keep-alive probes without an answer before a connection counts as lost."""

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
    if request.reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        message = "reuse_port: this platform has no SO_REUSEPORT: set it to 'auto' or 'off'"
        raise ConfigError(message)
    while True:
        attempts -= 1
        try:
            sockets = _listen_all(endpoints, address.port, request)
        except BindError as error:
            if attempts and getattr(error.__cause__, "errno", None) == errno.EADDRINUSE:
                continue
            raise
        return [
            Bound(sock=sock, display=display(sock), reuse_port=request.reuse_port)
            for sock in sockets
        ]


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


def _listen_all(endpoints: list[_Endpoint], port: int, request: BindRequest) -> list[socket.socket]:
    """Listen on all endpoints with one port; those that this machine lacks are left out."""
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        left_out: BindError | None = None
        for family, name in endpoints:
            host = f"[{name[0]}]" if family == socket.AF_INET6 else name[0]
            try:
                sock = _listen(family, (name[0], port, *name[2:]), request)
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


def _listen(family: int, name: tuple[Any, ...], request: BindRequest) -> socket.socket:
    if request.reuse_port and name[1] and getattr(request.options, "reuse_port", "") != "on":
        # Meant for our own workers. A second start of the server, which would set the option too,
        # would silently get half of the connections: see that nobody listens yet.
        _socket(family, name).close()
    sock = _socket(family, name, reuse_port=request.reuse_port)
    try:
        _keep_alive(sock, getattr(request.options, "tcp_keep_alive", 0.0))
        sock.listen(request.backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _socket(family: int, name: tuple[Any, ...], *, reuse_port: bool = False) -> socket.socket:
    """A bound socket."""
    sock = socket.socket(family, socket.SOCK_STREAM)  # close-on-exec by default (PEP 446)
    try:
        sock.setblocking(False)
        if sys.platform in ("win32", "cygwin"):
            # There SO_REUSEADDR lets any program take over a port that is in use; this forbids it.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Past connections in TIME_WAIT do not hinder a restart.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(name)
    except BaseException:
        sock.close()
        raise
    return sock


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
