"""Descriptor: the middleware `proxy_fix`."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import MiddlewareSpec, Ref, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_middleware() -> Sequence[MiddlewareSpec]:
    """`proxy_fix`."""
    return [
        MiddlewareSpec(
            name="proxy_fix",
            middleware=Ref("nonecorn_proxy_fix._middleware:make"),
            help="Believe trusted proxies about who the client is.",
            check=Ref("nonecorn_proxy_fix._middleware:check"),
        )
    ]
