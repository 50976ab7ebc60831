"""The layer: two paths are answered here, all others by the application.

    live     200 as long as the event loop turns
    ready    200 while requests are welcome; 503 when the server is going to end, or where the
             application's own check says no

Like everything on the application's address, these answers come from one worker: whichever took the
connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nonecorn.spi import (
    UNLOGGED,
    AppContext,
    ASGIApp,
    ConfigError,
    Header,
    NonecornError,
    Receive,
    Ref,
    Running,
    Scope,
    Send,
    current_run,
    read_options,
)
from nonecorn_health._check import Check
from nonecorn_health._options import HealthOptions

_LABEL = "middleware health"


def health(app: ASGIApp, options: dict[str, Any], _context: AppContext) -> ASGIApp:
    """See `nonecorn.spi.Middleware`; options are those of `HealthOptions`."""
    return Health(app, **options)


def check(options: dict[str, Any], _context: AppContext) -> None:
    """See `nonecorn.spi.MiddlewareCheck`."""
    read_options(HealthOptions, options, _LABEL)


class Health:
    """An ASGI application that answers health checks before another.

    Args:
        app: The application.
        check: A function instead of its import string.
        **options: Those of `[[middleware]]`; see `HealthOptions`.

    Raises:
        ConfigError: An option is unknown, or has an unusable value.
    """

    __slots__ = ("_app", "_check", "_live", "_log", "_ready")

    def __init__(
        self, app: ASGIApp, *, check: str | Callable[[], Any] = "", **options: Any
    ) -> None:
        function = None if isinstance(check, str) else check
        named = {"check": check} if isinstance(check, str) else {}
        read = read_options(HealthOptions, {**options, **named}, _LABEL)
        if read.check:
            function = _load(read.check)
        self._app = app
        self._live = read.live
        self._ready = read.ready
        self._log = read.log
        self._check = (
            None if function is None else Check(function, read.check_timeout, read.check_cache)
        )

    def __repr__(self) -> str:
        return f"<Health {self._live} {self._ready} {self._check or 'without a check'}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a health check, or let the application answer."""
        if scope["type"] == "http":
            path = _route(scope)
            if path and (path == self._live or path == self._ready):  # noqa: PLR1714  # unhashed
                await self._answer(scope, send, path)
                return
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, send: Send, path: str) -> None:
        if not self._log:
            scope.setdefault("extensions", {})[UNLOGGED] = {}
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            await _respond(send, 405, "GET and HEAD are answered\n", (b"allow", b"GET, HEAD"))
            return
        good = "live" if path == self._live else "ready"
        trouble = "" if path == self._live else await self._trouble(current_run())
        text = f"not {good}: {trouble}\n" if trouble else f"{good}\n"
        await _respond(send, 503 if trouble else 200, text, head=method == "HEAD")

    async def _trouble(self, run: Running) -> str:
        if run.draining:
            return "draining"
        return "" if self._check is None else await self._check.trouble(run.runtime)


async def _respond(send: Send, status: int, text: str, *more: Header, head: bool = False) -> None:
    body = text.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),  # what it says is over the moment it is said
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


def _route(scope: Scope) -> str:
    """The path below where this application is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def _load(target: str) -> Callable[[], Any]:
    try:
        found = Ref[Any](target).load()
    except NonecornError as error:
        message = f"{_LABEL}: check = {error}"
        raise ConfigError(message) from error
    if not callable(found):
        message = f"{_LABEL}: check = {target!r} is no function, but {found!r}"
        raise ConfigError(message)
    return found  # type: ignore[no-any-return]
