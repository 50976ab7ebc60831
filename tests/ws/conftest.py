"""Servers for WebSocket clients: processes shared by many tests, and threads for one test's app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from nonecorn.testing import ServeProcess, ThreadedServer, serve_in_thread
from tests.e2e.conftest import ENGINES, WORKERS, options
from tests.e2e.forked import ForkedServe

HERE = Path(__file__).parent


@contextmanager
def probe(
    worker: str,
    engine: str = "httptools",
    *args: str,
    clean: bool = True,
    app: str = "wsprobe:app",
) -> Iterator[ServeProcess]:
    """The probe application, served. It must end by itself and without a traceback."""
    arguments = ["--app-dir", str(HERE), *options(worker, engine), *args]
    with ForkedServe(app, arguments, cwd=HERE, env={"PYTHONPATH": str(HERE)}) as server:
        yield server
    if clean:
        assert server.exit_code == 0, server.errors
        assert "Traceback" not in server.errors


@pytest.fixture(scope="session")
def processes() -> Iterator[Callable[[str, str], ServeProcess]]:
    """One process for each worker and engine that a test asks for."""
    running: dict[tuple[str, str], ServeProcess] = {}
    with ExitStack() as stack:

        def of(worker: str, engine: str) -> ServeProcess:
            if (worker, engine) not in running:
                running[worker, engine] = stack.enter_context(probe(worker, engine))
            return running[worker, engine]

        yield of


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    options(request.param, "h11")  # skips what the platform does not have
    return request.param


@pytest.fixture
def server(worker: str, processes: Callable[[str, str], ServeProcess]) -> ServeProcess:
    """The probe application on each worker."""
    return processes(worker, "httptools")


@pytest.fixture(params=ENGINES)
def either(
    request: pytest.FixtureRequest, worker: str, processes: Callable[[str, str], ServeProcess]
) -> ServeProcess:
    """The probe application on each worker and HTTP/1.1 engine: for what precedes the 101."""
    return processes(worker, request.param)


Serve = Callable[..., ThreadedServer]


@pytest.fixture
def serve(worker: str) -> Iterator[Serve]:
    """Serve an application of the test's own in this process, on each worker."""
    with ExitStack() as stack:

        def start(app: object, **settings: Any) -> ThreadedServer:
            server: AbstractContextManager[ThreadedServer] = serve_in_thread(
                app, **{"worker": worker, "lifespan": "off", "log_level": "critical", **settings}
            )
            return stack.enter_context(server)

        yield start


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write an application of the test's own."""

    def _write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(dedent(text))
        return path

    return _write
