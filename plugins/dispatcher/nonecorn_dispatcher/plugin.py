"""Descriptor: the middleware `dispatcher`."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import MiddlewareSpec, Ref, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_middleware() -> Sequence[MiddlewareSpec]:
    """`use = "dispatcher"`."""
    return [
        MiddlewareSpec(
            name="dispatcher",
            middleware=Ref("nonecorn_dispatcher._middleware:make"),
            check=Ref("nonecorn_dispatcher._middleware:check"),
            help="Several applications, by path prefix and host.",
            standalone=True,
        )
    ]
