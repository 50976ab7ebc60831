"""The stream contract: translator between one exchange and the application's interface."""

from __future__ import annotations

import typing

from nonecorn.spi.application import Headers, Message

if typing.TYPE_CHECKING:
    from nonecorn.spi.context import Context
    from nonecorn.spi.protocol import Exchange
    from nonecorn.spi.runtime import Connection, Job, Waiter


class Stream(typing.Protocol):
    """One request, socket or session, from its head to its end.

    A protocol makes it, spawns `run`, feeds it, and lets go of it once both directions have
    ended; `run` may go on after that. While `run` runs the stream stands in `context.running`.

    Attributes:
        blocked: Set by the exchange while the peer takes no more; None otherwise.
        remaining: Body bytes that the response's `Content-Length` still promises; -1 where it
            had none. Kept by the exchange.
        expect_continue: Set by the protocol where the client waits for 100 (RFC 9110 section
            10.1.1): the stream calls `exchange.inform(stream, 100, ())` when the application
            first waits for the body.
        job: What `spawn` returned; set by who spawned `run`.
    """

    blocked: Waiter | None
    remaining: int
    expect_continue: bool
    job: Job | None

    def feed(self, data: bytes, end: bool) -> None:
        """Request body bytes, in order (raw bytes after `tunnel`), and whether they are the
        last. Never after `end`.
        """
        ...

    def feed_trailers(self, headers: Headers) -> None:
        """The request's trailer section, just before the `feed` that ends it. Names in lower
        case.
        """
        ...

    def disconnect(self, reason: str = "client-gone", status: int | None = None) -> None:
        """The exchange is over: `receive()` says so, and `send()` raises. Idempotent.

        Args:
            reason: For the record: the peer left, or why the protocol gave the request up.
            status: What the protocol answered in the application's stead, if it did.
        """
        ...

    def half_close(self) -> None:
        """The peer ended its direction after a complete request: `receive()` says disconnect,
        what is sent may still arrive.
        """
        ...

    def expire(self) -> None:
        """The application took too long: cancel it, and answer 504 where no response was begun."""
        ...

    def shutdown(self) -> None:
        """The worker drains (`context.draining` is set): say farewell where this would otherwise
        go on for long, as a WebSocket does. Called once for each running stream, before the
        protocols' own `shutdown`; `graceful_timeout` begins with it.
        """
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
    """Makes the stream of a request whose head is complete. Positional and flat: it is called
    once per request.
    """

    def __call__(
        self,
        context: Context,
        exchange: Exchange,
        port: Connection,
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
            method: As received; extended CONNECT gives its `:protocol` by which this factory
                was chosen.
            raw_path: Path of the target as received, without the query.
            query: Query of the target, without `?`.
            headers: Names in lower case, values without surrounding white space, order and
                repeats kept, `host` always there if the request had an authority.
            has_body: `feed` will be called; otherwise the request is complete.
        """
        ...
