"""Real servers for HTTP/2: one process for each worker, with and without TLS."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest
import trustme

from nonecorn.testing.address import address_of
from tests.e2e.forked import ForkedServe
from tests.h2 import frames as f
from tests.h2.client import Client, clear, encrypted

HERE = Path(__file__).parent
WORKERS = ["asyncio", "uvloop", "trio"]
AUTHORITY = trustme.CA()

Connect = Callable[..., Client]


class Served(ForkedServe):
    """The probe, served on two addresses: over TLS, and clear."""

    @property
    def secure(self) -> str:
        return self.urls[0]

    @property
    def clear(self) -> str:
        return self.urls[1]

    def connect(self, **more: object) -> Client:
        """A clear connection on which nothing was said."""
        return clear(address_of(self.clear), **more)

    def connect_tls(self, **more: object) -> Client:
        return encrypted(address_of(self.secure), trusting(), **more)

    def counts(self) -> dict[str, int]:
        """What became of the application's requests so far."""
        with self.connect() as client:
            return json.loads(client.start().ask(f.request(b"/counts")).data)


def trusting(*protocols: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the authorities of the system
    AUTHORITY.configure_trust(made)
    made.set_alpn_protocols(protocols or ("h2", "http/1.1"))
    return made


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls")
    server = AUTHORITY.issue_cert("localhost", "127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(path / "server.pem")
    AUTHORITY.cert_pem.write_to_path(path / "ca.pem")
    return path


@contextmanager
def probe(
    worker: str,
    certificates: Path,
    *args: str,
    clean: bool = True,
    required: tuple[str, ...] = ("-p", "h2"),
) -> Iterator[Served]:
    """The probe application, served. It must end by itself and without a traceback."""
    if worker == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    arguments = [
        *("--app-dir", str(HERE), "-k", worker, *required),
        *("--certfile", str(certificates / "server.pem")),
        *("--bind", "127.0.0.1:0", "--insecure-bind", "127.0.0.1:0", *args),
    ]
    with Served("probe:app", arguments, cwd=HERE) as server:
        yield server
    if clean:
        assert server.exit_code == 0, server.errors
        assert "Traceback" not in server.errors, server.errors


@pytest.fixture(scope="session")
def shared(certificates: Path) -> Iterator[Callable[[str], Served]]:
    """`shared(worker)`: one process for each worker, for all tests that leave it as it was."""
    with ExitStack() as stack:

        @cache
        def _serve(worker: str) -> Served:
            # Tests leave requests behind that wait for nothing.
            return stack.enter_context(
                probe(worker, certificates, "--graceful-timeout", "0.2", clean=False)
            )

        yield _serve


@pytest.fixture(params=WORKERS)
def server(request: pytest.FixtureRequest, shared: Callable[[str], Served]) -> Served:
    return shared(request.param)


@pytest.fixture(scope="session", params=WORKERS)
def hardened(request: pytest.FixtureRequest, certificates: Path) -> Iterator[Served]:
    """One process for each worker whose patience is short."""
    patience = ["--limits-write-timeout", "1", "--limits-head-timeout", "2"]
    patience += ["--limits-body-timeout", "1", "--keep-alive-timeout", "2"]
    with probe(request.param, certificates, *patience, clean=False) as running:
        yield running


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def serve(certificates: Path) -> Callable[..., object]:
    """`serve(worker, *args)`: a process of the test's own, as a context."""

    def _serve(worker: str, *args: str, **more: bool) -> object:
        return probe(worker, certificates, *args, **more)

    return _serve


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Path of a program of the system; it may be missing on a person's machine and not where CI
    runs.
    """

    def _find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            message = f"{name} is not installed"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        return path

    return _find
