"""Descriptor: the uvloop worker."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import Ref, WorkerSpec, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_workers() -> Sequence[WorkerSpec]:
    """`--worker uvloop`, the default where it is installed."""
    return [
        WorkerSpec(name="uvloop", worker=Ref("nonecorn_uvloop._worker:UvloopWorker"), priority=10)
    ]
