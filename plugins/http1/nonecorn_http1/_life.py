"""How an HTTP/1.1 connection lives and ends: deadlines, pauses, refusals, closing.

Every state has a deadline that fits it (`_set_deadline`), and only `sweep` acts on one. Two kinds
are apart: while the client takes less than was sent, and while nothing is left but to send, what
counts is whether anything is taken between two looks.

A connection ends in one of three ways. `_close`: nothing more is expected from the client.
`_linger`: it may still be sending, and would lose our answer to a reset if we closed (RFC 9112
section 9.6); our direction ends first. `_abort`: what was sent must not be taken for whole.
"""

from __future__ import annotations

from nonecorn.spi import NEVER, RemoteProtocolError, report_refusal
from nonecorn_http1._exchange import ENDED, OPEN, Http1Exchange

HEAD, LENGTH, CHUNKED, COMPLETE, RAW, DISCARD = range(6)
STATES = ("head", "length", "chunked", "complete", "raw", "discard")


class Http1Life(Http1Exchange):
    """What of a connection is not about one message; `Http1Connection` completes it."""

    __slots__ = ()

    # Called by the port ---------------------------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        """See `nonecorn.spi.Protocol`."""
        self._reading = DISCARD
        self._pending = b""
        self._write = _nowhere
        self.deadline = NEVER
        self._end_stream("client-gone")
        if self._blocked is not None:
            self._blocked.set()

    def pause_writing(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        if self._blocked is None:
            self._blocked = self._context.runtime.waiter()
        if self.stream is not None:
            self.stream.blocked = self._blocked
        self._stalled_at = self._port.buffered()
        self.deadline = self._after(self._limits.write_timeout)

    def resume_writing(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        blocked = self._blocked
        self._blocked = None
        if self.stream is not None:
            self.stream.blocked = None
        if blocked is not None:
            blocked.set()
        self._set_deadline()
        if self.stream is None:
            if self._reading == COMPLETE:
                self._next()
            elif self._reading == DISCARD:
                self._wind_down()

    def sweep(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        limits = self._limits
        stream = self.stream
        reading = self._reading
        if self._blocked is not None or (stream is None and reading == DISCARD):
            # What was sent is to be taken: a slow client may go on, one that takes nothing may not.
            buffered = self._port.buffered()
            if buffered >= self._stalled_at:
                self._end_stream("write-timeout")
                self._abort()
                return
            self._stalled_at = buffered
            self.deadline = self._after(limits.write_timeout if buffered else limits.close_timeout)
        elif stream is None:
            if reading == HEAD and not self._pending:
                self._close()
            elif reading == HEAD:
                self._refuse(RemoteProtocolError(408, "head-timeout"))
            else:
                self._linger()
        elif self._app_deadline <= self._now():
            self._app_deadline = self.deadline = NEVER
            stream.expire()
        elif self._tunnel == ENDED:
            self._end_stream("client-gone")
            self._abort()
        elif reading in (LENGTH, CHUNKED) and not self._paused and not stream.expect_continue:
            self._refuse(RemoteProtocolError(408, "body-timeout"))
        else:
            # It is not the client that is waited for: it may be waiting for our 100 itself.
            self._set_deadline()

    def shutdown(self) -> None:
        """See `nonecorn.spi.Protocol`."""
        self._keep_alive = self._expecting = False
        if self.stream is not None or self._reading == DISCARD:
            return
        if self._reading != HEAD:
            self._linger()
        elif not self._pending:
            self._close()

    # Reading, or not for now ----------------------------------------------------------------------

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._port.pause_reading()
            self._set_deadline()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._port.resume_reading()
            self._set_deadline()

    def _resume_if_room(self) -> None:
        """Read on, unless much waits already: requests, or a body that nobody has received."""
        limits = self._limits
        if len(self._pending) <= limits.head_size and self._unread <= limits.receive_buffer // 2:
            self._resume()

    # 100 Continue ---------------------------------------------------------------------------------

    def _body_asked_for(self) -> None:
        self._keep_alive, self._expecting = self._expecting, False
        self._set_deadline()

    def _expectation_met(self) -> bool:
        if self._expecting and self._reading == COMPLETE:
            self._keep_alive, self._expecting = True, False
            return True
        return False

    # Tunnels --------------------------------------------------------------------------------------

    def _tunnel_opened(self) -> None:
        self._tunnel = OPEN
        # The application has answered the request; how long it talks is its own business.
        self._app_deadline = NEVER
        self._set_deadline()

    def _tunnel_ended(self) -> None:
        """Our direction has ended; the peer has `limits.close_timeout` to end its own."""
        self._tunnel = ENDED
        if self._peer_ended:
            self.stream = None
            self._close()
        else:
            self._port.write_eof()
            self._set_deadline()

    # Ends -----------------------------------------------------------------------------------------

    def _refuse(self, error: RemoteProtocolError) -> None:
        """Answer what cannot be served, if nothing was answered yet, and serve nothing more."""
        responding = self._responding
        answered = self.stream is None and self._reading in (LENGTH, CHUNKED)
        self._reading = DISCARD
        self._pending = b""
        self._keep_alive = False
        if answered:
            # A second response would be taken for the answer to another request.
            self._linger()
            return
        if self.stream is not None:
            self._end_stream(error.reason, None if responding else error.status)
        else:
            self._record(error)
        if responding:
            self._abort()
            return
        head, _, _ = self._writer.head(error.status, ())
        self._write(head + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self._linger()

    def _record(self, error: RemoteProtocolError) -> None:
        self._context.log.debug("%r: refused: %s", self._port, error)
        report_refusal(self._context, self._port, self._version, error.status, error.reason)

    def _end_stream(self, reason: str, status: int | None = None) -> None:
        stream = self.stream
        self.stream = None
        self._responding = False
        if stream is not None:
            stream.disconnect(reason, status)
            if stream.blocked is not None:
                stream.blocked.set()

    def _close(self) -> None:
        self._wind_down()
        self._port.close()

    def _linger(self) -> None:
        """Close so that the client can read what was sent to it: our direction first, then the
        rest (RFC 9112 section 9.6).
        """
        self._wind_down()
        self._resume()
        self._port.write_eof()

    def _wind_down(self) -> None:
        """Serve nothing more; what is buffered still leaves, and then the peer is to close."""
        limits = self._limits
        self._reading = DISCARD
        self._pending = b""
        self._stalled_at = buffered = self._port.buffered()
        timeout = limits.write_timeout if buffered else limits.close_timeout
        self.deadline = self._context.runtime.clock.now + timeout if timeout else NEVER

    def _abort(self) -> None:
        self._reading = DISCARD
        self._pending = b""
        self.deadline = NEVER
        self._port.abort()

    # Deadlines ------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._context.runtime.clock.now

    def _after(self, timeout: float) -> float:
        return self._context.runtime.clock.now + timeout if timeout else NEVER

    def _set_deadline(self) -> None:
        """The deadline that fits the state, counted from now; only `sweep` moves that of a client
        that is to take what was sent.
        """
        limits = self._limits
        if self._blocked is not None or (self.stream is None and self._reading == DISCARD):
            return
        if self._reading in (LENGTH, CHUNKED) and not self._paused:
            self.deadline = min(self._after(limits.body_timeout), self._app_deadline)
        elif self._tunnel == ENDED:
            self.deadline = self._after(limits.close_timeout)
        elif self.stream is not None:
            self.deadline = self._app_deadline
        elif self._reading == HEAD:
            self.deadline = self._after(
                limits.head_timeout if self._pending else limits.keep_alive_timeout
            )
        else:
            self.deadline = self._after(limits.close_timeout)

    # The receiving half's -------------------------------------------------------------------------

    def _next(self) -> None:
        raise AssertionError  # pragma: no cover  # Http1Connection defines it


def _nowhere(data: bytes) -> None:
    """What is written after the connection was lost."""
