"""The layer: a request whose path leads to a file is answered with it, all others are passed on."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from nonecorn.spi import (
    AppContext,
    ASGIApp,
    Headers,
    Receive,
    Runtime,
    Scope,
    Send,
    current_run,
    read_options,
)
from nonecorn_static._files import Directory, File, Files, Forbidden, Found
from nonecorn_static._memory import Memory
from nonecorn_static._options import StaticOptions
from nonecorn_static._paths import safe_name
from nonecorn_static._response import respond, send_empty
from nonecorn_static._sending import ChangedError

_LABEL = "middleware static"
_LOOKS = 3
"""Looks at a file that changes whenever it is looked at."""


def static(app: ASGIApp, options: dict[str, Any], _context: AppContext) -> ASGIApp:
    """See `nonecorn.spi.Middleware`; options are those of `StaticOptions`."""
    return StaticFiles(app, **options)


def check(options: dict[str, Any], _context: AppContext) -> None:
    """See `nonecorn.spi.MiddlewareCheck`."""
    read_options(StaticOptions, options, _LABEL)


class StaticFiles:
    """An ASGI application that serves files before another.

    Args:
        app: The application.
        **options: Those of `[[middleware]]`; see `StaticOptions`.

    Raises:
        ConfigError: An option is unknown or has an unusable value; there is no such directory.
    """

    __slots__ = (
        "_app", "_dotfiles", "_exclude", "_fallback", "_fallthrough", "_memory", "_prefix",
    )  # fmt: skip

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        read = read_options(StaticOptions, options, _LABEL)
        self._app = app
        self._prefix = read.prefix.rstrip("/")
        self._exclude = tuple(path.rstrip("/") + "/" for path in read.exclude)
        self._fallback = read.fallback
        self._fallthrough = read.fallthrough
        self._dotfiles = read.dotfiles
        self._memory = Memory(Files(read), read.recheck, read.memory)

    def __repr__(self) -> str:
        return f"<StaticFiles {self._prefix or '/'} {self._memory!r}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file, or let the application answer."""
        if scope["type"] == "http":
            path = self._below(scope)
            if path is not None and await self._served(scope, send, path):
                return
        await self._app(scope, receive, send)

    def _below(self, scope: Scope) -> str | None:
        """The path below the prefix; None where it is not for us."""
        path: str = scope["path"]
        root: str = scope.get("root_path", "")
        if root and _is_under(path, root):
            path = path[len(root) :]
        if self._exclude and f"{path}/".startswith(self._exclude):
            return None
        prefix = self._prefix
        if path == prefix:
            return ""
        return path[len(prefix) :] if path.startswith(f"{prefix}/") else None

    async def _served(self, scope: Scope, send: Send, path: str) -> bool:
        """Answer, unless that is the application's to do."""
        runtime = current_run().runtime
        name = safe_name(path[1:], dotfiles=self._dotfiles)
        # The directory itself: with its slash, but for the prefix without one.
        slash = path.endswith("/")
        reads = scope["method"] in ("GET", "HEAD")
        for look in range(_LOOKS):
            found: Found = None
            if name is not None:
                found = await self._memory.find(runtime, name, slash=slash, fresh=look > 0)
            if found is None and reads and self._falls_back(scope):
                found = await self._memory.find(
                    runtime, self._fallback, slash=False, fresh=look > 0
                )
            try:
                return await self._answered(runtime, scope, send, found)
            except ChangedError:
                continue
        await send_empty(send, 503, [(b"content-length", b"0"), (b"retry-after", b"1")])
        return True

    async def _answered(self, runtime: Runtime, scope: Scope, send: Send, found: Found) -> bool:
        if found is None:
            if self._fallthrough:
                return False
            await _say(scope, send, 404, b"Not Found\n")
        elif isinstance(found, Forbidden):
            await _say(scope, send, 403, b"Forbidden\n")
        elif scope["method"] not in ("GET", "HEAD"):
            await _say(scope, send, 405, b"Method Not Allowed\n", [(b"allow", b"GET, HEAD")])
        elif isinstance(found, Directory):
            await _say(scope, send, 307, b"", [(b"location", _with_slash(scope))])
        else:
            assert isinstance(found, File)
            await respond(runtime, scope, send, found)
        return True

    def _falls_back(self, scope: Scope) -> bool:
        """A browser asks for a page, not a script for its data."""
        return bool(self._fallback) and any(
            name == b"accept" and b"text/html" in value.lower() for name, value in scope["headers"]
        )


async def _say(
    scope: Scope, send: Send, status: int, body: bytes, headers: Headers | None = None
) -> None:
    fields = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        *(headers or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    content = b"" if scope["method"] == "HEAD" else body
    await send({"type": "http.response.body", "body": content})


def _is_under(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _with_slash(scope: Scope) -> bytes:
    """The same address with a slash at its end.

    It is a path, whose second character is no slash: what would name another host has an empty
    segment or a backslash, and leads to no directory, or is encoded.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and not _is_under(path, root):
        path = root + path  # a proxy has taken it off
    location = quote(path, safe="/!$&'()*+,;=:@~") + "/"
    query: bytes = scope.get("query_string", b"")
    return location.encode("ascii") + (b"?" + query if query else b"")
