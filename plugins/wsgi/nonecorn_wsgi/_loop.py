"""From a thread to the loop: what a request's thread needs of the loop that it belongs to.

Under nonecorn that is the worker's runtime. `WSGIMiddleware` is an ASGI application like any other,
though, and may be called by a framework's test client or another server: then the same two calls
are made of the asyncio or trio loop that is running.
"""

from __future__ import annotations

import sys
import threading
import typing
from collections import deque
from collections.abc import Callable
from typing import Any

from nonecorn.spi import NonecornError, Waiter, current_run

if typing.TYPE_CHECKING:
    import asyncio


class Loop(typing.Protocol):
    """The part of `nonecorn.spi.Runtime` that is used."""

    def waiter(self) -> Waiter:
        """A new one-shot event."""
        ...

    def call_from_thread(self, callback: Callable[[], None], /) -> None:
        """Call back on the loop's thread, soon."""
        ...


class Mailbox:
    """Calls from threads to one loop, gathered: however many come before the loop finds the time,
    they wake it once.

    Args:
        loop: Whose calls they are.

    Attributes:
        loop: As given.
    """

    __slots__ = ("_calls", "_coming", "loop")

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._calls: deque[Callable[[], None]] = deque()
        self._coming = False

    def __repr__(self) -> str:
        return f"<Mailbox {len(self._calls)} of {self.loop!r}>"

    def post(self, callback: Callable[[], None]) -> None:
        """Call back on the loop's thread, soon; from any thread."""
        self._calls.append(callback)
        if not self._coming:
            self._coming = True
            self.loop.call_from_thread(self._deliver)

    def _deliver(self) -> None:
        # In this order: who posts after the flag is down has the loop called again.
        self._coming = False
        calls = self._calls
        for _ in range(len(calls)):
            calls.popleft()()


class _Here(threading.local):
    mailbox: Mailbox | None = None


_here = _Here()


def mailbox() -> Mailbox:
    """The mailbox of the loop that runs in this thread.

    Raises:
        RuntimeError: There is none.
    """
    found = _here.mailbox
    loop = _running(found)
    if found is None or found.loop is not loop:
        found = _here.mailbox = Mailbox(loop)
    return found


def _running(found: Mailbox | None) -> Loop:
    try:
        return current_run().runtime
    except NonecornError:
        pass
    known = None if found is None else found.loop
    if "trio" in sys.modules:
        import trio  # noqa: PLC0415  # only where somebody else uses it

        try:
            token = trio.lowlevel.current_trio_token()
        except RuntimeError:
            pass
        else:
            if isinstance(known, _TrioLoop) and known.token is token:
                return known
            return _TrioLoop(token)
    import asyncio  # noqa: PLC0415

    running = asyncio.get_running_loop()
    if isinstance(known, _AsyncioLoop) and known.loop is running:
        return known
    return _AsyncioLoop(running)


class _AsyncioLoop:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def waiter(self) -> Waiter:
        import asyncio  # noqa: PLC0415  # see above

        return asyncio.Event()

    def call_from_thread(self, callback: Callable[[], None], /) -> None:
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:  # it is closed, and nobody waits any more
            return


class _TrioLoop:
    def __init__(self, token: Any) -> None:
        self.token = token

    def waiter(self) -> Waiter:
        import trio  # noqa: PLC0415  # see above

        return trio.Event()

    def call_from_thread(self, callback: Callable[[], None], /) -> None:
        import trio  # noqa: PLC0415  # see above

        try:
            self.token.run_sync_soon(callback)
        except trio.RunFinishedError:  # nobody waits any more
            return
