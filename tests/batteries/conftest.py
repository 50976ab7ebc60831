"""Servers with one battery each, configured by a file as users do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from nonecorn.testing import ServeProcess
from tests.e2e.conftest import WORKERS, options

HERE = Path(__file__).parent

Serve = Callable[..., ServeProcess]


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    options(request.param, "h11")  # skips what the platform does not have
    return request.param


@pytest.fixture
def serve(worker: str, tmp_path: Path) -> Iterator[Serve]:
    """Serve the application behind what a configuration says, on the worker."""
    with ExitStack() as stack:

        def start(
            configuration: str, *args: str, app: str | None = "batteryapp:app"
        ) -> ServeProcess:
            file = tmp_path / "nonecorn.toml"
            file.write_text(f'bind = "127.0.0.1:0"\naccess_log = "-"\n{configuration}')
            arguments = ["-c", str(file), "-k", worker, "--app-dir", str(HERE), *args]
            environment = {
                "BATTERY_FILE": str(tmp_path / "file.txt"),
                "BATTERY_READY": str(tmp_path / "ready"),
                "BATTERY_PUBLIC": str(tmp_path / "public"),
            }
            server = ServeProcess(app, arguments, cwd=tmp_path.parent, env=environment)
            return stack.enter_context(server)

        yield start


@pytest.fixture(params=["h1", "h2"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of HTTP/1.1, and one of HTTP/2 with prior knowledge."""
    two = request.param == "h2"
    with httpx.Client(http1=not two, http2=two, timeout=20, trust_env=False) as client:
        yield client
