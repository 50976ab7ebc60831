"""Real servers for HTTP/3, over TCP and UDP with one port number; and the programs that ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.e2e.chromium import Chromium, trusting
from tests.h3 import clients_go
from tests.h3.clients_aioquic import Client, request
from tests.h3.serving import QuicServed, Serve, running, server, shared, worker

__all__ = ["server", "shared", "worker"]

AUTHORITY = trustme.CA()


class Served(QuicServed):
    """The probe, served by HTTP/1.1, HTTP/2 and HTTP/3.

    Attributes:
        certificates: Directory of `server.pem`, `certificate.pem` and `ca.pem`.
    """

    def __init__(self, worker: str, certificates: Path, *args: str) -> None:
        args = ("--no-plugin", "webtransport", *args)
        super().__init__("tests.h3.probe3:app", worker, certificates / "server.pem", *args)
        self.certificates = certificates

    @property
    def authority(self) -> Path:
        return self.certificates / "ca.pem"

    @property
    def origin(self) -> str:
        """With the host name of the certificate."""
        return f"https://localhost:{self.port}"

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


@pytest.fixture(scope="session")
def serve(certificates: Path) -> Serve:
    """`serve(worker, *args)`: a process of the test's own, as a context."""

    def _serve(worker: str, *args: str, clean: bool = True) -> object:
        server = Served(worker, certificates, *args)
        return running(server, clean=clean, asked_for="RuntimeError: crashed on purpose")

    return _serve


@pytest.fixture(scope="session")
def chromium(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser that speaks QUIC at once, whatever the origin."""
    flags = [
        "--enable-quic", "--origin-to-force-quic-on=*",
        "--host-resolver-rules=MAP localhost 127.0.0.1",
        trusting(certificates / "certificate.pem"),
    ]  # fmt: skip
    with Chromium(tmp_path_factory.mktemp("chromium"), *flags) as browser:
        yield browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who needs the Go program first has to wait until it is built."""
    for item in items:
        if "goclient" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(clients_go.PATIENCE))


@pytest.fixture(scope="session")
def goclient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that speaks by quic-go, built."""
    return clients_go.build(tmp_path_factory.mktemp("go"))
