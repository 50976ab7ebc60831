"""Real servers for real clients: one process for each worker and engine, shared by many tests."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nonecorn.testing import ServeProcess
from tests.e2e.forked import ForkedServe

HERE = Path(__file__).parent
WORKERS = ["asyncio", "uvloop", "trio"]
ENGINES = {"h11": "httptools", "httptools": "h11"}
"""Each with the one that must not serve in its place."""


def options(worker: str, engine: str) -> list[str]:
    if worker == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    return ["-k", worker, "-p", engine, "--no-plugin", ENGINES[engine]]


@contextmanager
def probe(
    worker: str, engine: str = "h11", *args: str, clean: bool = True
) -> Iterator[ServeProcess]:
    """The probe application, served. It must end by itself and without a traceback."""
    arguments = ["--app-dir", str(HERE), *options(worker, engine), *args]
    with ForkedServe("probe:app", arguments, cwd=HERE) as server:
        yield server
    if clean:
        assert server.exit_code == 0, server.errors
        assert "Traceback" not in server.errors


@pytest.fixture(
    scope="session",
    params=[(worker, engine) for worker in WORKERS for engine in ENGINES],
    ids="-".join,
)
def server(request: pytest.FixtureRequest) -> Iterator[ServeProcess]:
    """One process for each worker and engine."""
    with probe(*request.param) as running:
        yield running


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    if request.param == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    return request.param


@pytest.fixture(scope="session")
def curl() -> str:
    """Path of curl; it may be missing on a person's machine and not where CI runs."""
    path = shutil.which("curl")
    if path is None:
        message = "curl is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file of the test's directory."""

    def _write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return _write
