"""Accepting on a selector loop, by hand.

asyncio's own server drops connections that it has accepted, but not yet handed over, when it is
closed; it cannot be paused otherwise. It also takes all that wait before the first of them is
handed over, so that a limit comes too late; and where file descriptors run out it logs a traceback
for each, every second. Here at most `BATCH` connections are between the two steps.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

from nonecorn_asyncio._listening import AsyncioListening
from nonecorn_asyncio._port import AsyncioPort

BATCH = 32
"""Connections that may be under way from the socket to `accept`."""

_GONE = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED", "EPROTO", "EPERM", "ENETDOWN", "EHOSTDOWN", "EHOSTUNREACH", "ENETUNREACH",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""Errors of a connection, not of the socket (accept(2)): the next may be well."""


class AcceptingListening(AsyncioListening):
    """See `nonecorn.spi.Listening`."""

    __slots__ = ("_arriving", "_watching")

    _watching: bool
    _arriving: set[asyncio.Task[None]]

    async def start(self) -> None:
        """See `AsyncioListening`."""
        self._watching = False
        self._arriving = set()
        self._resume()

    def _resume(self) -> None:
        if not self._watching:
            self._watching = True
            # In the worker's context: who resumes may be an application.
            self.runtime.run_in_context(
                self.runtime.loop.add_reader, self._sock.fileno(), self._ready
            )

    def _stop(self) -> None:
        if self._watching:
            self._watching = False
            self.runtime.loop.remove_reader(self._sock.fileno())

    def _ready(self) -> None:
        """Connections wait."""
        while self._wanted:
            if len(self._arriving) >= BATCH:
                self._stop()  # `_arrived` goes on
                return
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _GONE:
                    continue
                self.exhausted(error)
                return
            self._told = False
            task = self.runtime.loop.create_task(self._connect(sock, address))
            self._arriving.add(task)
            task.add_done_callback(self._arrived)

    def _arrived(self, task: asyncio.Task[None]) -> None:
        self._arriving.discard(task)
        if self._wanted:
            self._resume()

    async def _connect(self, sock: socket.socket, address: Any) -> None:
        port: Any = AsyncioPort(
            self.runtime, self, None if self.is_unix else (address[0], address[1])
        )
        try:
            await self.runtime.loop.connect_accepted_socket(lambda: port, sock)
        except OSError as error:
            self.runtime.log.debug("%r: a connection was lost as it came: %s", self, error)
            sock.close()
