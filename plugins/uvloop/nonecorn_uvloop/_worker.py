"""The uvloop worker: asyncio's, on a loop made by uvloop."""

from __future__ import annotations

import asyncio

import uvloop

from nonecorn_asyncio import AsyncioWorker


class UvloopWorker(AsyncioWorker):
    """See `nonecorn.spi.Worker`."""

    name = "uvloop"

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """See `AsyncioWorker`."""
        return uvloop.new_event_loop()
