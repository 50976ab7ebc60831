"""The WebSocket stream: ASGI WebSocket 2.5 over any exchange that tunnels.

`run` calls the application; `receive` and `send` are what it is given. Both finish without
suspending whenever they can. The socket passes through `_phase`:

    CONNECTING ─ accept ─► OPEN ─ our close ─► CLOSING ─ the client's close ─► CLOSED
         ├─ http.response.start ─► DENYING ─ response complete ──────────────────▲ ▲
         └─ close, refusal ────────────────────────────────────────────────────────┘

CLOSED is also where the client's close, its leaving, a broken rule or a time-out leads; `_finish`
is the only way there, and reports the socket once. What came before is still received: messages,
and then `websocket.disconnect`, again and again. Its code is that of the close that ended the
socket, whoever sent it; 1005 where that had none, and 1006 where there was no close.

What came counts as `_held` until the application has received it, and the exchange makes the client
wait when that is much. The parts of an incomplete message do not count, or a long one would never
be complete: `[ws]` bounds it. Complete ones use up `_room`, and without room the codec reads no
further: few compressed bytes become many.
"""

from __future__ import annotations

import http
from collections import deque
from typing import Any

from nonecorn.spi import (
    Connection,
    Context,
    Exchange,
    Header,
    Headers,
    LocalProtocolError,
    Message,
    RemoteProtocolError,
    build_scope,
    follows_disconnect,
    is_disconnect,
)
from nonecorn_ws import _denial as denial
from nonecorn_ws import _handshake as handshake
from nonecorn_ws._closing import MAX_REASON, may_be_sent
from nonecorn_ws._codec import LOST, WEIGHT, Ping
from nonecorn_ws._deflate import Deflate, agree
from nonecorn_ws._flow import CLOSED, CLOSING, CONNECTING, DENYING, OPEN, PHASES
from nonecorn_ws._heart import Heart
from nonecorn_ws._life import SocketLife

SPEC_VERSION = "2.5"

_EXTENSIONS = (*denial.EXTENSIONS, "websocket.multiframe", "websocket.ping")
_PLAIN: tuple[Header, ...] = ((b"content-type", b"text/plain; charset=utf-8"),)
_CONTROL_SIZE = 125
_NOTHING: deque[Any] = deque()
"""The queue of every socket that is not open yet."""


class WebSocketStream(SocketLife):
    """See `nonecorn.spi.Stream`. A codec's distribution subclasses it with `codec`.

    Attributes:
        blocked: See `nonecorn.spi.Stream`.
        remaining: See `nonecorn.spi.Stream`.
        expect_continue: See `nonecorn.spi.Stream`.
        job: See `nonecorn.spi.Stream`.
        scope: The ASGI scope.
        status: Status of the response, once there is one.
        by_upgrade: The socket comes by `Upgrade`, not by extended CONNECT.
        slot: See `Beating`.
    """

    __slots__ = ()

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
        self.scope = build_scope(
            "websocket", SPEC_VERSION, context, port, version, raw_path, query, headers,
            {name: {} for name in _EXTENSIONS},
        )  # fmt: skip
        self.scope["scheme"] = "wss" if context.scheme == "https" else "ws"
        self.scope["subprotocols"] = []
        self.blocked = None
        self.expect_continue = False
        self.job = None
        self.status = None
        self.by_upgrade = version == "1.1"
        self.slot = -1
        self._context = context
        self._exchange = exchange
        self._port = port
        self._heart = Heart.of(context)
        self._phase = CONNECTING
        self._connected = False
        self._code = LOST
        self._reason = self._why = ""
        self._codec = self._denial = self._early = self._pong = None
        self._eof = self._heard = self._pinged = False
        self._held = self._received = self._sent = self._burst = 0
        self._room = context.limits.receive_buffer
        self._ping = b""
        self._queue = _NOTHING
        self._headers = []
        self._senders = self._wake = None
        observers = context.observers
        if observers.request_finished:
            self._started = context.runtime.time()
        self._handshake = self._refusal = None
        try:
            self._handshake = handshake.read(version, method, headers)
        except RemoteProtocolError as error:
            self._refusal = error
            return
        self.scope["subprotocols"] += self._handshake.subprotocols
        for observe in observers.request_started:
            observe(self.scope)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.scope['path']!r} {PHASES[self._phase]}"
            f" status={self.status} waiting={len(self._queue)} held={self._held}>"
        )

    # The application ------------------------------------------------------------------------------

    async def run(self) -> None:
        """See `nonecorn.spi.Stream`."""
        context = self._context
        running = context.running
        admission = context.admission
        running.add(self)
        try:
            if self._refusal is not None:
                self._refuse(self._refusal)
                return
            if context.draining:
                self._answer(503, "shutdown")
                return
            if admission is not None:
                if not await admission.enter():
                    self._answer(503, "queue-timeout", ((b"retry-after", b"1"),))
                    return
                if self._phase == CLOSED:
                    admission.leave()
                    return
            try:
                await context.app(self.scope, self.receive, self.send)
            finally:
                if admission is not None:
                    admission.leave()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever it raises ends its socket, not the worker
            self._application_failed(error)
        except BaseException:
            draining = context.draining
            code = self._heart.settings.drain_code if draining else 1011
            self._give_up(503 if draining else 500, code, "cancelled")
            raise
        else:
            self._application_returned()
        finally:
            running.discard(self)

    async def receive(self) -> Message:
        """ASGI's receive: `websocket.connect`, messages, and `websocket.disconnect` at the end."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        while True:
            if self._queue:
                return self._take()
            if self._phase >= CLOSING:
                return {
                    "type": "websocket.disconnect",
                    "code": self._code,
                    "reason": self._reason,
                }
            await self._something()

    def _take(self) -> Message:
        """The next message that waits."""
        queue = self._queue
        event = queue.popleft()
        size = len(event)
        self._room += size + WEIGHT
        codec = self._codec
        if codec is not None and codec.stalled:
            self._read_on()
        if self._held:
            # What frames took besides is given back with the last message.
            self._credit(min(size, self._held) if queue else self._held)
        kind = event.__class__
        if kind is str:
            return {"type": "websocket.receive", "text": event}
        if kind is bytes:
            return {"type": "websocket.receive", "bytes": event}
        name = "websocket.ping" if kind is Ping else "websocket.pong"
        return {"type": name, "data": event.data}  # type: ignore[union-attr]

    def _read_on(self) -> None:
        """There may be room again for what the codec has not read."""
        if self._phase == OPEN and self._room > self._context.limits.receive_buffer // 2:
            self._read(b"")
            if self._eof and self._codec is not None and not self._codec.stalled:
                self._peer_ended()

    async def send(self, message: Message) -> None:
        """ASGI's send.

        Raises:
            ClientDisconnectedError: The socket is closed, by whichever side.
            LocalProtocolError: The message is invalid, or out of turn.
        """
        kind = message["type"]
        phase = self._phase
        if kind == "websocket.send" and phase == OPEN:
            text = message.get("text")
            data = message.get("bytes")
            if text is None:
                if not isinstance(data, bytes):
                    data = _bytes_of(data, kind)
            elif data is not None or not isinstance(text, str):
                error = f"{kind!r} has either 'text', a str, or 'bytes'"
                raise LocalProtocolError(error)
            else:
                data = text
            try:
                frame = self._codec.message(data, message.get("message_finished", True))  # type: ignore[union-attr]
            except UnicodeEncodeError as problem:
                error = f"'text' cannot be encoded: {problem}"
                raise LocalProtocolError(error) from None
            self._sent += len(frame)
            self._exchange.body(self, frame, False)
            await self._handed_over(len(frame))
        elif phase >= CLOSING:
            if kind != "websocket.close":  # closed it is
                self._check_open()
        elif kind == "websocket.accept":
            self._expect(kind, CONNECTING)
            self._accept(message)
            if self.blocked is not None:
                await self._taken()
        elif kind == "websocket.close":
            self._close_asked(message)
        elif kind in ("websocket.ping", "websocket.pong"):
            self._expect(kind, OPEN)
            await self._send_control(kind, message)
        elif isinstance(kind, str) and kind.startswith("websocket.http.response."):
            await self._deny(kind, message)
        else:
            self._expect(kind, *((OPEN,) if kind == "websocket.send" else ()))

    def _expect(self, kind: object, *phases: int) -> None:
        if not phases:
            error = f"unknown message type {kind!r}"
            raise LocalProtocolError(error)
        if self._phase not in phases:
            error = f"{kind!r} cannot be sent while the socket is {PHASES[self._phase]}"
            raise LocalProtocolError(error)

    # What the application sends -------------------------------------------------------------------

    def _accept(self, message: Message) -> None:
        """Answer the handshake. What the client has sent since is read now."""
        assert self._handshake is not None  # or the application was not called
        heart = self._heart
        settings = heart.settings
        agreement = None
        if settings.per_message_deflate and self._handshake.offers:
            agreement = agree(self._handshake.offers, settings)
        headers = self._handshake.response(
            message.get("subprotocol"),
            b"" if agreement is None else agreement.response,
            message.get("headers") or (),
        )
        self._exchange.tunnel(self, headers)
        self.status = 101 if self.by_upgrade else 200
        if self._context.observers.request_finished:
            self._headers = headers
        self._handshake = None
        deflate = None if agreement is None else Deflate(agreement, settings)
        self._codec = self.codec(heart.limits, deflate)
        self._queue = deque()
        self._phase = OPEN
        if settings.ping_interval:
            first = heart.first_ping()
            self._at = first - settings.ping_interval
            heart.watch(self, first)
        early, self._early = self._early, None
        if early is not None:
            self._read(b"".join(early))

    def _close_asked(self, message: Message) -> None:
        """The application refuses, or closes."""
        if self._phase == CONNECTING:
            self._answer(403, "")
            return
        self._expect("websocket.close", OPEN)
        code = message.get("code", 1000)
        reason = message.get("reason") or ""
        if not may_be_sent(code):
            error = f"{code!r} is no code to close with: 1000 to 1003, 1007 to 1014 or 3000 to 4999"
            raise LocalProtocolError(error)
        if not isinstance(reason, str) or len(reason.encode()) > MAX_REASON:
            error = f"the reason {reason!r} is no text of at most {MAX_REASON} bytes of UTF-8"
            raise LocalProtocolError(error)
        self._room += sum(map(len, self._queue)) + WEIGHT * len(self._queue)
        self._queue.clear()
        self._close(code, reason, "")

    async def _send_control(self, kind: str, message: Message) -> None:
        data = _bytes_of(message.get("data", b""), kind)
        if len(data) > _CONTROL_SIZE:
            error = f"{kind!r} has at most {_CONTROL_SIZE} bytes of 'data', not {len(data)}"
            raise LocalProtocolError(error)
        codec = self._codec
        assert codec is not None  # open
        self._write(codec.ping(data) if kind == "websocket.ping" else codec.pong(data))
        await self._handed_over(len(data))

    async def _deny(self, kind: str, message: Message) -> None:
        """Answer with a response: `websocket.http.response`."""
        self._expect(kind, CONNECTING, DENYING)
        if self._denial is None:
            self._denial = denial.Denial(self._context, self._exchange, self._port, self)
            self._phase = DENYING
        await self._denial.send(message)
        if self._denial.ended:
            self._finish("")

    # Ends -----------------------------------------------------------------------------------------

    def expire(self) -> None:
        """See `nonecorn.spi.Stream`."""
        self._give_up(504, 1011, "timeout")
        if self.job is not None:
            self.job.cancel()

    def _refuse(self, error: RemoteProtocolError) -> None:
        """The handshake was none."""
        headers: tuple[Header, ...] = ()
        if error.reason == "websocket-version":
            # RFC 6455 section 4.4; RFC 9110 section 15.5.22
            headers = ((b"sec-websocket-version", handshake.VERSION),)
            if error.status == 426:
                headers = ((b"upgrade", b"websocket"), *headers)
        self._answer(error.status, error.reason, headers)

    def _answer(self, status: int, why: str, headers: tuple[Header, ...] = ()) -> None:
        """Answer the handshake in the application's stead."""
        if self._phase != CONNECTING:
            return
        self.status = status
        self._headers = [*_PLAIN, *headers]
        body = http.HTTPStatus(status).phrase.encode()
        self._exchange.respond(self, status, self._headers, body, True, False)
        self._sent = len(body)
        self._finish(why)

    def _give_up(self, status: int, code: int, why: str) -> None:
        """End the socket, in whatever phase it is."""
        if self._phase == CONNECTING:
            self._answer(status, why)
        elif self._phase == OPEN:
            self._close(code, "", why)
        elif self._phase == DENYING:
            assert self._denial is not None
            if self._denial.status is None:
                self._phase = CONNECTING
                self._answer(status, why)
            else:
                self._exchange.reset(self)
                self._finish(why)

    def _application_failed(self, error: BaseException) -> None:
        path = self.scope["path"]
        if self._phase >= CLOSING and is_disconnect(error):
            return  # as it should: it was told so by `send`
        if self._phase >= CLOSING and follows_disconnect(error):
            self._context.log.info("websocket %s: ended by %r after its end", path, error)
            return
        self._context.log.error("websocket %s: the application failed", path, exc_info=error)
        self._give_up(500, 1011, "app-error")

    def _application_returned(self) -> None:
        if self._phase == OPEN:
            self._close(1000, "", "")
        elif self._phase < CLOSING:
            what = "accepting" if self._phase == CONNECTING else "completing its response"
            self._context.log.error(
                "websocket %s: the application returned without %s", self.scope["path"], what
            )
            self._give_up(500, 1011, "app-error")


def _bytes_of(data: object, kind: object) -> bytes:
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    error = f"{kind!r} wants bytes, not {type(data).__name__}"
    raise LocalProtocolError(error)


__all__ = ["WebSocketStream"]
