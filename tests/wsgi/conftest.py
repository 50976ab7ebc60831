"""Real servers around WSGI applications, on each worker."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from nonecorn.testing import ServeProcess, ThreadedServer, serve_in_thread
from tests.e2e.conftest import WORKERS, options
from tests.e2e.forked import ForkedServe

HERE = Path(__file__).parent
CLEAR = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that have no use for one: by default each reads every authority there is."""


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    options(request.param, "h11")  # skips what the platform does not have
    return request.param


@pytest.fixture
def serve(worker: str) -> Iterator[Callable[..., ThreadedServer]]:
    """Serve an application on the worker, in a thread of this process."""
    with ExitStack() as stack:

        def start(app: object, **settings: object) -> ThreadedServer:
            server = serve_in_thread(app, worker=worker, **settings)
            return stack.enter_context(server)

        yield start


@pytest.fixture(scope="session")
def processes() -> Iterator[Callable[[str, str], ServeProcess]]:
    """One process for each worker and application that a test asks for."""
    running: dict[tuple[str, str], ServeProcess] = {}
    with ExitStack() as stack:

        def of(worker: str, app: str) -> ServeProcess:
            if (worker, app) not in running:
                arguments = ["--app-dir", str(HERE), "-k", worker, "--plugin", "h2"]
                server = ForkedServe(f"wsgiprobe:{app}", arguments, cwd=HERE)
                running[worker, app] = stack.enter_context(server)
            return running[worker, app]

        yield of


@pytest.fixture
def server(worker: str, processes: Callable[[str, str], ServeProcess]) -> ServeProcess:
    """The probe application behind the validator."""
    return processes(worker, "app")


@pytest.fixture
def bare(worker: str, processes: Callable[[str, str], ServeProcess]) -> ServeProcess:
    """The probe application, whatever the validator would say."""
    return processes(worker, "bare")


@pytest.fixture(params=["http/1.1", "h2"])
def connect(request: pytest.FixtureRequest) -> Callable[[str], httpx.Client]:
    """A client that speaks this version."""

    def make(url: str) -> httpx.Client:
        http2 = request.param == "h2"
        return httpx.Client(
            base_url=url, http1=not http2, http2=http2, timeout=20, trust_env=False, verify=CLEAR
        )

    return make


@pytest.fixture
def client(server: ServeProcess, connect: Callable[[str], httpx.Client]) -> Iterator[httpx.Client]:
    """Of the probe application behind the validator."""
    with connect(server.url) as made:
        yield made


@pytest.fixture
def curl() -> str:
    path = shutil.which("curl")
    if path is None:
        pytest.skip("curl is not installed")
    return path
