"""A worker's connections: accepted, counted, and left in the backlog while there are too many."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from nonecorn.serving.endpoints import EndpointListening

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from nonecorn.spi import (
        Connection,
        Context,
        EndpointFactory,
        Lane,
        Lifetime,
        Limits,
        Listening,
        Observers,
        Port,
        Protocol,
        QuicPort,
        QuicProtocol,
        Runtime,
        Waiter,
    )

C = TypeVar("C", bound="Connection")
L = TypeVar("L", bound="Lifetime")

_SILENCE = 60.0
"""Seconds between two warnings that there are too many: at the limit every end makes room for
one."""


class Connections:
    """Listens, and tells the observers of what comes and goes.

    The limit stops accepting; connections that the loop has taken off the backlog by then are
    served beyond it.

    Args:
        runtime: The worker's.
        limits: `connections` and `send_buffer` matter here.
        observers: Who is told.

    Attributes:
        open: Connections now.
        ending: New ones are told at once to end: they were in the loop's hands when the listeners
            were closed.
        emptied: Set when the last one has gone, where somebody waits for that.
    """

    __slots__ = (
        "_endpoints", "_limits", "_listenings", "_log", "_observers", "_paused", "_runtime",
        "_warned", "emptied", "ending", "open",
    )  # fmt: skip

    def __init__(self, runtime: Runtime, limits: Limits, observers: Observers) -> None:
        self._runtime = runtime
        self._limits = limits
        self._observers = observers
        self._log = logging.getLogger("nonecorn.error")
        self._listenings: list[Listening] = []
        self._endpoints: list[EndpointListening] = []
        self._paused = False
        self._warned = -_SILENCE
        self.open = 0
        self.ending = False
        self.emptied: Waiter | None = None

    def __repr__(self) -> str:
        state = "paused" if self._paused else f"{len(self._listenings)} listeners"
        return f"<Connections {self.open} open, {state}>"

    async def listen(
        self,
        sock: socket.socket,
        context: Context,
        first: Callable[[Context, Port], Protocol],
        backlog: int,
    ) -> Listening:
        """Accept from a socket.

        Args:
            sock: Listening; it stays the caller's.
            context: The listener's.
            first: Makes a connection's first protocol.
            backlog: Length of the socket's queue.

        Returns:
            What `close_listener` takes.
        """
        accept = self._acceptor(context, first)
        listening = await self._runtime.listen(
            sock, accept, backlog=backlog, send_buffer=self._limits.send_buffer
        )
        return self._joined(listening)

    async def listen_datagrams(
        self, sock: socket.socket, context: Context, make: EndpointFactory, lane: Lane
    ) -> Listening:
        """Take connections from a datagram socket.

        Args:
            sock: Bound; it stays the caller's.
            context: The listener's.
            make: Makes the endpoint.
            lane: Which of the sockets with its address it is.

        Returns:
            What `close_listener` takes.
        """

        def first(context: Context, port: QuicPort) -> QuicProtocol:
            alpn = None if port.tls is None else port.tls.alpn
            factory = context.quic[alpn] if alpn else next(iter(context.quic.values()))
            return factory(context, port)

        accept = self._acceptor(context, first)
        listening = EndpointListening()
        await self._runtime.listen_datagrams(
            sock, lambda port: listening.serve(make(context, port, accept, lane))
        )
        self._endpoints.append(listening)
        return self._joined(listening)

    def _acceptor(self, context: Context, first: Callable[[Context, C], L]) -> Callable[[C], L]:
        """What takes a connection in and makes its protocol."""
        observers = self._observers
        most = self._limits.connections
        closed = self._closed

        def accept(port: C) -> L:
            port.on_close = closed
            self.open += 1
            if self.open >= most and most:
                self._pause()
            for observe in observers.connection_opened:
                observe(port)
            protocol = first(context, port)
            if self.ending:
                protocol.shutdown()
            return protocol

        return accept

    def _joined(self, listening: Listening) -> Listening:
        self._listenings.append(listening)
        if self._paused:
            listening.pause()
        return listening

    def close_listener(self, listening: Listening) -> None:
        """Accept no more from one of the sockets, which is another worker's. Idempotent."""
        if listening in self._listenings:
            self._listenings.remove(listening)
            listening.close()

    def close_listeners(self, *, succeeded: bool = True) -> None:
        """Accept no more; what is open stays. Idempotent.

        Args:
            succeeded: Other workers accept from the sockets.
        """
        for endpoint in self._endpoints:
            endpoint.succeeded = succeeded
        for listening in self._listenings:
            listening.close()
        self._listenings.clear()

    def close_endpoints(self) -> None:
        """Receive no more datagrams: the last connection has gone, or must. Idempotent."""
        for endpoint in self._endpoints:
            endpoint.end()
        self._endpoints.clear()

    def _closed(self, port: Connection) -> None:
        self.open -= 1
        if self._paused and self.open < self._limits.connections:
            self._paused = False
            for listening in self._listenings:
                listening.resume()
        for observe in self._observers.connection_closed:
            observe(port)
        if self.emptied is not None and not self.open:
            self.emptied.set()

    def _pause(self) -> None:
        if self._paused:
            return
        self._paused = True
        now = self._runtime.time()
        if now - self._warned >= _SILENCE:
            self._warned = now
            self._log.warning(
                "%d connections are open (limits.connections); more wait in the backlog", self.open
            )
        for listening in self._listenings:
            listening.pause()
