"""Tasks of a `MemoryRuntime`: coroutines stepped by hand, and what they wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn.testing.runtime import MemoryRuntime


class Cancelled(BaseException):  # named as the event it is, as in trio
    """This runtime's cancellation. Like those of real loops it is no `Exception`: let it pass."""


class ForeignAwaitError(RuntimeError):
    """A coroutine awaited something that is not of this runtime."""


class DeadlockError(AssertionError):
    """Nothing is ready to run, and what was waited for has not happened."""


class MemoryWaiter:
    """One-shot event of a `MemoryRuntime`."""

    __slots__ = ("_job", "_runtime", "_set")

    def __init__(self, runtime: MemoryRuntime) -> None:
        self._runtime = runtime
        self._set = False
        self._job: MemoryJob | None = None

    def set(self) -> None:
        """Wake the task, at the next step of the runtime."""
        self._set = True
        if self._job is not None:
            job, self._job = self._job, None
            self._runtime._wake(job)

    def wait(self) -> Awaitable[None]:
        """Awaitable that returns once `set` was called."""
        return self._wait()

    async def _wait(self) -> None:
        if not self._set:
            await _Parking(self)

    def __repr__(self) -> str:
        state = "set" if self._set else "waited for" if self._job else "idle"
        return f"<MemoryWaiter {state}>"


class _Parking:
    """What a task yields to its runtime."""

    __slots__ = ("waiter",)

    def __init__(self, waiter: MemoryWaiter) -> None:
        self.waiter = waiter

    def __await__(self) -> Generator[_Parking, None, None]:
        yield self


class MemoryJob:
    """A spawned coroutine.

    Attributes:
        done: It has ended.
        cancelled: It ended by `Cancelled`.
        error: What it let out besides that.
        result: What it returned.
    """

    __slots__ = (
        "_context", "_coroutine", "_name", "_parked", "_runtime", "_throw", "cancelled", "done",
        "error", "result",
    )  # fmt: skip

    def __init__(self, runtime: MemoryRuntime, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._runtime = runtime
        self._coroutine = coroutine
        self._name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
        self._context = runtime._context.copy()
        self._parked: MemoryWaiter | None = None
        self._throw: BaseException | None = None
        self.done = False
        self.cancelled = False
        self.error: BaseException | None = None
        self.result: Any = None

    def cancel(self) -> None:
        """Raise `Cancelled` at the task's next, or present, wait. Harmless once it is done."""
        if self.done:
            return
        self._throw = Cancelled()
        if self._parked is not None:
            self._parked._job = None
            self._parked = None
            self._runtime._wake(self)

    def _step(self) -> None:
        if self.done:
            return
        self._parked = None
        throw, self._throw = self._throw, None
        try:
            if throw is None:
                awaited = self._context.run(self._coroutine.send, None)
            else:
                awaited = self._context.run(self._coroutine.throw, throw)
        except StopIteration as stop:
            self.result = stop.value
            self._end(None)
        except Cancelled:
            self.cancelled = True
            self._end(None)
        except (KeyboardInterrupt, SystemExit):
            self.done = True
            raise
        except BaseException as error:  # noqa: BLE001  # handed to run_until_idle
            self._end(error)
        else:
            self._park(awaited)

    def _park(self, awaited: object) -> None:
        runtime = self._runtime
        if not isinstance(awaited, _Parking) or awaited.waiter._runtime is not runtime:
            self._refuse(
                f"{self._name} awaited {awaited!r}, which is not of {runtime!r}: code that runs"
                " here may wait only for receive(), send() and the runtime's waiters"
            )
        elif self._throw is not None or awaited.waiter._set:  # meanwhile, within its own step
            runtime._wake(self)
        elif awaited.waiter._job is not None:
            self._refuse(f"{self._name} waits for a waiter that {awaited.waiter._job!r} waits for")
        else:
            self._parked = awaited.waiter
            awaited.waiter._job = self

    def _refuse(self, message: str) -> None:
        self._throw = ForeignAwaitError(message)
        self._runtime.failures.append(self._throw)
        self._runtime._wake(self)

    def _end(self, error: BaseException | None) -> None:
        self.done = True
        self._runtime._jobs.discard(self)
        if error is not None:
            self.error = error
            if error not in self._runtime.failures:
                self._runtime.failures.append(error)

    def __repr__(self) -> str:
        state = (
            "cancelled" if self.cancelled else
            f"failed: {self.error!r}" if self.error else
            "done" if self.done else
            "waiting" if self._parked else
            "ready"
        )  # fmt: skip
        return f"<MemoryJob {self._name} {state}>"
