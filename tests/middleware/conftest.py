"""Servers of several applications, one process for each worker."""

from __future__ import annotations

import functools
import shutil
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from nonecorn.testing import ServeProcess
from tests.e2e.forked import ForkedServe

SITES = Path(__file__).parent / "sites"
WORKERS = ["asyncio", "uvloop", "trio"]

CLEAR = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that have no use for one: by default each reads every authority there is."""
get = functools.partial(httpx.get, verify=CLEAR)

Serve = Callable[..., AbstractContextManager[ServeProcess]]


def named(worker: str) -> str:
    if worker == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    return worker


@pytest.fixture(scope="module", params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    return named(request.param)


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Serve what a configuration says; the applications are those of `sites`."""

    @contextmanager
    def serving(
        worker: str,
        toml: str,
        *args: str,
        app: str | None = None,
        code: int = 0,
        tracebacks: int = 0,
    ) -> Iterator[ServeProcess]:
        file = tmp_path_factory.mktemp("site") / "site.toml"
        file.write_text(toml if "bind =" in toml else f'bind = "127.0.0.1:0"\n{toml}')
        arguments = ["-c", str(file), "-k", worker, "--app-dir", str(SITES), *args]
        with ForkedServe(app, arguments, cwd=SITES) as server:
            yield server
        assert server.exit_code == code, server.errors
        assert server.errors.count("Traceback") == tracebacks, server.errors

    return serving


@pytest.fixture(scope="session")
def curl() -> str:
    found = shutil.which("curl")
    if found is None:
        pytest.skip("curl is not installed")
    return found
