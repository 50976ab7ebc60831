"""Real servers for WebTransport: one process for each worker."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest

from nonecorn.testing import ServeProcess
from nonecorn.testing.address import address_of
from nonecorn_h3.testing import self_signed
from tests.h3.clients_aioquic import request
from tests.webtransport.browser import Browser
from tests.webtransport.client import SessionClient

ROOT = Path(__file__).parents[2]
WORKERS = ["asyncio", "uvloop", "trio"]


class Served(ServeProcess):
    """The probe.

    Attributes:
        certificate: PEM file with it, and its key; nobody has signed it.
    """

    certificate: Path

    def connect(self, **more: object) -> SessionClient:
        """A connection by aioquic."""
        return SessionClient(address_of(self.urls[0]), self.certificate, **more)

    def events(self) -> list[dict[str, object]]:
        """What the probe has noted."""
        with self.connect() as client:
            return json.loads(client.ask(request(b"/events")).data)

    def browser(self, profile: Path) -> Browser:
        """Chromium."""
        return Browser(self.urls[0], self.certificate, profile)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ECDSA, valid for a day: browsers take a hash of those of two weeks at most."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    made = self_signed("localhost")
    path.write_bytes(made.chain + made.key)
    return path


@contextmanager
def probe(worker: str, certificate: Path, *args: str, clean: bool = True) -> Iterator[Served]:
    """The probe application, served. It must end by itself and without a traceback."""
    if worker == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    arguments = ["--app-dir", str(ROOT), "-k", worker, "-p", "h3", "-p", "webtransport"]
    arguments += ["--certfile", str(certificate), "--webtransport-drain-timeout", "1", *args]
    server = Served("tests.webtransport.wtprobe:app", arguments, cwd=ROOT)
    server.certificate = certificate
    with server:
        yield server
    if clean:
        assert server.exit_code == 0, server.errors
        assert "Traceback" not in server.errors, server.errors


@pytest.fixture(scope="session")
def shared(certificate: Path) -> Iterator[Callable[[str], Served]]:
    """`shared(worker)`: one process for each worker, for all tests that leave it as it was."""
    with ExitStack() as stack:

        @cache
        def _serve(worker: str) -> Served:
            return stack.enter_context(probe(worker, certificate))

        yield _serve


@pytest.fixture(params=WORKERS)
def server(request: pytest.FixtureRequest, shared: Callable[[str], Served]) -> Served:
    return shared(request.param)


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def serve(certificate: Path) -> Callable[..., object]:
    """`serve(worker, *args)`: a process of the test's own, as a context."""

    def _serve(worker: str, *args: str, **more: bool) -> object:
        return probe(worker, certificate, *args, **more)

    return _serve
