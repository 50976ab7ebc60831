"""The stream contract: translator between one exchange and the application's interface."""

from __future__ import annotations

import typing

from nonecorn.spi.application import Headers, Message

if typing.TYPE_CHECKING:
    from nonecorn.spi.context import Context
    from nonecorn.spi.protocol import Exchange
    from nonecorn.spi.runtime import Port, Waiter


class Stream(typing.Protocol):
    """One request, socket or session, from its head to its end.

    A protocol makes it, spawns `run`, feeds it, and lets go of it once both directions have ended; `run` may go on after that.
    While `run` runs the stream stands in `context.running`.

    Attributes:
        blocked: Set by the exchange while the peer takes no more; None otherwise.
        remaining: Body bytes that the response's `Content-Length` still promises; -1 where it had none. Kept by the exchange.
    """

    blocked: Waiter | None
    remaining: int

    def feed(self, data: bytes, end: bool) -> None:
        """Request body bytes, in order (raw bytes after `tunnel`), and whether they are the last. Never after `end`."""
        ...

    def feed_trailers(self, headers: Headers) -> None:
        """The request's trailer section, just before the `feed` that ends it. Names in lower case."""
        ...

    def disconnect(self) -> None:
        """The peer has gone, or gave this stream up: `receive()` says so, and `send()` raises. Idempotent."""
        ...

    def expire(self) -> None:
        """The application took too long: cancel it, and answer 504 where no response was begun."""
        ...

    async def run(self) -> None:
        """Call the application and see its end through; lets out nothing but cancellation."""
        ...

    async def receive(self) -> Message:
        """ASGI's receive."""
        ...

    async def send(self, message: Message) -> None:
        """ASGI's send."""
        ...


class StreamFactory(typing.Protocol):
    """Makes the stream of a request whose head is complete. Positional and flat: it is called once per request."""

    def __call__(
        self,
        context: Context,
        exchange: Exchange,
        port: Port,
        version: str,
        method: str,
        raw_path: bytes,
        query: bytes,
        headers: Headers,
        has_body: bool,
        /,
    ) -> Stream:
        """Make the stream; the caller then spawns its `run`.

        Args:
            context: The listener's.
            exchange: Who answers.
            port: The connection, for its addresses and TLS facts.
            version: `1.0`, `1.1`, `2` or `3`.
            method: As received; extended CONNECT gives its `:protocol` by which this factory was chosen.
            raw_path: Path of the target as received, without the query.
            query: Query of the target, without `?`.
            headers: Names in lower case, values without surrounding white space, order and repeats kept, `host` always there
                if the request had an authority.
            has_body: `feed` will be called; otherwise the request is complete.
        """
        ...
