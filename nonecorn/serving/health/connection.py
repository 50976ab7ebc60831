"""One connection to `health_bind` on a worker's event loop: a request, a response, the end.

Our direction is closed after the response, and what still comes is thrown away until the peer has
closed its own: to close both at once with bytes unread would reset the connection, and the peer
might never see what it was told (RFC 9112 section 9.6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nonecorn.serving.health.answer import answer, refusal
from nonecorn.serving.health.request import RefusedError, read

if TYPE_CHECKING:
    from nonecorn.serving.health.facts import Facts
    from nonecorn.spi import Port

TIMEOUT = 5.0
"""Seconds that a connection may last."""


class HealthConnection:
    """See `nonecorn.spi.Protocol`.

    Args:
        port: The connection.
        facts: What to tell.
    """

    __slots__ = ("_answered", "_facts", "_port", "_received", "deadline")

    def __init__(self, port: Port, facts: Callable[[], Facts]) -> None:
        self._port = port
        self._facts = facts
        self._received = bytearray()
        self._answered = False
        self.deadline = port.runtime.clock.now + TIMEOUT

    def __repr__(self) -> str:
        state = "answered" if self._answered else f"received={len(self._received)}"
        return f"<HealthConnection {state}>"

    def data_received(self, data: bytes) -> None:
        """See `nonecorn.spi.Protocol`."""
        if self._answered:
            return
        self._received += data
        try:
            request = read(self._received)
            if request is None:
                return
            told = answer(request, self._facts())
        except RefusedError as error:
            told = refusal(error)
        self._answered = True
        self._received.clear()
        self._port.write(told)
        self._port.write_eof()

    def eof_received(self) -> bool | None:
        """See `nonecorn.spi.Protocol`; the port closes, with what was written."""
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """See `nonecorn.spi.Protocol`."""

    def pause_writing(self) -> None:
        """See `nonecorn.spi.Protocol`; nothing follows the response."""

    def resume_writing(self) -> None:
        """See `nonecorn.spi.Protocol`."""

    def sweep(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        self._port.abort()

    def shutdown(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        self._port.close()
