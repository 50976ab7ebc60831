"""The protocol contract: one peer's engine, and the narrow interface through which a stream
answers.

A `Protocol` is synchronous and does no I/O: a runtime (or a TLS layer, or a test) calls it with
bytes, and it calls `port.write`. Its method names are those of `asyncio.Protocol`, so that a
loop's transport may call it directly. It opens a `Stream` per request and answers for it as an
`Exchange`; usually one object is both, takes the stream as an argument, and makes nothing else
per request.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nonecorn.spi.application import Header, Headers

if typing.TYPE_CHECKING:
    from nonecorn.spi.context import Context
    from nonecorn.spi.runtime import Port
    from nonecorn.spi.stream import Stream

NEVER = float("inf")
"""A deadline that does not come."""


class Protocol(typing.Protocol):
    """The engine for one connection. No method may raise: whatever a peer sends, it ends this
    connection at most.

    Attributes:
        deadline: When `sweep` is wanted, in seconds of `clock.now`; `NEVER` for none. Plain
            attribute, read once a second.
    """

    deadline: float

    def data_received(self, data: bytes) -> None:
        """Bytes arrived, at least one. May be called again from within, where an eager task
        answers at once.
        """
        ...

    def eof_received(self) -> bool | None:
        """The peer ended its direction. True keeps ours open; otherwise the runtime closes the
        port.
        """
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has gone; called exactly once, last. Streams are told by `disconnect`."""
        ...

    def pause_writing(self) -> None:
        """The port buffers more than its threshold: let no stream write until `resume_writing`."""
        ...

    def resume_writing(self) -> None:
        """The buffer has drained."""
        ...

    def sweep(self) -> None:
        """`deadline` has passed, by up to a tick."""
        ...

    def shutdown(self) -> None:
        """Drain: take no new work, finish what is begun, say farewell as the protocol does,
        then close the port.
        """
        ...


class Exchange(typing.Protocol):
    """What a stream may do to its peer. One implementation per protocol; streams know no other.

    Calls are synchronous and never wait. While the peer does not take what was sent, the
    exchange sets `stream.blocked` to a waiter; a stream awaits that after each call that sends.
    Order per stream: `inform` any number of times; `respond` or `tunnel` once; `body` or
    `sendfile` while not ended; `trailers` at most once, last. `reset` at any time ends it.

    Attributes:
        zero_copy: `sendfile` works here; where it does not, a stream reads the file and calls
            `body`.
        can_push: `push` is supported and the peer allows it.
    """

    zero_copy: bool
    can_push: bool

    def respond(
        self,
        stream: Stream,
        status: int,
        headers: Iterable[Header],
        body: bytes,
        end: bool,
        trailers: bool,
    ) -> None:
        """Send the response head with the first body bytes, in one write.

        Validates the head and takes `Content-Length` out of it into `stream.remaining`.

        Args:
            stream: Whose response.
            status: 200 to 999.
            headers: As the application gave them; `Transfer-Encoding` and `Connection`-like
                fields are the protocol's own business and are left out.
            body: First bytes, maybe none; ignored where the response has no body (HEAD, 204,
                304).
            end: The body is complete.
            trailers: Trailers follow the body, so `end` does not end the response.

        Raises:
            LocalProtocolError: A name or value may not stand in a message, or lengths disagree;
                nothing was sent.
        """
        ...

    def body(self, stream: Stream, data: bytes, end: bool) -> None:
        """Send body bytes (raw bytes after `tunnel`).

        Raises:
            LocalProtocolError: More, or at the end fewer, bytes than `Content-Length` said.
        """
        ...

    async def sendfile(self, stream: Stream, file: int, offset: int, count: int, end: bool) -> None:
        """Send body bytes from an open file without copying them. Only where `zero_copy` is true.

        Raises:
            ClientDisconnectedError: The peer went first.
            LocalProtocolError: As `body`, also where the file ended before `count` bytes.
            OSError: The file cannot be read.
        """
        ...

    def inform(self, stream: Stream, status: int, headers: Iterable[Header]) -> None:
        """Send an interim response: 100, 103 (RFC 9110 section 15.2). Left out where the peer
        could not take it (HTTP/1.0).

        Raises:
            LocalProtocolError: As `respond`.
        """
        ...

    def trailers(self, stream: Stream, headers: Iterable[Header]) -> None:
        """Send the trailer section; the response is complete. Left out where the message cannot
        carry one.

        Raises:
            LocalProtocolError: As `respond`.
        """
        ...

    def push(self, stream: Stream, target: bytes, headers: Iterable[Header]) -> None:
        """Promise a response to a request of our own making and open its stream. Only where
        `can_push` is true.
        """
        ...

    def tunnel(self, stream: Stream, headers: Iterable[Header]) -> None:
        """Accept an upgrade (101) or extended CONNECT (2xx): from now on `feed` and `body`
        carry raw bytes both ways.

        `body(…, end=True)` ends our direction; `feed(b"", True)` says that the peer ended its
        own.
        """
        ...

    def consumed(self, stream: Stream, count: int) -> None:
        """The application received `count` bytes of what was fed: the peer may send as many
        more.
        """
        ...

    def reset(self, stream: Stream) -> None:
        """Give the stream up so that the peer notices: RST_STREAM, or an aborted HTTP/1
        connection. Idempotent.
        """
        ...


class ProtocolFactory(typing.Protocol):
    """Makes the engine of a connection that negotiation gave to this protocol."""

    def __call__(self, context: Context, port: Port, /) -> Protocol:
        """Return the engine; it has not been given any bytes yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRequest:
    """A request that asks to change the protocol of its connection (RFC 9110 section 7.8).

    Attributes:
        method: As received.
        target: Request target in origin form.
        headers: Names in lower case.
    """

    method: bytes
    target: bytes
    headers: Headers


class ProtocolUpgrade(typing.Protocol):
    """Answers `Upgrade: <token>` for a whole connection, as h2c does (never for WebSocket: that
    is a Stream).
    """

    def __call__(
        self, context: Context, port: Port, request: UpgradeRequest, /
    ) -> Callable[[], Protocol] | None:
        """Refuse with None: the request is then served as if it had not asked.

        Otherwise return a function that makes the engine. The asking protocol sends the 101,
        calls the function, which may write and answers the request itself, hands the port over,
        and passes on the bytes that followed the request.
        """
        ...
