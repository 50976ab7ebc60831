"""TLS with several workers: sessions go on at any of them, certificates change on all."""

from __future__ import annotations

import json
import os
import signal
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from nonecorn.testing.wire import connect
from tests.e2e.conftest import HERE
from tests.e2e.raw import ask, get
from tests.supervisor.conftest import Supervised
from tests.supervisor.waiting import until

AUTHORITY = trustme.CA()
SUPERVISED = HERE.parent / "supervisor"
CLOSING = get("/", "connection: close")
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
ENOUGH = 3
"""Visits to each worker."""
MOST = 200
"""Of a coin that is thrown so often either side has come up."""


class Site:
    """A certificate on disk, and clients that trust its CA."""

    def __init__(self, directory: Path) -> None:
        self.chain, self.key = directory / "chain.pem", directory / "key.pem"
        self.leaf = AUTHORITY.issue_cert("localhost")
        self.put_chain()
        self.put_key()

    def renew(self, *hosts: str) -> None:
        self.leaf = AUTHORITY.issue_cert(*(hosts or ("localhost",)))

    def put_chain(self) -> None:
        put(self.chain, self.leaf.cert_chain_pems[0])

    def put_key(self) -> None:
        put(self.key, self.leaf.private_key_pem)

    @property
    def arguments(self) -> list[str]:
        return [
            *("--certfile", str(self.chain), "--keyfile", str(self.key)),
            *("--tls-reload-interval", "50ms"),
        ]

    @property
    def serial(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.leaf.cert_chain_pems[0].bytes().decode())


def put(path: Path, blob: trustme.Blob) -> None:
    """Replace a file at once."""
    beside = path.with_suffix(".new")
    blob.write_to_path(beside)
    beside.replace(path)


class Client:
    """Keeps one session, as a browser does."""

    def __init__(self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        AUTHORITY.configure_trust(self.context)
        self.context.minimum_version = self.context.maximum_version = version
        self.session: ssl.SSLSession | None = None
        self.certificate: bytes | None = None

    def visit(self, address) -> tuple[int, bool]:
        """One request on a connection of its own: who served it, and whether the session that the
        first visit began was resumed.
        """
        with self.context.wrap_socket(
            connect(address, 20), server_hostname="localhost", session=self.session
        ) as sock:
            process = json.loads(ask(sock, CLOSING).body)["pid"]
            resumed = sock.session_reused
            if self.session is None:
                self.session = sock.session
            self.certificate = sock.getpeercert(binary_form=True)
        return process, bool(resumed)


def visits(client: Client, server: Supervised) -> set[tuple[int, bool]]:
    """What visits have shown, once each worker has had some."""
    seen: Counter[int] = Counter()
    found = set()
    for _ in range(MOST):
        process, resumed = client.visit(server.address)
        found.add((process, resumed))
        seen[process] += 1
        if all(seen[worker] >= ENOUGH for worker in server.workers):
            break
    return found


@contextmanager
def serving(worker: str, site: Site, *args: str, **env: str) -> Iterator[Supervised]:
    """Two workers."""
    arguments = ["-k", worker, "-w", "2", "--app-dir", str(SUPERVISED), *site.arguments, *args]
    with Supervised("supervised:app", arguments, env=env) as server:
        yield server
    assert server.exit_code == 0, server.errors
    assert "Traceback" not in server.errors


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


# Sessions -----------------------------------------------------------------------------------------


def test_a_session_is_resumed_at_every_worker_and_outlives_them_and_the_certificate(worker, site):
    with serving(worker, site) as server:
        clients = [Client(version) for version in VERSIONS]
        for client in clients:
            first, resumed = client.visit(server.address)
            assert not resumed
            assert visits(client, server) == {(process, True) for process in server.workers}
        os.kill(first, signal.SIGKILL)
        server.wait_for_line("starting another")
        site.renew()
        site.put_chain()
        site.put_key()
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded: generation 2")
        until(lambda: server.children() == set(server.workers), "end of the first workers")
        for client in clients:
            assert visits(client, server) == {(process, True) for process in server.workers}


def test_sessions_of_other_servers_are_not_taken(site):
    with serving("asyncio", site) as one, serving("asyncio", site) as other:
        client = Client()
        client.visit(one.address)
        assert [client.visit(other.address)[1] for _ in range(5)] == [False] * 5


@pytest.mark.parametrize("worker", ["uvloop"])
def test_a_python_without_ctypes_resumes_at_the_same_worker(worker, site, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ctypes'] = None\n")
    path = os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    with serving(worker, site, "--log-level", "debug", PYTHONPATH=path) as server:
        client = Client()
        first, _ = client.visit(server.address)
        [other] = set(server.workers) - {first}
        assert visits(client, server) == {(first, True), (other, False)}
    assert server.errors.count("TLS session tickets stay with this worker: import of ctypes") == 2


# Certificates -------------------------------------------------------------------------------------


def shown(server: Supervised) -> dict[int, bytes | None]:
    """The certificate that each worker shows."""
    found: dict[int, bytes | None] = {}
    client = Client()
    for _ in range(MOST):
        client.session = None  # or none is shown
        process, _ = client.visit(server.address)
        found[process] = client.certificate
        if found.keys() >= set(server.workers):
            break
    return found


def test_every_worker_takes_a_new_certificate_and_refuses_a_bad_pair(worker, site):
    with serving(worker, site) as server:
        old = site.serial
        assert shown(server) == dict.fromkeys(server.workers, old)
        site.renew()
        site.put_chain()
        server.wait_for_line("are refused", nth=2)
        assert shown(server) == dict.fromkeys(server.workers, old)
        site.put_key()
        server.wait_for_line("TLS files have changed", nth=2)
        assert shown(server) == dict.fromkeys(server.workers, site.serial)
    assert server.errors.count("the key does not belong to the certificate") == 2


@pytest.mark.parametrize("worker", ["asyncio"])
def test_both_files_in_one_step(worker, site, tmp_path):
    """As Kubernetes does it: a link to a directory is replaced. On one loop: files are read alike
    on all, and when they are looked at is what the test above is about.
    """
    first, second, link = tmp_path / "1", tmp_path / "2", tmp_path / "tls"
    for directory in (first, second):
        directory.mkdir()
    site = Site(first)
    link.symlink_to(first)
    site.chain, site.key = link / site.chain.name, link / site.key.name
    with serving(worker, site) as server:
        shown(server)
        renewed = Site(second)
        beside = tmp_path / "new"
        beside.symlink_to(second)
        beside.replace(link)
        server.wait_for_line("TLS files have changed", nth=2)
        assert shown(server) == dict.fromkeys(server.workers, renewed.serial)
    assert "are refused" not in server.errors
