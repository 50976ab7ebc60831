"""The layer: a rate for each client first, then a place for each request.

Whoever comes too often is told so (429) before it takes a place, and so is who finds no place in
time (503); both hear when to come again. A WebSocket counts as one request, and holds its place
until its handshake is answered: sockets that stay open would leave none for anybody else.
"""

from __future__ import annotations

import math
from typing import Any

from nonecorn.spi import (
    AppContext,
    ASGIApp,
    Header,
    Message,
    Receive,
    Scope,
    Send,
    current_run,
    read_options,
)
from nonecorn_limits._clients import client_of
from nonecorn_limits._options import LimitsOptions
from nonecorn_limits._places import Places
from nonecorn_limits._rate import RateTable

_LABEL = "middleware limits"
_TEXTS = {429: b"Too Many Requests\n", 503: b"Service Unavailable\n"}
_REQUESTS = ("http", "websocket")


def limits(app: ASGIApp, options: dict[str, Any], _context: AppContext) -> ASGIApp:
    """See `nonecorn.spi.Middleware`; options are those of `LimitsOptions`."""
    return Limits(app, **options)


def check(options: dict[str, Any], _context: AppContext) -> None:
    """See `nonecorn.spi.MiddlewareCheck`."""
    read_options(LimitsOptions, options, _LABEL)


class Limits:
    """An ASGI application that bounds another.

    What it counts is its own: two in one worker, or those of two workers, know nothing of each
    other.

    Args:
        app: The application.
        **options: Those of `[[middleware]]`; see `LimitsOptions`.

    Raises:
        ConfigError: An option is unknown, or has an unusable value.
    """

    __slots__ = (
        "_app", "_client", "_exempt", "_fields", "_paths", "_places", "_policy", "_rates",
    )  # fmt: skip

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        read = read_options(LimitsOptions, options, _LABEL)
        count, period = read.quota
        self._app = app
        self._client = client_of(read.key, read.ipv4_prefix, read.ipv6_prefix)
        self._paths = _prefixes(read.paths)
        self._exempt = _prefixes(read.exempt)
        self._rates = RateTable(count, period, read.burst, read.clients) if count else None
        self._places = (
            Places(read.concurrency, read.queue, read.queue_timeout) if read.concurrency else None
        )
        self._fields = read.fields and self._rates is not None
        # Of draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4.
        self._policy = (b"ratelimit-policy", b'"default";q=%d;w=%d' % (count, period))

    def __repr__(self) -> str:
        return f"<Limits {self._rates!r} {self._places!r}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or say that there are too many."""
        if scope["type"] not in _REQUESTS or not self._applies(scope):
            await self._app(scope, receive, send)
            return
        if self._rates is not None:
            now = current_run().runtime.time()
            left, seconds = self._rates.take(self._client(scope), now)
            if self._fields:
                send = self._telling(send, max(0, left), math.ceil(seconds))
            if left < 0:
                await _refuse(scope, receive, send, 429, seconds)
                return
        places = self._places
        if places is None:
            await self._app(scope, receive, send)
            return
        if not (places.enter_at_once() or await places.wait(current_run().runtime)):
            await _refuse(scope, receive, send, 503, 1)
            return
        if scope["type"] == "websocket":
            await self._handshake(scope, receive, send, places)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            places.leave()

    async def _handshake(self, scope: Scope, receive: Receive, send: Send, places: Places) -> None:
        """Serve a WebSocket, whose place is free once it has been accepted."""
        held = True

        def leave() -> None:
            nonlocal held
            if held:
                held = False
                places.leave()

        async def sending(message: Message) -> None:
            await send(message)
            if message["type"] in ("websocket.accept", "websocket.close"):
                leave()

        try:
            await self._app(scope, receive, sending)
        finally:
            leave()

    def _applies(self, scope: Scope) -> bool:
        if not self._paths and not self._exempt:
            return True
        path = _route(scope)
        if self._paths and not _below(path, self._paths):
            return False
        if not _below(path, self._exempt):
            return True
        # What leads out again is not below an exempt path; some take a backslash for a slash.
        return ".." in path.replace("\\", "/").split("/")

    def _telling(self, send: Send, left: int, seconds: int) -> Send:
        """`send` that tells where the client stands, in the response's header."""
        fields = (self._policy, (b"ratelimit", b'"default";r=%d;t=%d' % (left, seconds)))

        async def telling(message: Message) -> None:
            if message["type"] in _STARTS:
                message = {**message, "headers": [*message.get("headers", ()), *fields]}
            await send(message)

        return telling


_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, seconds: float) -> None:
    """Answer in the application's stead."""
    body = _TEXTS[status]
    headers: list[Header] = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"%d" % max(1, math.ceil(seconds))),
        (b"cache-control", b"no-store"),
    ]
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()  # websocket.connect comes before any answer
        kind = "websocket.http.response"
        if kind not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1013})
            return
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


def _route(scope: Scope) -> str:
    """The path below where this application is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and _below(path, (f"{root}/",)) else path


def _prefixes(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(path.rstrip("/") + "/" for path in paths)


def _below(path: str, prefixes: tuple[str, ...]) -> bool:
    """The path is one of these directories, or in one."""
    return f"{path}/".startswith(prefixes)
