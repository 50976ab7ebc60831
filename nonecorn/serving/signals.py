"""Stop signals, from before the sockets are bound until they are closed.

A loop's own handlers exist only while it runs. A signal just before would end the process with a
PID file and socket files left behind; this one counts, and the server stops as soon as it runs. A
signal just after finds a process that is all but over: it ends what holds that up, such as a task
that ignores its cancellation.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from nonecorn.serving.host import STOP_SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable


def within_import(frame: FrameType | None) -> bool:
    """Whether a signal came while Python's import system itself ran.

    Some of that are callbacks, in which Python prints what a handler raises, and goes on.
    """
    return frame is not None and frame.f_code.co_filename.startswith("<frozen importlib")


class StopSignals:
    """Holds the process's stop signals while the context lasts.

    Args:
        active: Whether to do anything at all.

    Attributes:
        active: Signals are held: never outside of the main thread, where Python forbids it.
        code: What to exit with at a signal, while the application is imported and once the worker
            has ended; None in between.
    """

    def __init__(self, *, active: bool = True) -> None:
        self.active = active and threading.current_thread() is threading.main_thread()
        self.code: int | None = None
        self._count = 0
        self._stop: Callable[[], None] | None = None
        self._previous: dict[int, Any] = {}

    def __repr__(self) -> str:
        return f"<StopSignals {'active' if self.active else 'inactive'} count={self._count}>"

    def call(self, stop: Callable[[], None]) -> None:
        """Call `stop` for every signal from now on, and for those that came already."""
        self._stop = stop
        for _ in range(self._count):
            stop()

    def _received(self, _number: int, frame: FrameType | None) -> None:
        if self.code is not None and not within_import(frame):
            raise SystemExit(self.code)
        self._count += 1
        if self._stop is not None:
            self._stop()

    def __enter__(self) -> Self:
        if self.active:
            for number in STOP_SIGNALS:
                self._previous[number] = signal.signal(number, self._received)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, previous in self._previous.items():
            # None stands for a handler that Python did not install and cannot put back.
            signal.signal(number, signal.SIG_DFL if previous is None else previous)
        self._previous.clear()
