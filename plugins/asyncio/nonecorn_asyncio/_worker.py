"""The asyncio worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from nonecorn.spi import Runtime, Settings
from nonecorn_asyncio._runtime import AsyncioRuntime
from nonecorn_asyncio._settings import AsyncioSettings

T = TypeVar("T")


def is_running() -> bool:
    """Is the caller inside an asyncio event loop?"""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class AsyncioWorker:
    """See `nonecorn.spi.Worker`.

    Args:
        settings: Every settings object by table.
    """

    name = "asyncio"

    def __init__(self, settings: Mapping[str, Settings] | None = None) -> None:
        own = (settings or {}).get(AsyncioSettings.table)
        self._settings = own if isinstance(own, AsyncioSettings) else AsyncioSettings()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._settings}>"

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """The kind of loop that this worker runs."""
        return asyncio.new_event_loop()

    def run(self, main: Callable[[Runtime], Awaitable[T]], /, *, debug: bool = False) -> T:
        """See `nonecorn.spi.Worker`."""

        async def body() -> T:
            async with self.attach() as runtime:
                return await main(runtime)

        with asyncio.Runner(debug=debug, loop_factory=self.new_event_loop) as runner:
            return runner.run(body())

    def attach(self) -> AbstractAsyncContextManager[Runtime]:
        """See `nonecorn.spi.Worker`."""
        return self._attach()

    @asynccontextmanager
    async def _attach(self) -> AsyncIterator[Runtime]:
        runtime = AsyncioRuntime(self.name, eager=self._settings.eager_tasks)
        try:
            yield runtime
        finally:
            await runtime.detach()
