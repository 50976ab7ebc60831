"""One HTTP/3 connection (RFC 9114): streams of a `QuicPort` below, streams of requests above, and
the rules between them.

Each QUIC stream has a handler in `streams`: a request's is its `H3Exchange`, which reads frames and
tells this of what they say; the client's control stream and those of its field compression have
theirs. The stream of a request answers through its exchange, which writes to the port. `H3Life` has
deadlines and endings.

What a peer can do to a connection is bounded here: requests at once by `[h3] max_streams`, where
those that the client has given up count until their applications have ended (CVE-2023-44487); body
that was not received by each stream's credit; everything else that costs work by the `NoiseBudget`.
A request that is wrong costs its stream. Only what leaves the two sides in disagreement about the
connection itself ends that: its control streams, its field compression, frames where none may be.

For whoever edits this file: with eager tasks an application may answer inside `spawn`, and a stream
may be gone after any call into it; an exchange that is `closed` is in no table.
"""

from __future__ import annotations

import random

from nonecorn.spi import Context, Headers, QuicPort, RemoteProtocolError
from nonecorn.spi.messages.priority import parse_priority
from nonecorn.spi.messages.request import (
    Head,
    MalformedError,
    TooMuchError,
    read_head,
    read_trailers,
)
from nonecorn_h3._http import _budget as budget
from nonecorn_h3._http import _frames as f
from nonecorn_h3._http._critical import CriticalStream
from nonecorn_h3._http._datagrams import Datagrams
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode, StreamFault
from nonecorn_h3._http._exchange import H3Exchange
from nonecorn_h3._http._life import H3Life
from nonecorn_h3._http._push import Pushes
from nonecorn_h3._http._sessions import Sessions, extensions_of
from nonecorn_h3._http._settings_frame import encode_settings
from nonecorn_h3._http._unidirectional import UntypedStream
from nonecorn_h3._settings import H3Settings

_HEADS = 16
_HEAD_SIZE = 512
_SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "QUERY"))
"""RFC 9110 section 9.2.1: they may be replayed."""
_GREASE = 1 << 20


class H3Connection(H3Life):
    """See `nonecorn.spi.QuicProtocol`.

    Attributes:
        critical: Types of the critical streams that the client has opened.
        datagrams: Those of its streams.
        pushes: Those under way.
        sessions: Streams that belong to others.
    """

    __slots__ = ("_decoder_stream", "_early", "_heads", "_heads_at", "critical", "datagrams",
                 "pushes", "sessions")  # fmt: skip

    def __init__(self, context: Context, port: QuicPort) -> None:
        settings = context.settings_of(H3Settings)
        super().__init__(context, port, settings)
        extensions = extensions_of(context)
        self.critical: set[int] = set()
        self.datagrams = Datagrams(self)
        self.pushes = Pushes(self, offered=settings.push, most=settings.max_streams)
        self.sessions = Sessions(self, extensions)
        self._heads: dict[bytes, Head] = {}
        self._heads_at = 0
        self._early: dict[int, tuple[int, bool]] = {}
        values = _our_settings(context, settings, datagrams=port.max_datagram > 0)
        for extension in extensions:
            values.update(extension.settings)
        grease = f.encode_frame(f.reserved(random.randrange(_GREASE)), b"")  # noqa: S311  # no secret
        self._control = self._open_critical(f.CONTROL_STREAM, encode_settings(values) + grease)
        self._decoder_stream = (
            self._open_critical(f.DECODER_STREAM, b"") if settings.qpack_table_size else -1
        )

    def _open_critical(self, kind: int, data: bytes) -> int:
        stream_id = self.port.open(bidirectional=False)
        self.streams[stream_id] = CriticalStream(self, stream_id)
        self.port.prioritize(stream_id, -1, False)
        self.port.write(stream_id, f.encode_integer(kind) + data, False)
        return stream_id

    # Called by the port ---------------------------------------------------------------------------

    def stream_data(self, stream: int, data: bytes, end: bool) -> None:
        """See `nonecorn.spi.QuicProtocol`."""
        if self.dead:
            return
        try:
            handler = self.streams.get(stream) or self._opened(stream)
            if handler is not None:
                handler.receive(data, end)
        except ConnectionFault as fault:
            self.fail(fault)
            return
        if self.decoder.out:
            self._instruct()

    def stream_reset(self, stream: int, code: int) -> None:
        """See `nonecorn.spi.QuicProtocol`."""
        if self.dead:
            return
        try:
            handler = self.streams.get(stream)
            if handler is not None:
                handler.was_reset(code)
            elif not stream & 3 and stream not in self._stopped:
                # Nothing has come of it: there is nothing to answer.
                self.last_id = max(self.last_id, stream)
                self.port.reset(stream, ErrorCode.REQUEST_CANCELLED)
                self.noise(budget.RESET)
        except ConnectionFault as fault:
            self.fail(fault)
            return
        if self.decoder.out:
            self._instruct()

    def stream_stopped(self, stream: int, code: int) -> None:
        """See `nonecorn.spi.QuicProtocol`."""
        if self.dead:
            return
        try:
            handler = self.streams.get(stream)
            if handler is not None:
                handler.was_stopped(code)
            else:
                self._unsent.forget(stream)
                self.noise(budget.FRAME)
        except ConnectionFault as fault:
            self.fail(fault)
            return
        if self.decoder.out:
            self._instruct()

    def pause_writing(self, stream: int) -> None:
        """See `nonecorn.spi.QuicProtocol`."""
        handler = self.streams.get(stream)
        if handler is not None:
            handler.pause_writing()

    def resume_writing(self, stream: int) -> None:
        """See `nonecorn.spi.QuicProtocol`."""
        handler = self.streams.get(stream)
        if handler is not None:
            handler.resume_writing()

    def datagram_received(self, data: bytes) -> None:
        """See `nonecorn.spi.QuicProtocol`."""
        if self.dead:
            return
        try:
            self.datagrams.received(data)
        except ConnectionFault as fault:
            self.fail(fault)

    def _opened(self, stream_id: int) -> H3Exchange | UntypedStream | None:
        """A stream of the client's that was not heard of before."""
        if stream_id in self._stopped:
            return None
        if stream_id & 3:
            if stream_id & 1:
                return None  # one of ours that we have done with
            untyped = self.streams[stream_id] = UntypedStream(self, stream_id)
            return untyped
        if stream_id > self.last_id:
            if not self.leaving:
                self.last_id = stream_id
            elif not self.sessions:
                # Section 5.2: nothing was done, the client may ask again, elsewhere.
                self.stop(stream_id, ErrorCode.REQUEST_REJECTED)
                self.port.reset(stream_id, ErrorCode.REQUEST_REJECTED)
                self.noise(budget.FRAME)
                return None
            # Else it may be one of a session: those that are open go on, also with new streams
            # (draft-ietf-webtrans-http3, "Interaction with the HTTP/3 GOAWAY frame").
        exchange = self.streams[stream_id] = self.exchanges[stream_id] = H3Exchange(self, stream_id)
        return exchange

    def _instruct(self) -> None:
        """Tell the client's field encoder what we have read."""
        out, self.decoder.out = self.decoder.out, b""
        if not self.dead:
            self.port.write(self._decoder_stream, out, False)

    # Requests: called by the reader ---------------------------------------------------------------

    def known_head(self, block: bytes) -> Head | None:
        """See `nonecorn_h3._http._reader.Receiver`: only a block that refers to no table."""
        return None if block[:1] != b"\0" else self._heads.get(block)

    def head(
        self, exchange: H3Exchange, fields: Headers | None, block: bytes, *, ended: bool
    ) -> None:
        """See `nonecorn_h3._http._reader.Receiver`."""
        changes = self.decoder.changes
        if self._heads_at != changes:
            # The same bytes may refer to something else now.
            self._heads = {known: head for known, head in self._heads.items() if not known[0]}
            self._heads_at = changes
        head = self._heads.get(block)
        if head is None:
            try:
                if fields is None:
                    raise RemoteProtocolError(431, "head-too-large")
                head = read_head(
                    fields, self.limits, connect_protocol=bool(self.context.stream_upgrades)
                )
            except RemoteProtocolError as error:
                self.refused(exchange, error)
                return
            except MalformedError as error:
                self.refused(exchange, StreamFault(ErrorCode.MESSAGE_ERROR, error.reason))
                return
            if 0 < len(block) <= _HEAD_SIZE:
                if len(self._heads) >= _HEADS:
                    del self._heads[next(iter(self._heads))]
                self._heads[block] = head
        self.request(exchange, head, ended=ended)

    def request(self, exchange: H3Exchange, head: Head, *, ended: bool) -> None:
        """See `nonecorn_h3._http._reader.Receiver`."""
        protocol = head.protocol
        if ended and head.length > 0:
            self.refused(exchange, StreamFault(ErrorCode.MESSAGE_ERROR, "content-length"))
            return
        if self._is_full() or (self.leaving and exchange.id > self.last_id):
            # RFC 9114 section 4.1.1: nothing was done, the client may ask again.
            self.abandon(exchange, ErrorCode.REQUEST_REJECTED)
            self.noise(budget.FRAME)
            return
        if self.port.early and (protocol or head.method not in _SAFE):
            self.refused(exchange, RemoteProtocolError(425, "early-data"))
            return
        context = self.context
        factory = context.stream_upgrades.get(protocol) if protocol else context.http
        if factory is None:
            # RFC 9220 section 3
            self.refused(exchange, RemoteProtocolError(501, "protocol"))
            return
        early = self._early.pop(exchange.id, None) if self._early else None
        # RFC 9218 section 7: what came before the request prevails over its field. A tunnel does
        # not wait for another to end.
        priority = early or head.priority or ((3, True) if protocol else None)
        if priority is not None:
            exchange.prioritize(*priority)
        if self.pushes.offered:
            exchange.can_push = self.pushes.allowed
            exchange.authority = head.headers[0][1]  # `read_head` puts the host there
        self._requests += 1
        if self._requests == self.limits.requests_per_connection:
            self._begin_farewell()
        self._begin(exchange, factory, head, ended=ended)

    def open_push(self, exchange: H3Exchange, head: Head) -> None:
        """Have the response to a promised request made."""
        self.streams[exchange.id] = self.exchanges[exchange.id] = exchange
        self._begin(exchange, self.context.http, head, ended=True)

    def refused(self, exchange: H3Exchange, error: RemoteProtocolError | StreamFault) -> None:
        """See `nonecorn_h3._http._reader.Receiver`."""
        self._record(error)
        if isinstance(error, StreamFault):
            self.abandon(exchange, error.code)
            self.noise(budget.RESET)
            return
        self._respond(exchange, error.status)
        self.noise(budget.FRAME)

    def body(self, exchange: H3Exchange, data: bytes, *, ended: bool) -> None:
        """See `nonecorn_h3._http._reader.Receiver`."""
        size = len(data)
        exchange.received += size
        exchange.unread += size
        limit = self.limits.body_size
        if limit and exchange.received > limit and not exchange.tunnelling:
            self.answer(exchange, RemoteProtocolError(413, "body-too-large"))
            return
        exchange.heard_at = self.now()
        stream = exchange.stream
        if stream is not None:
            stream.feed(data, ended)
        if ended:
            self._peer_ended(exchange)

    def ended(self, exchange: H3Exchange) -> None:
        """See `nonecorn_h3._http._reader.Receiver`."""
        if exchange.stream is not None:
            exchange.stream.feed(b"", True)
        self._peer_ended(exchange)

    def _peer_ended(self, exchange: H3Exchange) -> None:
        if exchange.we_ended:
            self.close(exchange)

    def trailers(self, exchange: H3Exchange, fields: Headers | None) -> None:
        """See `nonecorn_h3._http._reader.Receiver`."""
        try:
            if fields is None:
                raise StreamFault(ErrorCode.EXCESSIVE_LOAD, "trailers")
            if exchange.expected > 0:
                raise StreamFault(ErrorCode.MESSAGE_ERROR, "content-length")
            exchange.expected = -1
            trailers = read_trailers(fields, self.limits)
        except StreamFault as fault:
            self.fault(exchange, fault)
            return
        except MalformedError as error:
            much = isinstance(error, TooMuchError)
            code = ErrorCode.EXCESSIVE_LOAD if much else ErrorCode.MESSAGE_ERROR
            self.fault(exchange, StreamFault(code, error.reason))
            return
        if exchange.stream is not None and trailers:
            exchange.stream.feed_trailers(trailers)
        if exchange.peer_ended:
            self.ended(exchange)

    def was_reset(self, exchange: H3Exchange) -> None:
        """The client has broken its direction off: nobody has the request (section 4.1.1)."""
        asked = exchange.stream is not None
        exchange.peer_ended = True
        self._let_go(exchange, "client-gone")
        self.close(exchange)
        if not exchange.we_ended:
            self.port.reset(exchange.id, ErrorCode.REQUEST_CANCELLED)
        self.noise(budget.RESET if asked else budget.FRAME)

    def was_stopped(self, exchange: H3Exchange) -> None:
        """The client does not want the response."""
        asked = exchange.stream is not None
        self._let_go(exchange, "client-gone")
        self.close(exchange)
        if not exchange.peer_ended:
            self.stop(exchange.id, ErrorCode.REQUEST_CANCELLED)
        self.noise(budget.RESET if asked else budget.FRAME)

    def is_session_frame(self, kind: int) -> bool:
        """See `nonecorn_h3._http._reader.Receiver`."""
        return kind in self.sessions.frame_types

    def session_stream(self, exchange: H3Exchange, session: int, data: bytes, end: bool) -> None:
        """See `nonecorn_h3._http._reader.Receiver`."""
        exchange.closed = True
        del self.exchanges[exchange.id]
        if not self.exchanges:
            self._note_idle()
        self.sessions.stream(exchange.id, session, data, end)

    # Called by the other streams ------------------------------------------------------------------

    def settings_received(self, values: dict[int, int]) -> None:
        """The client's SETTINGS."""
        self.datagrams.allowed = values.get(f.H3_DATAGRAM) == 1
        self.sessions.greet()

    def prioritized(self, stream_id: int, value: bytes) -> None:
        """PRIORITY_UPDATE for a request (RFC 9218 section 7.2)."""
        if stream_id & 3:
            raise ConnectionFault(ErrorCode.ID_ERROR, "priority-update")
        exchange = self.exchanges.get(stream_id)
        priority = parse_priority(value)
        if exchange is not None and exchange.stream is not None:
            exchange.prioritize(*priority)
        elif exchange is not None or stream_id > self.last_id:
            if len(self._early) >= self._max_streams:
                self._early = {
                    known: said
                    for known, said in self._early.items()
                    if known > self.last_id or known in self.exchanges
                }
            if stream_id in self._early or len(self._early) < self._max_streams:
                self._early[stream_id] = priority

    def table_changed(self, data: bytes) -> None:
        """Instructions of the client's field encoder."""
        for stream_id in self.decoder.feed(data):
            exchange = self.exchanges.get(stream_id)
            if exchange is not None:
                exchange.resume()


def _our_settings(context: Context, settings: H3Settings, *, datagrams: bool) -> dict[int, int]:
    """What our SETTINGS frame says (section 7.2.4.1); what is as by default is left out."""
    values = {
        f.MAX_FIELD_SECTION_SIZE: context.limits.head_size,
        f.reserved(random.randrange(_GREASE)): random.randrange(_GREASE),  # noqa: S311
    }
    if settings.qpack_table_size:
        values[f.QPACK_MAX_TABLE_CAPACITY] = settings.qpack_table_size
        values[f.QPACK_BLOCKED_STREAMS] = settings.qpack_blocked_streams
    if context.stream_upgrades:
        values[f.ENABLE_CONNECT_PROTOCOL] = 1
    if datagrams:
        values[f.H3_DATAGRAM] = 1
    return values
