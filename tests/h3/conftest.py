"""Real servers for HTTP/3: one process for each worker, over TCP and UDP with one port number."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest
import trustme

from nonecorn.testing import ServeProcess
from nonecorn.testing.address import address_of
from tests.h3 import clients_go
from tests.h3.clients_aioquic import Client, request

ROOT = Path(__file__).parents[2]
WORKERS = ["asyncio", "uvloop", "trio"]
AUTHORITY = trustme.CA()


class Served(ServeProcess):
    """The probe, served by HTTP/1.1, HTTP/2 and HTTP/3.

    Attributes:
        certificates: Directory of `server.pem`, `certificate.pem` and `ca.pem`.
    """

    certificates: Path

    @property
    def authority(self) -> Path:
        return self.certificates / "ca.pem"

    @property
    def origin(self) -> str:
        """With the host name of the certificate."""
        return f"https://localhost:{self.port}"

    @property
    def quic(self) -> tuple[str, int]:
        """Where it serves QUIC."""
        found = address_of(self.urls[0])
        assert isinstance(found, tuple)
        return found

    def connect(self, **more: object) -> Client:
        """A connection by aioquic."""
        return Client(self.quic, self.authority, **more)

    def ask(self, path: bytes = b"/whoami", **more: object) -> dict[str, object]:
        """What one request on a connection of its own is told."""
        with self.connect(**more) as client:
            return json.loads(client.ask(request(path)).data)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls")
    server = AUTHORITY.issue_cert("localhost", "127.0.0.1", "::1")
    server.private_key_and_cert_chain_pem.write_to_path(path / "server.pem")
    server.cert_chain_pems[0].write_to_path(path / "certificate.pem")
    AUTHORITY.cert_pem.write_to_path(path / "ca.pem")
    return path


@contextmanager
def probe(worker: str, certificates: Path, *args: str, clean: bool = True) -> Iterator[Served]:
    """The probe application, served. It must end by itself, and without a traceback but those that
    the application was asked for.
    """
    if worker == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    arguments = ["--app-dir", str(ROOT), "-k", worker, "-p", "h3", "--no-plugin", "webtransport"]
    arguments += ["--certfile", str(certificates / "server.pem"), *args]
    server = Served("tests.h3.probe3:app", arguments, cwd=ROOT)
    server.certificates = certificates
    with server:
        yield server
    if clean:
        assert server.exit_code == 0, server.errors
        wanted = server.errors.count("RuntimeError: crashed on purpose")
        assert server.errors.count("Traceback") == wanted, server.errors


@pytest.fixture(scope="session")
def shared(certificates: Path) -> Iterator[Callable[[str], Served]]:
    """`shared(worker)`: one process for each worker, for all tests that leave it as it was."""
    with ExitStack() as stack:

        @cache
        def _serve(worker: str) -> Served:
            return stack.enter_context(probe(worker, certificates))

        yield _serve


@pytest.fixture(params=WORKERS)
def server(request: pytest.FixtureRequest, shared: Callable[[str], Served]) -> Served:
    return shared(request.param)


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def serve(certificates: Path) -> Callable[..., object]:
    """`serve(worker, *args)`: a process of the test's own, as a context."""

    def _serve(worker: str, *args: str, **more: bool) -> object:
        return probe(worker, certificates, *args, **more)

    return _serve


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who needs the Go program first has to wait until it is built."""
    for item in items:
        if "goclient" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(clients_go.PATIENCE))


@pytest.fixture(scope="session")
def goclient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that speaks by quic-go, built."""
    return clients_go.build(tmp_path_factory.mktemp("go"))
