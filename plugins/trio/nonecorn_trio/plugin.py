"""Descriptor: the trio worker."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import Ref, WorkerSpec, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_workers() -> Sequence[WorkerSpec]:
    """`--worker trio`."""
    return [
        WorkerSpec(
            name="trio",
            worker=Ref("nonecorn_trio._worker:TrioWorker"),
            running=Ref("nonecorn_trio._worker:is_running"),
            library="trio",
            priority=-10,
        )
    ]
