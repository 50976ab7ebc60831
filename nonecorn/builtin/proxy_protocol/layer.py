"""Takes the PROXY header off a connection, and hands the connection over.

`ProxyGate` stands in front of what makes the first protocol of a listener's connections. Which of
them have a header is never guessed from their bytes, which anyone can write: it follows from who
connected (section 2 of the specification; "the receiver MUST NOT try to guess").

`HeaderReader` is the first protocol of those that do. Once it has read the header it writes the
two addresses into the port and is gone: what serves the connection then, TLS included, sits on the
port itself and knows nothing of proxies.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from nonecorn.builtin.proxy_protocol.header import MalformedHeaderError, read
from nonecorn.spi import NEVER
from nonecorn.spi.trust import TrustedPeers

if TYPE_CHECKING:
    from nonecorn.config.schema import ServerSettings
    from nonecorn.spi import Context, Port, Protocol

_First: TypeAlias = "Callable[[Context, Port], Protocol]"

_SILENCE = 60.0
"""Seconds between two warnings about connections that were not let in."""


class ProxyGate:
    """Makes the first protocol of connections that a proxy may have opened.

    Args:
        server: Which peers are proxies, and what becomes of others.
        first: Makes the protocol of a connection whose client is known.
    """

    __slots__ = ("_first", "_required", "_trusted", "_warned")

    def __init__(self, server: ServerSettings, first: _First) -> None:
        self._first = first
        self._trusted = TrustedPeers(server.proxy_protocol_trusted)
        self._required = server.proxy_protocol == "required"
        self._warned = -_SILENCE

    def __repr__(self) -> str:
        mode = "required" if self._required else "trusted"
        return f"<ProxyGate {mode} {self._trusted!r}>"

    def __call__(self, context: Context, port: Port) -> Protocol:
        """The first protocol of one connection."""
        if port.client in self._trusted:
            return HeaderReader(context, port, self._first)
        if not self._required:
            return self._first(context, port)
        now = context.runtime.time()
        if now - self._warned >= _SILENCE:
            self._warned = now
            peer = "the peer of a unix socket" if port.client is None else port.client[0]
            context.log.warning(
                "a connection from %s was closed: it is not in proxy_protocol_trusted", peer
            )
        reader = HeaderReader(context, port, self._first)
        reader.refuse("may not send a header")
        return reader


class HeaderReader:
    """A proxied connection's first protocol. See `nonecorn.spi.Protocol`.

    Args:
        context: The listener's.
        port: The connection.
        first: Makes the protocol that follows.
    """

    __slots__ = ("_buffer", "_context", "_first", "_port", "_refused", "deadline")

    def __init__(self, context: Context, port: Port, first: _First) -> None:
        self._context = context
        self._port = port
        self._first = first
        self._buffer = b""
        self._refused = False
        timeout = context.limits.head_timeout
        self.deadline = context.runtime.clock.now + timeout if timeout else NEVER

    def __repr__(self) -> str:
        return f"<HeaderReader {self._buffer!r}>"

    def data_received(self, data: bytes) -> None:
        """See `nonecorn.spi.Protocol`."""
        if self._refused:
            return
        # The header's bounds bound this too: each delivery ends it, or leaves it that long.
        data = self._buffer + data
        try:
            header = read(data)
        except MalformedHeaderError as error:
            self.refuse(f"sent {error}")
            return
        if header is None:
            self._buffer = data
            return
        port = self._port
        if header.known:
            port.client = header.client
            if header.server is not None:
                port.server = header.server
        protocol = self._first(self._context, port)
        port.set_protocol(protocol)
        if len(data) > header.size:
            protocol.data_received(data[header.size :])

    def eof_received(self) -> bool | None:
        """See `nonecorn.spi.Protocol`."""
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """See `nonecorn.spi.Protocol`."""

    def pause_writing(self) -> None:
        """See `nonecorn.spi.Protocol`; nothing was written."""

    def resume_writing(self) -> None:
        """See `nonecorn.spi.Protocol`; nothing was written."""

    def sweep(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        self.refuse("took too long for its header")

    def shutdown(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        self._port.close()

    def refuse(self, event: str) -> None:
        """Close the connection, and take nothing that comes all the same."""
        self._refused = True
        self.deadline = NEVER
        self._buffer = b""
        log = self._context.log
        if log.isEnabledFor(logging.DEBUG):
            log.debug("PROXY protocol: the peer %s %s", self._port.client, event)
        self._port.abort()
