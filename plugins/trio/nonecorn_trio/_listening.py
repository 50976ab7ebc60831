"""A socket that is accepted from."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from nonecorn_trio._poller import READ
from nonecorn_trio._port import SocketPort

if TYPE_CHECKING:
    from nonecorn.spi import Port, Protocol
    from nonecorn.spi.runtime import Address
    from nonecorn_trio._runtime import TrioRuntime

_logger = logging.getLogger("nonecorn.error")
_ACCEPTS = 64
"""Connections taken per readiness, so that a flood of new ones does not hold up the old."""
_RETRY_AFTER = 1.0
_INTERNET = (socket.AF_INET, socket.AF_INET6)
# Errors of one connection, or of the way to it, that accept() reports in its place: accept(2),
# "Error handling".
_PASSING = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED", "ECONNRESET", "EPROTO", "EPERM", "ENETDOWN", "ENETUNREACH", "EHOSTDOWN",
        "EHOSTUNREACH", "ENONET", "ENOPROTOOPT", "EOPNOTSUPP",
    )
    if hasattr(errno, name)
)  # fmt: skip


class ListeningSocket:
    """See `nonecorn.spi.Listening`. Owns `sock`, a copy of the listening socket."""

    __slots__ = (
        "_accept",
        "_closed",
        "_exhausted",
        "_paused",
        "_runtime",
        "_send_buffer",
        "_sock",
        "_told",
        "_watching",
    )

    def __init__(
        self,
        runtime: TrioRuntime,
        sock: socket.socket,
        accept: Callable[[Port], Protocol],
        send_buffer: int,
    ) -> None:
        sock.setblocking(False)
        self._runtime = runtime
        self._sock = sock
        self._accept = accept
        self._send_buffer = send_buffer
        self._paused = False
        self._exhausted = False
        self._told = False  # Of being exhausted; until a connection is accepted again.
        self._closed = False
        self._watching = False
        self._update()

    def pause(self) -> None:
        """Accept no more for now."""
        self._paused = True
        self._update()

    def resume(self) -> None:
        """Accept again."""
        self._paused = False
        self._update()

    def close(self) -> None:
        """Stop for good."""
        if not self._closed:
            self._closed = True
            self._update()
            self._sock.close()
            self._runtime.socket_closed(self)

    @property
    def _active(self) -> bool:
        return not (self._paused or self._exhausted or self._closed)

    def _update(self) -> None:
        if self._active and not self._watching:
            self._watching = True
            self._runtime.poller.register(self._sock, READ, self._ready)
        elif self._watching and not self._active:
            self._watching = False
            self._runtime.poller.unregister(self._sock)

    def _ready(self, _mask: int) -> None:
        for _ in range(_ACCEPTS):
            if not self._active:
                return
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in _PASSING:
                    self._exhaust(error)
                    return
            else:
                self._told = False
                self._open(sock, address)

    def _exhaust(self, error: OSError) -> None:
        """Out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM): come back later."""
        if not self._told:
            self._told = True
            _logger.error(
                "cannot accept connections on %s: %s; trying again every %g s "
                "(raise the limit of open files, or lower limits.connections)",
                self._sock.getsockname(),
                error,
                _RETRY_AFTER,
            )
        self._exhausted = True
        self._update()
        self._runtime.call_at(self._runtime.time() + _RETRY_AFTER, self._recover)

    def _recover(self) -> None:
        self._exhausted = False
        self._update()

    def _open(self, sock: socket.socket, address: object) -> None:
        port = None
        try:
            sock.setblocking(False)
            client: tuple[str, int] | None = None
            server: Address
            name = sock.getsockname()
            if sock.family in _INTERNET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                assert isinstance(address, tuple)
                client, server = (address[0], address[1]), (name[0], name[1])
            else:
                server = (os.fsdecode(name), None)
        except OSError:
            # The peer has gone between its connect and our accept; macOS says EINVAL.
            sock.close()
            return
        port = SocketPort(self._runtime, sock, client, server, self._send_buffer)
        try:
            protocol = self._accept(port)
        except Exception:
            _logger.exception("no protocol for a connection from %s; it is closed", client)
            port.discard()
        else:
            port.start(protocol)

    def __repr__(self) -> str:
        state = (
            "closed" if self._closed
            else "paused" if self._paused
            else "exhausted" if self._exhausted
            else "accepting"
        )  # fmt: skip
        return f"<ListeningSocket {state} {'' if self._closed else self._sock.getsockname()}>"
