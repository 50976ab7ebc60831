"""Serving from Python: `nonecorn.run`, `nonecorn.serve`, and what the command does."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nonecorn.builtin.logs import setup_logging
from nonecorn.serving.application import load_application
from nonecorn.serving.banner import announce
from nonecorn.serving.bindings import Bindings
from nonecorn.serving.contexts import app_context
from nonecorn.serving.host import EXIT_CLEAN, Host
from nonecorn.serving.last_resort import end_process
from nonecorn.serving.pid_file import pid_file
from nonecorn.serving.signals import StopSignals
from nonecorn.spi import NonecornError, StartupError

if TYPE_CHECKING:
    from nonecorn.config import Config
    from nonecorn.plan import Plan
    from nonecorn.plugins import Plugins
    from nonecorn.spi import Runtime, Worker


def run(app: object | None = None, config: object | None = None, **settings: Any) -> int:
    """Serve an application in this process, until a signal or Ctrl+C.

    Args:
        app: The application, or its import string; None where the configuration names it.
        config: A TOML or Python file's path, a mapping, a module or object, or a `Config`.
        **settings: Settings that win over `config`, such as `bind="0.0.0.0:8000"` or
            `limits={"body_size": "1MiB"}`.

    Returns:
        The exit code: 0, or 1 where open requests had to be cut off.

    Raises:
        NonecornError: It cannot start; `exit_code` says what a command would exit with.
    """
    plan, target = _plan(app, config, settings)
    return serve_plan(plan, app=target)


async def serve(
    app: object,
    config: object | None = None,
    *,
    shutdown_trigger: Callable[[], Awaitable[Any]] | None = None,
    ready: Callable[[list[str]], None] | None = None,
    **settings: Any,
) -> int:
    """Serve an application on the event loop that the caller runs in: asyncio, uvloop or trio.

    Signals are the caller's: it stops by `shutdown_trigger`, or by cancellation, which cuts
    requests off and cancels the application's lifespan.

    Args:
        app: The application, or its import string.
        config: As for `run`; which `worker` it names does not matter.
        shutdown_trigger: Async function whose return asks for a graceful stop.
        ready: Called with the addresses served, once connections are accepted.
        **settings: As for `run`.

    Returns:
        As `run`.

    Raises:
        NonecornError: It cannot start.
    """
    plan, target = _plan(app, config, settings, running=True)
    worker: Worker = plan.worker.worker.load()(plan.settings)
    setup_logging(plan.server)
    if target is None:
        target = load_application(plan, app_context(plan))
    with Bindings() as bindings:
        bindings.bind(plan)
        host = Host(
            plan,
            bindings,
            target,
            trigger=shutdown_trigger,
            ready=_when_ready(plan, bindings, ready, signals=False),
            stopping=bindings.close,
        )
        with pid_file(plan.server.pid):
            async with worker.attach() as runtime:
                return await host.main(runtime)


def serve_plan(
    plan: Plan,
    *,
    app: object | None = None,
    signals: bool = True,
    trigger: Callable[[], Awaitable[Any]] | None = None,
    ready: Callable[[list[str]], None] | None = None,
    on_runtime: Callable[[Runtime, Host], None] | None = None,
    own_process: bool = False,
) -> int:
    """Serve what a plan says, in this process and thread, on a loop of its own.

    Args:
        plan: What to be.
        app: The application object; None to load the plan's target.
        signals: Stop on SIGINT and SIGTERM; without effect but in the main thread.
        trigger: Async function whose return asks for a stop.
        ready: Called with the addresses served, once connections are accepted.
        on_runtime: Called with the runtime and the host before start-up: for those who stop the
            server from another thread.
        own_process: The process exists to serve, and exits with what this returns: where the
            application was cut off and does not end either, the process ends without it.

    Returns:
        The exit code.

    Raises:
        NonecornError: It cannot start.
    """
    setup_logging(plan.server)
    if app is None:
        app = load_application(plan, app_context(plan))
    worker: Worker = plan.worker.worker.load()(plan.settings)
    held = StopSignals(active=signals)
    with held, Bindings() as bindings:
        bindings.bind(plan)
        host = Host(
            plan,
            bindings,
            app,
            signals=held.active,
            trigger=trigger,
            ready=_when_ready(plan, bindings, ready, signals=held.active),
            stopping=bindings.close,
        )
        with pid_file(plan.server.pid) as remove_pid_file:

            def tidy() -> None:
                remove_pid_file()
                bindings.close()

            async def main(runtime: Runtime) -> int:
                if on_runtime is not None:
                    on_runtime(runtime, host)
                code, message = 1, ""
                try:
                    code = await host.main(runtime)
                except NonecornError as error:
                    code, message = error.exit_code, str(error)
                    raise
                finally:
                    held.code = code
                    if own_process and code != EXIT_CLEAN:
                        end_process(code, tidy, message)
                return code

            held.call(host.stop)
            return worker.run(main, debug=plan.server.debug)


def _when_ready(
    plan: Plan,
    bindings: Bindings,
    ready: Callable[[list[str]], None] | None,
    *,
    signals: bool,
) -> Callable[[], None]:
    def on_ready() -> None:
        announce(plan, bindings, signals=signals)
        if ready is not None:
            ready(bindings.urls)

    return on_ready


def _plan(
    app: object | None, config: object | None, settings: dict[str, Any], *, running: bool = False
) -> tuple[Plan, object | None]:
    """Configuration and plan; the application itself where it is an object and no import string.

    Args:
        app: As for `run`.
        config: As for `run`.
        settings: As for `run`.
        running: The worker is that of the loop that the caller runs in.
    """
    from nonecorn.config import prepare  # noqa: PLC0415  # a worker that is given a plan needs neither
    from nonecorn.plan import compile_plan  # noqa: PLC0415

    if isinstance(app, str):
        settings = {**settings, "app": app}
    plugins, configuration = prepare(config, settings)
    if running:
        configuration = _on_running_worker(configuration, plugins)
    plan = compile_plan(configuration, plugins)
    app_dir = str(Path(plan.server.app_dir).resolve())
    if (app is None or isinstance(app, str)) and app_dir not in sys.path:
        sys.path.insert(0, app_dir)
    return plan, None if isinstance(app, str) else app


def _on_running_worker(configuration: Config, plugins: Plugins) -> Config:
    """The same, with the worker of the loop that the caller runs in."""
    for entry in plugins.registry().workers:
        spec = entry.spec
        if spec.running is None or (spec.library and spec.library not in sys.modules):
            continue
        if spec.running.load()():
            server = replace(configuration.server, worker=spec.name)
            return replace(configuration, tables={**configuration.tables, "": server})
    message = "nonecorn.serve() found no running event loop that a loaded worker knows"
    raise StartupError(message)


__all__ = ["run", "serve", "serve_plan"]
