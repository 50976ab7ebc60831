"""What signals mean to a server with workers, and what its parts tell each other.

    TERM, INT   every worker drains; once more: without waiting
    HUP         the configuration is read again, and a new generation of workers takes over
    TTIN, TTOU  one worker more, one fewer
    USR1        log files are opened anew
    USR2        another program takes over
    CHLD        a worker has ended

One change at a time: while a reload or an upgrade is under way, a further one waits or is refused.
Reloads that wait are one. It also waits while too many replaced workers have not ended yet.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from nonecorn.builtin.logs import setup_logging
from nonecorn.serving.banner import announce
from nonecorn.serving.bindings import Bindings
from nonecorn.serving.reopening import reopen_log_files
from nonecorn.serving.terminal import Terminal
from nonecorn.spi import ConfigError, NonecornError
from nonecorn.supervisor.generation import Generation
from nonecorn.supervisor.interpreter import logical_directory
from nonecorn.supervisor.orphans import reap_orphans
from nonecorn.supervisor.pool import Pool
from nonecorn.supervisor.recycling import Recycling
from nonecorn.supervisor.reload import Reload
from nonecorn.supervisor.tickets import TicketSecret
from nonecorn.supervisor.upgrade import Upgrade

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.serving.handover import SocketHandle
    from nonecorn.serving.service_manager import ServiceManager
    from nonecorn.supervisor.child import Child
    from nonecorn.supervisor.health import Health
    from nonecorn.supervisor.loop import Loop, Timer
    from nonecorn.supervisor.messages import Failed
    from nonecorn.supervisor.places import Places
    from nonecorn.supervisor.replan import Replan

_FAILING = 3.0
"""Seconds that the other workers have to end when one has failed at the start."""
_ABORTING = 5.0
"""Seconds that workers have to end after a third signal."""


class Supervisor:
    """See the module.

    Args:
        loop: Waits for everything.
        replan: Reads the configuration again; None where that cannot be done.
        manager: The service manager.
        places: Where workers stand among each other.
        on_ready: Called when all workers serve, for the first time.

    Attributes:
        failure: What ended the server; None if nothing did.
        handed_over: Another program has the sockets and their files.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        replan: Replan | None,
        manager: ServiceManager,
        places: Places,
        on_ready: Callable[[Callable[[], None]], None],
    ) -> None:
        self.failure: Failed | None = None
        self.handed_over = False
        self._loop = loop
        self._replan = replan
        self._manager = manager
        self._places = places
        self._on_ready = on_ready
        self.log = logging.getLogger("nonecorn.error")
        self._terminal = Terminal()
        self._directory = logical_directory()
        self._stops = 0
        self._again = False
        self._upgrade: Upgrade | None = None
        self._recycling: Recycling | None = None
        self._health: Health | None = None
        self._delay: Timer | None = None
        self._tickets = TicketSecret(loop, self._share_tickets)
        self.pool: Pool
        for name, callback in (
            ("SIGTERM", self.stop),
            ("SIGINT", self.stop),
            ("SIGBREAK", self.stop),
            ("SIGHUP", self._hang_up),
            ("SIGTTIN", lambda: self.scale(1)),
            ("SIGTTOU", lambda: self.scale(-1)),
            ("SIGUSR1", self.reopen_logs),
            ("SIGUSR2", self.upgrade),
            ("SIGCHLD", self._reap),
        ):
            if hasattr(signal, name):
                loop.on_signal(getattr(signal, name), callback)

    def __repr__(self) -> str:
        return f"<Supervisor {getattr(self, 'pool', 'binding')}>"

    @property
    def stage(self) -> str:
        """For those who ask whether it is ready."""
        if self._stops or self.pool.stopping or self.handed_over:
            return "draining"
        return "starting" if self._recycling is None else "serving"

    def run(self, plan: Plan, bindings: Bindings, lanes: int, *, takes_over: bool = False) -> int:
        """Serve.

        Args:
            plan: What workers are to be.
            lanes: For how many workers sockets were opened.
            bindings: Bound; closed at the end by the caller, who takes `pool.generation.bindings`,
                since a reload changes them.
            takes_over: Another program still serves, and says how it is.

        Returns:
            The exit code.
        """
        generation = Generation.of(plan, bindings, 1, self._places, self._tickets)
        self.pool = Pool(self._loop, generation, self, lanes)
        self.pool.start(plan.server.workers)
        if not takes_over:
            self._tell_health(bindings)
        self._loop.run(lambda: self.pool.stopping and not self.pool.children and not self._upgrade)
        if self._health is not None:
            self._health.close()
        if self.failure is not None:
            return self.failure.code
        return 1 if self.pool.cut else 0

    # What happens to the workers: `Watcher` -------------------------------------------------------

    def pool_ready(self) -> None:
        """See `Watcher`."""
        self._on_ready(self._serves)

    def _serves(self) -> None:
        self._recycling = Recycling(self._loop, self.pool, self._manager)
        for child in self.pool.serving:
            self._recycling.child_serves(child)
        generation = self.pool.generation
        workers = [child.pid for child in self.pool.serving]
        announce(generation.plan, generation.bindings, signals=True, workers=workers)
        self._manager.ready(self._status())
        self._tell_health(generation.bindings)
        self._next_reload()

    def pool_failed(self, failure: Failed) -> None:
        """See `Watcher`."""
        if self.failure is None and not self._stops:
            self.failure = failure
            self._manager.stopping(failure.message)
            self._give_up_upgrade()
            self.pool.stop()
            self._loop.call_later(_FAILING, self._kill)

    def child_serves(self, child: Child) -> None:
        """See `Watcher`."""
        if self._recycling is not None:
            self._recycling.child_serves(child)

    def child_gone(self, child: Child) -> None:
        """See `Watcher`."""
        if self._health is not None:
            self._health.child_gone(child)
        self._next_reload()

    def _tell_health(self, bindings: Bindings) -> None:
        """Answer those who ask how the server is, at these addresses from now on."""
        if self._health is None and bindings.health:
            from nonecorn.supervisor.health import Health  # noqa: PLC0415  # only where asked for

            self._health = Health(self._loop, self)
        if self._health is not None:
            self._health.listen(bindings)

    def _status(self) -> str:
        count = len(self.pool.serving)
        return f"{count} workers serve {' '.join(self.pool.generation.bindings.urls)}"

    def _reap(self) -> None:
        self.pool.reap()
        known = {child.pid for child in self.pool.children}
        upgrade = self._upgrade
        if upgrade is not None:
            upgrade.reap()
            known.add(upgrade.pid)
        reap_orphans(known)

    # What is asked for ----------------------------------------------------------------------------

    def stop(self) -> None:
        """Drain and end; again: without waiting for requests, and then for nothing."""
        self._stops += 1
        if self._stops == 1 and not self.handed_over:
            self.log.info("stopping")
            self._manager.stopping("waiting for open requests")
            self._give_up_upgrade()
            delay = self.pool.generation.plan.server.drain_delay
            if delay and self._recycling is not None:
                self.log.info("not ready any more; serving on for %g s", delay)
                self.pool.unready()
                self._delay = self._loop.call_later(delay, self._end_delay)
                return
            self._close_bindings()
        elif self._delay is not None:
            self._delay.cancel()
            self._end_delay()
        self.pool.stop()
        if self._stops >= 3:
            self._loop.call_later(_ABORTING, self._kill)

    def _give_up_upgrade(self) -> None:
        if self._upgrade is not None:
            self._upgrade.give_up("the server stops")

    def _kill(self) -> None:
        self.pool.kill()
        if self._upgrade is not None:
            self._upgrade.kill()

    def _end_delay(self) -> None:
        self._delay = None
        self._close_bindings()
        self.pool.stop()

    def _close_bindings(self) -> None:
        # New clients are to be refused as soon as the workers have closed theirs.
        self.pool.generation.bindings.refuse()
        if self.pool.reload is not None:
            self.pool.reload.generation.bindings.close()

    def scale(self, more: int) -> None:
        """Have more workers, or fewer; one at least."""
        if self._is_busy("the number of workers stays"):
            return
        wanted = self.pool.target + more
        if wanted < 1:
            self.log.warning("there is one worker, and one there must be")
            return
        self.log.info("%d workers from now on", wanted)
        self.pool.scale(wanted)

    def _share_tickets(self, secret: bytes) -> None:
        self.pool.share_tickets(secret)

    def reopen_logs(self) -> None:
        """Open log files anew, here and in every worker."""
        reopen_log_files()
        self.pool.reopen_logs()
        self.log.info("log files were opened anew")

    def _hang_up(self) -> None:
        if self._terminal.gone:
            self.stop()
        else:
            self.reload()

    def _is_busy(self, what: str) -> bool:
        """Nothing else can be begun; the log says so, unless the server ends anyway."""
        if self._ends:
            return True
        under_way = self._under_way
        if under_way:
            self.log.warning("%s: %s", under_way, what)
        return bool(under_way)

    @property
    def _ends(self) -> bool:
        return self.pool.stopping or self._stops > 0

    @property
    def _under_way(self) -> str:
        """What has to be over before something else is begun; empty if nothing has."""
        return (
            "the server still starts" if self._recycling is None
            else "a reload is under way" if self.pool.reload is not None
            else "an upgrade is under way" if self._upgrade is not None
            else ""
        )  # fmt: skip

    # Reload ---------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the configuration again, and let workers of it take over."""
        if self._is_busy("another follows"):
            self._again = True
            return
        if self.pool.crowded:
            self._again = True
            self.log.warning(
                "%d replaced workers still finish requests: another reload follows when one of "
                "them has ended", self.pool.leaving,
            )  # fmt: skip
            return
        self._again = False
        self._manager.reloading("reloading")
        old = self.pool.generation
        bindings = Bindings()
        copies: list[SocketHandle] = []
        try:
            plan = self._read_again(old.plan)
            count = self._count(old.plan, plan)
            copies += old.bindings.copies()
            bindings.bind(plan, workers=self.pool.lanes(count), inherited=copies)
            generation = Generation.of(plan, bindings, old.number + 1, self._places, self._tickets)
        except Exception as error:  # noqa: BLE001  # a configuration may be a program
            bindings.close()
            for handle in copies:
                with contextlib.suppress(OSError):  # closed already, for the most part
                    os.close(handle.descriptor)
            known = isinstance(error, NonecornError | OSError)
            self._not_reloaded(str(error) if known else f"{type(error).__name__}: {error}")
            return
        self.log.info("reloading: generation %d starts", generation.number)
        self.pool.begin_reload(Reload(generation, count, self._reloaded))

    def _read_again(self, old: Plan) -> Plan:
        os.chdir(self._directory)  # which may be another one by now
        plan = old if self._replan is None else self._replan()
        if not plan.server.workers:
            message = "workers: it is 0 now, which needs a restart"
            raise ConfigError(message)
        return plan

    def _count(self, old: Plan, new: Plan) -> int:
        """What TTIN and TTOU have made of it stays, unless the configuration has changed."""
        changed = old.server.workers != new.server.workers
        return new.server.workers if changed else self.pool.target

    def _reloaded(self, reload: Reload, reason: str) -> None:
        new = reload.generation
        if reason:
            new.bindings.close()
            self.pool.generation.bindings.steer()
            self._not_reloaded(reason)
            return
        reload.replaced.bindings.yield_to(new.bindings)
        self._tell_health(new.bindings)
        setup_logging(new.plan.server)
        workers = ", ".join(str(child.pid) for child in self.pool.serving)
        self.log.info("reloaded: generation %d serves, processes %s", new.number, workers)
        self._manager.ready(self._status())
        if self._recycling is not None:
            self._recycling.reconfigured()
        self._next_reload()

    def _not_reloaded(self, reason: str) -> None:
        for line in reason.splitlines():
            self.log.error("not reloaded, the old generation goes on: %s", line)
        self._manager.ready(self._status())
        self._next_reload()

    def _next_reload(self) -> None:
        """Something is over: a reload that was asked for meanwhile may be next."""
        if self._again:
            self._loop.call_later(0, self._follow)

    def _follow(self) -> None:
        if self._again and not (self._ends or self._under_way or self.pool.crowded):
            self.reload()

    # Upgrade --------------------------------------------------------------------------------------

    def upgrade(self) -> None:
        """Start another program, and end when it serves."""
        if self._is_busy("no program is started to replace this one"):
            return
        generation = self.pool.generation
        environ = dict(os.environ)
        if self._replan is not None:
            environ = self._replan.environ(environ)
        try:
            self._upgrade = Upgrade(
                self._loop,
                generation.bindings,
                self._places,
                environ=environ,
                directory=self._directory,
                startup_timeout=generation.plan.server.startup_timeout,
                done=self._upgraded,
            )
        except OSError as error:
            text = "not replaced: another program cannot be started: %s"
            self.log.error(text, error)  # noqa: TRY400  # one line
            return
        self.log.info("process %d is to replace this one", self._upgrade.pid)

    def _upgraded(self, reason: str) -> None:
        upgrade, self._upgrade = self._upgrade, None
        if self._stops or self.pool.stopping:
            return
        if reason or upgrade is None:
            self.log.error("not replaced, this program goes on: %s", reason)
            self._next_reload()
            return
        if self._health is not None:
            self._health.refuse()  # the other answers from now on
        self.handed_over = True
        self.log.info("process %d has taken over; finishing open requests", upgrade.pid)
        self._manager.main_process(upgrade.pid)
        self.pool.generation.bindings.close(keep_files=True)
        self.pool.retire()
