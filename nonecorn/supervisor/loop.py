"""What the supervisor waits for: sockets, signals and timers, in one thread.

Signal handlers do nothing but wake the loop up: Python writes each signal's number to a socket of
ours (`signal.set_wakeup_fd`), and what is to be done is done here, between two other things. So
none is lost while addresses are bound.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import selectors
import signal
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Timer:
    """A call to be made at a time."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[], None] | None) -> None:
        self.when = when
        self.callback = callback

    def __repr__(self) -> str:
        return f"<Timer {'done' if self.callback is None else f'at {self.when:.3f}'}>"

    def cancel(self) -> None:
        """Do not call. Idempotent."""
        self.callback = None


class Loop:
    """A context manager that gives signal handlers back at its end. Main thread only."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._signals: dict[int, Callable[[], None]] = {}
        self._previous: dict[int, Any] = {}
        self._waking, self._woken = socket.socketpair()
        for sock in (self._waking, self._woken):
            sock.setblocking(False)
        self._selector.register(self._waking, _READ, (self._read_signals, None))
        self._previous_wakeup = signal.set_wakeup_fd(
            self._woken.fileno(), warn_on_full_buffer=False
        )
        self._log = logging.getLogger("nonecorn.error")

    def __repr__(self) -> str:
        return f"<Loop sockets={len(self._selector.get_map()) - 1} timers={len(self._timers)}>"

    # Asked for ------------------------------------------------------------------------------------

    def on_signal(self, number: int, callback: Callable[[], None]) -> None:
        """Call back, while the loop runs, when the process gets or has got this signal."""
        if number not in self._previous:
            self._previous[number] = signal.signal(number, _nothing)
        self._signals[number] = callback

    def on_ready(
        self,
        sock: socket.socket,
        readable: Callable[[], None] | None,
        writable: Callable[[], None] | None = None,
    ) -> None:
        """Call back while a socket can be read, or written; in place of what was asked before."""
        events = (_READ if readable else 0) | (_WRITE if writable else 0)
        if sock in self._selector.get_map():
            self._selector.modify(sock, events, (readable, writable))
        else:
            self._selector.register(sock, events, (readable, writable))

    def forget(self, sock: socket.socket) -> None:
        """Look at a socket no more; before it is closed. Idempotent."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(sock)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once, after so many seconds."""
        timer = Timer(time.monotonic() + seconds, callback)
        heapq.heappush(self._timers, (timer.when, next(self._order), timer))
        return timer

    # Run ------------------------------------------------------------------------------------------

    def run(self, done: Callable[[], bool]) -> None:
        """Wait and call back until `done` says so."""
        while not done():
            for key, events in self._selector.select(self._patience()):
                readable, writable = key.data
                if events & _READ and readable is not None:
                    self._call(readable)
                if events & _WRITE and writable is not None:
                    self._call(writable)
            self._call_timers()

    def _patience(self) -> float | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _call_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            callback, timer.callback = timer.callback, None
            if callback is not None:
                self._call(callback)

    def _call(self, callback: Callable[[], None]) -> None:
        # One thing that goes wrong is no reason to leave the workers alone.
        try:
            callback()
        except Exception:  # noqa: BLE001  # logged
            self._log.exception("the supervisor failed in %r", callback)

    def _read_signals(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while numbers := self._waking.recv(4096):
                for number in numbers:
                    callback = self._signals.get(number)
                    if callback is not None:
                        self._call(callback)

    def close(self) -> None:
        """Give the signal handlers back. Idempotent."""
        if self._waking.fileno() == -1:
            return
        for number, previous in self._previous.items():
            # None stands for a handler that Python did not install and cannot put back.
            signal.signal(number, signal.SIG_DFL if previous is None else previous)
        signal.set_wakeup_fd(self._previous_wakeup)
        self._selector.close()
        self._waking.close()
        self._woken.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _nothing(_number: int, _frame: object) -> None:
    """A handler there must be, or Python writes no number."""
