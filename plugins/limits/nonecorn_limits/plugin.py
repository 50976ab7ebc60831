"""Descriptor: the middleware `limits`."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import MiddlewareSpec, Ref, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_middleware() -> Sequence[MiddlewareSpec]:
    """`use = "limits"`."""
    return [
        MiddlewareSpec(
            name="limits",
            middleware=Ref("nonecorn_limits._middleware:limits"),
            check=Ref("nonecorn_limits._middleware:check"),
            help="Bounds requests at once, and requests of each client over time.",
        )
    ]
