"""A datagram socket among those that connections are accepted from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.spi import Endpoint


class EndpointListening:
    """A `nonecorn.spi.Listening` for an endpoint, whose socket serves open connections to the last:
    `close` ends new ones, `end` ends it.

    Attributes:
        succeeded: Another worker takes new connections from the same socket.
    """

    __slots__ = ("_closed", "_endpoint", "succeeded")

    def __init__(self) -> None:
        self.succeeded = True
        self._closed = False
        self._endpoint: Endpoint | None = None

    def __repr__(self) -> str:
        return f"<EndpointListening {'closed' if self._closed else 'open'} {self._endpoint!r}>"

    def serve(self, endpoint: Endpoint) -> Endpoint:
        """It is this one."""
        self._endpoint = endpoint
        return endpoint

    def pause(self) -> None:
        """Take no new connections for now."""
        if self._endpoint is not None:
            self._endpoint.pause()

    def resume(self) -> None:
        """Take them again."""
        if self._endpoint is not None:
            self._endpoint.resume()

    def close(self) -> None:
        """Take no new connections any more."""
        if self._endpoint is not None and not self._closed:
            self._closed = True
            self._endpoint.retire(succeeded=self.succeeded)

    def end(self) -> None:
        """Close the socket, and abort what is still open."""
        self.close()
        if self._endpoint is not None:
            self._endpoint.close()
