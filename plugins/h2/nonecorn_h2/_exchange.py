"""One request's Exchange: what its stream may do to the client (RFC 9113 section 8.1).

There is one of these per request; it is also what the engine knows of the stream (`StreamState`),
so nothing has to be looked up. A response is HEADERS, DATA, and maybe HEADERS with the trailers;
the last of these frames ends the stream, and no empty one is sent for that where the end is known
in time. Body bytes go through the connection's `Outbox`.

The request body is fed as it comes and counted until the application has `consumed` it. Credit is
given back for what was consumed, half a window at a time. A window begins at
`limits.receive_buffer`, which is what a stream whose application does not receive can make us hold.
While the application keeps up the window is doubled each time, up to `[h2] receive_window`, from a
stock that the streams of the connection share: what they can make us hold together is bounded, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nonecorn.spi import NEVER, Header, LocalProtocolError, Stream, Waiter
from nonecorn.spi.messages.priority import parse_priority
from nonecorn.spi.messages.response import WITHOUT_BODY
from nonecorn_h2._errors import ErrorCode
from nonecorn_h2._stream_state import StreamState

if TYPE_CHECKING:
    from nonecorn_h2._connection import H2Connection
    from nonecorn_h2._engine import Block


class H2Exchange(StreamState):
    """See `nonecorn.spi.Exchange`.

    Attributes:
        connection: Whose it is.
        stream: Who answers; None once the response is complete, or given up.
        zero_copy: DATA frames are made in memory.
        can_push: See `nonecorn.spi.Exchange`: only beside the answer to a client's own request (RFC
            9113 section 8.4).
        tunnelling: It carries raw bytes.
        responded: The final response has begun.
        bodyless: It has, and has no body: the client has the whole of it.
        queue: Body that waits to be sent.
        queued: Its bytes.
        ends: The end of the queue is that of the body.
        last_block: Trailers that follow it.
        moved_at: When a byte of the queue was last taken, in seconds of the clock.
        heard_at: When the client last sent some of the body.
        ends_at: When a client whose response is complete is given up, if it goes on sending.
        app_deadline: When the application is.
        unread: Bytes fed and not consumed.
        received: Bytes fed.
        window: What `window_in` is when nothing is under way.
        urgency: See RFC 9218.
        incremental: See RFC 9218.
        scheduled: The scheduler knows it.
        waiting: What the application waits for while the client takes no more.
    """

    __slots__ = (
        "_credit", "_head_request", "_trailers_due", "app_deadline", "authority", "bodyless",
        "can_push", "connection", "ends", "ends_at", "heard_at", "incremental", "last_block",
        "moved_at", "queue", "queued", "received", "responded", "scheduled", "stream",
        "tunnelling", "unread", "urgency", "waiting", "window",
    )  # fmt: skip

    zero_copy = False

    authority: bytes  # set where applications may push
    stream: Stream | None
    heard_at: float
    ends_at: float
    moved_at: float
    queue: deque[bytes | memoryview]

    def __init__(
        self, connection: H2Connection, stream_id: int, method: str, *, ended: bool
    ) -> None:
        engine = connection.engine
        self.id = stream_id
        self.peer_ended = ended
        self.we_ended = False
        self.window_in = engine.initial_in
        self.window_out = engine.initial_out
        self.expected = -1
        self.connection = connection
        self.stream = None
        self.tunnelling = False
        self.responded = False
        self.queued = 0
        self.queue = _EMPTY
        self.ends = False
        self.last_block: Block | None = None
        self.app_deadline = NEVER
        self.unread = 0
        self.received = 0
        self.window = connection.stream_window
        self.urgency = 3
        self.incremental = False
        self.scheduled = False
        self.waiting: Waiter | None = None
        self.can_push = False
        self._head_request = method == "HEAD"
        self.bodyless = False
        self._trailers_due = False
        self._credit = 0

    def __repr__(self) -> str:
        sides = "response sent" if self.we_ended else "responding" if self.responded else "asked"
        return f"<H2Exchange {self.id} {sides} queued={self.queued} unread={self.unread}>"

    # Response -------------------------------------------------------------------------------------

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
        connection = self.connection
        block, length, priority = connection.writer.head(status, headers)
        if self._head_request or status in WITHOUT_BODY:
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
        body = _as_bytes(body)
        if priority is not None:
            self._reprioritize(priority)
        self.responded = True
        self._trailers_due = trailers
        done = end and not trailers
        connection.engine.headers(self, block, end=self.bodyless or (done and not body))
        if body:
            connection.outbox.send(self, body, end=done)
        elif done:
            self.all_sent()
        else:
            connection.outbox.mark()

    def body(self, stream: Stream, data: bytes, end: bool) -> None:
        """See `nonecorn.spi.Exchange`."""
        if self.stream is None:
            return
        if self.bodyless:
            # The client has the whole response; the application goes on until it is done, or the
            # client gone.
            if end and not self._trailers_due:
                self.all_sent()
            return
        data = _as_bytes(data)
        if stream.remaining >= 0 and not self.tunnelling:
            _count(stream, len(data), end)
        self.connection.outbox.send(self, data, end=end and not self._trailers_due)

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
        connection.engine.headers(self, block, end=False)
        connection.outbox.mark()
        if connection.outbox.paused:
            self.block()

    def trailers(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        block = self.connection.writer.trailers(headers)
        if self.stream is None:
            return
        self._trailers_due = False
        if not self.bodyless:
            self.last_block = block
        if not self.queued:
            self.all_sent()

    def push(self, stream: Stream, target: bytes, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        if self.stream is not None and self.connection.can_push:
            self.connection.push(self, target, headers)

    def tunnel(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`: 200 to an extended CONNECT (RFC 8441 section 5)."""
        if self.stream is None:
            return
        connection = self.connection
        block, _, _ = connection.writer.head(200, headers)
        self.responded = self.tunnelling = True
        # The application has answered; how long it talks is its own business.
        self.app_deadline = NEVER
        stream.remaining = -1
        connection.engine.headers(self, block, end=False)
        connection.outbox.mark()

    def reset(self, stream: Stream) -> None:
        """See `nonecorn.spi.Exchange`."""
        if self.stream is None:
            return
        if self.bodyless and self.peer_ended:
            # Nothing is left of it that could be reset.
            self.connection.close(self)
        else:
            # RFC 8441 section 5: CANCEL is what a TCP reset is in a tunnel.
            code = ErrorCode.CANCEL if self.tunnelling else ErrorCode.INTERNAL_ERROR
            self.connection.reset(self, code)

    # Request body ---------------------------------------------------------------------------------

    def consumed(self, stream: Stream, count: int) -> None:
        """See `nonecorn.spi.Exchange`."""
        self.unread -= count
        if not self.peer_ended and self.stream is not None:
            self.give_credit(count)

    def give_credit(self, count: int) -> None:
        """The client may send so many bytes more; it is told of many at once."""
        credit = self._credit + count
        if credit * 2 < self.window:
            self._credit = credit
            return
        if not self.unread and self.stream is not None:
            credit += self._grown()
        self._credit = 0
        self.connection.engine.open_window(self, credit)
        self.connection.outbox.mark()

    def _grown(self) -> int:
        """The application keeps up, and half a window is gone: let there be more on the way."""
        connection = self.connection
        more = min(self.window, connection.most_window - self.window, connection.stock)
        if more <= 0:
            return 0
        connection.stock -= more
        self.window += more
        return more

    # For the connection and its outbox ------------------------------------------------------------

    def schedule(self) -> None:
        """Make the stream known to the scheduler."""
        self.scheduled = True
        self.connection.outbox.scheduler.insert(self.id, self.urgency, self.incremental)

    def all_sent(self) -> None:
        """The body has been sent: end the stream."""
        if self.last_block is not None:
            self.connection.engine.headers(self, self.last_block, end=True)
            self.last_block = None
        self.we_ended = True
        self.connection.response_done(self)

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

    def _reprioritize(self, value: bytes) -> None:
        """RFC 9218 section 8: what the application does not say is as the client said."""
        priority = parse_priority(value, self.urgency, self.incremental)
        self.urgency, self.incremental = priority
        if self.scheduled:
            self.connection.outbox.scheduler.reprioritize(self.id, *priority)


_EMPTY: deque[bytes | memoryview] = deque(maxlen=0)


def _as_bytes(data: bytes) -> bytes:
    """The application's bytes, which must not change while they wait.

    Raises:
        TypeError: They are none; nothing was sent.
    """
    return data if data.__class__ is bytes else bytes(memoryview(data))


def _count(stream: Stream, size: int, end: bool) -> None:
    left = stream.remaining - size
    if left < 0 or (end and left):
        how = f"{-left} bytes longer" if left < 0 else f"{left} bytes shorter"
        message = f"the body is {how} than content-length said"
        raise LocalProtocolError(message)
    stream.remaining = left
