"""The one worker: what it is replaced by, and when.

    starting ─► serving ─► ending ─► starting …        a file has changed
        └───────────┴────► stand-in ─► ending ─► …     it ended by itself: 503 until one does

One process at a time. What is to come next is decided when something happens and done when the
process before it has ended, so that ten changes meanwhile are one.
"""

from __future__ import annotations

import enum
import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from nonecorn.builtin.logs import setup_logging
from nonecorn.reload.bytecode import forget_compiled
from nonecorn.reload.preparation import for_development, stand_in
from nonecorn.serving.bindings import Bindings
from nonecorn.serving.reopening import reopen_log_files
from nonecorn.spi import NonecornError
from nonecorn.supervisor.child import State
from nonecorn.supervisor.generation import Generation
from nonecorn.supervisor.orphans import reap_orphans

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.reload.changes import Changes
    from nonecorn.supervisor.child import Child
    from nonecorn.supervisor.loop import Loop
    from nonecorn.supervisor.replan import Replan

_LINGER = 0.1
"""Seconds that idle connections have for a request that is on its way."""
_STARTING = 1.0
"""Seconds that a worker has to end which was only starting: the application imports."""
_SILENT = 2.0
"""Seconds within which a worker's event loop has to turn, to be waited for."""
_ENDING = 2.0
"""Seconds beside the time limits of a worker's end."""


class Role(enum.Enum):
    """What a process is there for."""

    APPLICATION = "the application"
    STAND_IN = "its stand-in"


class Development:
    """See the module. The `Owner` of its worker.

    Args:
        loop: The supervisor's.
        generation: What the worker is; its plan is `for_development`.
        replan: Reads the configuration again; None where that cannot be done.
        configured: Called with a new plan before the worker of it starts.
        ready: Called when something answers, for the first time.

    Attributes:
        generation: What the next worker is.
        served: Something has answered.
    """

    def __init__(
        self,
        loop: Loop,
        generation: Generation,
        *,
        replan: Replan | None,
        configured: Callable[[Plan], None],
        ready: Callable[[], None],
    ) -> None:
        self.generation = generation
        self._loop = loop
        self._replan = replan
        self._configured = configured
        self._ready = ready
        self._log = logging.getLogger("nonecorn.error")
        self._child: Child | None = None
        self._role = Role.APPLICATION
        self._next: Role | None = None
        self._reason = ""
        self._since: float | None = None
        self._edited: set[str] = set()
        self.served = False
        self._stops = 0

    def __repr__(self) -> str:
        return f"<Development {self._role.value}: {self._child or 'no process'}>"

    @property
    def over(self) -> bool:
        """It was stopped, and has."""
        return self._stops > 0 and self._child is None

    # Asked for ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the application."""
        self._start(Role.APPLICATION)

    def changed(self, changes: Changes, configuration: tuple[str, ...]) -> None:
        """Files have changed.

        Args:
            changes: Which.
            configuration: Those that the configuration is read from.
        """
        if self._stops or not changes:
            return
        self._edited.update(changes.paths)
        if changes.any(configuration) and not self._read_again(changes, configuration):
            return
        self._log.info("%s: restarting", changes)
        self.restart()

    def restart(self) -> None:
        """Start the application anew."""
        if self._stops:
            return
        self._since = time.monotonic()
        self._then(Role.APPLICATION)

    def reload(self) -> None:
        """Read the configuration again, and start the application anew."""
        if self._stops:
            return
        try:
            self._configure()
        except Exception as error:  # noqa: BLE001  # a configuration may be a program
            self._refused(error)
            return
        self._log.info("restarting")
        self.restart()

    def reopen_logs(self) -> None:
        """Open log files anew."""
        reopen_log_files()
        if self._child is not None:
            self._child.reopen_logs()
        self._log.info("log files were opened anew")

    def stop(self) -> None:
        """End; again: without waiting for requests, and then for nothing."""
        self._stops += 1
        self._next = None
        if self._stops == 1:
            self._log.info("stopping")
            self.generation.bindings.close()
        child = self._child
        if child is None:
            return
        if self._stops == 1:
            self._end(child, linger=0.0)
        elif self._stops == 2:
            child.stop()
        else:
            child.kill("it was not to be waited for")

    def close(self) -> None:
        """Leave nothing behind: no process, should there be one, and no socket."""
        if self._child is not None:
            self._child.kill("the server has failed")
        self.generation.bindings.close()

    def reap(self) -> None:
        """See who has ended."""
        known = set()
        if self._child is not None:
            known.add(self._child.pid)
            self._child.reap()
        reap_orphans(known)

    # What happens: `Owner` ------------------------------------------------------------------------

    def child_ready(self, child: Child) -> None:
        """See `Owner`."""
        if child is not self._child or self._stops:
            return
        if not self.served:
            self.served = True
            self._ready()
        elif self._role is Role.APPLICATION and self._since is not None:
            self._log.info("restarted in %.2f s", time.monotonic() - self._since)
        if self._role is Role.APPLICATION:
            self._since = None

    def child_retiring(self, child: Child, reason: str) -> None:
        """See `Owner`."""
        if child is self._child and self._next is None:
            self._log.info("%s: restarting", reason)
            self.restart()

    def child_gone(self, child: Child) -> None:
        """See `Owner`."""
        if child is not self._child:
            return
        self._child = None
        if self._stops:
            return
        role, self._next = self._next, None
        if role is not None:
            self._start(role)
        elif self._role is Role.APPLICATION:
            self._failed(child)
        elif not self.served:  # then clients wait, and the user still wants to know where
            self.served = True
            self._ready()

    def _failed(self, child: Child) -> None:
        """The application has ended by itself."""
        what = "does not start" if child.ready_at is None else "has ended"
        self._log.error("the application %s: %s", what, child.trouble)
        self._log.info("waiting for a change")
        self._reason = child.trouble
        self._start(Role.STAND_IN)

    # Steps ----------------------------------------------------------------------------------------

    def _then(self, role: Role) -> None:
        """Start this when what runs has ended, and end that."""
        self._next = role
        if self._child is None:
            self._next = None
            self._start(role)
        elif self._child.state is not State.LEAVING:
            self._end(self._child, linger=_LINGER if self._role is Role.APPLICATION else 0.0)

    def _start(self, role: Role) -> None:
        self._role = role
        generation = self.generation
        if role is Role.STAND_IN:
            generation = stand_in(generation, self._reason)
        else:
            # Now that nobody writes them any more: the last process may have been compiling.
            forget_compiled(self._edited)
            self._edited.clear()
        self._child = generation.start(self._loop, self, 0, [0])
        # None: the system has refused, which was logged; the next change tries again.

    def _end(self, child: Child, *, linger: float) -> None:
        """Have a process end, and see that it does."""
        if child.state is State.STARTING:
            child.stop()
            self._loop.call_later(_STARTING, lambda: child.kill("it was still starting"))
            return
        server = self.generation.plan.server
        child.ping()
        if linger:
            child.retire()
            self._loop.call_later(linger, child.stop)
        else:
            child.stop()
        self._loop.call_later(_SILENT, lambda: _kill_silent(child))
        limit = server.graceful_timeout + server.shutdown_timeout + _ENDING
        self._loop.call_later(limit, lambda: child.kill(f"it did not end within {limit:g} s"))

    # The configuration ----------------------------------------------------------------------------

    def _read_again(self, changes: Changes, configuration: tuple[str, ...]) -> bool:
        """Read the configuration; whether the application is to be started anew."""
        try:
            differs = self._configure()
        except Exception as error:  # noqa: BLE001  # a configuration may be a program
            self._log.info("%s", changes)
            self._refused(error)
            return False
        return differs or not changes.only(configuration)

    def _configure(self) -> bool:
        """Make a generation of what the configuration says now; whether that is anything new.

        Raises:
            NonecornError: It cannot be used, or an address cannot be bound. All is as before.
        """
        old = self.generation
        if self._replan is None:
            return False
        plan = for_development(self._replan())
        if plan == old.plan and dict(os.environ) == old.environ:
            return False
        bindings = _bound(plan, old.bindings)
        try:
            generation = Generation.of(plan, bindings, old.number + 1, old.places)
            self._configured(plan)
        except Exception:
            bindings.close()
            raise
        old.bindings.yield_to(bindings)
        self.generation = generation
        setup_logging(plan.server)
        return True

    def _refused(self, error: Exception) -> None:
        known = isinstance(error, NonecornError | OSError)
        text = str(error) if known else f"{type(error).__name__}: {error}"
        for line in text.splitlines():
            self._log.error("%s", line)
        self._log.info("the configuration cannot be used: waiting for a change")


def _bound(plan: Plan, present: Bindings) -> Bindings:
    """The sockets of a plan; those that are open already are the same ones.

    Raises:
        NonecornError: An address cannot be bound.
    """
    bindings = Bindings()
    copies = present.copies()
    try:
        bindings.bind(plan, inherited=copies)
    except Exception:
        taken = {binding.bound.sock.fileno() for binding in bindings}
        bindings.close()
        for handle in copies:
            # None twice: the watch's thread may have got the same number by then.
            if handle.descriptor not in taken and handle.descriptor != -1:
                os.close(handle.descriptor)
        raise
    return bindings


def _kill_silent(child: Child) -> None:
    if child.asked is not None:
        child.kill(f"its event loop did not respond for {_SILENT:g} s")
