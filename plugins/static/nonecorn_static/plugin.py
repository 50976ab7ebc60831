"""Descriptor: the middleware `static`."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import MiddlewareSpec, Ref, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_middleware() -> Sequence[MiddlewareSpec]:
    """`use = "static"`."""
    return [
        MiddlewareSpec(
            name="static",
            middleware=Ref("nonecorn_static._middleware:static"),
            check=Ref("nonecorn_static._middleware:check"),
            help="Serves the files of a directory.",
            standalone=True,
            paths=("directory",),
        )
    ]
