"""One server whose application is started anew with every change, from its sockets to its exit
code.

    TERM, INT   it ends; once more: without waiting for requests
    HUP         the configuration is read again, and the application is started anew
    USR1        log files are opened anew
    CHLD        the worker has ended
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from nonecorn.builtin.logs import setup_logging
from nonecorn.reload.configuration import configuration_files
from nonecorn.reload.development import Development
from nonecorn.reload.preparation import for_development
from nonecorn.reload.watching import Watching
from nonecorn.serving.banner import announce
from nonecorn.serving.bindings import Bindings
from nonecorn.serving.pid_file import pid_file
from nonecorn.serving.privileges import apply_umask, identity_of
from nonecorn.serving.service_manager import ServiceManager
from nonecorn.serving.terminal import Terminal
from nonecorn.spi import StartupError
from nonecorn.supervisor.generation import Generation
from nonecorn.supervisor.loop import Loop
from nonecorn.supervisor.places import Places

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.reload.changes import Changes
    from nonecorn.supervisor.replan import Replan

EXIT_CLEAN = 0


def develop(
    plan: Plan, *, replan: Replan | None = None, config: object = None, discover: bool = False
) -> int:
    """Serve what a plan says, with a new worker after every change, until a signal ends it.

    Args:
        plan: What to be; it names the application.
        replan: Reads the configuration again; without it changes there have no effect.
        config: The configuration that was named, if any.
        discover: Without a name, it was looked for in the current directory.

    Returns:
        The exit code: 0, whatever became of the application.

    Raises:
        NonecornError: It cannot start: not because of the application, for which it waits.
    """
    if threading.current_thread() is not threading.main_thread():
        message = "reload needs the main thread, which alone gets signals"
        raise StartupError(message)
    setup_logging(plan.server)
    identity_of(plan.server)  # workers become that; a misspelled name is known before
    apply_umask(plan.server)
    log = logging.getLogger("nonecorn.error")
    if plan.server.workers > 1:
        log.warning("reload serves with one worker, not with %d", plan.server.workers)
    if plan.health:
        log.warning("reload does not serve health_bind")
    plan = for_development(plan)
    manager = ServiceManager.from_environment()
    with Loop() as loop, Bindings() as bindings, ExitStack() as ended:

        def changed(changes: Changes) -> None:
            development.changed(changes, watching.configuration)

        def configured(new: Plan) -> None:
            if watching.follow(new.server) and development.served:
                log.info("%s", watching.summary)

        def ready() -> None:
            generation = development.generation
            announce(generation.plan, generation.bindings, signals=True)
            log.info("%s", watching.summary)
            manager.ready(f"serving on {' '.join(generation.bindings.urls)}")

        def stop() -> None:
            manager.stopping("waiting for open requests")
            development.stop()

        watching = Watching(
            loop,
            lambda server: configuration_files(config, server, discover=discover),
            changed,
        )
        ended.callback(watching.close)
        bindings.bind(plan)
        places = Places()
        ended.callback(places.close)
        development = Development(
            loop,
            Generation.of(plan, bindings, 1, places),
            replan=replan,
            configured=configured,
            ready=ready,
        )
        ended.callback(development.close)
        ended.enter_context(pid_file(plan.server.pid))
        watching.follow(plan.server)  # before the application is read
        _handle_signals(loop, development, stop)
        _feed(loop, manager)
        development.start()
        loop.run(lambda: development.over)
    return EXIT_CLEAN


def _handle_signals(loop: Loop, development: Development, stop: Callable[[], None]) -> None:
    terminal = Terminal()

    def hang_up() -> None:
        if terminal.gone:
            stop()
        else:
            development.reload()

    for name, callback in (
        ("SIGTERM", stop),
        ("SIGINT", stop),
        ("SIGBREAK", stop),
        ("SIGHUP", hang_up),
        ("SIGUSR1", development.reopen_logs),
        ("SIGCHLD", development.reap),
    ):
        if hasattr(signal, name):
            loop.on_signal(getattr(signal, name), callback)


def _feed(loop: Loop, manager: ServiceManager) -> None:
    """Tell the service manager that this process is alive; the application may be broken."""
    interval = manager.watchdog_interval
    if interval:
        manager.alive()
        loop.call_later(interval, lambda: _feed(loop, manager))
