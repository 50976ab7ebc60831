"""ASGI 2: `app(scope)` returns `async def instance(receive, send)`.

That is how ASGI was until 2019 (the spec's "legacy applications"). Many things take one argument,
so a function counts only where it calls that argument `scope`, and a class where its instances are
async callables of two arguments; `--interface asgi2` decides for the rest.
"""

from __future__ import annotations

import inspect
from typing import Any

from nonecorn.spi import AppContext, AppLoadError, ASGIApp, Receive, Scope, Send
from nonecorn_asgi._calling import is_async, takes


def detect(app: Any) -> bool:
    """Whether `app` looks like an ASGI 2 application. Does not call it."""
    if not callable(app) or not takes(app, 1) or takes(app, 2):
        return False
    if inspect.isclass(app):
        call = app.__call__  # of the class: `self` counts as an argument
        return inspect.iscoroutinefunction(call) and takes(call, 3) and not takes(call, 2)
    return not is_async(app) and next(iter(inspect.signature(app).parameters)) == "scope"


def wrap(app: Any, context: AppContext) -> ASGIApp:
    """The application behind one call instead of two.

    Raises:
        AppLoadError: It cannot be called at all.
    """
    if not callable(app):
        message = f"{app!r} is no ASGI 2 application: it cannot be called"
        raise AppLoadError(message)

    async def asgi3(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope)(receive, send)

    return asgi3
