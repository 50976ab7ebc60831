"""What tests of HTTP/3 and of WebTransport share: real servers, one process for each worker.

What is served is up to their `conftest.py`, by a fixture `serve` of the session's scope.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

from nonecorn.testing.address import address_of
from tests.e2e.forked import ForkedServe

ROOT = Path(__file__).parents[2]
WORKERS = ["asyncio", "uvloop", "trio"]


class QuicServed(ForkedServe):
    """An application of the tests, served by HTTP/3 too.

    Args:
        app: Its name, from the repository's root.
        worker: Kind of worker.
        certificate: PEM file with its key.
        *args: Further arguments.
    """

    def __init__(self, app: str, worker: str, certificate: Path, *args: str) -> None:
        if worker == "uvloop" and sys.platform == "win32":
            pytest.skip("uvloop does not run on Windows")
        options = ["--app-dir", str(ROOT), "-k", worker, "-p", "h3"]
        super().__init__(app, [*options, "--certfile", str(certificate), *args], cwd=ROOT)

    @property
    def quic(self) -> tuple[str, int]:
        """Where it serves QUIC."""
        found = address_of(self.urls[0])
        assert isinstance(found, tuple)
        return found


_Server = TypeVar("_Server", bound=QuicServed)
Serve = Callable[..., AbstractContextManager[QuicServed]]
"""`serve(worker, *args)`: a process of the test's own, as a context."""


@contextmanager
def running(
    server: _Server, *, clean: bool = True, asked_for: str | None = None
) -> Iterator[_Server]:
    """A server, until the context is left.

    Args:
        server: Not started yet.
        clean: It must end by itself, and without a traceback.
        asked_for: How those end that the application was asked for; None: there are none.
    """
    with server:
        yield server
    if clean:
        assert server.exit_code == 0, server.errors
        wanted = server.errors.count(asked_for) if asked_for else 0
        assert server.errors.count("Traceback") == wanted, server.errors


@pytest.fixture(scope="session")
def shared(serve: Serve) -> Iterator[Callable[[str], QuicServed]]:
    """`shared(worker)`: one process for each worker, for all tests that leave it as it was."""
    with ExitStack() as stack:
        yield cache(lambda worker: stack.enter_context(serve(worker)))


@pytest.fixture(params=WORKERS)
def server(request: pytest.FixtureRequest, shared: Callable[[str], QuicServed]) -> QuicServed:
    return shared(request.param)


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    return request.param
