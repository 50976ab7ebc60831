"""The dispatcher: an ASGI application made of others.

Every scope but the lifespan's belongs to one of the mounts, or to the default application. What a
mounted application finds is what it would find under a server of its own behind a proxy that keeps
paths: `root_path` is its place, and `path` still begins with it (ASGI HTTP specification 2.4). Its
`state` is that of its own lifespan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nonecorn_dispatcher._lifespans import Lifespans
from nonecorn_dispatcher._mount import Mount
from nonecorn_dispatcher._routes import Routes, inner_path
from nonecorn_dispatcher._tasks import tasks

if TYPE_CHECKING:
    from nonecorn.spi import ASGIApp, Receive, Scope, Send

_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_NOTHING = object()


class Dispatcher:
    """See the module.

    Args:
        mounts: The mounts; or applications by path.
        default: What answers everything else; without it everything else is not found.
        lifespan: That of `default`: `auto`, `on` or `off`.

    Raises:
        ValueError: There are no mounts; or two have the same place.
    """

    def __init__(
        self,
        mounts: Iterable[Mount] | Mapping[str, ASGIApp],
        default: ASGIApp | None = None,
        *,
        lifespan: str = "auto",
    ) -> None:
        if isinstance(mounts, Mapping):
            mounts = [Mount(app, path) for path, app in mounts.items()]
        self._mounts = tuple(mounts)
        if not self._mounts:
            message = "there is nothing mounted"
            raise ValueError(message)
        self._routes = Routes(self._mounts)
        self._default = default
        self._mode = lifespan
        self._lifespans: Lifespans | None = None
        self._state: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<Dispatcher {self._routes!r} default={self._default!r}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        mount = self._routes.find(scope)
        if mount is not None:
            await mount.app(self._inner(scope, mount), receive, send)
        elif self._default is not None:
            await self._default(self._own_state(scope, self._default), receive, send)
        else:
            await _not_found(scope, receive, send)

    # Scopes ---------------------------------------------------------------------------------------

    def _inner(self, scope: Scope, mount: Mount) -> Scope:
        """The scope that a mounted application gets."""
        inner = self._own_state(scope, mount.app)
        if mount.path:
            inner = {**inner} if inner is scope else inner
            root: str = scope.get("root_path", "")
            inner["root_path"] = root + mount.path
            inner["path"] = root + inner_path(scope)
        return inner

    def _own_state(self, scope: Scope, app: ASGIApp) -> Scope:
        """`scope`, with the state of an application's own lifespan.

        What middleware further out has added for this request stays; what it got as the server's
        own state is not meant for this application.
        """
        lifespans = self._lifespans
        if lifespans is None:
            return scope
        outer: dict[str, Any] = scope.get("state") or {}
        shared = self._state
        state = lifespans.state_of(app)
        if state is shared:
            return scope
        added = {k: v for k, v in outer.items() if shared.get(k, _NOTHING) is not v}
        inner = {**scope}
        if state is not None or added:
            inner["state"] = {**(state or {}), **added}
        else:
            inner.pop("state", None)
        return inner

    # Lifespan -------------------------------------------------------------------------------------

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        async with tasks() as runtime:
            lifespans = Lifespans(runtime)
            shared: dict[str, Any] = scope.get("state", {})
            if self._default is not None:
                lifespans.add(self._default, "", self._mode, shared)
            for mount in self._mounts:
                lifespans.add(mount.app, str(mount), mount.lifespan)
            try:
                if not await lifespans.start():
                    reason = "; ".join(lifespans.failures)
                    await send({"type": "lifespan.startup.failed", "message": reason})
                    return
                self._lifespans, self._state = lifespans, shared
                await send({"type": "lifespan.startup.complete"})
                await receive()
                if await lifespans.stop():
                    await send({"type": "lifespan.shutdown.complete"})
                else:
                    reason = "; ".join(lifespans.failures)
                    await send({"type": "lifespan.shutdown.failed", "message": reason})
            finally:
                self._lifespans = None
                lifespans.cancel()


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()
        kind = "websocket.http.response"
        if kind not in (scope.get("extensions") or ()):
            await send({"type": "websocket.close"})
            return
    elif scope["type"] != "http":
        return
    await send({"type": f"{kind}.start", "status": 404, "headers": [_TEXT]})
    await send({"type": f"{kind}.body", "body": b"Not Found"})
