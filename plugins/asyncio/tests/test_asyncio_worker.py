"""The asyncio worker obeys the runtime contract."""

from __future__ import annotations

from nonecorn.spi import Worker
from nonecorn.testing.conformance.worker import WorkerConformance
from nonecorn_asyncio._worker import AsyncioWorker


class TestAsyncioWorker(WorkerConformance):
    def worker(self) -> Worker:
        return AsyncioWorker()
