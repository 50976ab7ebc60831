"""Real servers for WebTransport, and a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nonecorn_h3.testing import self_signed
from tests.e2e.chromium import Chromium
from tests.h3.clients_aioquic import request
from tests.h3.serving import QuicServed, Serve, running, server, shared, worker
from tests.webtransport.client import SessionClient

__all__ = ["server", "shared", "worker"]


class Served(QuicServed):
    """The probe.

    Attributes:
        certificate: PEM file with it, and its key; nobody has signed it.
    """

    def __init__(self, worker: str, certificate: Path, *args: str) -> None:
        args = ("-p", "webtransport", "--webtransport-drain-timeout", "1", *args)
        super().__init__("tests.webtransport.wtprobe:app", worker, certificate, *args)
        self.certificate = certificate

    def connect(self, **more: object) -> SessionClient:
        """A connection by aioquic."""
        return SessionClient(self.quic, self.certificate, **more)

    def events(self) -> list[dict[str, object]]:
        """What the probe has noted."""
        with self.connect() as client:
            return json.loads(client.ask(request(b"/events")).data)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ECDSA, valid for a day: browsers take a hash of those of two weeks at most."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    made = self_signed("localhost")
    path.write_bytes(made.chain + made.key)
    return path


@pytest.fixture(scope="session")
def serve(certificate: Path) -> Serve:
    """`serve(worker, *args)`: a process of the test's own, as a context."""

    def _serve(worker: str, *args: str, clean: bool = True) -> object:
        server = Served(worker, certificate, *args)
        return running(server, clean=clean, asked_for="LookupError: asked for")

    return _serve


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser that trusts no certificate."""
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
