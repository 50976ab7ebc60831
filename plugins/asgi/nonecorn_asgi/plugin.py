"""Descriptor: the ASGI application interfaces."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import AppWrapperSpec, Ref, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_app_wrappers() -> Sequence[AppWrapperSpec]:
    """`--interface asgi3` and `asgi2`."""
    return [
        AppWrapperSpec(
            name="asgi3",
            wrap=Ref("nonecorn_asgi._asgi3:wrap"),
            detect=Ref("nonecorn_asgi._asgi3:detect"),
            priority=20,
        ),
        AppWrapperSpec(
            name="asgi2",
            wrap=Ref("nonecorn_asgi._asgi2:wrap"),
            detect=Ref("nonecorn_asgi._asgi2:detect"),
            priority=10,
        ),
    ]
