"""One request's Exchange in HTTP/2 and HTTP/3: what does not depend on frames.

What the application sends is checked here, and remembered as far as that is needed to check what
comes next. A protocol derives its own from this, which makes frames of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nonecorn.spi.application import Header
from nonecorn.spi.errors import LocalProtocolError
from nonecorn.spi.messages.priority import parse_priority
from nonecorn.spi.messages.response import WITHOUT_BODY, Block
from nonecorn.spi.protocol import NEVER

if TYPE_CHECKING:
    from nonecorn.spi.messages.connection import MessageConnection
    from nonecorn.spi.runtime import Waiter
    from nonecorn.spi.stream import Stream


class MessageExchange:
    """See `nonecorn.spi.Exchange`. Who derives has the slots, and sets them: this is the second of
    two bases.

    Attributes:
        connection: Whose it is.
        id: Number of the stream.
        stream: Who answers; None once the response is complete, or given up.
        zero_copy: Frames are made in memory.
        can_push: See `nonecorn.spi.Exchange`: only beside the answer to a client's own request (RFC
            9113 section 8.4).
        authority: The request's, for what is pushed beside its response; set where applications
            may push.
        head_request: It was HEAD.
        tunnelling: It carries raw bytes.
        responded: The final response has begun.
        bodyless: It has, and has no body: the client has the whole of it.
        trailers_due: The application has promised trailers.
        we_ended: Our direction was ended.
        peer_ended: The client has ended its own.
        expected: Bytes of body that `content-length` still promises; -1 where there was none.
        heard_at: When the client last sent some of the body, in seconds of the clock.
        ends_at: When a client whose response is complete is given up, if it goes on sending.
        app_deadline: When the application is.
        unread: Bytes fed and not consumed.
        received: Bytes fed.
        urgency: See RFC 9218.
        incremental: See RFC 9218.
        waiting: What the application waits for while the client takes no more.
    """

    if not TYPE_CHECKING:
        __slots__ = ()  # mypy would know no others

    zero_copy = False

    connection: MessageConnection[Any]
    id: int
    stream: Stream | None
    can_push: bool
    authority: bytes
    head_request: bool
    tunnelling: bool
    responded: bool
    bodyless: bool
    trailers_due: bool
    we_ended: bool
    peer_ended: bool
    expected: int
    heard_at: float
    ends_at: float
    app_deadline: float
    unread: int
    received: int
    urgency: int
    incremental: bool
    waiting: Waiter | None

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
        if self.stream is None:
            return
        block, length, priority = self.connection.writer.head(status, headers)
        if self.head_request or status in WITHOUT_BODY:
            self.bodyless = True
            body = b""
            stream.remaining = 0
        elif length >= 0:
            left = length - len(body)
            if left < 0 or (end and left):
                message = f"the body is {len(body)} bytes, content-length said {length}"
                raise LocalProtocolError(message)
            stream.remaining = left
        else:
            stream.remaining = -1
        if body.__class__ is not bytes:
            body = _as_bytes(body)
        if priority is not None:
            # RFC 9218 section 8: what the application does not say is as the client said.
            self.prioritize(*parse_priority(priority, self.urgency, self.incremental))
        self.responded = True
        self.trailers_due = trailers
        self._send_response(block, body, end and not trailers)

    def body(self, stream: Stream, data: bytes, end: bool) -> None:
        """See `nonecorn.spi.Exchange`."""
        if self.stream is None:
            return
        if self.bodyless:
            # The client has the whole response; the application goes on until it is done, or the
            # client gone.
            if end and not self.trailers_due:
                self.all_sent()
            return
        if data.__class__ is not bytes:
            data = _as_bytes(data)
        if stream.remaining >= 0 and not self.tunnelling:
            _count(stream, len(data), end)
        self._send_body(data, end and not self.trailers_due)

    async def sendfile(self, stream: Stream, file: int, offset: int, count: int, end: bool) -> None:
        """See `nonecorn.spi.Exchange`; never called, since `zero_copy` is False."""

    def inform(self, stream: Stream, status: int, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        connection = self.connection
        block = connection.writer.interim(status, headers)
        if self.stream is None or self.responded:
            return
        if status == 100:
            self.heard_at = connection.now()
            connection.wake_at(connection.after(connection.limits.body_timeout))
            if self.peer_ended or self.received:
                return
        self._send_head(block)

    def tunnel(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`: 200 to an extended CONNECT (RFC 8441 section 5, RFC 9220
        section 3).
        """
        if self.stream is None:
            return
        block, _, _ = self.connection.writer.head(200, headers)
        self.responded = self.tunnelling = True
        # The application has answered; how long it talks is its own business.
        self.app_deadline = NEVER
        stream.remaining = -1
        self._send_head(block)

    def reset(self, stream: Stream) -> None:
        """See `nonecorn.spi.Exchange`."""
        if self.stream is None:
            return
        connection = self.connection
        if self.bodyless and self.peer_ended:
            # Nothing is left of it that could be reset.
            connection.close(self)
        else:
            # RFC 8441 section 5, RFC 9220 section 3: this is what a TCP reset is in a tunnel.
            code = connection.cancelled if self.tunnelling else connection.internal_error
            connection.abandon(self, code)

    def block(self) -> None:
        """Let the application wait."""
        if self.waiting is None and self.stream is not None:
            self.waiting = self.stream.blocked = self.connection.runtime.waiter()

    def unblock(self) -> None:
        """Let it go on."""
        waiting, self.waiting = self.waiting, None
        if self.stream is not None:
            self.stream.blocked = None
        if waiting is not None:
            waiting.set()

    # The protocol's -------------------------------------------------------------------------------

    if TYPE_CHECKING:

        @property
        def full(self) -> bool:
            """The client may send no more of the body until the application receives."""

        def look_at_writing(self, now: float) -> float:
            """When the client is given up if it takes nothing until then."""

        def prioritize(self, urgency: int, incremental: bool) -> None:
            """RFC 9218: what the client asks for, or the application."""

        def trailers(self, stream: Stream, headers: Iterable[Header]) -> None:
            """See `nonecorn.spi.Exchange`."""

        def push(self, stream: Stream, target: bytes, headers: Iterable[Header]) -> None:
            """See `nonecorn.spi.Exchange`."""

        def consumed(self, stream: Stream, count: int) -> None:
            """See `nonecorn.spi.Exchange`."""

        def all_sent(self) -> None:
            """The response has been sent: end our direction, if that was not done."""

        def _send_response(self, block: Block, body: bytes, end: bool) -> None:
            """Send the final head and first bytes; a head alone ends a response without a body."""

        def _send_body(self, data: bytes, end: bool) -> None: ...

        def _send_head(self, block: Block) -> None:
            """Send a head behind which more follows."""


def _as_bytes(data: bytes) -> bytes:
    """The application's bytes, which must not change while they wait.

    Raises:
        TypeError: They are none; nothing was sent.
    """
    return bytes(memoryview(data))


def _count(stream: Stream, size: int, end: bool) -> None:
    left = stream.remaining - size
    if left < 0 or (end and left):
        how = f"{-left} bytes longer" if left < 0 else f"{left} bytes shorter"
        message = f"the body is {how} than content-length said"
        raise LocalProtocolError(message)
    stream.remaining = left
