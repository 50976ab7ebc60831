"""Descriptor: the asyncio worker."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import Ref, Settings, WorkerSpec, hookimpl
from nonecorn_asyncio._settings import AsyncioSettings

PLUGIN_API = 1


@hookimpl
def nonecorn_workers() -> Sequence[WorkerSpec]:
    """`--worker asyncio`."""
    return [
        WorkerSpec(
            name="asyncio",
            worker=Ref("nonecorn_asyncio._worker:AsyncioWorker"),
            running=Ref("nonecorn_asyncio._worker:is_running"),
            library="asyncio",
            priority=0,
        )
    ]


@hookimpl
def nonecorn_settings() -> Sequence[type[Settings]]:
    """`[asyncio]`."""
    return [AsyncioSettings]
