"""Descriptor: the middleware `health`."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import MiddlewareSpec, Ref, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_middleware() -> Sequence[MiddlewareSpec]:
    """`use = "health"`."""
    return [
        MiddlewareSpec(
            name="health",
            middleware=Ref("nonecorn_health._middleware:health"),
            check=Ref("nonecorn_health._middleware:check"),
            help="Answers health checks on the application's own address.",
        )
    ]
