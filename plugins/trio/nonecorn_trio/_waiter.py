"""A one-shot event for one task: half of what `trio.Event` does, for less."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio.lowlevel import Abort, current_task, reschedule, wait_task_rescheduled

if TYPE_CHECKING:
    from trio.lowlevel import RaiseCancelT, Task


class Waiter:
    """See `nonecorn.spi.Waiter`. Unlike `trio.Event`, no checkpoint where it is set."""

    __slots__ = ("_set", "_task")

    def __init__(self) -> None:
        self._set = False
        self._task: Task | None = None

    def set(self) -> None:
        """Wake the task, now or when it comes to wait."""
        self._set = True
        task = self._task
        if task is not None:
            self._task = None
            reschedule(task)

    async def wait(self) -> None:
        """Return once `set` was called."""
        if not self._set:
            self._task = current_task()
            await wait_task_rescheduled(self._abort)

    def _abort(self, _raise_cancel: RaiseCancelT) -> Abort:
        # trio itself reschedules a cancelled task; a `set` that comes later must not.
        self._task = None
        return Abort.SUCCEEDED

    def __repr__(self) -> str:
        task = self._task
        state = "set" if self._set else "unset" if task is None else f"awaited by {task.name}"
        return f"<Waiter {state}>"
