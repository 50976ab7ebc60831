"""What the thread of a request and the loop hand each other.

The thread puts operations into the outbox, in order, and goes on; the loop takes them out and does
them: ASGI messages to send, body bytes, and the markers below. Only for two things does the thread
wait: for a part of the request body, and for the client to keep up. It is let go exactly once for
each: the loop *releases* at `READ` and at `MARK`, in the order of the outbox.

Back-pressure: after every `WINDOW` bytes the thread puts a `MARK`, and before it puts the next it
waits for the last. So the loop has one window to send while the thread fills another, and no more.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn.spi import Message, Waiter
    from nonecorn_wsgi._loop import Mailbox

WINDOW = 65536
"""Bytes."""


class Marker:
    """An operation without arguments."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<{self._name}>"


END = Marker("end of the response's body")
READ = Marker("wants a part of the request body")
MARK = Marker("waits for the client to keep up")
DONE = Marker("the thread has left")


class Handoff:
    """One request's.

    Args:
        mailbox: Of the loop.

    Attributes:
        outbox: Operations that the loop has not done yet.
        waiter: What the loop's task waits for, or waited for last.
        gone: Nothing that is sent arrives any more: the client has gone, or the response failed.
        over: The loop's task has ended: nobody does anything more.
        received: What `receive` returned last.
    """

    __slots__ = (
        "_due", "_mailbox", "_turn", "_unmarked", "gone", "outbox", "over", "received", "waiter",
    )  # fmt: skip

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._turn: threading.Lock | None = None
        self._unmarked = 0
        self._due = False
        self.outbox: deque[Any] = deque()
        self.waiter: Waiter | None = None
        self.gone = False
        self.over = False
        self.received: Message | None = None

    def __repr__(self) -> str:
        state = "over" if self.over else "client gone" if self.gone else "open"
        return f"<Handoff {state} outbox={len(self.outbox)}>"

    # The thread -----------------------------------------------------------------------------------

    def put(self, *operations: Any) -> None:
        """Hand operations over."""
        self.outbox.extend(operations)
        self._mailbox.post(self._wake)

    def sent(self, size: int) -> None:
        """So many body bytes were put: wait where the client is too far behind."""
        self._unmarked += size
        if self._unmarked < WINDOW:
            return
        self._unmarked = 0
        self._settle()
        self._prepare()
        self._due = True
        self.put(MARK)

    def receive(self) -> Message | None:
        """Wait for the next message of the request; None where nobody receives any more."""
        self._settle()
        self._prepare()
        self.received = None
        self.put(READ)
        self._wait()
        return self.received

    def _prepare(self) -> None:
        if self._turn is None:
            self._turn = threading.Lock()
            self._turn.acquire()

    def _settle(self) -> None:
        if self._due:
            self._due = False
            self._wait()

    def _wait(self) -> None:
        # What was put before `over` was set is released by `finish`; what is put after it is not,
        # and finds it set.
        if not self.over:
            assert self._turn is not None  # it was prepared
            self._turn.acquire()

    # The loop -------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if self.waiter is not None:
            self.waiter.set()

    def release(self) -> None:
        """Let the thread go on that waits, or will wait, for its `READ` or `MARK`."""
        if self._turn is not None:
            self._turn.release()

    def finish(self) -> None:
        """Nothing more is done, by a task that has done all or was cancelled."""
        self.over = self.gone = True
        outbox = self.outbox
        while outbox:
            operation = outbox.popleft()
            # A thread that has seen `over` does not wait, and may go on to put another.
            if (operation is READ or operation is MARK) and self._turn and self._turn.locked():
                self.release()
