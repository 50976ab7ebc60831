"""The worker: runs trio, or joins a trio program that runs already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import trio

from nonecorn_trio._debug import SlowSteps
from nonecorn_trio._poller import PollerFactory, best_poller
from nonecorn_trio._runtime import TrioRuntime

if TYPE_CHECKING:
    from nonecorn.spi import Runtime, Settings

T = TypeVar("T")


def is_running() -> bool:
    """The caller is inside a trio task."""
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


class TrioWorker:
    """See `nonecorn.spi.Worker`.

    Args:
        settings: Every settings object by table; this worker has none of its own.
        poller: What waits for the sockets, where the platform's best is not wanted.
    """

    __slots__ = ("_poller",)

    def __init__(
        self,
        settings: Mapping[str, Settings] | None = None,  # every worker is given it
        *,
        poller: PollerFactory = best_poller,
    ) -> None:
        self._poller = poller

    def run(self, main: Callable[[Runtime], Awaitable[T]], /, *, debug: bool = False) -> T:
        """Run `main` in a trio of its own. With `debug`, steps that hold up the loop are logged."""

        async def attached() -> T:
            async with self.attach() as runtime:
                return await main(runtime)

        return trio.run(
            attached,
            instruments=[SlowSteps()] if debug else [],
            # Ctrl-C, where no signal handler is installed, may only interrupt `main`, never a
            # protocol or a job.
            restrict_keyboard_interrupt_to_checkpoints=True,
        )

    def attach(self) -> AbstractAsyncContextManager[Runtime]:
        """A runtime in the trio that the caller runs in."""
        return _attach(self._poller)

    def __repr__(self) -> str:
        return f"<TrioWorker poller={getattr(self._poller, '__name__', self._poller)}>"


@asynccontextmanager
async def _attach(poller: PollerFactory) -> AsyncIterator[Runtime]:
    error: BaseException | None = None
    async with trio.open_nursery() as nursery:
        runtime = TrioRuntime(nursery, poller)
        try:
            yield runtime
        except BaseException as raised:  # noqa: BLE001  # raised below, not in a group
            error = raised
        runtime.close()
        nursery.cancel_scope.cancel()
    runtime.poller.close()
    runtime.settle()
    if error is not None:
        raise error
