"""Serving from Python: `nonecorn.run`, `nonecorn.serve`, and what the command does."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nonecorn.builtin.logs import setup_logging
from nonecorn.serving.application import load_application
from nonecorn.serving.banner import announce
from nonecorn.serving.bindings import Bindings
from nonecorn.serving.contexts import app_context
from nonecorn.serving.host import Host
from nonecorn.spi import StartupError

if TYPE_CHECKING:
    from nonecorn.plan import Plan
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
    requests off.

    Args:
        app: The application, or its import string.
        config: As for `run`.
        shutdown_trigger: Async function whose return asks for a graceful stop.
        ready: Called with the addresses served, once connections are accepted.
        **settings: As for `run`.

    Returns:
        As `run`.

    Raises:
        NonecornError: It cannot start.
    """
    plan, target = _plan(app, config, settings)
    worker = _running_worker(plan)
    setup_logging(plan.server)
    if target is None:
        target = load_application(plan, app_context(plan))
    with Bindings() as bindings:
        bindings.bind(plan)

        def on_ready() -> None:
            announce(plan, bindings)
            if ready is not None:
                ready(bindings.urls)

        host = Host(plan, bindings, target, trigger=shutdown_trigger, ready=on_ready)
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
) -> int:
    """Serve what a plan says, in this process and thread, on a loop of its own.

    Args:
        plan: What to be.
        app: The application object; None to load the plan's target.
        signals: Stop on SIGINT and SIGTERM; only in the main thread.
        trigger: Async function whose return asks for a stop.
        ready: Called with the addresses served, once connections are accepted.
        on_runtime: Called with the runtime and the host before start-up: for those who stop the
            server from another thread.

    Returns:
        The exit code.

    Raises:
        NonecornError: It cannot start.
    """
    setup_logging(plan.server)
    if app is None:
        app = load_application(plan, app_context(plan))
    worker: Worker = plan.worker.worker.load()(plan.settings)
    with Bindings() as bindings, _pid_file(plan.server.pid):
        bindings.bind(plan)

        def on_ready() -> None:
            announce(plan, bindings)
            if ready is not None:
                ready(bindings.urls)

        host = Host(plan, bindings, app, signals=signals, trigger=trigger, ready=on_ready)

        async def main(runtime: Runtime) -> int:
            if on_runtime is not None:
                on_runtime(runtime, host)
            return await host.main(runtime)

        return worker.run(main, debug=plan.server.debug)


def _plan(
    app: object | None, config: object | None, settings: dict[str, Any]
) -> tuple[Plan, object | None]:
    """Configuration and plan; the application itself where it is an object and no import string."""
    from nonecorn.config import prepare  # noqa: PLC0415  # a worker that is given a plan needs neither
    from nonecorn.plan import compile_plan  # noqa: PLC0415

    if isinstance(app, str):
        settings = {**settings, "app": app}
    plugins, configuration = prepare(config, settings)
    plan = compile_plan(configuration, plugins)
    app_dir = str(Path(plan.server.app_dir).resolve())
    if (app is None or isinstance(app, str)) and app_dir not in sys.path:
        sys.path.insert(0, app_dir)
    return plan, None if isinstance(app, str) else app


def _running_worker(plan: Plan) -> Worker:
    """The worker of the loop that the caller runs in."""
    from nonecorn.plugins import Selection, load  # noqa: PLC0415

    for entry in load(Selection()).registry().workers:
        spec = entry.spec
        if spec.running is None or (spec.library and spec.library not in sys.modules):
            continue
        if spec.running.load()():
            worker: Worker = spec.worker.load()(plan.settings)
            return worker
    message = "nonecorn.serve() found no running event loop that an installed worker knows"
    raise StartupError(message)


@contextmanager
def _pid_file(path: str | None) -> Iterator[None]:
    """Write the process ID to a file, and remove the file at the end if it is still ours."""
    if path is None:
        yield
        return
    file = Path(path)
    own = f"{os.getpid()}\n"
    try:
        file.write_text(own, encoding="ascii")
    except OSError as error:
        message = f"the PID file {path} cannot be written: {error.strerror}"
        raise StartupError(message) from error
    try:
        yield
    finally:
        try:
            if file.read_text(encoding="ascii") == own:
                file.unlink()
        except OSError:
            pass  # somebody else removed or replaced it


__all__ = ["run", "serve", "serve_plan"]
