"""Threads that run WSGI applications: started as they are needed, at most so many, and ended when
they have had nothing to do for a while.

Waking a thread costs more than a small application does, and each that wakes competes for the
interpreter's lock. So a job wakes at most one thread, and none while one is still waking up; that
one, before it runs its first job, wakes the next where there are more. A burst of quick requests is
done by a thread or two that were awake anyway, while slow ones get a thread each. The thread that
slept last is woken first.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

Job = Callable[[], object]

_IDLE = 60.0
"""Seconds after which a thread without work ends."""

_logger = logging.getLogger("nonecorn.error")


class ThreadPool:
    """A bounded number of threads behind a bounded queue.

    Args:
        threads: Most threads.
        queue_size: Most jobs that wait for one.
        name: What the threads are called.
    """

    __slots__ = (
        "_idle",
        "_jobs",
        "_lock",
        "_name",
        "_number",
        "_size",
        "_threads",
        "_waking",
        "queue_size",
    )

    def __init__(self, threads: int, queue_size: int, name: str = "nonecorn-wsgi") -> None:
        self._size = threads
        self.queue_size = queue_size
        self._name = name
        self._number = 0
        self._threads = 0
        self._waking = False
        self._idle: list[threading.Lock] = []
        self._jobs: deque[Job] = deque()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return (
            f"<ThreadPool threads={self._threads}/{self._size} idle={len(self._idle)}"
            f" waiting={len(self._jobs)}/{self.queue_size}>"
        )

    def submit(self, job: Job, *, always: bool = False) -> bool:
        """Have a thread run `job`, which lets nothing out, in the order of submission.

        Args:
            job: What to run.
            always: Whatever the length of the queue.

        Returns:
            Whether it will be run; False where the queue is full, or the system has no thread.
        """
        with self._lock:
            if len(self._jobs) >= self.queue_size and not always:
                return False
            self._jobs.append(job)
            sleeper, starts = self._next()
        if sleeper is not None:
            sleeper.release()
        elif starts and not self._start():
            return self._withdraw(job)
        return True

    def _next(self) -> tuple[threading.Lock | None, bool]:
        """Who is to come for the jobs that wait: a sleeper, a new thread, or nobody. Locked."""
        if self._waking:
            return None, False
        if self._idle:
            self._waking = True
            return self._idle.pop(), False
        if self._threads < self._size:
            self._waking = True
            self._threads += 1
            return None, True
        return None, False

    def _start(self) -> bool:
        self._number += 1
        # A daemon: an application that never returns must not keep the process from ending.
        thread = threading.Thread(
            target=self._work, name=f"{self._name}-{self._number}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                self._waking = False
                self._threads -= 1
            return False
        return True

    def _withdraw(self, job: Job) -> bool:
        """No thread could be started: leave the job to those that there are, if any."""
        with self._lock:
            if self._threads or job not in self._jobs:
                return True
            self._jobs.remove(job)
        return False

    def _work(self) -> None:
        sleep = threading.Lock()
        sleep.acquire()
        woken = True
        while True:
            job: Job | None = None
            sleeper, starts = None, False
            with self._lock:
                if woken:
                    self._waking = woken = False
                if self._jobs:
                    job = self._jobs.popleft()
                    if self._jobs:
                        sleeper, starts = self._next()
                else:
                    self._idle.append(sleep)
            if job is None:
                if not sleep.acquire(timeout=_IDLE) and self._ends(sleep):
                    return
                woken = True
                continue
            if sleeper is not None:
                sleeper.release()
            elif starts:
                self._start()
            try:
                job()
            except BaseException:  # a job's own affair; the thread has others to do
                _logger.exception("%r let an error out", job)
            del job, sleeper

    def _ends(self, sleep: threading.Lock) -> bool:
        """Whether a thread that overslept may end; not if it has been called just now."""
        with self._lock:
            if sleep in self._idle:
                self._idle.remove(sleep)
                self._threads -= 1
                return True
        sleep.acquire()  # whoever took it out of the list releases it
        return False
