"""Descriptor: the middleware `compress`."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import MiddlewareSpec, Ref, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_middleware() -> Sequence[MiddlewareSpec]:
    """`use = "compress"`."""
    return [
        MiddlewareSpec(
            name="compress",
            middleware=Ref("nonecorn_compress._middleware:compress"),
            check=Ref("nonecorn_compress._middleware:check"),
            help="Compresses responses with zstd, brotli or gzip.",
        )
    ]
