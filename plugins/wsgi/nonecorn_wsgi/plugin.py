"""Descriptor: the WSGI interface, and the middleware that mounts a WSGI application."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import AppWrapperSpec, MiddlewareSpec, Ref, Settings, hookimpl
from nonecorn_wsgi._settings import WSGISettings

PLUGIN_API = 1


@hookimpl
def nonecorn_settings() -> Sequence[type[Settings]]:
    """`[wsgi]`."""
    return [WSGISettings]


@hookimpl
def nonecorn_app_wrappers() -> Sequence[AppWrapperSpec]:
    """`--interface wsgi`; where nothing is said, after the ASGI interfaces."""
    return [
        AppWrapperSpec(
            name="wsgi",
            wrap=Ref("nonecorn_wsgi._interface:wrap"),
            detect=Ref("nonecorn_wsgi._interface:detect"),
            priority=0,
        )
    ]


@hookimpl
def nonecorn_middleware() -> Sequence[MiddlewareSpec]:
    """`[[middleware]] use = "wsgi"`."""
    return [
        MiddlewareSpec(
            name="wsgi",
            middleware=Ref("nonecorn_wsgi._mount:mount"),
            check=Ref("nonecorn_wsgi._mount:check"),
            help="Serves a WSGI application below a path.",
        )
    ]
