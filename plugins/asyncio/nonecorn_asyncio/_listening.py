"""A listening socket under asyncio, and one that receives datagrams."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nonecorn.spi import DatagramBatches
from nonecorn_asyncio._port import AsyncioPort

if TYPE_CHECKING:
    from nonecorn.spi import DatagramPort, Endpoint, Port, Protocol
    from nonecorn_asyncio._runtime import AsyncioRuntime


_AGAIN = 1.0
"""Seconds until a listener that could not be opened again is tried once more."""


def local_address(sock: socket.socket) -> tuple[str, Any] | None:
    """What every connection of a listener has for its own address; None where it must be asked
    per connection.
    """
    name = sock.getsockname()
    if sock.family == getattr(socket, "AF_UNIX", None):
        return (name if isinstance(name, str) else "@" + name[1:].decode("utf-8", "replace"), None)
    return None if name[0] in ("0.0.0.0", "::") else (name[0], name[1])  # compared, not bound


class AsyncioListening:
    """See `nonecorn.spi.Listening`.

    Neither asyncio nor uvloop can pause a server, so pausing closes it and resuming makes
    another, each on a copy of the socket: the backlog is the socket's and survives.
    """

    __slots__ = (
        "_again", "_backlog", "_closed", "_paused", "_server", "_sock", "_starting", "accept",
        "address", "is_unix", "runtime", "send_buffer",
    )  # fmt: skip

    def __init__(
        self,
        runtime: AsyncioRuntime,
        sock: socket.socket,
        accept: Callable[[Port], Protocol],
        backlog: int,
        send_buffer: int,
    ) -> None:
        self.runtime = runtime
        self.accept = accept
        self.send_buffer = send_buffer
        self.address = local_address(sock)
        self.is_unix = sock.family == getattr(socket, "AF_UNIX", None)
        self._backlog = backlog
        self._sock = sock.dup()
        self._sock.setblocking(False)
        self._server: asyncio.AbstractServer | None = None
        self._starting: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._paused = False
        self._closed = False
        runtime.sockets.add(self)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "paused" if self._paused else "accepting"
        return f"<AsyncioListening {state} {self.address}>"

    async def start(self) -> None:
        """Accept, unless paused or closed meanwhile."""
        loop = self.runtime.loop
        sock = self._sock.dup()
        make = self._make_unix_server if self.is_unix else loop.create_server
        try:
            server = await make(self._make_port, sock=sock, backlog=self._backlog)  # type: ignore[arg-type]
        except OSError:
            sock.close()
            raise
        if self._closed or self._paused:
            server.close()
        else:
            self._server = server

    async def _make_unix_server(self, factory: Any, *, sock: socket.socket, backlog: int) -> Any:
        loop: Any = self.runtime.loop
        # From 3.13 on asyncio would remove the file when the server closes; it is not the
        # worker's to remove.
        try:
            return await loop.create_unix_server(
                factory, sock=sock, backlog=backlog, cleanup_socket=False
            )
        except TypeError:
            return await loop.create_unix_server(factory, sock=sock, backlog=backlog)

    def _make_port(self) -> AsyncioPort:
        return AsyncioPort(self.runtime, self)

    def pause(self) -> None:
        """See `nonecorn.spi.Listening`."""
        if not self._paused:
            self._paused = True
            self._stop()

    def resume(self) -> None:
        """See `nonecorn.spi.Listening`."""
        if self._paused and not self._closed:
            self._paused = False
            self._begin()

    def _begin(self) -> None:
        if not (self._paused or self._closed) and (self._starting is None or self._starting.done()):
            self._starting = self.runtime.loop.create_task(self._restart())

    async def _restart(self) -> None:
        try:
            await self.start()
        except OSError as error:  # no file descriptor is left, most likely
            self.runtime.log.error("%r cannot accept yet: %s", self, error)  # noqa: TRY400
            self._again = self.runtime.loop.call_later(_AGAIN, self._begin)

    def close(self) -> None:
        """See `nonecorn.spi.Listening`."""
        if not self._closed:
            self._closed = True
            self.runtime.sockets.discard(self)
            if self._again is not None:
                self._again.cancel()
            self._stop()
            self._sock.close()

    def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class AsyncioDatagramPort:
    """See `nonecorn.spi.DatagramPort`."""

    __slots__ = ("_batches", "_closed", "_endpoint", "_sock", "runtime", "server")

    def __init__(
        self,
        runtime: AsyncioRuntime,
        sock: socket.socket,
        endpoint: Callable[[DatagramPort], Endpoint],
    ) -> None:
        self.runtime = runtime
        self.server = local_address(sock)
        self._sock = sock.dup()
        self._sock.setblocking(False)
        self._batches = DatagramBatches(self._sock)
        self._closed = False
        self._endpoint = endpoint(self)
        runtime.sockets.add(self)
        runtime.loop.add_reader(self._sock.fileno(), self._readable)

    def __repr__(self) -> str:
        return f"<AsyncioDatagramPort {'closed' if self._closed else 'open'} {self.server}>"

    def _readable(self) -> None:
        packets = self._batches.receive()
        if packets:
            try:
                self._endpoint.datagrams_received(packets)
            except Exception:
                self.runtime.log.exception("%r: datagrams could not be handled", self)

    def send(self, packets: list[bytes], address: Any) -> None:
        """See `nonecorn.spi.DatagramPort`."""
        if not self._closed:
            self._batches.send(packets, address)

    def close(self) -> None:
        """See `nonecorn.spi.DatagramPort`."""
        if not self._closed:
            self._closed = True
            self.runtime.sockets.discard(self)
            self.runtime.loop.remove_reader(self._sock.fileno())
            self._sock.close()
