"""Spawning: a task per job, in a fresh copy of the worker's context, cancellable by itself.

In trio a task can only be cancelled through a cancel scope around it, and entering one costs as
much as the task itself (7 µs beside 6 where it was measured). So jobs borrow one: a *berth* is a
parked task that holds a nursery open, and a job started in that nursery is cancelled by the
nursery's own scope. A berth serves one job at a time and outlives them all; only a job that is
cancelled, or that breaks the nesting of its scopes, takes its berth with it. Where none is free a
job brings its own.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from trio.lowlevel import Abort, RaiseCancelT, wait_task_rescheduled

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
        # `start_soon` copies the current context, which may be another job's: enter the base one.
        if self._free:
            berth = self._free.pop()
            start: Any = berth.start_soon
            job = Job(function, self._free, berth)
            self._context.run(start, job.run, name="nonecorn.job")
        else:
            job = Job(function, self._free, None)
            self._context.run(self._start, self._keep_berth, job, name="nonecorn.berth")
        return job

    async def _keep_berth(self, job: Job) -> None:
        self._berths += 1
        try:
            async with trio.open_nursery() as berth:

                def spoilt(_raise_cancel: RaiseCancelT) -> Abort:
                    # trio calls this as it cancels the nursery: no job is put into it from now on.
                    with contextlib.suppress(ValueError):
                        self._free.remove(berth)
                    return Abort.SUCCEEDED

                job.board(berth)
                await wait_task_rescheduled(spoilt)
        except BaseException as error:  # noqa: BLE001  # trio's word on a job that left a scope open
            _report(error, job)
        finally:
            self._berths -= 1

    def __repr__(self) -> str:
        return f"<Jobs berths={self._berths} free={len(self._free)}>"


class Job:
    """See `nonecorn.spi.Job`.

    Args:
        function: What to run.
        free: Where the berth goes when the job leaves it unspoilt.
        berth: The nursery that it runs in; None if `board` brings it.
    """

    __slots__ = ("_berth", "_cancelled", "_done", "_free", "_function")

    def __init__(
        self,
        function: Callable[[], Awaitable[None]],
        free: list[trio.Nursery],
        berth: trio.Nursery | None,
    ) -> None:
        self._function = function
        self._free = free
        self._berth = berth
        self._cancelled = False
        self._done = False

    def cancel(self) -> None:
        """Let `trio.Cancelled` be raised at the job's next checkpoint."""
        if not self._done:
            self._cancelled = True
            if self._berth is not None:
                self._berth.cancel_scope.cancel()

    def board(self, berth: trio.Nursery) -> None:
        """Start in a berth of its own, which runs in the context that is current."""
        self._berth = berth
        if self._cancelled:
            berth.cancel_scope.cancel()
        berth.start_soon(self.run, name="nonecorn.job")

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
            berth = self._berth
            if berth is not None and not self._cancelled:
                if len(self._free) < _MAX_FREE:
                    self._free.append(berth)
                else:
                    berth.cancel_scope.cancel()

    def __repr__(self) -> str:
        name = getattr(self._function, "__qualname__", repr(self._function))
        state = "done" if self._done else "cancelled" if self._cancelled else "running"
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
