"""Who serves a clear connection: decided by its first bytes, where any protocol has a preface.

RFC 9113 section 3.4: a client with prior knowledge opens with a preface that no HTTP/1.1 server
could take for a request. The sniffer holds a connection's first bytes until they differ from
every preface or match one, and hands over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.spi import Context, Port


class PrefaceSniffer:
    """A connection's first protocol, where several are possible. See `nonecorn.spi.Protocol`."""

    __slots__ = ("_buffer", "_context", "_port", "deadline")

    def __init__(self, context: Context, port: Port) -> None:
        self._context = context
        self._port = port
        self._buffer = b""
        timeout = context.limits.head_timeout
        self.deadline = context.runtime.clock.now + timeout if timeout else float("inf")

    def __repr__(self) -> str:
        return f"<PrefaceSniffer {self._buffer!r}>"

    def data_received(self, data: bytes) -> None:
        """See `nonecorn.spi.Protocol`."""
        data = self._buffer + data
        context = self._context
        factory = context.default
        for preface, candidate in context.prefaces:
            if data.startswith(preface):
                factory = candidate
                break
            if preface.startswith(data):
                self._buffer = data
                return
        protocol = factory(context, self._port)
        self._port.set_protocol(protocol)
        protocol.data_received(data)

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
        self._port.close()

    def shutdown(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        self._port.close()
