"""One HTTP/2 connection (RFC 9113): an engine below, streams above, and the rules between them.

Bytes come by `data_received` and go to the engine, which calls back for each thing that they say
(`_engine.Receiver`): a request becomes an `H2Exchange` and a stream; DATA is fed to it. The stream
answers through its exchange, whose frames leave by the `Outbox`. `H2Life` has deadlines, pauses and
endings.

What a peer can do to a connection is bounded here: requests at once by `[h2] max_streams`, where
those that the client has reset count until their applications have ended (CVE-2023-44487); body
that was not received by each stream's window; everything else that costs work by the `NoiseBudget`.
The connection's own window is filled up as DATA arrives, so a stream whose application does not
receive takes nothing from the others.

For whoever edits this file: with eager tasks an application may answer inside `spawn`, and a stream
may be gone after any call into it; an exchange whose `stream` is None is deaf; engines are named by
a subclass and nothing else of theirs is known here.
"""

from __future__ import annotations

from collections.abc import Iterable

from nonecorn.spi import Header, Headers, RemoteProtocolError
from nonecorn.spi.messages.priority import parse_priority
from nonecorn.spi.messages.promise import make_promise
from nonecorn_h2 import _budget as budget
from nonecorn_h2._engine import Weight
from nonecorn_h2._errors import ConnectionFault, ErrorCode, StreamFault
from nonecorn_h2._exchange import H2Exchange
from nonecorn_h2._life import H2Life
from nonecorn_h2._rules import Head, read_trailers
from nonecorn_h2._stream_state import StreamState


class H2Connection(H2Life):
    """Protocol of one HTTP/2 connection; one on another engine overrides `make_engine`."""

    __slots__ = ()

    # Called by the port ---------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """See `nonecorn.spi.Protocol`."""
        if self.dead:
            return
        if self._receiving:
            self._early.append(data)
            return
        engine = self.engine
        self._receiving = True
        try:
            engine.receive(data)
            while self._early and not self.dead:
                engine.receive(self._early.pop(0))
        except ConnectionFault as fault:
            self.fail(fault)
            return
        finally:
            self._receiving = False
        self._settle()

    def upgrade(self, settings: bytes, head: Head) -> None:
        """Begin with a request that came by HTTP/1.1, and settings that were checked."""
        self.engine.upgrade(settings)
        self.request(1, head, None, ended=True)

    # Requests: called by the engine ---------------------------------------------------------------

    def request(self, stream_id: int, head: Head, weight: Weight | None, *, ended: bool) -> None:
        """See `nonecorn_h2._engine.Receiver`."""
        engine = self.engine
        if self._under_way() >= self._max_streams and self._is_full():
            # RFC 9113 section 5.1.2: nothing was done, the client may ask again.
            engine.reset(stream_id, ErrorCode.REFUSED_STREAM)
            self.noise(budget.FRAME)
            return
        context = self.context
        protocol = head.protocol
        factory = context.stream_upgrades.get(protocol) if protocol else context.http
        if factory is None:
            # RFC 8441 section 4 leaves it open; RFC 9220 section 3 says 501.
            self.refused(stream_id, RemoteProtocolError(501, "protocol"), ended=ended)
            return
        exchange = H2Exchange(self, stream_id, ended=ended)
        if protocol:
            exchange.incremental = True  # one tunnel does not wait for another to end
        priority = head.priority
        if priority is not None or weight is not None or self.outbox.scheduler.early:
            self._schedule(exchange, priority, weight)
        if self._push:
            exchange.can_push = self.can_push
            exchange.authority = head.headers[0][1]  # `_rules` puts the host there
        engine.streams[stream_id] = exchange
        self._requests += 1
        if self._requests == self.limits.requests_per_connection:
            self._begin_farewell()
        self._begin(exchange, factory, head, ended=ended)

    def _schedule(
        self, exchange: H2Exchange, priority: tuple[int, bool] | None, weight: Weight | None
    ) -> None:
        """A client that says what it wants first: RFC 9218, or the weights of RFC 7540."""
        # RFC 9218 section 7: what came before the request prevails over its field.
        priority = self.outbox.scheduler.said_early(exchange.id) or priority
        if priority is None and weight is not None:
            exchange.scheduled = True
            self.outbox.scheduler.insert_weighted(exchange.id, *weight)
            return
        if priority is not None:
            exchange.urgency, exchange.incremental = priority
        exchange.schedule()

    def refused(
        self, stream_id: int, error: RemoteProtocolError | StreamFault, *, ended: bool
    ) -> None:
        """See `nonecorn_h2._engine.Receiver`."""
        engine = self.engine
        self._record(error)
        if isinstance(error, StreamFault):
            engine.reset(stream_id, error.code)
            self.noise(budget.RESET)
            return
        state = StreamState(stream_id, 0, 0, ended=ended)
        engine.headers(state, self.writer.head(error.status, ())[0], end=True)
        if not ended:
            engine.reset(stream_id, ErrorCode.NO_ERROR)
        self.noise(budget.FRAME)

    def body(self, state: H2Exchange, data: bytes, credit: int, *, ended: bool) -> None:
        """See `nonecorn_h2._engine.Receiver`."""
        self.discarded(credit)
        stream = state.stream
        size = len(data)
        if stream is None:
            self._drained(state, credit)
            return
        if not size and not ended:
            self.noise(budget.FRAME)
        state.received += size
        limit = self.limits.body_size
        if limit and state.received > limit and not state.tunnelling:
            self.answer(state, RemoteProtocolError(413, "body-too-large"))
            return
        state.unread += size
        state.heard_at = self.now()
        if credit > size and not ended:
            state.give_credit(credit - size)
        stream.feed(data, ended)

    def trailers(self, state: H2Exchange, fields: Headers | None) -> None:
        """See `nonecorn_h2._engine.Receiver`."""
        stream = state.stream
        if stream is None:
            self.close(state)
            return
        try:
            if fields is None or state.tunnelling:
                # RFC 9113 section 8.5: only DATA after CONNECT.
                code = ErrorCode.ENHANCE_YOUR_CALM if fields is None else ErrorCode.PROTOCOL_ERROR
                raise StreamFault(code, "trailers")
            trailers = read_trailers(fields, self.limits)
        except StreamFault as fault:
            self.fault(state, fault)
            return
        if trailers:
            stream.feed_trailers(trailers)
        stream.feed(b"", True)

    def discarded(self, credit: int) -> None:
        """See `nonecorn_h2._engine.Receiver`."""
        self._credit += credit
        if self._credit * 2 >= self.most_window:
            self.engine.open_window(None, self._credit)
            self._credit = 0

    def _drained(self, state: H2Exchange, credit: int) -> None:
        """Body of a request that was answered already: a little is let in and dropped."""
        if state.peer_ended:
            self.close(state)
            return
        state.received += credit
        if state.received > self.limits.receive_buffer:
            self.abandon(state, ErrorCode.NO_ERROR)
        else:
            state.give_credit(credit)

    def was_reset(self, state: H2Exchange, code: int) -> None:
        """See `nonecorn_h2._engine.Receiver`."""
        if state.stream is not None:
            self._let_go(state, "client-gone")
            self.close(state)
            self.noise(budget.RESET)
        else:
            self.close(state)
            self.noise(budget.FRAME)

    # Windows, settings, priorities: called by the engine ------------------------------------------

    def window_opened(self, state: H2Exchange | None) -> None:
        """See `nonecorn_h2._engine.Receiver`."""
        if state is not None:
            self.outbox.window_opened(state)
        elif self.outbox.queued:
            self.outbox.mark()

    def settings_received(self) -> None:
        """See `nonecorn_h2._engine.Receiver`."""
        if self.outbox.queued:
            for exchange in self.engine.streams.values():
                self.outbox.window_opened(exchange)

    def pinged(self) -> None:
        """See `nonecorn_h2._engine.Receiver`: the answer is in `out`, and the connection alive."""

    def weighted(self, stream_id: int, weight: Weight) -> None:
        """See `nonecorn_h2._engine.Receiver`."""
        exchange = self.engine.streams.get(stream_id)
        if exchange is not None and not exchange.scheduled:
            exchange.schedule()
        self.outbox.scheduler.reweight(stream_id, *weight)

    def prioritized(self, stream_id: int, value: bytes) -> None:
        """See `nonecorn_h2._engine.Receiver`."""
        exchange = self.engine.streams.get(stream_id)
        priority = parse_priority(value)
        if exchange is not None:
            exchange.prioritize(*priority)
            return
        if stream_id <= self.engine.last_id:
            return
        if stream_id & 1:
            self._check_early(stream_id)
        self.outbox.scheduler.reprioritize(stream_id, *priority)

    def _check_early(self, stream_id: int) -> None:
        """RFC 9218 section 7.1: open streams, and idle ones that have a priority, are bounded
        together.
        """
        engine = self.engine
        scheduler = self.outbox.scheduler
        scheduler.skip(engine.last_id)
        if scheduler.said_early(stream_id) is None:
            streams = len(engine.streams) - self._pushes + scheduler.early
            if streams >= self._max_streams:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "priority-update")

    # Push -----------------------------------------------------------------------------------------

    @property
    def can_push(self) -> bool:
        """The client allows it, the settings do, and we are not about to leave."""
        engine = self.engine
        return (
            self._push
            and engine.can_push
            and self._pushes < engine.push_limit
            and not self._leaving
        )

    def push(self, parent: H2Exchange, target: bytes, headers: Iterable[Header]) -> None:
        """Promise the response to a GET of our own making, and have it made (section 8.4)."""
        context = self.context
        promise = make_promise(target, headers, scheme=context.scheme, authority=parent.authority)
        stream_id = self.engine.push(parent, promise.fields)
        exchange = H2Exchange(self, stream_id, ended=True)
        self.engine.streams[stream_id] = exchange
        self._pushes += 1
        self._begin(exchange, context.http, promise.head, ended=True)
        self.outbox.mark()
