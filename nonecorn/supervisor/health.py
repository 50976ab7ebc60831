"""`health_bind` where there are workers: answered by the supervisor, which hangs with none of them.

Whoever asks has the workers asked too; the answer waits a moment for theirs and goes without those
that do not come. That is how a hung event loop shows itself, at no cost while nobody asks.
"""

from __future__ import annotations

import socket
import time
import typing
from typing import TYPE_CHECKING

from nonecorn.serving.health.facts import Facts, WorkerFacts
from nonecorn.serving.health.service import CONNECTIONS
from nonecorn.serving.load import Load
from nonecorn.spi.units import format_seconds
from nonecorn.supervisor.child import State
from nonecorn.supervisor.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from nonecorn.serving.bindings import Bindings
    from nonecorn.supervisor.child import Child
    from nonecorn.supervisor.loop import Loop, Timer
    from nonecorn.supervisor.pool import Pool

PATIENCE = 0.5
"""Seconds that an answer waits for the workers: less than a prober's own patience, 1 s often."""
HUNG = 30.0
"""Seconds of silence after which a worker counts as hung, without `worker_hang_timeout`."""
_LOOK = 0.01
"""Seconds between two looks at who has answered."""
_AGAIN = 1.0
"""Seconds until connections are accepted again after the system had no room for one."""


class Told(typing.Protocol):
    """Who knows what the server does."""

    @property
    def pool(self) -> Pool:
        """The workers."""
        ...

    @property
    def stage(self) -> str:
        """`starting`, `serving` or `draining`; only one that serves is ready."""
        ...


class Health:
    """See the module.

    Args:
        loop: The supervisor's.
        told: Who knows the rest.
    """

    def __init__(self, loop: Loop, told: Told) -> None:
        self._loop = loop
        self._told = told
        self._sockets: list[socket.socket] = []
        self._probes: dict[Probe, None] = {}
        self._waiting: list[tuple[float, Callable[[Facts], None]]] = []
        self._looking: Timer | None = None
        self._later: Timer | None = None
        self._past: dict[int, Load] = {}
        self._last: Facts | None = None

    def __repr__(self) -> str:
        return f"<Health {len(self._sockets)} listeners, {len(self._probes)} connections>"

    # Listening ------------------------------------------------------------------------------------

    def listen(self, bindings: Bindings) -> None:
        """Answer whoever connects to these, and to no others any more.

        Where there is no room for that now, it is tried again, and those before are served still.
        """
        if self._later is not None:
            self._later.cancel()
        sockets: list[socket.socket] = []
        try:
            sockets.extend(binding.bound.sock.dup() for binding in bindings.health)
        except OSError:
            for sock in sockets:
                sock.close()
            self._later = self._loop.call_later(_AGAIN, lambda: self.listen(bindings))
            return
        self._forget_sockets()
        self._sockets += sockets
        for sock in sockets:
            sock.setblocking(False)
            self._watch(sock)

    def refuse(self) -> None:
        """Accept no connections any more: another program does. Those that are open are told how
        it is now, since that does not change for who asks.
        """
        self._last = self.facts()
        self._forget_sockets()

    def close(self) -> None:
        """End, with an answer to those who wait for one. Idempotent."""
        self._forget_sockets()
        for _, then in self._waiting:
            then(self.facts())
        for probe in list(self._probes):
            probe.close()
        self._waiting.clear()
        if self._looking is not None:
            self._looking.cancel()

    def _forget_sockets(self) -> None:
        if self._later is not None:
            self._later.cancel()
        for sock in self._sockets:
            self._loop.forget(sock)
            sock.close()
        self._sockets.clear()

    def _watch(self, sock: socket.socket) -> None:
        if sock.fileno() != -1:
            self._loop.on_ready(sock, lambda: self._accept(sock))

    def _accept(self, listening: socket.socket) -> None:
        try:
            sock, _ = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError:
            # No descriptor is left: the queue would wake the loop up again and again.
            self._loop.forget(listening)
            self._loop.call_later(_AGAIN, lambda: self._watch(listening))
            return
        if len(self._probes) >= CONNECTIONS:
            next(iter(self._probes)).close()  # an honest one is done in no time
        self._probes[Probe(self._loop, sock, self.ask, self._closed)] = None

    def _closed(self, probe: Probe) -> None:
        self._probes.pop(probe, None)

    # The workers ----------------------------------------------------------------------------------

    def child_gone(self, child: Child) -> None:
        """A worker has ended: what it has done stays counted."""
        self._past[child.number] = self._past.get(child.number, Load()) + child.load.done()

    def ask(self, then: Callable[[Facts], None]) -> None:
        """Ask the workers, and call back with the facts once they have answered, or have not."""
        for child in self._told.pool.children:
            child.ping()
        self._waiting.append((time.monotonic() + PATIENCE, then))
        if self._looking is None:
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        owing = [child.asked for child in self._told.pool.children if child.asked is not None]
        # Who was silent before is not waited for again.
        pending = any(now - asked < PATIENCE for asked in owing)
        due = [each for each in self._waiting if not pending or each[0] <= now]
        self._waiting = [each for each in self._waiting if each not in due]
        self._looking = self._loop.call_later(_LOOK, self._look) if self._waiting else None
        if due:
            facts = self.facts()
            for _, then in due:
                then(facts)

    # What is known --------------------------------------------------------------------------------

    def facts(self) -> Facts:
        """What to tell, as of the workers' last words."""
        if self._last is not None:
            return self._last
        pool, stage = self._told.pool, self._told.stage
        server = pool.generation.plan.server
        now = time.monotonic()
        silent = {
            child: 0.0 if child.asked is None else now - child.asked for child in pool.children
        }
        patience = 2 * server.worker_hang_timeout or HUNG
        hung = [child for child in pool.serving if silent.get(child, 0.0) > patience]
        return Facts(
            state=stage,
            not_live=", ".join(
                f"{child} has not responded for {format_seconds(round(silent[child]))}"
                for child in hung
            ),
            not_ready=stage if stage != "serving" else "" if pool.serving else "no worker serves",
            draining=stage == "draining",
            workers=tuple(
                WorkerFacts(
                    number=child.number,
                    process=child.pid,
                    state=child.state.value,
                    load=child.load,
                    silent=seconds if seconds >= PATIENCE else 0.0,
                )
                for child, seconds in silent.items()
                if child.state is not State.GONE
            ),
            past=dict(self._past),
            restarts=pool.restarts,
            runtime=pool.generation.plan.worker.name,
        )
