r"""A whole `nonecorn.spi.Runtime` without an event loop.

`MemoryRuntime` keeps the coroutines that it is asked to spawn and steps them by hand:
`coroutine.send(None)` runs one until it awaits a `waiter()` of this runtime, `Waiter.set` makes it
ready again, and `run_until_idle` steps whatever is ready until nothing is. No thread, no socket, no
selector and no clock are involved, so a test decides the order of events and nothing happens behind
its back. Time is a `ManualClock`; connections are `MemoryPort`s.

What a coroutine awaits must come from this runtime. Anything else (a future of asyncio, a trap of
trio, a bare `yield`) is answered by a `ForeignAwaitError`, in the coroutine and again out of
`run_until_idle`, so that the test fails and says where.

    runtime = MemoryRuntime()
    port = runtime.connect(lambda port: MyProtocol(make_context(app, runtime), port))
    assert port.exchange(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").startswith(b"HTTP/1.1 200")
"""

from __future__ import annotations

import collections
import contextvars
import inspect
import signal
import threading
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeVar

from nonecorn.spi import Running, running
from nonecorn.testing.clock import ManualClock
from nonecorn.testing.datagram import MemoryDatagramPort
from nonecorn.testing.listening import MemoryListening
from nonecorn.testing.port import MemoryPort
from nonecorn.testing.task import DeadlockError, MemoryJob, MemoryWaiter

if TYPE_CHECKING:
    import socket

    from nonecorn.spi import Connection, DatagramPort, Endpoint, Port, Protocol

T = TypeVar("T")

STEPS = 1_000_000
"""Steps that one `run_until_idle` may take before it calls the program a busy loop."""

THREADS = 30.0
"""Seconds that `wait_for_thread` waits for a thread's call."""

current_runtime: contextvars.ContextVar[MemoryRuntime | None] = contextvars.ContextVar(
    "current_runtime", default=None
)
"""The runtime whose task is running; lets a `Gate` find its waiter."""


class MemoryRuntime:
    """A `Runtime` that a test turns by hand.

    Args:
        eager: A spawned coroutine begins to run inside `spawn`, as eager tasks do; otherwise in the
            next `run_until_idle`. Protocols must bear both.
        clock: Time; a new `ManualClock` by default.
        name: The worker's name.

    Attributes:
        clock: Time. `advance` moves it, sweeps the ports and runs what became ready.
        ports: Every `MemoryPort` whose connection was not lost, and what has joined.
        current: What `nonecorn.spi.current_run` returns to its tasks.
        failures: What tasks let out, and foreign awaits. The next `run_until_idle` raises the first
            of them.
        threads: Functions given to `run_in_thread` so far; they run inline, in the test's own
            thread.
    """

    def __init__(
        self, *, eager: bool = False, clock: ManualClock | None = None, name: str = "memory"
    ) -> None:
        self.name = name
        self.clock = ManualClock() if clock is None else clock
        self.clock.on_tick(self._sweep)
        self._ports: set[Connection] = set()
        self.ports: AbstractSet[Connection] = self._ports
        self.current = Running(runtime=self)
        self.failures: list[BaseException] = []
        self.threads: list[Callable[..., Any]] = []
        self._eager = eager
        self._context = contextvars.copy_context()
        self._context.run(current_runtime.set, self)
        self._jobs: set[MemoryJob] = set()
        self._ready: collections.deque[Callable[[], None]] = collections.deque()
        self._tick_end: list[Callable[[], None]] = []
        self._signals: dict[int, Callable[[], None]] = {}
        self._called = threading.Event()
        self._running = False

    # nonecorn.spi.Runtime -------------------------------------------------------------------------

    def time(self) -> float:
        """Exact monotonic seconds."""
        return self.clock.time()

    def spawn(self, function: Callable[[], Awaitable[None]], /) -> MemoryJob:
        """Keep the coroutine and step it, now (`eager`) or in the next `run_until_idle`."""
        return self._spawn(function())

    def waiter(self) -> MemoryWaiter:
        """A new one-shot event."""
        return MemoryWaiter(self)

    def end_of_tick(self, callback: Callable[[], None], /) -> None:
        """Call back once, when everything that is ready now has been stepped."""
        self._tick_end.append(callback)

    def call_at(self, when: float, callback: Callable[[], None], /) -> Any:
        """Call back when the clock is advanced to `when`."""
        return self.clock.call_at(when, callback)

    def run_in_thread(self, function: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        """Run `function` when awaited, inline."""
        return self._run_inline(function, *args)

    async def _run_inline(self, function: Callable[..., T], *args: Any) -> T:
        self.threads.append(function)
        return contextvars.copy_context().run(function, *args)

    def call_from_thread(self, callback: Callable[[], None], /) -> None:
        """Call back in the next turn."""
        self._ready.append(callback)
        self._called.set()

    async def listen(
        self,
        sock: socket.socket,
        accept: Callable[[Port], Protocol],
        *,
        backlog: int,
        send_buffer: int,
    ) -> MemoryListening:
        """A listener whose `connect()` makes the connections; `sock` is not touched."""
        return MemoryListening(self, sock, accept, backlog, send_buffer)

    async def listen_datagrams(
        self, sock: socket.socket, endpoint: Callable[[DatagramPort], Endpoint]
    ) -> MemoryDatagramPort:
        """A datagram socket of which `receive()` is the network's side."""
        return MemoryDatagramPort(self, endpoint)

    def join(self, connection: Connection, /) -> None:
        """Count a connection among `ports`."""
        self._ports.add(connection)

    def leave(self, connection: Connection, /) -> None:
        """Undo `join`."""
        self._ports.discard(connection)

    def on_signal(self, signal_number: int, callback: Callable[[], None], /) -> None:
        """Keep the callback for `raise_signal`."""
        self._signals[signal_number] = callback

    # The test's side ------------------------------------------------------------------------------

    def connect(self, factory: Callable[[MemoryPort], Protocol], **options: Any) -> MemoryPort:
        """A new connection, served by the protocol that `factory` makes for its port.

        Args:
            factory: Makes the protocol: `lambda port: MyProtocol(context, port)`.
            **options: Those of `MemoryPort`.
        """
        port = MemoryPort(self, **options)
        port.set_protocol(factory(port))
        return port

    def run_until_idle(self) -> None:
        """Step whatever is ready until nothing is.

        Raises:
            BaseException: The first of `failures`: something that a task let out.
            DeadlockError: The program makes itself ready for ever.
        """
        if self._running:  # called from within a step: the outer call goes on
            return
        self._running = True
        try:
            with running(self.current):
                self._turn()
        finally:
            self._running = False
        if self.failures:
            failure = self.failures[0]
            self.failures.clear()
            raise failure

    def wait_for_thread(self) -> None:
        """Wait until a thread has called `call_from_thread`, since this last returned.

        Raises:
            DeadlockError: None does.
        """
        if not self._called.wait(THREADS):
            message = f"{self!r} waits for a thread that does not call"
            raise DeadlockError(message)
        self._called.clear()

    def advance(self, seconds: float) -> None:
        """Run what is ready, let time pass, and run again; ticks sweep the ports that are due."""
        self.run_until_idle()
        self.clock.advance(seconds)
        self.run_until_idle()

    def run(self, function: Callable[..., Awaitable[T]], /, *args: Any) -> T:
        """Run an async function to its end and return its result.

        Raises:
            DeadlockError: It waits for what nobody will do.
            BaseException: What the function raised.
        """
        job = self._spawn(function(*args))
        try:
            self.run_until_idle()
        except BaseException:
            if job.error is None:
                raise
        if job.error is not None:
            raise job.error
        if not job.done:
            job.cancel()
            self.run_until_idle()
            message = f"{job._name} still waits, and nothing is left to run"
            raise DeadlockError(message)
        return job.result  # type: ignore[no-any-return]

    def raise_signal(self, signal_number: int) -> None:
        """Behave as if the process got this signal.

        Raises:
            LookupError: Nobody asked for it.
        """
        try:
            callback = self._signals[signal_number]
        except KeyError:
            message = f"no handler for {signal.Signals(signal_number).name}"
            raise LookupError(message) from None
        callback()

    @property
    def jobs(self) -> frozenset[MemoryJob]:
        """Tasks that have not ended."""
        return frozenset(self._jobs)

    def close(self) -> None:
        """End what is left: lose every connection, cancel every task. For the end of a test.

        Raises:
            DeadlockError: A task does not end although it is cancelled.
        """
        for port in tuple(self.ports):
            port.abort()
        self.run_until_idle()
        for job in tuple(self._jobs):
            job.cancel()
        self.run_until_idle()
        if self._jobs:
            message = f"cancelled, and still there: {self._jobs!r}"
            raise DeadlockError(message)

    # Within the package ---------------------------------------------------------------------------

    def soon(self, callback: Callable[[], None]) -> None:
        """Call back in the next turn, not from within this call."""
        self._ready.append(callback)

    def _spawn(self, awaitable: Awaitable[Any]) -> MemoryJob:
        coroutine = awaitable if inspect.iscoroutine(awaitable) else _as_coroutine(awaitable)
        job = MemoryJob(self, coroutine)
        self._jobs.add(job)
        if self._eager:
            with running(self.current):
                job._step()
        else:
            self._wake(job)
        return job

    def _wake(self, job: MemoryJob) -> None:
        self._ready.append(job._step)

    def _turn(self) -> None:
        for _ in range(STEPS):
            if self._ready:
                self._ready.popleft()()
            elif self._tick_end:
                callbacks, self._tick_end = self._tick_end, []
                for callback in callbacks:
                    callback()
            else:
                return
        message = f"{self!r} took {STEPS} steps and is not idle yet: a busy loop"
        raise DeadlockError(message)

    def _sweep(self) -> None:
        for port in tuple(self.ports):
            if port.protocol.deadline <= self.clock.now:
                port.protocol.sweep()
        if not self._running:
            self.run_until_idle()

    def __repr__(self) -> str:
        return (
            f"<MemoryRuntime {self.name} time={self.time():.3f} ports={len(self.ports)}"
            f" jobs={len(self._jobs)}>"
        )


async def _as_coroutine(awaitable: Awaitable[T]) -> T:
    return await awaitable
