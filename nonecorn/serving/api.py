"""Serving from Python: `nonecorn.run`, `nonecorn.serve`, and what the command does."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nonecorn.builtin.logs import setup_logging
from nonecorn.serving.application import load_application
from nonecorn.serving.banner import announce
from nonecorn.serving.bindings import Bindings
from nonecorn.serving.contexts import app_context, load_tls
from nonecorn.serving.host import EXIT_CLEAN, Host
from nonecorn.serving.imports import importable_from
from nonecorn.serving.last_resort import end_process
from nonecorn.serving.pid_file import pid_file
from nonecorn.serving.privileges import apply_umask, become, identity_of
from nonecorn.serving.service_manager import ServiceManager
from nonecorn.serving.signals import StopSignals
from nonecorn.serving.upkeep import keep_up
from nonecorn.spi import ConfigError, NonecornError, StartupError

if TYPE_CHECKING:
    from nonecorn.builtin.tls.credentials import TLSAdjuster
    from nonecorn.config import Config
    from nonecorn.plan import Plan
    from nonecorn.plugins import Plugins
    from nonecorn.spi import Runtime, Server, Worker


def run(
    app: object | None = None,
    config: object | None = None,
    *,
    control: Callable[[Runtime, Server], None] | None = None,
    tls_context: TLSAdjuster | None = None,
    **settings: Any,
) -> int:
    """Serve an application, until a signal or Ctrl+C: in this process, or with `workers`.

    Args:
        app: The application, or its import string; None where the configuration names it. Workers
            are processes of their own, and need the import string; so does `reload`.
        config: A TOML or Python file's path, a mapping, a module or object, or a `Config`.
        control: For a program that looks after the server itself: called on the loop, before the
            application starts, with the runtime and what stops the server. Signals are then that
            program's: none is caught here. Without workers only.
        tls_context: Called with each context that certificates are used with, before it is; what
            it returns is used. Without workers only.
        **settings: Settings that win over `config`, such as `bind="0.0.0.0:8000"` or
            `limits={"body_size": "1MiB"}`.

    Returns:
        The exit code: 0, or 1 where open requests had to be cut off.

    Raises:
        NonecornError: It cannot start; `exit_code` says what a command would exit with.
    """
    names = set(os.environ)
    plan, target = _plan(app, config, settings)
    if not plan.server.workers and not plan.server.reload:
        if target is None:
            importable_from(plan.server.app_dir)
        return serve_plan(
            plan,
            app=target,
            signals=control is None,
            on_runtime=control,
            tls_context=tls_context,
        )
    if control is not None or tls_context is not None:
        message = "nonecorn.run() with control or tls_context serves in this process: workers = 0"
        raise ConfigError(message)
    if target is not None:
        message = (
            "workers import the application by themselves: give nonecorn.run() its import string, "
            f"'module:attribute', instead of {target!r}"
        )
        raise ConfigError(message)
    from nonecorn.supervisor.replan import Replan  # noqa: PLC0415  # only with workers

    added = set(os.environ) - names
    replan = Replan(lambda: _plan(app, config, settings)[0], added)
    if plan.server.reload:
        from nonecorn.reload import develop  # noqa: PLC0415

        return develop(plan, replan=replan, config=config)
    from nonecorn.supervisor import supervise  # noqa: PLC0415

    return supervise(plan, replan=replan)


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
    _refuse_process_settings(plan)
    if target is None:
        importable_from(plan.server.app_dir)
        target = load_application(plan, app_context(plan))
    with Bindings() as bindings:
        bindings.bind(plan)
        host = Host(
            plan,
            bindings,
            target,
            trigger=shutdown_trigger,
            ready=_when_ready(plan, bindings, ready, signals=False),
            stopping=bindings.refuse,
            drain_delay=plan.server.drain_delay,
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
    on_runtime: Callable[[Runtime, Host], None] | Callable[[Runtime, Server], None] | None = None,
    own_process: bool = False,
    tls_context: TLSAdjuster | None = None,
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
        tls_context: As for `run`.

    Returns:
        The exit code.

    Raises:
        NonecornError: It cannot start.
    """
    _refuse_workers(plan, "this serves in one process")
    setup_logging(plan.server)
    identity = identity_of(plan.server)
    apply_umask(plan.server)
    worker: Worker = plan.worker.worker.load()(plan.settings)
    held = StopSignals(active=signals)
    manager = ServiceManager.from_environment() if held.active else ServiceManager()
    with held, Bindings() as bindings:
        bindings.bind(plan)
        owner = None if identity is None else identity.user
        with pid_file(plan.server.pid, owner=owner) as remove_pid_file:
            tls = load_tls(plan, tls_context)  # keys may be root's alone
            become(identity)
            if app is None:
                held.code = EXIT_CLEAN  # a signal now ends what only begins
                try:
                    app = load_application(plan, app_context(plan))
                finally:
                    held.code = None

            def stopping() -> None:
                manager.stopping("waiting for open requests")
                bindings.refuse()

            on_ready = _when_ready(plan, bindings, ready, signals=held.active, manager=manager)
            host = Host(
                plan,
                bindings,
                app,
                tls=tls,
                signals=held.active,
                trigger=trigger,
                ready=on_ready,
                stopping=stopping,
                drain_delay=plan.server.drain_delay,
            )

            def tidy() -> None:
                remove_pid_file()
                bindings.close()

            async def main(runtime: Runtime) -> int:
                if on_runtime is not None:
                    on_runtime(runtime, host)
                code, message = 1, ""
                watch = manager.watch(runtime)
                if held.active:
                    keep_up(runtime, host, manager)
                try:
                    code = await host.main(runtime)
                except NonecornError as error:
                    code, message = error.exit_code, str(error)
                    raise
                finally:
                    watch.cancel()
                    held.code = code
                    if own_process and code != EXIT_CLEAN:
                        end_process(code, tidy, message)
                return code

            held.call(host.stop)
            return worker.run(main, debug=plan.server.debug)


def _refuse_workers(plan: Plan, reason: str) -> None:
    if plan.server.workers:
        message = f"workers: {reason}: use 'nonecorn serve' or nonecorn.run(), or set it to 0"
        raise ConfigError(message)
    if plan.server.reload:
        message = f"reload: {reason}: use 'nonecorn serve' or nonecorn.run(), or leave it out"
        raise ConfigError(message)


def _refuse_process_settings(plan: Plan) -> None:
    """Who calls `serve` owns the process.

    Raises:
        ConfigError: A setting would change more of it than the server, or needs others.
    """
    _refuse_workers(plan, "nonecorn.serve() serves on the loop that it is called on")
    for name in ("user", "group", "umask"):
        if getattr(plan.server, name) is not None:
            message = f"{name}: nonecorn.serve() leaves the process as it is: change it before"
            raise ConfigError(message)


def _when_ready(
    plan: Plan,
    bindings: Bindings,
    ready: Callable[[list[str]], None] | None,
    *,
    signals: bool,
    manager: ServiceManager | None = None,
) -> Callable[[], None]:
    def on_ready() -> None:
        announce(plan, bindings, signals=signals)
        if manager is not None:
            manager.ready(f"serving on {' '.join(bindings.urls)}")
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
