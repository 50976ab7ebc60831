"""ASGI 3: `async def app(scope, receive, send)`, or an object that can be called so.

Most applications are recognised by being async. Some wrap an async one in a plain function that
returns its coroutine; three arguments tell them from WSGI, which has two. A class is never an
ASGI 3 application: calling it makes an instance.
"""

from __future__ import annotations

import inspect
from typing import Any, cast

from nonecorn.spi import AppContext, AppLoadError, ASGIApp
from nonecorn_asgi._calling import is_async, takes


def detect(app: Any) -> bool:
    """Whether `app` looks like an ASGI 3 application. Does not call it."""
    if inspect.isclass(app) or not callable(app) or not takes(app, 3):
        return False
    return is_async(app) or not takes(app, 2)


def wrap(app: Any, context: AppContext) -> ASGIApp:
    """The application itself: nothing is put between it and its server.

    Raises:
        AppLoadError: It cannot be called at all.
    """
    if not callable(app):
        message = f"{app!r} is no ASGI 3 application: it cannot be called"
        raise AppLoadError(message)
    return cast("ASGIApp", app)
