"""One connection of HTTP/2 or HTTP/3: what does not depend on frames.

Requests become streams here, once a protocol has understood and accepted them, and are given up
here: stream and client are told. A protocol derives its own from this.

With eager tasks an application may answer inside `spawn`, and a stream may be gone after any call
into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from nonecorn.spi.errors import RemoteProtocolError
from nonecorn.spi.messages import budget
from nonecorn.spi.messages.exchange import MessageExchange
from nonecorn.spi.messages.ghosts import Ghosts
from nonecorn.spi.messages.response import Encoder, ResponseWriter
from nonecorn.spi.observer import report_refusal
from nonecorn.spi.protocol import NEVER

if TYPE_CHECKING:
    import enum

    from nonecorn.spi.context import Context
    from nonecorn.spi.messages.faults import StreamFault
    from nonecorn.spi.messages.request import Head
    from nonecorn.spi.runtime import Connection, Runtime
    from nonecorn.spi.settings import Limits
    from nonecorn.spi.stream import Stream, StreamFactory

E = TypeVar("E", bound=MessageExchange)


class MessageConnection(Generic[E]):
    """A protocol derives its own.

    Args:
        context: The listener's.
        port: The connection.
        noise: Units of the budget for what is noise.
        max_streams: Requests at once.

    Attributes:
        version: ASGI's `http_version`.
        no_error: Code for what is over and was no error.
        cancelled: For what nobody wants any more.
        internal_error: For an application that failed.
        excessive_load: For a client that makes too much noise.
        context: As given.
        port: As given.
        runtime: Whose.
        limits: `[limits]`.
        writer: Makes response heads.
        budget: For what is noise.
        dead: Nothing more is read.
        deadline: See `nonecorn.spi.Protocol`.
    """

    __slots__ = (
        "_ghosts", "_max_streams", "_requests", "budget", "context", "dead", "deadline", "limits",
        "port", "runtime", "writer",
    )  # fmt: skip

    version: ClassVar[str]
    no_error: ClassVar[enum.IntEnum]
    cancelled: ClassVar[enum.IntEnum]
    internal_error: ClassVar[enum.IntEnum]
    excessive_load: ClassVar[enum.IntEnum]

    port: Connection
    deadline: float

    def __init__(
        self,
        context: Context,
        port: Connection,
        encoder: Encoder,
        *,
        noise: int,
        max_streams: int,
    ) -> None:
        self.context = context
        self.port = port
        self.runtime: Runtime = context.runtime
        self.limits: Limits = context.limits
        self.writer = ResponseWriter.of(context, encoder)
        self.budget = budget.NoiseBudget(context.runtime.clock, noise, self.excessive_load)
        self.dead = False
        self._max_streams = max_streams
        self._ghosts = Ghosts(context)
        self._requests = 0

    # Time -----------------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds of the clock."""
        return self.runtime.clock.now

    def after(self, timeout: float) -> float:
        """The time after a timeout of `[limits]`, of which 0 is none."""
        return self.runtime.clock.now + timeout if timeout else NEVER

    def wake_at(self, when: float) -> None:
        """`sweep` is wanted then, at the latest."""
        if when < self.deadline:  # noqa: PLR1730  # per request: a call of min() costs more
            self.deadline = when

    # Requests -------------------------------------------------------------------------------------

    def _begin(self, exchange: E, factory: StreamFactory, head: Head, *, ended: bool) -> None:
        """Make a stream, and let it run."""
        method, path, query, headers, length, protocol, expects, _ = head
        limits = self.limits
        if protocol:
            method = protocol.decode("latin-1")
        exchange.head_request = method == "HEAD"
        if not ended:
            exchange.expected = -1 if protocol else length
            exchange.heard_at = self.now()
            self.wake_at(self.after(limits.body_timeout))
        if limits.app_timeout:
            exchange.app_deadline = self.after(limits.app_timeout)
            self.wake_at(exchange.app_deadline)
        stream = factory(
            self.context, exchange, self.port, self.version, method, path, query, headers.copy(),
            not ended,
        )  # fmt: skip
        exchange.stream = stream
        if expects and not ended:
            stream.expect_continue = True
        stream.job = self.runtime.spawn(stream.run)

    def _record(self, error: RemoteProtocolError | StreamFault) -> None:
        """A request was refused before it was one."""
        self.context.log.debug("%r: refused: %s", self.port, error)
        status = error.status if isinstance(error, RemoteProtocolError) else None
        report_refusal(self.context, self.port, self.version, status, error.reason)

    def noise(self, units: int) -> None:
        """Something of which a client may not send many."""
        self.budget.spend(units)

    # Giving up ------------------------------------------------------------------------------------

    def fault(self, exchange: E, fault: StreamFault) -> None:
        """A stream error: the stream is to be reset."""
        self.context.log.debug("%r: stream %d: %s", self.port, exchange.id, fault)
        self.give_up(exchange, fault.reason, fault.code)
        self.noise(budget.RESET)

    def answer(self, exchange: E, error: RemoteProtocolError) -> None:
        """Give up a request that is open: by a response in the application's stead, if there is
        none yet.
        """
        responded = exchange.responded
        self._let_go(exchange, error.reason, None if responded else error.status)
        if responded:
            self.abandon(exchange, self.cancelled)
        else:
            self._respond(exchange, error.status)

    def give_up(self, exchange: E, reason: str, code: int) -> None:
        """Tell stream and client that it is over."""
        self._let_go(exchange, reason)
        self.abandon(exchange, code)

    def _let_go(self, exchange: E, reason: str, status: int | None = None) -> None:
        """Tell the stream that it is over."""
        stream = exchange.stream
        if stream is not None:
            stream.disconnect(reason, status)
            self._mourn(stream)
            if exchange.waiting is not None:
                exchange.unblock()
            exchange.stream = None

    def _mourn(self, stream: Stream) -> None:
        """The stream has no exchange any more; its application may still run."""
        if not self.dead:
            self._ghosts.add(stream)

    # Sweep ----------------------------------------------------------------------------------------

    def _due(self, exchange: E, now: float) -> float:
        """Act on the deadlines of a request that have passed.

        Returns:
            When the next one does; `NEVER` where the request is gone.
        """
        limits = self.limits
        if exchange.app_deadline <= now and exchange.stream is not None:
            exchange.app_deadline = NEVER
            exchange.stream.expire()
            return self.after(limits.close_timeout)
        if exchange.we_ended:
            if exchange.ends_at <= now:
                self.give_up(exchange, "client-gone", self.no_error)
                return NEVER
            return exchange.ends_at
        when = exchange.look_at_writing(now)
        if when <= now:
            self.give_up(exchange, "write-timeout", self.cancelled)
            return NEVER
        next_look = min(exchange.app_deadline, when)
        if not exchange.peer_ended and not exchange.responded and limits.body_timeout:
            # Once the response has begun the two are in conversation, and silence is part of it.
            when = exchange.heard_at + limits.body_timeout
            stream = exchange.stream
            if exchange.full or (stream is not None and stream.expect_continue):
                when = now + limits.body_timeout  # it is not the client that is waited for
            if when <= now:
                self.answer(exchange, RemoteProtocolError(408, "body-timeout"))
                return NEVER
            next_look = min(next_look, when)
        return next_look

    # The protocol's -------------------------------------------------------------------------------

    if TYPE_CHECKING:

        def abandon(self, exchange: E, code: int) -> None:
            """Reset a stream; whoever else is concerned has been told."""

        def close(self, exchange: E) -> None:
            """Forget a stream."""

        def _respond(self, exchange: E, status: int) -> None:
            """Answer without a body, in the application's stead, and forget the stream."""

        def _begin_farewell(self) -> None:
            """The client is to make no new requests."""
