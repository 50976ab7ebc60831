"""What an application gets for what it does to a stream that is not there any more."""

from __future__ import annotations

from nonecorn.spi import ClientDisconnectedError


class StreamClosedError(ClientDisconnectedError):
    """Raised out of `send()`: the stream is not open in our direction, and the session may be.

    Attributes:
        stream: The name of it.
    """

    def __init__(self, stream: object) -> None:
        self.stream = stream
        super().__init__(f"stream {stream!r} is not open for sending")
