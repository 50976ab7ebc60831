"""The runtime on a running asyncio event loop, uvloop's included.

The clock ticks once a second while there is a connection, and not at all otherwise: an idle
worker sleeps. One tick reads the time for everybody and sweeps the ports whose protocol's
deadline has passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from nonecorn.spi import TICK, Clock
from nonecorn_asyncio._accepting import AcceptingListening
from nonecorn_asyncio._datagrams import AsyncioDatagramPort
from nonecorn_asyncio._port import AsyncioPort
from nonecorn_asyncio._server import ServerListening

if TYPE_CHECKING:
    from nonecorn.spi import (
        Connection,
        DatagramPort,
        Endpoint,
        Job,
        Listening,
        Port,
        Protocol,
        Timer,
        Waiter,
    )
    from nonecorn_asyncio._listening import AsyncioListening

T = TypeVar("T")
_HAS_EAGER = sys.version_info >= (3, 12)
_ENDING = 2.0
"""Seconds that cancelled tasks have to end when a runtime does."""
_ARRIVING = 3
"""Ticks from a loop's accept to the connection's port."""


class AsyncioWaiter:
    """See `nonecorn.spi.Waiter`: a future, and another where a cancelled task took that with it."""

    __slots__ = ("_future", "_set")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._future = loop.create_future()
        self._set = False

    def __repr__(self) -> str:
        return f"<AsyncioWaiter {'set' if self._set else 'waiting'}>"

    def set(self) -> None:
        """See `nonecorn.spi.Waiter`."""
        self._set = True
        future = self._future
        if not future.done():
            future.set_result(None)

    def wait(self) -> Awaitable[None]:
        """See `nonecorn.spi.Waiter`."""
        if self._future.cancelled():
            self._future = self._future.get_loop().create_future()
            if self._set:
                self._future.set_result(None)
        return self._future


class AsyncioRuntime:
    """See `nonecorn.spi.Runtime`.

    Attributes:
        loop: The running loop.
        log: `nonecorn.error`.
        sockets: What listens or receives.
        ticking: The next tick; None while there are no ports.
        vectored: The loop's transports send several pieces with one system call.
        detached: It is over: a connection that the loop still brings is closed.
    """

    def __init__(self, name: str, *, eager: bool) -> None:
        self.name = name
        self.loop = asyncio.get_running_loop()
        self.log = logging.getLogger("nonecorn.error")
        self.ports: set[Connection] = set()
        self.sockets: set[AsyncioListening | AsyncioDatagramPort] = set()
        self.detached = False
        self.clock = Clock(self.loop.time(), time.time())
        self.time = self.loop.time
        self._eager = eager and _HAS_EAGER and self.loop.get_task_factory() is None
        self._custom_tasks = self.loop.get_task_factory() is not None
        # Also how the runtime knows its own tasks again, by identity: a set of them would cost
        # two steps a request.
        self._task_name = f"nonecorn-{name}"
        self._base = contextvars.copy_context()
        self.ticking: asyncio.TimerHandle | None = None
        self._signals: dict[int, Any] = {}
        self._other_handler = self.loop.get_exception_handler()
        self.loop.set_exception_handler(self._loop_exception)
        self.vectored = type(self.loop).__module__.startswith("uvloop")
        if self._eager:
            self.spawn = self._spawn_eager  # type: ignore[method-assign]
        elif self._custom_tasks:
            self.spawn = self._spawn_custom  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return f"<AsyncioRuntime {self.name} ports={len(self.ports)}>"

    # Tasks ----------------------------------------------------------------------------------------

    def spawn(self, function: Callable[[], Awaitable[None]], /) -> Job:
        """See `nonecorn.spi.Runtime`. The context is the worker's, not that of the task that
        happens to run.
        """
        return asyncio.Task(
            function(),  # type: ignore[arg-type]
            loop=self.loop,
            name=self._task_name,
            context=self._base.copy(),
        )

    def _spawn_eager(self, function: Callable[[], Awaitable[None]], /) -> Job:
        return asyncio.Task(
            function(),  # type: ignore[arg-type]
            loop=self.loop,
            name=self._task_name,
            context=self._base.copy(),
            eager_start=True,  # type: ignore[call-arg,unused-ignore]
        )

    def _spawn_custom(self, function: Callable[[], Awaitable[None]], /) -> Job:
        return self.loop.create_task(
            function(),  # type: ignore[arg-type]
            name=self._task_name,
            context=self._base.copy(),
        )

    def run_in_context(self, function: Callable[..., T], /, *args: Any) -> T:
        """Call a function of the loop's that keeps the context: the worker's, not the caller's."""
        return self._base.copy().run(function, *args)

    def waiter(self) -> Waiter:
        """See `nonecorn.spi.Runtime`."""
        return AsyncioWaiter(self.loop)

    def end_of_tick(self, callback: Callable[[], None], /) -> None:
        """See `nonecorn.spi.Runtime`."""
        self.loop.call_soon(callback, context=self._base)

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        """See `nonecorn.spi.Runtime`."""
        return self.loop.call_at(when, callback, context=self._base)

    def run_in_thread(self, function: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        """See `nonecorn.spi.Runtime`."""
        return asyncio.to_thread(function, *args)

    def call_from_thread(self, callback: Callable[[], None], /) -> None:
        """See `nonecorn.spi.Runtime`."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self.loop.call_soon_threadsafe(callback, context=self._base)

    # Sockets --------------------------------------------------------------------------------------

    async def listen(
        self,
        sock: socket.socket,
        accept: Callable[[Port], Protocol],
        *,
        backlog: int,
        send_buffer: int,
    ) -> Listening:
        """See `nonecorn.spi.Runtime`."""
        by_hand = isinstance(self.loop, asyncio.SelectorEventLoop)
        kind = AcceptingListening if by_hand else ServerListening
        listening = kind(self, sock, accept, backlog, send_buffer)
        await listening.start()
        return listening

    async def listen_datagrams(
        self, sock: socket.socket, endpoint: Callable[[DatagramPort], Endpoint]
    ) -> DatagramPort:
        """See `nonecorn.spi.Runtime`."""
        return AsyncioDatagramPort(self, sock, endpoint)

    def join(self, connection: Connection, /) -> None:
        """See `nonecorn.spi.Runtime`."""
        self.ports.add(connection)
        if self.ticking is None:
            self.start_ticking()

    def leave(self, connection: Connection, /) -> None:
        """See `nonecorn.spi.Runtime`."""
        self.ports.discard(connection)

    def start_ticking(self) -> None:
        """The first port has come."""
        self.clock.tick(self.loop.time(), time.time())
        self.ticking = self.loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        now = self.loop.time()
        self.clock.tick(now, time.time())
        for port in [port for port in self.ports if port.protocol.deadline <= now]:
            try:
                port.protocol.sweep()
            except Exception:
                self.log.exception("%r: a deadline could not be handled", port)
                port.abort()
        self.ticking = self.loop.call_later(TICK, self._tick) if self.ports else None

    def _loop_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what a protocol raised in `data_received`, which the loop calls itself, and abort."""
        port = context.get("protocol")
        if isinstance(port, AsyncioPort):
            self.log.error("%r: a protocol failed", port, exc_info=context.get("exception"))
            port.abort()
        elif self._other_handler is not None:
            self._other_handler(loop, context)
        else:
            loop.default_exception_handler(context)

    # Signals --------------------------------------------------------------------------------------

    def on_signal(self, signal_number: int, callback: Callable[[], None], /) -> None:
        """See `nonecorn.spi.Runtime`."""
        previous = signal.getsignal(signal_number)
        try:
            self.loop.add_signal_handler(signal_number, callback)
        except NotImplementedError:
            # Windows: the handler runs between two bytecodes of the main thread; the loop is
            # woken up for the callback.
            def handler(_number: int, _frame: object) -> None:
                self.loop.call_soon_threadsafe(callback)

            signal.signal(signal_number, handler)
        self._signals.setdefault(signal_number, previous)

    async def detach(self) -> None:
        """Close what is still open, each told of it, end the tasks, and undo what the loop would
        keep.
        """
        self.detached = True
        for open_socket in list(self.sockets):
            open_socket.close()
        try:
            await self._end_tasks()
        finally:
            # Also where the caller's task was cancelled once more.
            self._restore()

    async def _end_tasks(self) -> None:
        for _ in range(_ARRIVING):
            await asyncio.sleep(0)
        for port in list(self.ports):
            port.abort()
        while self.ports:  # noqa: ASYNC110  # two ticks at most; there is nothing to be told by
            await asyncio.sleep(0)
        current = asyncio.current_task()
        tasks = [
            task
            for task in asyncio.all_tasks()
            if task.get_name() is self._task_name and task is not current
        ]
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        _, pending = await asyncio.wait(tasks, timeout=_ENDING)
        for task in pending:
            self.log.error("%r ignores its cancellation", task)

    def _restore(self) -> None:
        if self.ticking is not None:
            self.ticking.cancel()
            self.ticking = None
        self.loop.set_exception_handler(self._other_handler)
        for number, previous in self._signals.items():
            with contextlib.suppress(NotImplementedError):
                self.loop.remove_signal_handler(number)
            # None stands for a handler that Python did not install and cannot put back.
            signal.signal(number, signal.SIG_DFL if previous is None else previous)
        self._signals.clear()
