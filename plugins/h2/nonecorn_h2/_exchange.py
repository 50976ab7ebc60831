"""One request's Exchange: what its stream may do to the client (RFC 9113 section 8.1).

There is one of these per request; it is also what the engine knows of the stream (`StreamState`),
so nothing has to be looked up. What the application sends is checked by `MessageExchange`, and
becomes frames here. A response is HEADERS, DATA, and maybe HEADERS with the trailers;
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

from nonecorn.spi import NEVER, Header, Stream, Waiter
from nonecorn.spi.messages.exchange import MessageExchange
from nonecorn_h2._stream_state import StreamState

if TYPE_CHECKING:
    from nonecorn_h2._connection import H2Connection
    from nonecorn_h2._engine import Block


class H2Exchange(StreamState, MessageExchange):
    """See `nonecorn.spi.Exchange`.

    Attributes:
        queue: Body that waits to be sent.
        queued: Its bytes.
        ends: The end of the queue is that of the body.
        last_block: Trailers that follow it.
        moved_at: When a byte of the queue was last taken, in seconds of the clock.
        window: What `window_in` is when nothing is under way.
        scheduled: The scheduler knows it.
    """

    __slots__ = (
        "_credit", "app_deadline", "authority", "bodyless", "can_push", "connection", "ends",
        "ends_at", "head_request", "heard_at", "incremental", "last_block", "moved_at", "queue",
        "queued", "received", "responded", "scheduled", "stream", "trailers_due", "tunnelling",
        "unread", "urgency", "waiting", "window",
    )  # fmt: skip

    connection: H2Connection
    moved_at: float
    queue: deque[bytes | memoryview]

    def __init__(self, connection: H2Connection, stream_id: int, *, ended: bool) -> None:
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
        self.bodyless = False
        self.trailers_due = False
        self._credit = 0

    def __repr__(self) -> str:
        sides = "response sent" if self.we_ended else "responding" if self.responded else "asked"
        return f"<H2Exchange {self.id} {sides} queued={self.queued} unread={self.unread}>"

    # Response -------------------------------------------------------------------------------------

    def _send_response(self, block: Block, body: bytes, end: bool) -> None:
        connection = self.connection
        connection.engine.headers(self, block, end=self.bodyless or (end and not body))
        if body:
            connection.outbox.send(self, body, end=end)
        elif end:
            self.all_sent()
        else:
            connection.outbox.mark()

    def _send_body(self, data: bytes, end: bool) -> None:
        self.connection.outbox.send(self, data, end=end)

    def _send_head(self, block: Block) -> None:
        connection = self.connection
        connection.engine.headers(self, block, end=False)
        connection.outbox.mark()
        if connection.outbox.paused:
            self.block()

    def trailers(self, stream: Stream, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        block = self.connection.writer.trailers(headers)
        if self.stream is None:
            return
        self.trailers_due = False
        if not self.bodyless:
            self.last_block = block
        if not self.queued:
            self.all_sent()

    def push(self, stream: Stream, target: bytes, headers: Iterable[Header]) -> None:
        """See `nonecorn.spi.Exchange`."""
        if self.stream is not None and self.connection.can_push:
            self.connection.push(self, target, headers)

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

    def prioritize(self, urgency: int, incremental: bool) -> None:
        """RFC 9218: what the client asks for, or the application."""
        self.urgency, self.incremental = urgency, incremental
        if self.scheduled:
            self.connection.outbox.scheduler.reprioritize(self.id, urgency, incremental)

    @property
    def full(self) -> bool:
        """See `MessageExchange`."""
        return self.window_in <= 0

    def look_at_writing(self, now: float) -> float:
        """See `MessageExchange`."""
        connection = self.connection
        if not self.queued or connection.outbox.paused:
            return NEVER
        # One that waits for its turn is not the client's doing; one without a window is, and stays
        # so where the client has ended its direction.
        if self.window_out > 0 and connection.engine.window_out > 0:
            self.moved_at = now
        elif connection.peer_ended:
            connection.give_up(self, "client-gone", connection.cancelled)
            return NEVER
        timeout = connection.limits.write_timeout
        return self.moved_at + timeout if timeout else NEVER


_EMPTY: deque[bytes | memoryview] = deque(maxlen=0)
