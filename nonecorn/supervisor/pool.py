"""The workers: as many as wanted, each replaced when it ends, or before.

Who is to go keeps serving until its successor is ready; only then is it told. What changes is asked
for (`wish`, `scale`, `begin_reload`) and done by `settle`, one thing at a time, which looks at how
things are and makes the next step; every event leads there.

A worker that ends by itself is started again: at once, and later and later if that goes on. The
others serve meanwhile. At first start it is different: there one worker that fails ends the server,
with what it said.
"""

from __future__ import annotations

import logging
import time
import typing
from typing import TYPE_CHECKING

from nonecorn.supervisor.child import Child, State
from nonecorn.supervisor.messages import Failed
from nonecorn.supervisor.reload import Reload
from nonecorn.supervisor.slots import Slot, lanes_of

if TYPE_CHECKING:
    from nonecorn.supervisor.generation import Generation
    from nonecorn.supervisor.loop import Loop, Timer

GIVING_UP = 5
"""Starts in a row that may fail at each place, while nobody serves at all."""
LEAVING = 4
"""Replaced workers that may still finish requests when a reload begins, for each that serves."""
_AGAIN = 1.0
"""Seconds until a process is tried again that the system refused."""


class Watcher(typing.Protocol):
    """Who wants to know of the pool."""

    def pool_ready(self) -> None:
        """All workers serve, for the first time."""
        ...

    def pool_failed(self, failure: Failed) -> None:
        """The server cannot start, or no worker can be started any more."""
        ...

    def child_serves(self, child: Child) -> None:
        """A worker serves from now on."""
        ...

    def child_gone(self, child: Child) -> None:
        """A worker has ended, for whatever reason."""
        ...


class Pool:
    """See the module.

    Args:
        loop: The supervisor's.
        generation: What the workers are.
        watcher: Who wants to know.
        lanes: For how many workers sockets are open; see `slots`.

    Attributes:
        generation: What new workers are.
        slots: As many as there are to be workers.
        started: All workers have been ready at once.
        stopping: No worker is started any more.
        cut: A worker that was told to stop did not end as it should.
        reload: The next generation, while it starts; None otherwise.
        restarts: How many workers have ended by themselves since all were ready.
    """

    def __init__(
        self, loop: Loop, generation: Generation, watcher: Watcher, lanes: int = 1
    ) -> None:
        self.generation = generation
        self.slots: list[Slot] = []
        self.started = False
        self.stopping = False
        self.cut = False
        self.reload: Reload | None = None
        self.restarts = 0
        self._loop = loop
        self._watcher = watcher
        self._log = logging.getLogger("nonecorn.error")
        self._lanes = lanes
        self._leaving: set[Child] = set()
        self._replaced: Child | None = None  # who is being replaced, until it has gone
        self._target = 0
        self._covering: Timer | None = None  # until it is tried again

    def __repr__(self) -> str:
        ready = sum(slot.serves for slot in self.slots)
        return f"<Pool {ready}/{len(self.slots)} ready, {len(self._leaving)} leaving>"

    # Facts ----------------------------------------------------------------------------------------

    @property
    def children(self) -> list[Child]:
        """Every worker whose process runs."""
        found = [child for slot in self.slots for child in slot.children]
        if self.reload is not None:
            found += self.reload.children
        return found + list(self._leaving)

    @property
    def serving(self) -> list[Child]:
        """Every worker that accepts connections and is to go on."""
        return [slot.child for slot in self.slots if slot.child is not None and slot.serves]

    @property
    def target(self) -> int:
        """How many workers are wanted."""
        return self._target

    @property
    def leaving(self) -> int:
        """How many workers that others have replaced have not ended yet."""
        return len(self._leaving)

    @property
    def crowded(self) -> bool:
        """These are so many that no reload had better make them more: each is a process."""
        return self.leaving >= LEAVING * len(self.slots)

    def lanes(self, count: int) -> int:
        """For how many workers sockets are to be open, if there are so many: never fewer than
        there were, since connections wait in each.
        """
        return max(self._lanes, count)

    # Asked for ------------------------------------------------------------------------------------

    def start(self, count: int) -> None:
        """Start so many workers."""
        self._target = count
        self._lanes = max(self._lanes, count)
        self.slots = [Slot(index=index) for index in range(count)]
        self.settle()

    def scale(self, count: int) -> None:
        """Have so many workers from now on; one at least."""
        self._target = max(1, count)
        self.settle()

    def begin_reload(self, reload: Reload) -> None:
        """Start the next generation beside the present one; it takes over when all of it serves."""
        self.reload = reload
        self._target = reload.count
        if not reload.start(self._loop, self, max(self._lanes, reload.count)):
            self._drop_reload("the system refuses to start another process")

    def wish(self, child: Child, reason: str) -> None:
        """Have a worker replaced, in its turn."""
        for slot in self.slots:
            if slot.child is child and not slot.wish:
                slot.wish = reason
        self.settle()

    def retire(self) -> None:
        """End all workers in their own time: another server has their sockets."""
        self._end(Child.retire)

    def unready(self) -> None:
        """Tell all workers that the server is going to end."""
        for child in self.children:
            child.unready()

    def stop(self) -> None:
        """End all workers; called again, without waiting for what is left."""
        self._end(Child.stop)

    def kill(self) -> None:
        """End all workers at once."""
        self.stopping = True
        for child in self.children:
            child.kill("it was not to be waited for")

    def reopen_logs(self) -> None:
        """Have all workers open their log files anew."""
        for child in self.children:
            child.reopen_logs()

    def share_tickets(self, secret: bytes) -> None:
        """Have all workers use another secret for TLS session tickets."""
        for child in self.children:
            child.share_tickets(secret)

    def reap(self) -> None:
        """See who has ended."""
        for child in self.children:
            child.reap()

    def _end(self, tell: typing.Callable[[Child], None]) -> None:
        self.stopping = True
        for slot in self.slots:
            slot.forget_wait()
        for child in self.children:
            tell(child)

    # What happens ---------------------------------------------------------------------------------

    def child_ready(self, child: Child) -> None:
        """See `Owner`."""
        if self.stopping:
            return
        if self.reload is not None and child in self.reload.children:
            self._look_at_reload()
            return
        for slot in self.slots:
            if slot.successor is child:
                self._succeed(slot, child)
            elif slot.child is child and slot.told:
                self._log.info("%s serves", child)
            if child in slot.children:
                slot.told = ""
                slot.backoff.unready = 0
        self._watcher.child_serves(child)
        self.settle()

    def _succeed(self, slot: Slot, child: Child) -> None:
        old, slot.child, slot.successor = slot.child, child, None
        self._log.info("%s serves in the place of %s: %s", child, old or "none", slot.wish)
        slot.wish = ""
        if old is not None:
            self._let_go(old)

    def _let_go(self, child: Child) -> None:
        if child.state is not State.GONE:
            self._leaving.add(child)
            child.retire()

    def child_retiring(self, child: Child, reason: str) -> None:
        """See `Owner`."""
        self.wish(child, reason)

    def child_gone(self, child: Child) -> None:
        """See `Owner`."""
        self._watcher.child_gone(child)
        if child is self._replaced:
            self._replaced = None
        if self.stopping:
            self._forget(child)
            if child.code != 0 and child.ready_at is not None:
                self.cut = True
                self._log.warning("%s: %s", child, child.trouble)
        elif child in self._leaving:
            self._leaving.discard(child)
            if child.code != 0 and child.ready_at is not None:
                self._log.warning("%s, which was replaced: %s", child, child.trouble)
        elif self.reload is not None and child in self.reload.children:
            self.reload.forget(child)
            self._drop_reload(_report(child))
        elif not self.started:
            self._forget(child)
            code = child.failure.code if child.failure is not None else 3
            self._watcher.pool_failed(Failed(code=code, message=_report(child)))
        else:
            self._lost(child)
        self.settle()

    def _forget(self, child: Child) -> None:
        self._leaving.discard(child)
        if self.reload is not None:
            self.reload.forget(child)
        for slot in self.slots:
            if slot.child is child:
                slot.child = None
            if slot.successor is child:
                slot.successor = None

    def _lost(self, child: Child) -> None:
        """A worker, or one that was to be, ended by itself."""
        self.restarts += 1
        slot = next(slot for slot in self.slots if child in slot.children)
        served = None if child.ready_at is None else time.monotonic() - child.ready_at
        was_successor = slot.successor is child
        self._forget(child)
        if was_successor:
            self._replaced = None
        if not was_successor and slot.successor is not None:
            slot.child, slot.successor, slot.wish = slot.successor, None, ""
        delay = slot.backoff.ended(served)
        self._tell(slot, child, delay)
        self._wait(slot, delay)
        if not self.serving and all(each.backoff.unready >= GIVING_UP for each in self.slots):
            message = f"no worker can be started any more: {child.trouble}"
            self._watcher.pool_failed(Failed(code=1, message=message))

    def _tell(self, slot: Slot, child: Child, delay: float) -> None:
        """Log an end: once, where it is always the same."""
        if slot.told != child.trouble:
            slot.told = child.trouble
            when = f"in {delay:g} s, and then ever later" if delay else "now"
            self._log.error("%s: %s; starting another %s", child, child.trouble, when)

    def _wait(self, slot: Slot, delay: float) -> None:
        slot.forget_wait()

        def over() -> None:
            slot.waiting = None
            self.settle()

        slot.waiting = self._loop.call_later(delay, over)

    # Steps ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Make the steps that are due."""
        if self.stopping:
            return
        self._fill()
        if not self.started and all(slot.serves for slot in self.slots):
            self.started = True
            self._watcher.pool_ready()
        if self.started and self.reload is None:
            self._resize()
            self._replace()
        if self.started:
            self._cover()

    def _fill(self) -> None:
        """Start a worker wherever none is, and none is waited for."""
        for slot in self.slots:
            if slot.child is None and slot.successor is None and slot.waiting is None:
                slot.child = self._start(slot)
                slot.wish = ""

    def _replace(self) -> None:
        """Start one successor, if somebody is to be replaced and nobody is yet."""
        if self._replaced is not None or any(slot.successor for slot in self.slots):
            return
        for slot in self.slots:
            if slot.wish and slot.serves and slot.waiting is None:
                slot.successor = self._start(slot)
                if slot.successor is not None:
                    self._replaced = slot.child
                    return

    def _start(self, slot: Slot) -> Child | None:
        lanes = lanes_of(slot.index, len(self.slots), self._lanes)
        child = self.generation.start(self._loop, self, slot.index, lanes)
        if child is None:
            if not self.started:
                message = "the system refuses to start another process"
                self._loop.call_later(
                    0, lambda: self._watcher.pool_failed(Failed(code=3, message=message))
                )
            self._wait(slot, _AGAIN)
        return child

    def _resize(self) -> None:
        """One place more or less, until there are as many as wanted."""
        while len(self.slots) < self._target:
            self._lanes = max(self._lanes, len(self.slots) + 1)
            self.generation.bindings.resize(self._lanes)
            self.slots.append(Slot(index=len(self.slots)))
            self._fill()
        while len(self.slots) > self._target:
            slot = self.slots.pop()
            slot.forget_wait()
            for child in slot.children:
                self._log.info("%s ends: %d are enough", child, self._target)
                self._let_go(child)

    def _cover(self) -> None:
        """See that no socket is left alone while the worker that it belongs to does not serve:
        the others do. They give it back when that one does.
        """
        bindings = self.generation.bindings
        if all(binding.worker is None for binding in bindings):
            return  # they share every socket anyway
        serving = [slot for slot in self.slots if slot.serves]
        own = {slot.index % self._lanes for slot in serving}
        for slot in serving:
            child = slot.child
            assert child is not None  # it serves
            for lane in range(self._lanes):
                if lane not in own and lane not in child.lanes:
                    try:
                        child.adopt(lane, bindings.handles_of_one(lane, child.pid))
                    except OSError as error:
                        self._cover_later(child, error)
                        return
                elif lane in own and lane in child.lanes and lane != slot.index % self._lanes:
                    child.release(lane)

    def _cover_later(self, child: Child, error: OSError) -> None:
        """The system has no room for what that takes."""
        if self._covering is not None:
            return
        self._log.error("%s cannot serve for others yet: %s", child, error)

        def over() -> None:
            self._covering = None
            self.settle()

        self._covering = self._loop.call_later(_AGAIN, over)

    # Reload ---------------------------------------------------------------------------------------

    def _look_at_reload(self) -> None:
        reload = self.reload
        if reload is None or not reload.complete:
            return
        self.reload = None
        old = [child for slot in self.slots for child in slot.children]
        for slot in self.slots:
            slot.forget_wait()
        self._replaced = None
        self._lanes = max(self._lanes, reload.count)
        self.slots = [Slot(index=index, child=child) for index, child in enumerate(reload.children)]
        reload.replaced, self.generation = self.generation, reload.generation
        for child in reload.children:
            self._watcher.child_serves(child)
        for child in old:
            self._let_go(child)
        reload.done("")
        self.settle()

    def _drop_reload(self, reason: str) -> None:
        reload, self.reload = self.reload, None
        assert reload is not None  # the caller looked
        self._target = len(self.slots)
        for child in reload.children:
            self._leaving.add(child)
            child.stop()
        reload.done(reason)


def _report(child: Child) -> str:
    """Why a worker that was to serve has ended instead."""
    return child.trouble if child.failure is not None else f"{child} {child.trouble}"
