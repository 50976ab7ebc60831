"""`[[middleware]] use = "wsgi"`: a WSGI application below a path of an ASGI application.

    [[middleware]]
    use = "wsgi"
    path = "/legacy"
    app = "legacy.wsgi:application"

Requests below `path` go to `app`, with that path as the end of SCRIPT_NAME; everything else,
sockets and lifespan too, to the application around which it is put.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nonecorn.spi import (
    AppContext,
    AppLoadError,
    ASGIApp,
    BadSpecError,
    ConfigError,
    NonecornError,
    Receive,
    Ref,
    Scope,
    Send,
    read_options,
    setting,
)
from nonecorn_wsgi._environ import below
from nonecorn_wsgi._interface import wrap


@dataclass(frozen=True, slots=True, kw_only=True)
class MountOptions:
    """What an entry may hold besides `use`."""

    app: str = setting("", help="The WSGI application, as module:attribute.")
    path: str = setting("", help="Where it is mounted, such as /legacy; not percent-encoded.")

    def __post_init__(self) -> None:
        if not self.app:
            message = 'app = "module:attribute" says which application to mount'
            raise ValueError(message)
        try:
            Ref[Any](self.app)
        except BadSpecError as error:
            message = f"app: {error}"
            raise ValueError(message) from None
        first, *segments = self.path.removesuffix("/").split("/")
        if first or not segments or {"", ".", ".."} & {*segments} or {"%", "?", "#"} & {*self.path}:
            message = f'path = "/legacy", or the like, says where to mount it, not {self.path!r}'
            raise ValueError(message)


def check(options: dict[str, Any], _context: AppContext) -> None:
    """See `nonecorn.spi.MiddlewareCheck`."""
    _read(options)


def _read(options: dict[str, Any]) -> MountOptions:
    return read_options(MountOptions, options, "middleware wsgi")


def mount(app: ASGIApp, options: dict[str, Any], context: AppContext) -> ASGIApp:
    """The two applications in one.

    Raises:
        ConfigError: An option is unknown, missing or unusable, or names no WSGI application.
    """
    given = _read(options)
    try:
        mounted = wrap(Ref[Any](given.app).load(), context)
    except (AppLoadError, NonecornError) as error:
        message = f"middleware wsgi: app: {error}"
        raise ConfigError(message) from error
    path = given.path.removesuffix("/")

    async def mounting(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            root = scope.get("root_path", "").rstrip("/")
            inner: str = scope["path"]
            if root and below(inner, root):
                inner = inner[len(root) :]
            if below(inner, path):
                # Also where a proxy has taken the root off: ASGI's path has it in it.
                within = {**scope, "root_path": root + path, "path": root + inner}
                await mounted(within, receive, send)
                return
        await app(scope, receive, send)

    return mounting
