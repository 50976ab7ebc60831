"""Descriptor: the uvloop worker."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nonecorn.spi import Ref, WorkerSpec, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_workers() -> Sequence[WorkerSpec]:
    """`--worker uvloop`, the default where it is installed; uvloop does not exist for Windows."""
    if sys.platform == "win32":
        return []
    return [
        WorkerSpec(name="uvloop", worker=Ref("nonecorn_uvloop._worker:UvloopWorker"), priority=10)
    ]
