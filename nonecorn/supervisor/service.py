"""One server with workers, from its sockets to its exit code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from nonecorn.builtin.logs import setup_logging
from nonecorn.serving.bindings import Bindings
from nonecorn.serving.pid_file import pid_file
from nonecorn.serving.privileges import apply_umask, identity_of
from nonecorn.serving.service_manager import ServiceManager
from nonecorn.spi import StartupError
from nonecorn.supervisor.loop import Loop
from nonecorn.supervisor.places import Places
from nonecorn.supervisor.supervisor import Supervisor
from nonecorn.supervisor.takeover import Takeover

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.supervisor.replan import Replan


def supervise(plan: Plan, *, replan: Replan | None = None) -> int:
    """Serve what a plan says with workers, until a signal ends it.

    Args:
        plan: What to be; `workers` is 1 or more, and it names the application.
        replan: Reads the configuration again; without it SIGHUP starts new workers of the same.

    Returns:
        The exit code: 0; 1 where requests were cut off at the end, or a worker failed for good.

    Raises:
        NonecornError: It cannot start, or no worker can any more; `exit_code` says which.
    """
    if threading.current_thread() is not threading.main_thread():
        message = "workers need the main thread, which alone gets signals"
        raise StartupError(message)
    setup_logging(plan.server)
    identity_of(plan.server)  # workers become that; a misspelled name is known before
    apply_umask(plan.server)
    manager = ServiceManager.from_environment()
    bindings = Bindings()
    with Loop() as loop, ExitStack() as files:
        takeover = Takeover.from_environment()

        def on_ready(serves: Callable[[], None]) -> None:
            if takeover is None:
                serves()
                return
            replaces = takeover.process

            def ours() -> None:
                supervisor.pool.generation.bindings.claim()
                places.claim()
                try:
                    files.enter_context(pid_file(plan.server.pid, replaces=replaces))
                except StartupError as error:
                    # It serves, and nobody else does any more.
                    supervisor.log.error("%s", error)  # noqa: TRY400  # one line
                serves()

            takeover.ask(loop, ours)

        places = Places() if takeover is None else takeover.places
        supervisor = Supervisor(
            loop, replan=replan, manager=manager, places=places, on_ready=on_ready
        )
        try:
            handles = () if takeover is None else takeover.handles
            own = [handle.worker + 1 for handle in handles if handle.worker is not None]
            lanes = max(plan.server.workers, *own, 1)  # in each of them connections may wait
            bindings.bind(plan, workers=lanes, inherited=handles)
            if takeover is None:
                files.enter_context(pid_file(plan.server.pid))
            code = supervisor.run(plan, bindings, lanes, takes_over=takeover is not None)
        finally:
            _close(supervisor, bindings)
            if not supervisor.handed_over:
                places.close()
    failure = supervisor.failure
    if failure is not None:
        error = StartupError(failure.message)
        error.exit_code = failure.code
        raise error
    return code


def _close(supervisor: Supervisor, bindings: Bindings) -> None:
    pool = getattr(supervisor, "pool", None)
    if pool is None:
        bindings.close()
        return
    pool.kill()  # nobody, unless something went wrong here
    pool.generation.bindings.close(keep_files=supervisor.handed_over)
