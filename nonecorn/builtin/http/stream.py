"""The HTTP stream: one request, from the application's side (ASGI HTTP specification 2.5).

`run` calls the application; `receive` and `send` are what it is given. Both finish without
suspending whenever they can: a waiter is made only where there is nothing to read, or where the
client takes no more. The response start is kept until the first body message, so that head and
body leave together and a failure in between can still become a 500.

The response passes through `_phase`:

    START ─ http.response.start ─► HEAD ─ first body ─► BODY ─► [TRAILERS ─►] DONE

DONE is also where a disconnect, a reset or a time-out leads; `_finish` is the only way there,
and reports the request once. A start that cannot be sent leads back from HEAD to START: nothing
has left, so the application may send another.

An application may call `receive` and `send` from several tasks, and cancel them. A runtime's
waiter is for one task: those who wait are chained (`receive`), or all but one wait for the one
that waits for the exchange (`_taken`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nonecorn.builtin.http import extensions, farewell
from nonecorn.spi import (
    ClientDisconnectedError,
    Connection,
    Context,
    Exchange,
    Header,
    Headers,
    Job,
    LocalProtocolError,
    Message,
    RequestRecord,
    Waiter,
    build_scope,
    follows_disconnect,
    is_disconnect,
    recorded_scope,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

SPEC_VERSION = "2.5"

_EXTENSIONS: dict[str, Any] = {
    "http.response.early_hint": {},
    "http.response.pathsend": {},
    "http.response.trailers": {},
    "http.response.zerocopysend": {},
    "http.request.trailers": {},
}
"""Those that hold for every exchange; each scope gets a dictionary of its own."""

_BURST = 16777216
_MESSAGE_WEIGHT = 32768
"""A stream sends so many bytes before others have their turn; each message counts for some."""

_MOST_CHUNKS = 256
"""Pieces of a body that wait: the objects of many tiny ones would weigh more than their bytes."""

START, HEAD, BODY, TRAILERS, DONE = range(5)
_PHASES = ("start", "head", "body", "trailers", "done")

_PLAIN: list[Header] = [(b"content-type", b"text/plain; charset=utf-8")]


class HTTPStream:
    """See `nonecorn.spi.Stream`.

    Attributes:
        blocked: See `nonecorn.spi.Stream`.
        remaining: See `nonecorn.spi.Stream`.
        expect_continue: See `nonecorn.spi.Stream`.
        job: See `nonecorn.spi.Stream`.
        scope: The ASGI scope.
        status: Status of the response, once it was started.
    """

    __slots__ = (
        "_burst", "_chunks", "_context", "_delivered", "_exchange", "_gone", "_half_closed",
        "_headers", "_more", "_phase", "_received", "_request_trailers", "_senders", "_sent",
        "_started", "_trailers", "_wake", "blocked", "expect_continue", "job", "remaining",
        "scope", "status",
    )  # fmt: skip

    job: Job | None
    remaining: int
    _senders: list[Waiter] | None  # made by the first that waits

    def __init__(
        self,
        context: Context,
        exchange: Exchange,
        port: Connection,
        version: str,
        method: str,
        raw_path: bytes,
        query: bytes,
        headers: Headers,
        has_body: bool,
        /,
    ) -> None:
        self.scope: dict[str, Any] = build_scope(
            "http", SPEC_VERSION, context, port, version, raw_path, query, headers,
            _EXTENSIONS.copy(),
        )  # fmt: skip
        self.scope["method"] = method
        if exchange.can_push:
            self.scope["extensions"]["http.response.push"] = {}
        self.blocked: Waiter | None = None
        self.expect_continue = False
        self.status: int | None = None
        self._context = context
        self._exchange = exchange
        self._phase = START
        self._gone = False
        self._half_closed = False
        self._more = has_body
        self._delivered = False
        self._chunks: list[bytes] | None = None
        self._received = 0
        self._sent = 0
        self._burst = 0
        self._trailers: list[Header] | None = None
        self._request_trailers: Headers | None = None
        self._wake: Waiter | None = None
        observers = context.observers
        if observers.request_finished:
            self._started = context.runtime.time()
            self._headers: list[Header] = []
        if observers.request_started:
            for observe in observers.request_started:
                observe(self.scope)

    def __repr__(self) -> str:
        scope = self.scope
        return (
            f"<HTTPStream {scope['method']} {scope['path']!r} {_PHASES[self._phase]}"
            f" status={self.status}{' gone' if self._gone else ''}>"
        )

    # Called by the protocol -----------------------------------------------------------------------

    def feed(self, data: bytes, end: bool) -> None:
        """See `nonecorn.spi.Stream`."""
        if data:
            if self._chunks is None:
                self._chunks = [data]
            else:
                self._chunks.append(data)
                if len(self._chunks) == _MOST_CHUNKS:
                    self._chunks = [b"".join(self._chunks)]
            self._received += len(data)
        if end:
            self._more = False
        if self._wake is not None:
            self._wake.set()

    def feed_trailers(self, headers: Headers) -> None:
        """See `nonecorn.spi.Stream`."""
        self._request_trailers = headers

    def disconnect(self, reason: str = "client-gone", status: int | None = None) -> None:
        """See `nonecorn.spi.Stream`."""
        if not self._gone:
            self._gone = True
            if status is not None:
                self.status = status
                self._headers = []
            self._finish(reason)
        if self._wake is not None:
            self._wake.set()

    def half_close(self) -> None:
        """See `nonecorn.spi.Stream`."""
        self._half_closed = True
        if self._wake is not None:
            self._wake.set()

    def expire(self) -> None:
        """See `nonecorn.spi.Stream`."""
        if self._phase < BODY:
            self._answer(504, "timeout")
        else:
            self._fail("timeout")
        if self.job is not None:
            self.job.cancel()

    def shutdown(self) -> None:
        """See `nonecorn.spi.Stream`; a response that has an end has the time to reach it."""
        farewell.shutdown(self)

    # The application ------------------------------------------------------------------------------

    async def run(self) -> None:
        """See `nonecorn.spi.Stream`."""
        context = self._context
        admission = context.admission
        running = context.running
        running.add(self)
        try:
            if admission is not None:
                if not await admission.enter():
                    self._answer(503, "queue-timeout", [(b"retry-after", b"1")])
                    return
                if self._gone:
                    admission.leave()
                    return
            try:
                await context.app(self.scope, self.receive, self.send)
            finally:
                if admission is not None:
                    admission.leave()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever it raises ends its request, not the worker
            self._application_failed(error)
        except BaseException:
            if not farewell.end(self):
                self._answer(503 if context.draining else 500, "cancelled")
            raise
        else:
            if self._phase != DONE:
                self._unfinished()
        finally:
            running.discard(self)

    async def receive(self) -> Message:
        """ASGI's receive: the body in parts as they come, then `http.disconnect`."""
        while True:
            if self._gone or self._phase == DONE:
                return {"type": "http.disconnect"}
            if not self._delivered:
                chunks = self._chunks
                if chunks:
                    data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
                    self._chunks = None
                    self._exchange.consumed(self, len(data))
                    if self._more:
                        return {"type": "http.request", "body": data, "more_body": True}
                    return self._last_part(data)
                if not self._more:
                    return self._last_part(b"")
                if self.expect_continue:
                    # RFC 9110 section 10.1.1: the client waits for this before it sends the body.
                    self.expect_continue = False
                    self._exchange.inform(self, 100, ())
            elif self._half_closed:
                return {"type": "http.disconnect"}
            before = self._wake
            wake = self._wake = self._context.runtime.waiter()
            try:
                await wake.wait()
            finally:
                if self._wake is wake:
                    self._wake = before
                if before is not None:
                    before.set()

    def _last_part(self, data: bytes) -> Message:
        """The end of the request body, with the trailers where there were any.

        They are a key of the last message, not a message of their own, which would surprise
        applications that wait for nothing but the disconnect by then.
        """
        self._delivered = True
        message: Message = {"type": "http.request", "body": data, "more_body": False}
        if self._request_trailers is not None:
            message["trailers"] = self._request_trailers
        return message

    async def send(self, message: Message) -> None:
        """ASGI's send.

        Raises:
            ClientDisconnectedError: The client has gone.
            LocalProtocolError: The message is invalid, or out of turn.
        """
        if self._gone:
            error = "the client has disconnected"
            raise ClientDisconnectedError(error)
        kind = message["type"]
        phase = self._phase
        if kind == "http.response.body":
            if phase == BODY:
                data = message.get("body", b"")
                end = not message.get("more_body", False)
                self._exchange.body(self, data, end)
                self._sent += len(data)
                if not end:
                    self._burst += len(data) + _MESSAGE_WEIGHT
                    if self._burst > _BURST:
                        await self._let_others()
            elif phase == HEAD:
                data = message.get("body", b"")
                end = not message.get("more_body", False)
                self._respond(data, end)
            elif phase in (DONE, TRAILERS):
                return
            else:
                raise _out_of_turn(kind, _PHASES[phase])
            if end:
                self._body_ended()
        elif kind == "http.response.start":
            if phase != START:
                if phase == DONE:
                    return
                raise _out_of_turn(kind, _PHASES[phase])
            self.status = message["status"]
            headers = message.get("headers", ())
            self._headers = headers if headers.__class__ is list else list(headers)
            if message.get("trailers", False):
                self._trailers = []
            self._phase = HEAD
            return
        elif phase == DONE:
            return
        else:
            await extensions.handle(self, kind, message)
        if self.blocked is not None and self._phase != DONE:
            await self._taken()

    async def _let_others(self) -> None:
        """Suspend for a tick of the loop.

        Where the client takes a response as fast as it is sent, nothing else makes the application
        wait: the loop would serve nobody else, and not even hear that this client has gone. A body
        that nobody gets and that has no end in sight is not waited for: it has none.
        """
        self._burst = 0
        if self._is_bodiless():
            self._exchange.body(self, b"", True)
            if self._trailers is not None:
                self._exchange.trailers(self, ())
            self._finish("")
            self._gone = True
            error = "the response has no body, and the client has all of it"
            raise ClientDisconnectedError(error)
        waiter = self._context.runtime.waiter()
        self._context.runtime.end_of_tick(waiter.set)
        await waiter.wait()
        if self._is_gone():
            error = "the client has disconnected"
            raise ClientDisconnectedError(error)

    async def _taken(self) -> None:
        """Wait until the client has taken what was sent."""
        self._burst = 0
        while self.blocked is not None and not self._is_gone():
            senders = getattr(self, "_senders", None)
            if senders is not None:
                waiter = self._context.runtime.waiter()
                senders.append(waiter)
                await waiter.wait()
                continue
            self._senders = []
            try:
                await self.blocked.wait()
            finally:
                others, self._senders = self._senders, None
                for waiter in others:
                    waiter.set()
            break
        if self._is_gone():
            error = "the client has disconnected"
            raise ClientDisconnectedError(error)

    def _is_gone(self) -> bool:
        """`_gone`, which changes while `send` waits."""
        return self._gone

    def _is_bodiless(self) -> bool:
        """The body is not sent (RFC 9110 section 6.4.1)."""
        return self.scope["method"] == "HEAD" or self.status in (204, 304)

    # Towards the exchange -------------------------------------------------------------------------

    def _respond(self, data: bytes, end: bool) -> None:
        """Send the kept start with its first body bytes."""
        status = self.status
        if self._trailers is not None and not extensions.accepts_trailers(self.scope["headers"]):
            # RFC 9110 section 6.5.1: not to a client that may drop them.
            self._trailers = None
        trailers = self._trailers is not None
        try:
            self._exchange.respond(self, status, self._headers, data, end, trailers)  # type: ignore[arg-type]
        except LocalProtocolError:
            self._withdraw_start()
            raise
        self._phase = BODY
        self._sent += len(data)

    def _withdraw_start(self) -> None:
        """Nothing has left: the application hears of it, and may still answer otherwise."""
        if self._phase == HEAD:
            self._phase = START
            self.status = None

    def _body_ended(self) -> None:
        if self._trailers is None:
            self._finish("")
        else:
            self._phase = TRAILERS

    def _answer(self, status: int, reason: str, headers: Iterable[Header] = ()) -> None:
        """Answer in the application's stead, where it has not begun to; otherwise break the
        response off.
        """
        if self._gone or self._phase == DONE:
            return
        if self._phase >= BODY:
            self._fail(reason)
            return
        self.status = status
        self._headers = [*_PLAIN, *headers]
        body = b"" if self.scope["method"] == "HEAD" else _TEXTS[status]
        self._exchange.respond(self, status, self._headers, body, True, False)
        self._sent = len(body)
        self._finish(reason)

    def _fail(self, reason: str) -> None:
        if self._phase != DONE:
            self._finish(reason)
            self._gone = True
            self._exchange.reset(self)

    def _application_failed(self, error: BaseException) -> None:
        """The application raised."""
        what = self.scope["method"], self.scope["path"]
        if (self._gone or self._phase >= BODY) and is_disconnect(error):
            # ASGI HTTP 2.4: an application that lets it out is done, and there is nothing to log.
            self._fail("client-gone")
        elif self._gone and follows_disconnect(error):
            # Frameworks raise an error of their own instead.
            self._context.log.info("%s %s: ended by %r after its client had gone", *what, error)
        else:
            self._context.log.error("%s %s: the application failed", *what, exc_info=error)
            self._answer(500, "app-error")

    def _unfinished(self) -> None:
        """The application returned without having completed its response."""
        if self._gone or farewell.end(self):
            return
        if self._half_closed:
            # It was told that the client had gone, which may have been right.
            self._fail("client-gone")
            return
        what = "without a response" if self._phase <= HEAD else "before its response was complete"
        self._context.log.error(
            "%s %s: the application returned %s", self.scope["method"], self.scope["path"], what
        )
        self._answer(500, "app-error")

    def _finish(self, reason: str) -> None:
        if self._phase == DONE:
            return
        self._phase = DONE
        if self._wake is not None:
            self._wake.set()
        observers = self._context.observers.request_finished
        if observers:
            without_body = self._is_bodiless()
            record = RequestRecord(
                scope=recorded_scope(self.scope),
                status=self.status,
                headers=self._headers,
                sent=0 if without_body else self._sent,
                received=self._received,
                duration=self._context.runtime.time() - self._started,
                reason=reason,
            )
            for observe in observers:
                observe(record)


_TEXTS = {
    500: b"Internal Server Error",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}


def _out_of_turn(kind: str, phase: str) -> LocalProtocolError:
    message = f"{kind!r} cannot be sent while the response is at {phase!r}"
    return LocalProtocolError(message)


__all__ = ["HTTPStream"]
