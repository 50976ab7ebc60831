"""Accepting by a server of the loop's own: for uvloop, and for Windows' proactor.

Neither can pause a server, so pausing closes it and resuming makes another, each on a copy of the
socket: the backlog is the socket's and survives.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from nonecorn_asyncio._listening import AsyncioListening
from nonecorn_asyncio._port import AsyncioPort


class ServerListening(AsyncioListening):
    """See `nonecorn.spi.Listening`."""

    __slots__ = ("_server", "_starting")

    _server: asyncio.AbstractServer | None
    _starting: asyncio.Task[None] | None

    async def start(self) -> None:
        """See `AsyncioListening`."""
        self._server = self._starting = None
        await self._serve()

    def _resume(self) -> None:
        # A server that is being made looks itself whether it is still wanted.
        if self._server is None and (self._starting is None or self._starting.done()):
            self._starting = self.runtime.loop.create_task(self._serve_again())

    def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self) -> None:
        sock = self._sock.dup()
        make = self._make_unix_server if self.is_unix else self.runtime.loop.create_server
        try:
            server = await make(self._make_port, sock=sock, backlog=self._backlog)  # type: ignore[arg-type]
        except OSError:
            sock.close()
            raise
        if self._wanted:
            self._server = server
        else:
            server.close()

    async def _serve_again(self) -> None:
        try:
            await self._serve()
        except OSError as error:
            self.exhausted(error)

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
        self._told = False
        return AsyncioPort(self.runtime, self)
