"""`--interface wsgi`: which applications have it, and what serves them.

A WSGI application is called with two arguments and is not async. A class can be one: then its
instances are iterated. What can do with one argument, or calls its first `scope`, is an ASGI
application or a factory of one.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

from nonecorn.spi import AppContext, AppLoadError, ASGIApp
from nonecorn_wsgi._application import WSGIMiddleware
from nonecorn_wsgi._settings import WSGISettings


def detect(app: Any) -> bool:
    """Whether `app` looks like a WSGI application. Does not call it."""
    if not callable(app) or _is_async(app):
        return False
    if inspect.isclass(app) and not hasattr(app, "__iter__"):
        return False
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):
        return False
    parameters = list(signature.parameters.values())
    if not _binds(signature, 2) or parameters[0].name == "scope":
        return False
    return not _binds(signature, 1) or parameters[0].kind is inspect.Parameter.VAR_POSITIONAL


def wrap(app: Any, context: AppContext) -> ASGIApp:
    """The application in threads of its own.

    Raises:
        AppLoadError: It cannot be called, or is async.
    """
    if not callable(app):
        message = f"{app!r} is no WSGI application: it cannot be called"
        raise AppLoadError(message)
    if _is_async(app):
        message = f"{app!r} is no WSGI application: it is async; leave --interface wsgi out"
        raise AppLoadError(message)
    return adapt(app, context)


def adapt(app: Any, context: AppContext) -> WSGIMiddleware:
    """The same, of what is known to be one."""
    settings = context.settings_of(WSGISettings)
    workers = getattr(context.settings.get(""), "workers", 0)
    said = settings.multiprocess
    return WSGIMiddleware(
        app,
        threads=settings.threads,
        queue_size=settings.queue_size,
        body_size=settings.body_size,
        read_ahead=settings.read_ahead,
        multiprocess=workers > 1 if said == "auto" else said == "on",
    )


def _binds(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _is_async(app: Any) -> bool:
    while isinstance(app, functools.partial):
        app = app.func
    if inspect.iscoroutinefunction(app) or inspect.isasyncgenfunction(app):
        return True
    # Looked up on the type, as a call does.
    call = getattr(type(app), "__call__", None)  # noqa: B004  # more than whether it is callable
    return not inspect.isclass(app) and inspect.iscoroutinefunction(call)
