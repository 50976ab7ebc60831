"""Servers with one battery each, configured by a file as users do."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from nonecorn.testing import ServeProcess
from tests.e2e.conftest import WORKERS, options
from tests.e2e.forked import ForkedServe

HERE = Path(__file__).parent

CLEAR = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that have no use for one: by default each reads every authority there is."""

Serve = Callable[..., ServeProcess]


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    options(request.param, "h11")  # skips what the platform does not have
    return request.param


def server_of(
    worker: str, directory: Path, configuration: str, *args: str, app: str | None = "batteryapp:app"
) -> ServeProcess:
    """A server whose files are in the directory."""
    file = directory / "nonecorn.toml"
    file.write_text(f'bind = "127.0.0.1:0"\naccess_log = "-"\n{configuration}')
    arguments = ["-c", str(file), "-k", worker, "--app-dir", str(HERE), *args]
    environment = {
        "BATTERY_FILE": str(directory / "file.txt"),
        "BATTERY_READY": str(directory / "ready"),
        "BATTERY_PUBLIC": str(directory / "public"),
    }
    return ForkedServe(app, arguments, cwd=directory.parent, env=environment)


@pytest.fixture
def serve(worker: str, tmp_path: Path) -> Iterator[Serve]:
    """Serve the application behind what a configuration says, on the worker."""
    with ExitStack() as stack:

        def start(configuration: str, *args: str, **more: str | None) -> ServeProcess:
            server = server_of(worker, tmp_path, configuration, *args, **more)
            return stack.enter_context(server)

        yield start


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ServeProcess]]:
    """One server for each worker, configuration and application that tests ask for."""
    running: dict[tuple[object, ...], ServeProcess] = {}
    with ExitStack() as stack:

        def of(fill: Callable[[Path], None], worker: str, *what: str | None) -> ServeProcess:
            key = fill, worker, *what
            if key not in running:
                directory = tmp_path_factory.mktemp("apart") / "site"
                directory.mkdir()
                fill(directory)
                configuration, app = what
                server = server_of(worker, directory, configuration or "", app=app)
                running[key] = stack.enter_context(server)
            return running[key]

        yield of


@pytest.fixture
def shared(
    worker: str, servers: Callable[..., ServeProcess], request: pytest.FixtureRequest
) -> Serve:
    """The same as `serve`, for tests that change nothing: they share servers. Their files are those
    that the module's `fill` makes.
    """

    def of(configuration: str, app: str | None = "batteryapp:app") -> ServeProcess:
        return servers(request.module.fill, worker, configuration, app)

    return of


@pytest.fixture(params=["h1", "h2"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of HTTP/1.1, and one of HTTP/2 with prior knowledge."""
    two = request.param == "h2"
    with httpx.Client(
        http1=not two, http2=two, timeout=20, trust_env=False, verify=CLEAR
    ) as client:
        yield client
