"""The runtime inside a trio program: spawns, listens and keeps time for one worker.

Three tasks live as long as it does, and sleep while nothing happens: the poller (every socket),
the timers, and the one that makes the calls asked for with `end_of_tick`. Those that a socket's
callback asks for, which are most, the poller has made itself at the end of its batch.

The clock is read by a timer once a second while there are ports, and otherwise when a batch of
callbacks begins and finds it a tick old: an idle worker is woken by nothing.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from types import FrameType
from typing import Any, TypeVar

import trio
from trio.lowlevel import Abort, RaiseCancelT, Task, current_task, reschedule, wait_task_rescheduled

from nonecorn.spi import TICK, Clock, Connection, DatagramPort, Endpoint, Port, Protocol
from nonecorn_trio._datagrams import DatagramSocket
from nonecorn_trio._jobs import Job, Jobs
from nonecorn_trio._listening import ListeningSocket
from nonecorn_trio._poller import Poller, PollerFactory
from nonecorn_trio._timers import Timer, Timers
from nonecorn_trio._waiter import Waiter

_logger = logging.getLogger("nonecorn.error")

T = TypeVar("T")

_LAST_ROUNDS = 8  # At the end, calls that ask for calls are followed so far.


class TrioRuntime:
    """See `nonecorn.spi.Runtime`.

    Args:
        nursery: Holds every task of the runtime; who opened it calls `close`, then cancels it.
        make_poller: Makes what waits for the sockets.
    """

    waiter = Waiter

    def __init__(self, nursery: trio.Nursery, make_poller: PollerFactory) -> None:
        context = contextvars.copy_context()
        self.name = "trio"
        self.clock = Clock(trio.current_time(), time.time())
        self._ports: set[Connection] = set()
        self.ports: AbstractSet[Connection] = self._ports
        self._jobs = Jobs(nursery, context)
        self.spawn: Callable[[Callable[[], Awaitable[None]]], Job] = self._jobs.spawn
        self._timers = Timers()
        self.call_at: Callable[[float, Callable[[], None]], Timer] = self._timers.call_at
        self.poller: Poller = make_poller(self, nursery, context)
        self._sockets: set[ListeningSocket | DatagramSocket] = set()
        self._handlers: dict[int, Any] = {}
        self._token = trio.lowlevel.current_trio_token()
        self._ticking = False
        self._in_batch = False
        self._ending: list[Callable[[], None]] = []
        self._parked: Task | None = None
        nursery.start_soon(self.poller.run, name="nonecorn.poller")
        nursery.start_soon(self._timers.run, name="nonecorn.timers")
        nursery.start_soon(self._end_ticks, name="nonecorn.ticks")

    # -- time

    def time(self) -> float:
        """Seconds of trio's clock."""
        return trio.current_time()

    def begin_batch(self) -> None:
        """The poller is about to call back: protocols will read the clock."""
        self._in_batch = True
        now = trio.current_time()
        if now - self.clock.now >= TICK:
            self.clock.tick(now, time.time())

    def end_batch(self) -> None:
        """The poller has called back everyone who was ready."""
        if self._ending:
            self._run_ending()
        self._in_batch = False
        if self._ending:
            self._wake()

    def end_of_tick(self, callback: Callable[[], None], /) -> None:
        """Call back after the callbacks that are due now."""
        self._ending.append(callback)
        if not self._in_batch:
            self._wake()

    def _wake(self) -> None:
        if self._parked is not None:
            task, self._parked = self._parked, None
            reschedule(task)

    @trio.lowlevel.enable_ki_protection
    async def _end_ticks(self) -> None:
        while True:
            # Callbacks asked for by the callbacks wait one more pass, so that they cannot starve
            # the loop.
            if self._ending:
                await trio.lowlevel.checkpoint()
            else:
                self._parked = current_task()
                await wait_task_rescheduled(self._abort_parked)
            self._run_ending()

    def _abort_parked(self, _raise_cancel: RaiseCancelT) -> Abort:
        self._parked = None
        return Abort.SUCCEEDED

    def _run_ending(self) -> None:
        callbacks, self._ending = self._ending, []
        for callback in callbacks:
            try:
                callback()
            except Exception:
                _logger.exception("end-of-tick call %r raised", callback)

    def join(self, connection: Connection, /) -> None:
        """A connection begins; the first one starts the clock."""
        self._ports.add(connection)
        if not self._ticking:
            self._ticking = True
            self._tick()

    def leave(self, connection: Connection, /) -> None:
        """A connection has gone."""
        self._ports.discard(connection)

    def _tick(self) -> None:
        now = trio.current_time()
        self.clock.tick(now, time.time())
        for port in list(self._ports):
            if port.protocol.deadline <= now:
                try:
                    port.protocol.sweep()
                except Exception:
                    _logger.exception(
                        "%r raised in sweep; its connection is aborted", port.protocol
                    )
                    port.abort()
        if self._ports:
            self.call_at(now + TICK, self._tick)
        else:
            self._ticking = False

    # -- work

    def run_in_thread(self, function: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        """Run in trio's thread pool; a cancelled task leaves the thread to itself."""
        return trio.to_thread.run_sync(function, *args, abandon_on_cancel=True)

    def call_from_thread(self, callback: Callable[[], None], /) -> None:
        """Call back on trio's thread."""

        def call() -> None:
            # trio would take an exception for a fault of its own, and end.
            try:
                callback()
            except Exception:
                _logger.exception("call from a thread %r raised", callback)

        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(call)

    def on_signal(self, signal_number: int, callback: Callable[[], None], /) -> None:
        """Call back on a signal, in place of the handler there was."""

        def handle() -> None:
            try:
                callback()
            except Exception:
                _logger.exception("signal callback %r raised", callback)

        def handler(_number: int, _frame: FrameType | None) -> None:
            # Not idempotent: a second signal means more than the first.
            self._token.run_sync_soon(handle)

        previous = signal.signal(signal_number, handler)
        self._handlers.setdefault(signal_number, previous)

    # -- sockets

    async def listen(
        self,
        sock: socket.socket,
        accept: Callable[[Port], Protocol],
        *,
        backlog: int,  # only loops that call listen() again need to know it
        send_buffer: int,
    ) -> ListeningSocket:
        """Accept from a copy of `sock`."""
        listening = ListeningSocket(self, sock.dup(), accept, send_buffer)
        self._sockets.add(listening)
        return listening

    async def listen_datagrams(
        self, sock: socket.socket, endpoint: Callable[[DatagramPort], Endpoint]
    ) -> DatagramSocket:
        """Receive from a copy of `sock`."""
        port = DatagramSocket(self, sock.dup())
        try:
            port.start(endpoint(port))
        except BaseException:
            port.close()
            raise
        self._sockets.add(port)
        return port

    def socket_closed(self, closed: ListeningSocket | DatagramSocket) -> None:
        """A listener has closed its copy."""
        self._sockets.discard(closed)

    def close(self) -> None:
        """Close every socket, tell every protocol, and give the signals back."""
        for sock in list(self._sockets):
            sock.close()
        for port in list(self._ports):
            port.abort()
        self.settle()
        for number, handler in self._handlers.items():
            # None stands for a handler that Python did not install and cannot put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._handlers.clear()

    def settle(self) -> None:
        """Make the end-of-tick calls that are left, now that no task does it."""
        for _ in range(_LAST_ROUNDS):
            self._run_ending()

    def __repr__(self) -> str:
        return f"<TrioRuntime ports={len(self._ports)} sockets={len(self._sockets)} {self._jobs!r}>"
