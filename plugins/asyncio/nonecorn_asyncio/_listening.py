"""A listening socket under asyncio: what is the same however its connections are accepted.

On a selector loop `_accepting` takes them off the socket itself; uvloop and Windows' proactor have
faster ways of their own, which `_server` uses.
"""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn.spi import Port, Protocol
    from nonecorn_asyncio._runtime import AsyncioRuntime

_AGAIN = 1.0
"""Seconds until a listener that could accept no more tries again."""


def local_address(sock: socket.socket) -> tuple[str, Any] | None:
    """What every connection of a listener has for its own address; None where it must be asked
    per connection.
    """
    name = sock.getsockname()
    if sock.family == getattr(socket, "AF_UNIX", None):
        return (name if isinstance(name, str) else "@" + name[1:].decode("utf-8", "replace"), None)
    return None if name[0] in ("0.0.0.0", "::") else (name[0], name[1])  # compared, not bound


class AsyncioListening(ABC):
    """See `nonecorn.spi.Listening`.

    Args:
        runtime: Who made it.
        sock: A copy of it is accepted from.
        accept: Makes the protocol of a connection.
        backlog: Length of the socket's queue.
        send_buffer: `pause_writing` threshold of connections, in bytes.

    Attributes:
        address: What connections have for their own address; None where that differs.
        is_unix: Connections have no client address.
    """

    __slots__ = (
        "_again", "_backlog", "_closed", "_exhausted", "_paused", "_sock", "_told", "accept",
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
        self._again: asyncio.TimerHandle | None = None
        self._paused = False
        self._exhausted = False
        self._told = False  # of being exhausted; until a connection is accepted again
        self._closed = False
        runtime.sockets.add(self)

    def __repr__(self) -> str:
        state = (
            "closed" if self._closed
            else "paused" if self._paused
            else "exhausted" if self._exhausted
            else "accepting"
        )  # fmt: skip
        return f"<{type(self).__name__} {state} {self.address}>"

    @abstractmethod
    async def start(self) -> None:
        """Accept for the first time.

        Raises:
            OSError: The socket cannot be listened to.
        """

    @abstractmethod
    def _resume(self) -> None:
        """Accept again; `_wanted` is true."""

    @abstractmethod
    def _stop(self) -> None:
        """Accept no more, for now or for good. Idempotent."""

    @property
    def _wanted(self) -> bool:
        return not (self._paused or self._exhausted or self._closed)

    def pause(self) -> None:
        """See `nonecorn.spi.Listening`."""
        if not self._paused:
            self._paused = True
            self._stop()

    def resume(self) -> None:
        """See `nonecorn.spi.Listening`."""
        if self._paused:
            self._paused = False
            if self._wanted:
                self._resume()

    def close(self) -> None:
        """See `nonecorn.spi.Listening`."""
        if not self._closed:
            self._closed = True
            self.runtime.sockets.discard(self)
            if self._again is not None:
                self._again.cancel()
            self._stop()
            self._sock.close()

    def exhausted(self, error: OSError) -> None:
        """The system has nothing left for another connection: accept none for a while."""
        if self._closed:
            return
        if not self._told:
            self._told = True
            self.runtime.log.error(
                "cannot accept connections on %s: %s; trying again every %g s "
                "(raise the limit of open files, or lower limits.connections)",
                self._sock.getsockname(),
                error,
                _AGAIN,
            )
        if not self._exhausted:
            self._exhausted = True
            self._stop()
            self._again = self.runtime.loop.call_later(_AGAIN, self._recover)

    def _recover(self) -> None:
        self._exhausted = False
        if self._wanted:
            self._resume()
