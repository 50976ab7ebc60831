"""A stream for tests of tunnels, by `Upgrade` or extended CONNECT: no WebSocket needed."""

from __future__ import annotations

from nonecorn.spi import Connection, Context, Exchange, Headers, Job, Waiter


class EchoTunnel:
    """Accept, and send what comes back in upper case; a `nonecorn.spi.StreamFactory`.

    Those of a context are in its `cache`, in a list by this class.

    Attributes:
        exchange: Whose stream it is.
        facts: The request's version, method and path, and whether it has a body.
        gone: Reasons of its disconnects.
    """

    blocked: Waiter | None = None
    job: Job | None = None
    expect_continue = False
    remaining = -1

    def __init__(
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
    ) -> None:
        self.exchange = exchange
        self.facts = (version, method, raw_path, has_body)
        self.gone: list[str] = []
        context.cache.setdefault(EchoTunnel, []).append(self)

    def __repr__(self) -> str:
        return f"<EchoTunnel {self.facts} gone={self.gone}>"

    async def run(self) -> None:
        """Accept."""
        self.exchange.tunnel(self, [(b"sec-websocket-protocol", b"x")])  # type: ignore[arg-type]

    def feed(self, data: bytes, end: bool) -> None:
        """See `nonecorn.spi.Stream`."""
        self.exchange.body(self, data.upper(), end)  # type: ignore[arg-type]
        self.exchange.consumed(self, len(data))  # type: ignore[arg-type]

    def disconnect(self, reason: str = "client-gone", status: int | None = None) -> None:
        """See `nonecorn.spi.Stream`."""
        self.gone.append(reason)
