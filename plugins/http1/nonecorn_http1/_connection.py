"""One HTTP/1.1 connection: framing and order, for whichever engine parses the field lines.

Bytes come by `data_received`. A head is collected whole, taken apart and checked (`_rules`,
`_reader`); its body is framed here, by length or by `ChunkedReader`. Each request becomes a
stream, one at a time: bytes of pipelined requests wait in `_pending`, unparsed, until the response
before them is complete, so responses leave in order (RFC 9112 section 9.3.2). The stream answers
through the Exchange methods of `Http1Exchange`; deadlines and endings are `Http1Life`'s.

The two directions of a message end independently, and the connection goes on when both have:

    _reading   HEAD ──► LENGTH or CHUNKED ──► COMPLETE ──┐
                 └────────────────────────────►          ├──► HEAD (keep-alive), or close
    stream     None ──► set ──► response complete: None ─┘

`_reading` is DISCARD once nothing more will be served (after an error, or while a close
lingers), and RAW after an upgrade.

For whoever edits this file: after a framing error nothing is ever served (RFC 9112 section
11.2); `stream` is None whenever no response is due; `deadline` is set at every change of state
by plain stores, and only `sweep` acts on it; engines bring their `field_parser` and nothing else;
with eager tasks an application may answer inside `spawn`, so nothing may be assumed unchanged
across it.
"""

from __future__ import annotations

from nonecorn.spi import (
    NEVER,
    Context,
    Headers,
    Port,
    Protocol,
    RemoteProtocolError,
    StreamFactory,
    UpgradeRequest,
)
from nonecorn_http1 import _rules as rules
from nonecorn_http1._chunked import ChunkedReader
from nonecorn_http1._exchange import ENDED, NO_TUNNEL
from nonecorn_http1._fields import Fields, understand
from nonecorn_http1._life import (
    CHUNKED,
    COMPLETE,
    DISCARD,
    HEAD,
    LENGTH,
    RAW,
    STATES,
    Http1Life,
)
from nonecorn_http1._pending import after_front
from nonecorn_http1._reader import FieldReader, ParseFields
from nonecorn_http1._response import ResponseWriter, status_line

_EMPTY_LINES = 2
_CR = 13
_CHUNKED_AT_ONCE = 65536
_REMEMBERED_BLOCK = 8192
_NO_FIELDS: Fields = ([], True, -1, False, False, b"")


class Http1Connection(Http1Life):
    """Protocol and Exchange of one HTTP/1.1 connection; engines subclass it."""

    __slots__ = ()

    def __init__(self, context: Context, port: Port) -> None:
        self._context = context
        self._limits = context.limits
        self._port = port
        self._write = port.write
        cache = context.cache
        reader = cache.get(FieldReader)
        if reader is None:
            reader = cache[FieldReader] = FieldReader(self.field_parser(), context.limits)
            cache[ResponseWriter] = ResponseWriter(context)
        self._reader = reader
        self._writer = cache[ResponseWriter]
        self._reading = HEAD
        self._pending = b""
        self._processing = False
        self._paused = False
        self._body_left = 0
        self._unread = 0
        self._empty_lines = 0
        self._fields_block = b""
        self._fields = _NO_FIELDS
        self._requests = 0
        self._version = "1.1"
        self._method = ""
        self._keep_alive = True
        self._peer_ended = False
        self._expecting = False
        self._responding = False
        self._tunnel = NO_TUNNEL
        self._blocked = None
        self._gathered_size = 0
        self._gathering = False
        self._app_deadline = NEVER
        self.stream = None
        self.zero_copy = port.zero_copy
        timeout = self._limits.head_timeout
        self.deadline = context.runtime.clock.now + timeout if timeout else NEVER

    def __repr__(self) -> str:
        answering = f" answering={self._method}" if self.stream is not None else ""
        return (
            f"<{type(self).__name__} {STATES[self._reading]}{answering}"
            f" requests={self._requests} pending={len(self._pending)}>"
        )

    @classmethod
    def field_parser(cls) -> ParseFields:
        """Make the engine's parser, once per worker and listener."""
        raise AssertionError  # pragma: no cover  # each engine defines it

    # Called by the port ---------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """See `nonecorn.spi.Protocol`."""
        reading = self._reading
        if reading == HEAD:
            pending = self._pending
            if pending:
                if not isinstance(pending, bytearray):
                    self._pending = pending = bytearray(pending)
                pending += data
                if pending.find(b"\r\n\r\n", max(0, len(pending) - len(data) - 3)) < 0:
                    self._head_incomplete(first=False)
                else:
                    self._process()
                return
            if (
                data[0] != _CR
                and data[-4:] == b"\r\n\r\n"
                and data.find(b"\r\n\r\n") == len(data) - 4
            ):
                # One whole head and nothing else, as nearly every request without a body comes.
                try:
                    self._open(data)
                except RemoteProtocolError as error:
                    self._refuse(error)
                return
            self._pending = data
            self._process()
        elif reading == LENGTH and len(data) <= self._body_left:
            self._body_left -= len(data)
            self._body_received(data, not self._body_left)
        elif reading == COMPLETE:
            # A pipelined request, or its beginning, waits; and so does the client, when it is much.
            pending = self._pending
            if not isinstance(pending, bytearray):
                self._pending = pending = bytearray(pending)
            pending += data
            if len(pending) > self._limits.head_size:
                self._pause()
        elif reading == RAW:
            self._body_received(data, end=False)
        elif reading != DISCARD:
            self._pending += data
            self._process()

    def eof_received(self) -> bool | None:
        """See `nonecorn.spi.Protocol`."""
        stream = self.stream
        self._peer_ended = True
        if self._reading == COMPLETE and (stream is not None or self._blocked is not None):
            # RFC 9112 section 9.6: who ends its direction after a request may still read the
            # response, and those to the requests that it sent before.
            if stream is not None:
                stream.half_close()
            return True
        if self._reading == RAW and stream is not None:
            self._reading = DISCARD
            stream.feed(b"", True)
            if self._tunnel != ENDED:
                return True
            self.stream = None
        # Nothing to answer, or a request that was cut short and cannot be (section 8).
        self._end_stream("client-gone")
        self._wind_down()
        return False

    # From head to stream --------------------------------------------------------------------------

    def _process(self) -> None:
        """Take apart what is pending, until it is used up or has to wait for a response."""
        if self._processing:
            return
        self._processing = True
        try:
            while self._pending:
                reading = self._reading
                pending = self._pending
                if reading == HEAD:
                    if pending[0] == _CR:
                        if not self._skip_empty_line():
                            break
                        continue
                    end = pending.find(b"\r\n\r\n") + 4
                    if end < 4:
                        self._head_incomplete(first=True)
                        break
                    if end == len(pending):
                        self._pending = b""
                        self._open(bytes(pending))
                    else:
                        head = bytes(pending[:end])
                        self._pending = after_front(pending, end)
                        self._open(head)
                elif reading == LENGTH:
                    data = bytes(pending[: self._body_left])
                    self._pending = after_front(pending, len(data))
                    self._body_left -= len(data)
                    self._body_received(data, not self._body_left)
                elif reading == CHUNKED:
                    used = self._chunks_received(bytes(pending[:_CHUNKED_AT_ONCE]))
                    self._pending = after_front(self._pending, used)
                elif reading == RAW:
                    self._pending = b""
                    self._body_received(bytes(pending), end=False)
                else:
                    if reading == DISCARD:
                        self._pending = b""
                    break
        except RemoteProtocolError as error:
            self._refuse(error)
        finally:
            self._processing = False

    def _skip_empty_line(self) -> bool:
        """Skip an empty line before a request line (RFC 9112 section 2.2). False: wait for more."""
        pending = self._pending
        if pending[:2] == b"\r\n" and self._empty_lines < _EMPTY_LINES:
            self._empty_lines += 1
            self._pending = after_front(pending, 2)
            return bool(self._pending)
        if len(pending) == 1:
            self._head_incomplete(first=True)
            return False
        raise RemoteProtocolError(400, "request-line")

    def _head_incomplete(self, *, first: bool) -> None:
        pending = self._pending
        try:
            lines = pending.count(b"\r\n")
            returns = pending.count(b"\r") - (pending[-1] == _CR)
            if pending.count(b"\n") != lines or returns != lines:
                raise RemoteProtocolError(400, "bare-cr-or-lf")
            if len(pending) > self._limits.head_size:
                raise RemoteProtocolError(431, "head-too-large")
            if b"\n" not in pending and len(pending) > self._limits.target_size + 128:
                raise RemoteProtocolError(414, "target-too-long")
        except RemoteProtocolError as error:
            self._refuse(error)
            return
        if first:
            self.deadline = self._after(self._limits.head_timeout)

    def _open(self, head: bytes) -> None:
        """Serve one complete head."""
        limits = self._limits
        line_end = head.find(b"\r\n")
        method, target, version = rules.split_request_line(head[:line_end], limits)
        path, query, authority = rules.split_target(method, target)
        block = head[line_end:]
        if (
            block == self._fields_block
            and version == "1.1"
            and len(head) <= limits.head_size  # the request line is another
        ):
            fields = self._fields
        else:
            fields = self._read_fields(head, block, version)
        headers, keep_alive, length, chunked, expects, upgrade = fields

        self._method = method
        self._version = version
        headers = headers.copy()
        if authority is not None:
            # RFC 9112 section 3.2.2: the target's authority replaces Host.
            headers = [(b"host", authority), *(field for field in headers if field[0] != b"host")]
        self._requests += 1
        if not keep_alive or self._requests == limits.requests_per_connection:
            self._keep_alive = False
        self._app_deadline = self.deadline = NEVER
        if limits.app_timeout:
            self._app_deadline = self.deadline = self._after(limits.app_timeout)
        context = self._context
        factory = context.http
        has_body = chunked or length > 0
        expects = expects and has_body
        if has_body:
            self._expect_body(length, chunked)
        else:
            self._reading = COMPLETE
        if upgrade:
            chosen = self._upgrade(upgrade, method, target, headers, has_body=has_body)
            if self._reading == DISCARD:
                return
            if chosen is not None:
                factory = chosen
                has_body = True
        self.stream = stream = factory(
            context, self, self._port, version, method, path, query, headers, has_body
        )
        if expects:
            # Without the 100 there may come a body or none (RFC 9110 section 10.1.1), and nothing
            # after it could be read: the response will say close, unless the body is there by then.
            stream.expect_continue = True
            self._expecting = self._keep_alive
            self._keep_alive = False
        if self._blocked is not None:
            stream.blocked = self._blocked
            self.deadline = self._after(limits.write_timeout)
        stream.job = context.runtime.spawn(stream.run)

    def _read_fields(self, head: bytes, block: bytes, version: str) -> Fields:
        """Check, parse and understand the fields of a head, and remember them for the
        connection's next.

        Clients send the same fields with request after request. What framing makes of them
        depends on their bytes alone, so the last block is kept, unless it announced a body or an
        upgrade, or is too large for idle connections; the reader keeps those of common fields.
        """
        limits = self._limits
        if len(head) > limits.head_size:
            raise RemoteProtocolError(431, "head-too-large")
        reader = self._reader
        if version == "1.1":
            found = reader.recall(block)
            if found is not None:
                self._fields_block, self._fields = found
                return found[1]
        headers, special = reader.read(block)
        fields = understand(headers, special, version, limits)
        if (
            version == "1.1"
            and len(block) <= _REMEMBERED_BLOCK
            and not (fields[2] > 0 or fields[3] or fields[4] or fields[5])
        ):
            self._fields_block = block
            self._fields = fields
            reader.remember(block, fields)
        return fields

    def _expect_body(self, length: int, chunked: bool) -> None:
        self._received = 0
        if chunked:
            self._reading = CHUNKED
            self._chunks = ChunkedReader(self._limits)
        else:
            self._reading = LENGTH
            self._body_left = length
        self._set_deadline()

    def _upgrade(
        self, tokens: bytes, method: str, target: bytes, headers: Headers, *, has_body: bool
    ) -> StreamFactory | None:
        """Who serves the first of the asked protocols that anybody serves (RFC 9110 section
        7.8); None to ignore the wish.
        """
        context = self._context
        for item in tokens.split(b","):
            token = item.strip(b" \t")
            stream_factory = context.stream_upgrades.get(token)
            if stream_factory is not None:
                if has_body:
                    self._reading = HEAD
                    raise RemoteProtocolError(400, "upgrade-with-body")
                self._upgrade_token = token
                self._keep_alive = False
                self._reading = RAW
                return stream_factory
            protocol_upgrade = context.protocol_upgrades.get(token)
            if protocol_upgrade is not None and not has_body:
                request = UpgradeRequest(method=method.encode(), target=target, headers=headers)
                make = protocol_upgrade(context, self._port, request)
                if make is not None:
                    self._write(
                        b"%bconnection: upgrade\r\nupgrade: %b\r\n\r\n" % (status_line(101), token)
                    )
                    self._hand_over(make())
                    return None
        return None

    def _hand_over(self, protocol: Protocol) -> None:
        rest = bytes(self._pending)
        self._pending = b""
        self._reading = DISCARD
        self.deadline = NEVER
        self._port.set_protocol(protocol)
        if self._blocked is not None:
            protocol.pause_writing()
        if rest:
            protocol.data_received(rest)

    # Body -----------------------------------------------------------------------------------------

    def _body_received(self, data: bytes, end: bool) -> None:
        stream = self.stream
        if stream is None:
            # The response was complete before the request; the little that was left of it is
            # dropped.
            if end:
                self._reading = COMPLETE
                self._next()
            return
        self._unread += len(data)
        if end:
            self._reading = COMPLETE
            if self._blocked is None:
                self.deadline = self._app_deadline
        elif self._reading != RAW:
            self._set_deadline()
        stream.feed(data, end)
        if self._unread > self._limits.receive_buffer and not end:
            self._pause()

    def _chunks_received(self, data: bytes) -> int:
        """Read on in a chunked body. Returns how much of `data` belonged to it."""
        chunks = self._chunks
        assert chunks is not None  # CHUNKED has one
        body, rest = chunks.feed(data)
        self._received += len(body)
        limit = self._limits.body_size
        if self.stream is None:
            limit = self._body_left
        if limit and self._received > limit:
            if self.stream is None:
                self._linger()
                return len(data)
            raise RemoteProtocolError(413, "body-too-large")
        if chunks.done:
            self._chunks = None
            if self.stream is not None and chunks.trailers:
                self.stream.feed_trailers(chunks.trailers)
            self._body_received(body, end=True)
        elif body:
            self._body_received(body, end=False)
        else:
            self._set_deadline()
        return len(data) - len(rest)

    def consumed(self, stream: object, count: int) -> None:
        """See `nonecorn.spi.Exchange`."""
        self._unread -= count
        if self._paused:
            self._resume_if_room()

    # Between two requests -------------------------------------------------------------------------

    def _response_done(self) -> None:
        self.stream = None
        self._responding = False
        reading = self._reading
        if reading == COMPLETE and self._keep_alive:
            self._next()
        elif self._peer_ended or (reading == COMPLETE and not self._pending):
            self._close()
        elif (
            self._keep_alive
            and reading in (LENGTH, CHUNKED)
            and (reading == CHUNKED or self._body_left <= self._limits.receive_buffer)
        ):
            # What is left of the body is little, or may be: reading it costs less than a new
            # connection.
            if reading == CHUNKED:
                self._received = 0
                self._body_left = self._limits.receive_buffer
            self._unread = 0
            self._resume()
            self._set_deadline()
        else:
            self._linger()

    def _next(self) -> None:
        """Both directions of a message are complete: on to the next."""
        if self._blocked is not None:
            # A client that does not read its responses gets no further ones: `resume_writing` goes
            # on from here.
            return
        self._reading = HEAD
        self._unread = 0
        self._empty_lines = 0
        self.deadline = self._after(self._limits.keep_alive_timeout)
        if self._pending:
            self._process()
        if self._paused:
            self._resume_if_room()
        if self._peer_ended and not self._processing and not self.eof_received():
            self._close()
