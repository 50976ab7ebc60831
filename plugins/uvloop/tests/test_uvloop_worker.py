"""The uvloop worker obeys the runtime contract."""

from __future__ import annotations

from nonecorn.spi import Worker
from nonecorn.testing.conformance.worker import WorkerConformance
from nonecorn_uvloop._worker import UvloopWorker


class TestUvloopWorker(WorkerConformance):
    def worker(self) -> Worker:
        return UvloopWorker()
