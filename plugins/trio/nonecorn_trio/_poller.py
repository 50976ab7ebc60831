"""Readiness of sockets, told to callbacks: the one place where a worker waits for I/O.

`NestedPoller` keeps its own epoll or kqueue, which trio watches as a single descriptor. When that
becomes readable, one task asks it, without waiting, which sockets are ready, and calls them all in
turn. Waiting in trio for each socket would cost a task per connection, and a task switch and an
`epoll_ctl` per read; here a batch costs one of each however many sockets it has. `TaskPoller` does
wait for each socket in a task of its own, for platforms whose selector is not itself a descriptor
(Windows).

Readiness is level-triggered. Callbacks do not raise. After `unregister`, or a `modify` that takes
an event away, a callback may come once more: it was found in the same batch.
"""

from __future__ import annotations

import contextvars
import selectors
import socket
import typing
from collections.abc import Callable
from typing import Any

import trio

READ: typing.Final = selectors.EVENT_READ
WRITE: typing.Final = selectors.EVENT_WRITE
BATCH: typing.Final = 128
"""Callbacks made before other tasks get their turn."""

Callback = Callable[[int], None]
_Watching = Callable[[socket.socket, int, Callback], object]


class Poller(typing.Protocol):
    """Calls back with a mask of `READ` and `WRITE`, again and again as long as it holds."""

    def register(self, sock: socket.socket, events: int, callback: Callback, /) -> object:
        """Begin to watch a socket; `events` is not 0."""
        ...

    def modify(self, sock: socket.socket, events: int, callback: Callback, /) -> object:
        """Watch a registered socket for other events; not 0."""
        ...

    def unregister(self, sock: socket.socket, /) -> object:
        """Watch no more; must come before the socket is closed."""
        ...

    async def run(self) -> None:
        """The task. Runs until it is cancelled."""
        ...

    def close(self) -> None:
        """Free what is held, after `run` has ended."""
        ...


class Batches(typing.Protocol):
    """Who is told when callbacks begin and end."""

    def begin_batch(self) -> None:
        """The worker woke up."""
        ...

    def end_batch(self) -> None:
        """Every callback of the batch was made."""
        ...


class NestedPoller:
    """A selector inside trio's own.

    Args:
        batches: Told when callbacks begin and end.
        selector: One that has `fileno()`; closed by `close`.
    """

    __slots__ = ("_batches", "_selector", "modify", "register", "unregister")

    def __init__(self, batches: Batches, selector: selectors.BaseSelector) -> None:
        self._batches = batches
        self._selector = selector
        self.register: _Watching = selector.register
        self.modify: _Watching = selector.modify
        self.unregister: Callable[[socket.socket], object] = selector.unregister

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """The task. Runs until it is cancelled."""
        select = self._selector.select
        descriptor: int = self._selector.fileno()  # type: ignore[attr-defined]
        begin, end = self._batches.begin_batch, self._batches.end_batch
        while True:
            await trio.lowlevel.wait_readable(descriptor)
            ready = select(0)
            for start in range(0, len(ready), BATCH):
                if start:
                    await trio.lowlevel.checkpoint()
                begin()
                for key, mask in ready[start : start + BATCH]:
                    key.data(mask)
                end()

    def close(self) -> None:
        """Close the selector."""
        self._selector.close()

    def __repr__(self) -> str:
        sockets = len(self._selector.get_map() or ())  # None once it is closed.
        return f"<NestedPoller {type(self._selector).__name__} sockets={sockets}>"


class _Watch:
    """One socket of a `TaskPoller`, and the scopes of the tasks that wait for it."""

    __slots__ = ("callback", "events", "scopes")

    def __init__(self, callback: Callback) -> None:
        self.callback = callback
        self.events = 0
        self.scopes: dict[int, trio.CancelScope] = {}


class TaskPoller:
    """A task per socket and direction.

    Args:
        batches: Told when callbacks begin and end.
        nursery: Where the tasks live.
        context: What they run in; never entered but to start one.
    """

    __slots__ = ("_batches", "_context", "_nursery", "_watches")

    def __init__(
        self, batches: Batches, nursery: trio.Nursery, context: contextvars.Context
    ) -> None:
        self._batches = batches
        self._nursery = nursery
        self._context = context
        self._watches: dict[socket.socket, _Watch] = {}

    def register(self, sock: socket.socket, events: int, callback: Callback) -> None:
        """Begin to watch a socket."""
        self._watches[sock] = _Watch(callback)
        self.modify(sock, events, callback)

    def modify(self, sock: socket.socket, events: int, callback: Callback) -> None:
        """Watch a socket for other events."""
        watch = self._watches[sock]
        watch.callback = callback
        for event in (READ, WRITE):
            if events & event and not watch.events & event:
                scope = watch.scopes[event] = trio.CancelScope()
                # Within the base context: whoever asks for it may be a job.
                start: Any = self._nursery.start_soon
                self._context.run(start, self._wait, sock, watch, event, scope)
            elif watch.events & event and not events & event:
                # This takes the waiting task off the socket at once: another may wait for it.
                watch.scopes.pop(event).cancel()
        watch.events = events

    def unregister(self, sock: socket.socket) -> None:
        """Watch no more."""
        watch = self._watches.pop(sock)
        watch.events = 0
        for scope in watch.scopes.values():
            scope.cancel()

    @trio.lowlevel.enable_ki_protection
    async def _wait(
        self, sock: socket.socket, watch: _Watch, event: int, scope: trio.CancelScope
    ) -> None:
        wait = trio.lowlevel.wait_readable if event == READ else trio.lowlevel.wait_writable
        with scope:
            while watch.events & event and watch.scopes.get(event) is scope:
                await wait(sock)
                self._batches.begin_batch()
                watch.callback(event)
                self._batches.end_batch()

    async def run(self) -> None:
        """Nothing to do: each socket has its own task."""

    def close(self) -> None:
        """Nothing to free."""

    def __repr__(self) -> str:
        return f"<TaskPoller sockets={len(self._watches)}>"


PollerFactory = Callable[[Batches, trio.Nursery, contextvars.Context], Poller]


def best_poller(batches: Batches, nursery: trio.Nursery, context: contextvars.Context) -> Poller:
    """The better one of those that the platform allows."""
    selector = selectors.DefaultSelector()
    # epoll and kqueue are descriptors that can be waited for; /dev/poll, poll and select are not.
    if isinstance(selector, _NESTABLE):
        return NestedPoller(batches, selector)
    selector.close()
    return TaskPoller(batches, nursery, context)


_NESTABLE: tuple[type[selectors.BaseSelector], ...] = tuple(
    getattr(selectors, name)
    for name in ("EpollSelector", "KqueueSelector")
    if hasattr(selectors, name)
)
