"""An exchange that writes down what a stream asks of it, for tests without a protocol."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nonecorn.spi import Header, LocalProtocolError

if TYPE_CHECKING:
    from nonecorn.spi import Stream
    from nonecorn.testing.port import MemoryPort


class MemoryExchange:
    """A `nonecorn.spi.Exchange` in memory.

    It keeps the order that the contract asks of streams, and raises `AssertionError` where a
    stream breaks it. Every call stands in `calls` as its name and arguments.

    Args:
        port: Used by `sendfile`; None where there is none.
        zero_copy: Offer `sendfile`.
        can_push: Offer `push`.

    Attributes:
        calls: What was asked, in order.
        status: Status of the response.
        headers: Its header fields.
        interim: Interim responses.
        trailer_fields: Trailer section.
        consumed_bytes: Credit given back.
        ended: The response is complete.
        was_reset: `reset` was called.
        refuse: Raise `LocalProtocolError` from the next `respond`, with this text.
    """

    def __init__(
        self,
        port: MemoryPort | None = None,
        *,
        zero_copy: bool = False,
        can_push: bool = False,
    ) -> None:
        self.zero_copy = zero_copy
        self.can_push = can_push
        self.calls: list[tuple[Any, ...]] = []
        self.status: int | None = None
        self.headers: list[Header] = []
        self.interim: list[tuple[int, list[Header]]] = []
        self.trailer_fields: list[Header] = []
        self.consumed_bytes = 0
        self.ended = False
        self.was_reset = False
        self.tunnelled = False
        self.refuse: str | None = None
        self._content = bytearray()
        self._trailers = False
        self._body_ended = False
        self._port = port

    @property
    def content(self) -> bytes:
        """Body bytes so far, also those of a tunnel."""
        return bytes(self._content)

    def respond(
        self,
        stream: Stream,
        status: int,
        headers: Iterable[Header],
        body: bytes,
        end: bool,
        trailers: bool,
    ) -> None:
        """See `nonecorn.spi.Exchange`."""
        assert self.status is None, "a second respond()"
        if self.refuse is not None:
            message, self.refuse = self.refuse, None
            raise LocalProtocolError(message)
        self.calls.append(("respond", status, list(headers), body, end, trailers))
        self.status = status
        self.headers = list(headers)
        self._trailers = trailers
        self._body(body, end=end)

    def body(self, stream: Stream, data: bytes, end: bool) -> None:
        """See `nonecorn.spi.Exchange`."""
        assert self.status is not None, "body() before respond() or tunnel()"
        self.calls.append(("body", data, end))
        self._body(data, end=end)

    async def sendfile(self, stream: Stream, file: int, offset: int, count: int, end: bool) -> None:
        """See `nonecorn.spi.Exchange`."""
        assert self.zero_copy, "sendfile() without zero_copy"
        assert self.status is not None, "sendfile() before respond()"
        assert self._port is not None, "sendfile() needs MemoryExchange(port)"
        self.calls.append(("sendfile", offset, count, end))
        sent = await self._port.sendfile(file, offset, count)
        self._body(self._port.take(), end=end)
        if sent < count:
            message = f"the file ended {count - sent} bytes early"
            raise LocalProtocolError(message)

    def inform(self, stream: Stream, status: int, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        assert self.status is None, "inform() after respond()"
        self.calls.append(("inform", status, list(headers)))
        self.interim.append((status, list(headers)))

    def trailers(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        assert self._trailers, "trailers() that respond() did not announce"
        assert not self.ended, "trailers() after the end"
        self.calls.append(("trailers", list(headers)))
        self.trailer_fields = list(headers)
        self.ended = True

    def push(self, stream: Stream, target: bytes, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        assert self.can_push, "push() without can_push"
        self.calls.append(("push", target, list(headers)))

    def tunnel(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        assert self.status is None, "tunnel() after respond()"
        self.calls.append(("tunnel", list(headers)))
        self.headers = list(headers)
        self.status = 101
        self.tunnelled = True

    def consumed(self, stream: Stream, count: int) -> None:
        """See `nonecorn.spi.Exchange`."""
        assert count >= 0
        self.consumed_bytes += count

    def reset(self, stream: Stream) -> None:
        """See `nonecorn.spi.Exchange`."""
        self.calls.append(("reset",))
        self.was_reset = True
        self.ended = True

    def _body(self, data: bytes, *, end: bool) -> None:
        assert not self._body_ended, "body after its end"
        assert not self.was_reset or not data, "body after reset()"
        self._content += data
        self._body_ended = end
        if end and not self._trailers:
            self.ended = True

    def __repr__(self) -> str:
        state = "reset" if self.was_reset else "ended" if self.ended else "open"
        return f"<MemoryExchange {state} status={self.status} calls={len(self.calls)}>"
