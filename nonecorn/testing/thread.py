"""A real server in a thread of the test's process.

    with serve_in_thread(app, worker="trio") as server:
        response = httpx.get(server.url)

The whole server runs: sockets, plugins, lifespan, the worker's own loop. What it raises is raised
in the test, from `start` or from `stop`; leaving the context stops it gracefully.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nonecorn.testing.address import Addressed
from nonecorn.testing.gate import Gate

if TYPE_CHECKING:
    from nonecorn.plan import Plan

STARTING = 30.0
"""Seconds that a server may take until it accepts connections."""


class ThreadedServer(Addressed):
    """A server in a thread; what `serve_in_thread` makes.

    Attributes:
        urls: Addresses served, one per socket, once started.
        exit_code: What `nonecorn serve` would exit with, once stopped.
    """

    def __init__(self, plan: Plan, app: object | None) -> None:
        self.urls: list[str] = []
        self.exit_code: int | None = None
        self._plan = plan
        self._app = app
        self._stop = Gate()
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="nonecorn", daemon=True)

    def __repr__(self) -> str:
        state = "serving" if self._ready.is_set() and self._thread.is_alive() else "not serving"
        return f"<ThreadedServer {self._plan.worker.name} {state} {' '.join(self.urls)}>"

    def start(self, timeout: float = STARTING) -> None:
        """Return once the server accepts connections.

        Args:
            timeout: Seconds until a `TimeoutError`.

        Raises:
            NonecornError: It cannot start.
        """
        self._thread.start()
        if not self._ready.wait(timeout):
            self._stop.open()
            message = f"{self!r} did not accept connections within {timeout} s"
            raise TimeoutError(message)
        self._surface()

    def request_stop(self) -> None:
        """Ask for a graceful stop and return at once."""
        self._stop.open()

    def stop(self, timeout: float = STARTING) -> int:
        """Stop gracefully and wait for the end. Idempotent.

        Args:
            timeout: Seconds beyond the server's own `graceful_timeout` until a `TimeoutError`.

        Returns:
            The exit code.

        Raises:
            BaseException: What ended the server, if it did not end by itself.
        """
        self._stop.open()
        self._thread.join(self._plan.server.graceful_timeout + timeout)
        if self._thread.is_alive():
            message = f"{self!r} does not stop"
            raise TimeoutError(message)
        self._surface()
        assert self.exit_code is not None
        return self.exit_code

    def _run(self) -> None:
        try:
            from nonecorn.serving import serve_plan  # noqa: PLC0415  # only who serves needs it

            self.exit_code = serve_plan(
                self._plan,
                app=self._app,
                signals=False,
                trigger=self._stop.wait,
                ready=self._on_ready,
            )
        except BaseException as error:  # noqa: BLE001  # raised in the test's thread
            self._error = error
        finally:
            self._ready.set()

    def _on_ready(self, urls: list[str]) -> None:
        self.urls = urls
        self._ready.set()

    def _surface(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def serve_in_thread(app: object, config: object | None = None, **settings: Any) -> ThreadedServer:
    """A server for `app`, to be entered as a context.

    Args:
        app: The application, or its import string.
        config: As for `nonecorn.run`.
        **settings: As for `nonecorn.run`; `worker="trio"` chooses the loop. By default it is bound
            to a free port of 127.0.0.1 and logs warnings only. The environment is not read.

    Raises:
        ConfigError: The settings cannot be used.
        PluginError: A plugin is missing or broken.
    """
    from nonecorn.config import prepare  # noqa: PLC0415  # only who serves needs it
    from nonecorn.plan import compile_plan  # noqa: PLC0415

    merged: dict[str, Any] = {"bind": "127.0.0.1:0", "log_level": "warning", **settings}
    target = None if isinstance(app, str) else app
    if isinstance(app, str):
        merged["app"] = app
    plugins, configuration = prepare(config, merged, environ={})
    plan = compile_plan(configuration, plugins)
    app_dir = str(Path(plan.server.app_dir).resolve())
    if target is None and app_dir not in sys.path:
        sys.path.insert(0, app_dir)
    return ThreadedServer(plan, target)
