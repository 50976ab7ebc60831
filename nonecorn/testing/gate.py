"""A gate that an application waits at and a test opens, on whatever loop the application runs."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from nonecorn.testing.runtime import current_runtime

if TYPE_CHECKING:
    from nonecorn.spi import Waiter


class Gate:
    """A one-way gate: shut until `open`, then open for good.

    Applications that run on any worker can wait here; the loop's own event is found when they come.
    `open` may be called from any thread, so that a test can hold the application of a
    `serve_in_thread`.

    Args:
        waiter: Makes what to wait on, such as `runtime.waiter`, where the loop is one that is not
            known here. `open` must then be called on the loop's thread.
    """

    def __init__(self, waiter: Callable[[], Waiter] | None = None) -> None:
        self._waiter = waiter
        self._lock = threading.Lock()
        self._opened = threading.Event()
        self._wakers: list[Callable[[], object]] = []
        self._arrived = threading.Event()

    def open(self) -> None:
        """Let all pass, now and later."""
        with self._lock:
            self._opened.set()
            wakers, self._wakers = self._wakers, []
        for wake in wakers:
            wake()

    @property
    def is_open(self) -> bool:
        """Whether `open` was called."""
        return self._opened.is_set()

    def wait_for_arrival(self, timeout: float = 10.0) -> None:
        """Block this thread until somebody waits at the gate.

        Args:
            timeout: Seconds until a `TimeoutError`.
        """
        if not self._arrived.wait(timeout):
            message = f"nobody came to the gate within {timeout} s"
            raise TimeoutError(message)

    async def wait(self) -> None:
        """Return once the gate is open."""
        wait, wake = self._event()
        with self._lock:
            if self._opened.is_set():
                return
            self._wakers.append(wake)
        self._arrived.set()
        await wait()

    def _event(self) -> tuple[Callable[[], Awaitable[object]], Callable[[], object]]:
        if self._waiter is not None:
            waiter = self._waiter()
            return waiter.wait, waiter.set
        runtime = current_runtime.get()
        if runtime is not None:
            own = runtime.waiter()
            return own.wait, own.set
        trio = sys.modules.get("trio")
        if trio is not None:
            # Outside of trio there is no token; `in_trio_run` is younger than the trio we allow.
            with contextlib.suppress(RuntimeError):
                token = trio.lowlevel.current_trio_token()
                event = trio.Event()
                return event.wait, lambda: token.run_sync_soon(event.set)
        asyncio = sys.modules["asyncio"]
        loop = asyncio.get_running_loop()
        future = asyncio.Event()
        return future.wait, lambda: loop.call_soon_threadsafe(future.set)

    def __repr__(self) -> str:
        state = "open" if self.is_open else f"shut, {len(self._wakers)} waiting"
        return f"<Gate {state}>"
