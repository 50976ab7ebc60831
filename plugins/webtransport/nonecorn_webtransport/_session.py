"""The WebTransport session: scope type `webtransport` over an exchange of HTTP/3.

`run` calls the application; `receive` and `send` are what it is given. Both finish without
suspending whenever they can. Messages about streams name them: those that the client opened by
their numbers, those that the application opens by strings of its own, so that it need not wait to
learn a number. What each message means is on the plugin's page in the documentation.
"""

from __future__ import annotations

import http
from typing import TYPE_CHECKING, cast

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
from nonecorn_h3.sessions import H3Extension
from nonecorn_webtransport import _closing as closing
from nonecorn_webtransport import _codes as codes
from nonecorn_webtransport import _handshake as handshake
from nonecorn_webtransport._commands import SessionCommands, code_of
from nonecorn_webtransport._life import CLOSED, CONNECTING, OPEN, PHASES
from nonecorn_webtransport._settings import WebTransportSettings

if TYPE_CHECKING:
    from nonecorn.spi import QuicPort
    from nonecorn_h3.sessions import SessionExchange

SPEC_VERSION = "0.1"

_DATAGRAMS = "webtransport.datagram"
_PLAIN: tuple[Header, ...] = ((b"content-type", b"text/plain; charset=utf-8"),)

_ENABLE_DRAFT_02 = 0x2B603742
_MAX_SESSIONS_DRAFT_07 = 0xC671706A
_STREAM_TYPE = 0x54
_FRAME_TYPE = 0x41


class WebTransportSession(SessionCommands):
    """See `nonecorn.spi.Stream`, `nonecorn_h3.sessions.Session`."""

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
        super().__init__(context, exchange, cast("QuicPort", port))
        self.scope = build_scope(
            "webtransport", SPEC_VERSION, context, port, version, raw_path, query, headers, {}
        )
        self.scope["subprotocols"] = []
        self._connected = False
        self._headers = []
        observers = context.observers
        if observers.request_finished:
            self._started = self.runtime.time()
        self._handshake: handshake.Handshake | None = None
        self._refusal: RemoteProtocolError | None = None
        try:
            self._handshake = handshake.read(version, headers, has_body=has_body)
            if not self._enter():
                raise RemoteProtocolError(429, "too-many-sessions")
        except RemoteProtocolError as error:
            self._refusal = error
            return
        self.scope["subprotocols"] += self._handshake.subprotocols
        for observe in observers.request_started:
            observe(self.scope)

    def __repr__(self) -> str:
        return (
            f"<WebTransportSession {self.scope['path']!r} {PHASES[self._phase]}"
            f" status={self.status} {self._streams!r} {self.inbox!r}>"
        )

    @staticmethod
    def h3(context: Context) -> H3Extension:
        """What HTTP/3 needs to know; see `nonecorn_h3.sessions`."""
        settings = context.settings_of(WebTransportSettings)
        return H3Extension(
            # Later drafts need RESET_STREAM_AT, which QUIC here has not.
            settings={_ENABLE_DRAFT_02: 1, _MAX_SESSIONS_DRAFT_07: settings.max_sessions},
            stream_type=_STREAM_TYPE,
            frame_type=_FRAME_TYPE,
            refused=codes.REFUSED,
            gone=codes.GONE,
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
                self._answer(self._refusal.status, self._refusal.reason)
                return
            if context.draining:
                self._answer(503, "shutdown")
                return
            if not await self._greeted():
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
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever it raises ends its session, not the worker
            self._application_failed(error)
        except BaseException:
            if self._phase == OPEN and context.draining:
                self._run_out()
            else:
                self._give_up(503 if context.draining else 500, "cancelled")
            raise
        else:
            self._application_returned()
        finally:
            self.inbox.clear()
            running.discard(self)

    async def _greeted(self) -> bool:
        """Wait for the client's SETTINGS: which version it speaks is known by them (section 3.1).
        False: it has gone first.
        """
        exchange = cast("SessionExchange", self._exchange)
        bell = self.inbox.bell
        if not exchange.greeted(bell.ring):
            await bell.wait()
        self.scope["extensions"][_DATAGRAMS] = {"max_size": exchange.max_datagram}
        return self._phase == CONNECTING

    async def receive(self) -> Message:
        """ASGI's receive: `webtransport.connect`, what happens, and `webtransport.disconnect`."""
        if not self._connected:
            self._connected = True
            return {"type": "webtransport.connect"}
        inbox = self.inbox
        while True:
            message = inbox.take()
            if message is not None:
                return message
            if self._phase == CLOSED:
                return {
                    "type": "webtransport.disconnect",
                    "code": self._code,
                    "reason": self._reason,
                }
            await inbox.bell.wait()

    async def send(self, message: Message) -> None:
        """ASGI's send.

        Raises:
            ClientDisconnectedError: The session is closed, by whichever side.
            StreamClosedError: The stream is, in our direction.
            LocalProtocolError: The message is invalid, or out of turn.
        """
        kind = message["type"]
        phase = self._phase
        if phase == CLOSED:
            if kind != "webtransport.close":  # closed it is
                self._check_open()
        elif kind == "webtransport.accept":
            self._expect(kind, CONNECTING)
            await self._accept(message)
        elif kind == "webtransport.close":
            self._close_asked(message)
        else:
            await self._command(kind, message)

    # What the application sends -------------------------------------------------------------------

    async def _accept(self, message: Message) -> None:
        assert self._handshake is not None  # or the application was not called
        headers = self._handshake.response(message.get("subprotocol"), message.get("headers") or ())
        self._exchange.tunnel(self, headers)
        self.status = 200
        if self._context.observers.request_finished:
            self._headers = headers
        self._open(cast("SessionExchange", self._exchange))
        if self.blocked is not None:
            await self.blocked.wait()
            self._check_open()

    def _close_asked(self, message: Message) -> None:
        """The application refuses, or closes."""
        if self._phase == CONNECTING:
            status = message.get("status", 403)
            if type(status) is not int or not 300 <= status <= 599:
                error = f"{status!r} does not refuse a session: 300 to 599 do"
                raise LocalProtocolError(error)
            self._answer(status, "", tuple(message.get("headers") or ()))
            return
        code = code_of(message)
        reason = message.get("reason") or ""
        if not isinstance(reason, str) or len(reason.encode()) > closing.MAX_REASON:
            error = f"the reason is no text of at most {closing.MAX_REASON} bytes of UTF-8"
            raise LocalProtocolError(error)
        self.inbox.clear()
        self._close(code, reason, "")

    # Ends -----------------------------------------------------------------------------------------

    def expire(self) -> None:
        """See `nonecorn.spi.Stream`."""
        self._give_up(504, "timeout")
        if self.job is not None:
            self.job.cancel()

    def _answer(self, status: int, why: str, headers: tuple[Header, ...] = ()) -> None:
        """Answer the handshake in place of accepting it."""
        if self._phase != CONNECTING:
            return
        try:
            body = http.HTTPStatus(status).phrase.encode()
        except ValueError:
            body = b""
        fields = [*_PLAIN, *headers]
        self._exchange.respond(self, status, fields, body, True, False)
        self.status = status
        self._headers = fields
        self.sent = len(body)
        self._finish(why)

    def _give_up(self, status: int, why: str) -> None:
        """End the session, in whatever phase it is."""
        if self._phase == CONNECTING:
            self._answer(status, why)
        elif self._phase == OPEN:
            self._abort(why)

    def _application_failed(self, error: BaseException) -> None:
        path = self.scope["path"]
        log = self._context.log
        if is_disconnect(error):
            if self._phase != CLOSED:
                # A stream was closed under it, and it wanted nothing besides.
                log.info("webtransport %s: ended by %r", path, error)
                self._give_up(500, "client-gone")
            return
        if self._phase == CLOSED and follows_disconnect(error):
            log.info("webtransport %s: ended by %r after its end", path, error)
            return
        if not self._connected:
            self._not_served(501, f"raised {error!r}")
            return
        log.error("webtransport %s: the application failed", path, exc_info=error)
        self._give_up(500, "app-error")

    def _application_returned(self) -> None:
        if self._phase == OPEN:
            self._close(0, "", "")
        elif not self._connected:
            self._not_served(404, "returned")
        elif self._phase == CONNECTING:
            self._context.log.error(
                "webtransport %s: the application returned without accepting", self.scope["path"]
            )
            self._give_up(500, "app-error")

    def _not_served(self, status: int, what: str) -> None:
        """The application ended before it received anything: it does not know this type of scope,
        as many do not, and clients could fill the log with that.
        """
        if self._phase != CONNECTING:
            return
        cache = self._context.cache
        log = self._context.log
        (log.debug if cache.get(WebTransportSession) else log.warning)(
            "webtransport %s: refused: the application %s before it received anything;"
            " `--no-plugin webtransport` if it serves no WebTransport",
            self.scope["path"],
            what,
        )
        cache[WebTransportSession] = True
        self._answer(status, "not-served")


__all__ = ["WebTransportSession"]
