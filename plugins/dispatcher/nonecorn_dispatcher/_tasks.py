"""Where the lifespans' tasks run: in the runtime of nonecorn, or in a task group of anyio.

A dispatcher that an application puts around itself may find itself in another server, or in a test
client. They have no runtime to offer, and anyio knows them all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from nonecorn.spi import NonecornError, current_run

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from nonecorn.spi import Job, Waiter
    from nonecorn.spi.lifespan import Tasks
    from nonecorn.spi.runtime import Timer


@asynccontextmanager
async def tasks() -> AsyncIterator[Tasks]:
    """What runs tasks here, for as long as the context lasts.

    Raises:
        RuntimeError: This is no worker of nonecorn, and anyio is not installed.
    """
    try:
        runtime = current_run().runtime
    except NonecornError:
        pass
    else:
        yield runtime
        return
    try:
        import anyio  # noqa: PLC0415  # needed where there is no nonecorn
    except ModuleNotFoundError:
        message = "a dispatcher in another server than nonecorn needs anyio for lifespans"
        raise RuntimeError(message) from None
    async with anyio.create_task_group() as group:
        try:
            yield _GroupTasks(group)
        finally:
            group.cancel_scope.cancel()


class _GroupTasks:
    """Tasks of a task group."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group

    def __repr__(self) -> str:
        return f"<GroupTasks {self._group!r}>"

    def time(self) -> float:
        import anyio  # noqa: PLC0415

        return anyio.current_time()

    def spawn(self, function: Callable[[], Awaitable[None]], /) -> Job:
        import anyio  # noqa: PLC0415

        scope = anyio.CancelScope()

        async def run() -> None:
            with scope:
                await function()

        self._group.start_soon(run)
        return scope

    def waiter(self) -> Waiter:
        import anyio  # noqa: PLC0415

        return anyio.Event()

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        async def wait() -> Any:
            import anyio  # noqa: PLC0415

            await anyio.sleep_until(when)
            callback()

        return self.spawn(wait)
