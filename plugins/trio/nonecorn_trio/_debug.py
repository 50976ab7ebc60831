"""Debug mode: finds the code that holds up the loop, as asyncio's own does."""

from __future__ import annotations

import logging
import time

import trio
from trio.lowlevel import Task

_logger = logging.getLogger("nonecorn.error")
_SLOW = 0.1
"""Seconds; asyncio's `slow_callback_duration`."""


class SlowSteps(trio.abc.Instrument):
    """Logs each step of a task, from one suspension to the next, that takes too long."""

    def __init__(self) -> None:
        self._began = 0.0

    def before_task_step(self, task: Task) -> None:
        """A task goes on."""
        self._began = time.perf_counter()

    def after_task_step(self, task: Task) -> None:
        """A task is suspended, or has ended."""
        took = time.perf_counter() - self._began
        if took >= _SLOW:
            _logger.warning("task %s held up the loop for %.3f s: %r", task.name, took, task.coro)

    def __repr__(self) -> str:
        return f"<SlowSteps threshold={_SLOW:g}>"
