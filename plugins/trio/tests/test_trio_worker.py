"""The trio worker against the rules for workers, with each of its pollers."""

from __future__ import annotations

from nonecorn.testing.conformance.worker import WorkerConformance
from nonecorn_trio._poller import TaskPoller
from nonecorn_trio._worker import TrioWorker


class TestTrioWorker(WorkerConformance):
    worker = TrioWorker


class TestTrioWorkerWithATaskPerSocket(WorkerConformance):
    def worker(self) -> TrioWorker:
        return TrioWorker(poller=TaskPoller)
