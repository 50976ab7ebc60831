"""A response in place of a WebSocket (extension `websocket.http.response`).

The application answers the handshake as it would a plain request, with messages of the same form.
So they go to a stream of the listener's own that serves plain requests: bodies in parts, files,
trailers and hints come from there, as they are. What stands between that stream and the connection
is this exchange: it answers for the WebSocket's stream, which is the one that the connection knows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nonecorn.spi import Context, Exchange, Header, LocalProtocolError, Message, Observers

if TYPE_CHECKING:
    from nonecorn.spi import Connection, Stream
    from nonecorn_ws._stream import WebSocketStream

PREFIX = "websocket."
START = "websocket.http.response.start"
EXTENSIONS = (
    "websocket.http.response",
    "websocket.http.response.early_hint",
    "websocket.http.response.pathsend",
    "websocket.http.response.trailers",
    "websocket.http.response.zerocopysend",
)


class Denial:
    """The exchange of the plain stream, and that stream.

    Args:
        context: The listener's.
        exchange: The connection's.
        port: The connection.
        socket: The stream that the connection knows.

    Attributes:
        status: Status of the response, once it has begun.
        headers: Its header fields.
        sent: Body bytes.
        ended: It is complete.
        zero_copy: See `nonecorn.spi.Exchange`.
        can_push: See `nonecorn.spi.Exchange`.
    """

    __slots__ = (
        "_exchange", "_plain", "_socket", "_trailers", "can_push", "ended", "headers", "sent",
        "status", "zero_copy",
    )  # fmt: skip

    def __init__(
        self, context: Context, exchange: Exchange, port: Connection, socket: WebSocketStream
    ) -> None:
        scope = socket.scope
        self._exchange = exchange
        self._socket = socket
        self._trailers = False
        self.zero_copy = exchange.zero_copy
        self.can_push = False
        self.status: int | None = None
        self.headers: list[Header] = []
        self.sent = 0
        self.ended = False
        # The socket is what is observed.
        quiet = dataclasses.replace(context, observers=Observers(), state=None)
        self._plain: Stream = context.http(
            quiet, self, port, scope["http_version"], "GET", scope["raw_path"],
            scope["query_string"], scope["headers"], False,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Denial status={self.status} {self._plain!r}>"

    async def send(self, message: Message) -> None:
        """Send `websocket.http.response.…` as `http.response.…`.

        Raises:
            LocalProtocolError: As the plain stream.
            ClientDisconnectedError: As the plain stream.
        """
        kind: str = message["type"]
        await self._plain.send({**message, "type": kind.removeprefix(PREFIX)})

    def disconnect(self, reason: str) -> None:
        """The client has gone."""
        self._plain.disconnect(reason)
        if self._plain.blocked is not None:
            self._plain.blocked.set()

    # Exchange, of the plain stream ----------------------------------------------------------------

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
        if 200 <= status < 300 and not self._socket.by_upgrade:
            # RFC 8441 section 5: where there is no 101, this accepts.
            message = f"{status} does not refuse a WebSocket: 300 and above do"
            raise LocalProtocolError(message)
        headers = list(headers)
        self._exchange.respond(self._socket, status, headers, body, end, trailers)
        self.status = status
        self.headers = headers
        self._trailers = trailers
        self._sent(len(body), end=end)

    def body(self, stream: Stream, data: bytes, end: bool) -> None:
        """See `nonecorn.spi.Exchange`."""
        self._exchange.body(self._socket, data, end)
        self._sent(len(data), end=end)

    async def sendfile(self, stream: Stream, file: int, offset: int, count: int, end: bool) -> None:
        """See `nonecorn.spi.Exchange`."""
        await self._exchange.sendfile(self._socket, file, offset, count, end)
        self._sent(count, end=end)

    def inform(self, stream: Stream, status: int, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        self._exchange.inform(self._socket, status, headers)
        self._share_pause()

    def trailers(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        self._exchange.trailers(self._socket, headers)
        self.ended = True

    def push(self, stream: Stream, target: bytes, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`; never called, since `can_push` is False."""

    def tunnel(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`; a plain stream has none."""

    def consumed(self, stream: Stream, count: int) -> None:
        """See `nonecorn.spi.Exchange`; a plain stream is fed nothing here."""

    def reset(self, stream: Stream) -> None:
        """See `nonecorn.spi.Exchange`."""
        self._exchange.reset(self._socket)

    def _sent(self, size: int, *, end: bool) -> None:
        self.sent += size
        self.ended = end and not self._trailers
        self._share_pause()

    def _share_pause(self) -> None:
        """The connection tells the socket to wait; it is the plain stream that does."""
        self._plain.blocked = self._socket.blocked
