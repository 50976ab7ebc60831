"""Spawning: a task per job, in a fresh copy of the worker's context, cancellable by itself.

In trio a task can only be cancelled through a cancel scope around it, and entering one costs as
much as the task itself (7 µs beside 6 where it was measured). So jobs borrow one: a *berth* is a
parked task that holds a nursery open, and a job started in that nursery is cancelled by the
nursery's own scope. A berth serves one job at a time and outlives them all; only a job that is
cancelled, or that breaks the nesting of its scopes, takes its berth with it. Where none is free a
job brings its own.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import trio

_logger = logging.getLogger("nonecorn.error")
_MAX_FREE = 256


class Jobs:
    """Starts the jobs of one runtime.

    Args:
        nursery: The runtime's own; it must outlive every job.
        context: The worker's base context; never entered but to start a job.
    """

    __slots__ = ("_berths", "_context", "_free", "_start")

    def __init__(self, nursery: trio.Nursery, context: contextvars.Context) -> None:
        self._start: Any = nursery.start_soon
        self._context = context
        self._free: list[trio.Nursery] = []
        self._berths = 0

    def spawn(self, function: Callable[[], Awaitable[None]], /) -> Job:
        """Start a job; it begins to run when trio next runs its tasks."""
        job = Job(self, function)
        # `start_soon` copies the current context, which may be another job's: enter the base
        # context.
        while self._free:
            berth = self._free.pop()
            if not berth.cancel_scope.cancel_called:
                job.berth = berth
                start: Any = berth.start_soon
                self._context.run(start, job.run, name="nonecorn.job")
                return job
        self._context.run(self._start, self._keep_berth, job, name="nonecorn.berth")
        return job

    def release(self, berth: trio.Nursery) -> None:
        """A job leaves its berth, unspoilt."""
        if len(self._free) < _MAX_FREE:
            self._free.append(berth)
        else:
            berth.cancel_scope.cancel()

    async def _keep_berth(self, job: Job) -> None:
        self._berths += 1
        try:
            async with trio.open_nursery() as berth:
                job.berth = berth
                if job.cancelled:
                    berth.cancel_scope.cancel()
                berth.start_soon(job.run, name="nonecorn.job")
                await trio.sleep_forever()
        except BaseException as error:  # noqa: BLE001  # trio's word on a job that left a scope open
            _report(error, job)
        finally:
            self._berths -= 1

    def __repr__(self) -> str:
        return f"<Jobs berths={self._berths} free={len(self._free)}>"


class Job:
    """See `nonecorn.spi.Job`.

    Attributes:
        berth: The nursery that it runs in; None before it has one, and once it is done.
        cancelled: `cancel` was called while it was not done.
    """

    __slots__ = ("_done", "_function", "_jobs", "berth", "cancelled")

    def __init__(self, jobs: Jobs, function: Callable[[], Awaitable[None]]) -> None:
        self._jobs = jobs
        self._function = function
        self._done = False
        self.berth: trio.Nursery | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """Let `trio.Cancelled` be raised at the job's next checkpoint."""
        if not self._done:
            self.cancelled = True
            if self.berth is not None:
                self.berth.cancel_scope.cancel()

    async def run(self) -> None:
        """The task: the function, whose errors are logged."""
        try:
            await self._function()
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever it is, the worker goes on
            _report(error, self)
        finally:
            self._done = True
            berth, self.berth = self.berth, None
            if berth is not None and not self.cancelled:
                self._jobs.release(berth)

    def __repr__(self) -> str:
        name = getattr(self._function, "__qualname__", repr(self._function))
        state = "done" if self._done else "cancelled" if self.cancelled else "running"
        return f"<Job {name} {state}>"


def _report(error: BaseException, job: Job) -> None:
    """Log what a job let out; cancellation and Ctrl-C go on as trio wants them to."""
    cancelled: BaseException | None = None
    rest: BaseException | None = error
    if isinstance(error, (trio.Cancelled, KeyboardInterrupt, GeneratorExit)):
        raise error
    if isinstance(error, BaseExceptionGroup):
        if error.subgroup(KeyboardInterrupt) is not None:
            raise error
        cancelled, rest = error.split(trio.Cancelled)
    if rest is not None:
        _logger.error("%r let an error out", job, exc_info=rest)
    if cancelled is not None:
        raise cancelled
