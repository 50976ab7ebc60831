"""Descriptor: the middleware `https_redirect`."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import MiddlewareSpec, Ref, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_middleware() -> Sequence[MiddlewareSpec]:
    """`use = "https_redirect"`."""
    return [
        MiddlewareSpec(
            name="https_redirect",
            middleware=Ref("nonecorn_https_redirect._middleware:make"),
            check=Ref("nonecorn_https_redirect._middleware:check"),
            help="Redirect from HTTP to HTTPS, and Strict-Transport-Security.",
        )
    ]
