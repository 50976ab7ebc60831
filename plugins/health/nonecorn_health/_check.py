"""The application's own check: asked when somebody asks, one at a time, with an end.

However many ask at once, and however long the check takes, there is one call under way: all who
ask meanwhile wait for it, and its answer holds for a while. One that does not answer in time counts
as a no; a coroutine is then cancelled. A thread cannot be, so that it is waited for before another
is begun.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

from nonecorn.spi import Job, Runtime, Timer, Waiter

_LOG = logging.getLogger("nonecorn.health")


class Check:
    """See the module.

    Args:
        function: Called without arguments, in a thread unless it is a coroutine function. `False`,
            or an exception, says no; anything else yes.
        timeout: Seconds for an answer.
        cache: Seconds for which an answer holds.
    """

    __slots__ = (
        "_cache", "_function", "_is_async", "_job", "_running", "_timeout", "_timer", "_trouble",
        "_until", "_waiting",
    )  # fmt: skip

    def __init__(self, function: Callable[[], Any], timeout: float, cache: float) -> None:
        self._function = function
        self._timeout = timeout
        self._cache = cache
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004  # an object may be the function
        )
        self._until: float | None = None
        self._trouble = ""
        self._running = False
        self._job: Job | None = None
        self._timer: Timer | None = None
        self._waiting: list[Waiter] = []

    def __repr__(self) -> str:
        state = "running" if self._running else self._trouble or "good"
        return f"<Check {getattr(self._function, '__qualname__', self._function)!s} {state}>"

    async def trouble(self, runtime: Runtime) -> str:
        """Why requests are not welcome; empty when they are."""
        if self._until is not None and runtime.time() < self._until:
            return self._trouble
        if not self._running:
            self._start(runtime)
        elif self._timer is None:  # what is late is still under way
            return self._trouble
        if self._timer is not None:  # it may have ended by now
            waiter = runtime.waiter()
            self._waiting.append(waiter)
            await waiter.wait()
        return self._trouble

    def _start(self, runtime: Runtime) -> None:
        self._running = True
        self._timer = runtime.call_at(runtime.time() + self._timeout, lambda: self._late(runtime))

        async def run() -> None:
            trouble = "the check was cancelled"
            try:
                trouble = await self._ask(runtime)
            finally:
                self._running = False
                self._job = None
                if self._timer is not None:
                    self._decide(runtime, trouble)

        job = runtime.spawn(run)
        if self._running:  # an eager task may have ended inside `spawn`
            self._job = job

    async def _ask(self, runtime: Runtime) -> str:
        try:
            if self._is_async:
                answer = await self._function()
            else:
                answer = await runtime.run_in_thread(self._function)
                if inspect.isawaitable(answer):
                    answer = await answer
        except Exception as error:  # noqa: BLE001  # the check says no
            # Details are for the log: who asks may be anybody.
            if not self._trouble:
                _LOG.warning("%r failed: %s: %s", self, type(error).__name__, error)
            return "the check failed"
        return "the check says no" if answer is False else ""

    def _late(self, runtime: Runtime) -> None:
        if not self._trouble:
            _LOG.warning("%r has not answered for %g s", self, self._timeout)
        self._decide(runtime, "the check takes too long")
        if self._is_async and self._job is not None:
            self._job.cancel()

    def _decide(self, runtime: Runtime, trouble: str) -> None:
        """This is the answer, for those who wait and for a while."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._trouble = trouble
        self._until = runtime.time() + self._cache
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.set()
