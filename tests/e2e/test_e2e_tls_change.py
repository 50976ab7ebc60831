"""Certificates that change under a running server, with clients that never stop."""

from __future__ import annotations

import signal
import ssl
import threading
from pathlib import Path
from typing import Self

import pytest
import trustme

from nonecorn.testing.wire import connect
from tests.e2e.conftest import probe
from tests.e2e.raw import ask, get

AUTHORITY = trustme.CA()
CLIENT = ssl.create_default_context()
AUTHORITY.configure_trust(CLIENT)
CLOSING = get("/", "connection: close")


def issue() -> trustme.LeafCert:
    return AUTHORITY.issue_cert("localhost")


def put(path: Path, blob: trustme.Blob) -> None:
    beside = path.with_suffix(".new")
    blob.write_to_path(beside)
    beside.replace(path)


def serial(leaf: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


def visit(address) -> bytes:
    """One request on a connection of its own; the certificate that it was served with."""
    with CLIENT.wrap_socket(connect(address, 20), server_hostname="localhost") as sock:
        assert ask(sock, CLOSING).body == b"hello"
        found = sock.getpeercert(binary_form=True)
        assert found is not None
        return found


class Visitors:
    """Clients that shake hands all the time, and what went wrong with that."""

    def __init__(self, address, count: int = 2) -> None:
        self.address = address
        self.visits = 0
        self.failures: list[BaseException] = []
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def _run(self) -> None:
        while not self._enough.is_set():
            try:
                visit(self.address)
            except BaseException as error:
                self.failures.append(error)
                return
            self.visits += 1

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()


def test_certificates_change_under_handshakes_and_nobody_notices(worker, tmp_path):
    pem = tmp_path / "server.pem"
    first = issue()
    put(pem, first.private_key_and_cert_chain_pem)
    args = ["--certfile", str(pem), "--tls-reload-interval", "50ms"]
    with (
        probe(worker, "h11", *args, "--keep-alive-timeout", "600") as server,
        CLIENT.wrap_socket(connect(server.address, 20), server_hostname="localhost") as old,
    ):
        assert ask(old, get()).body == b"hello"
        with Visitors(server.address) as visitors:
            for _ in range(6):
                leaf = issue()
                put(pem, leaf.private_key_and_cert_chain_pem)
                while not visitors.failures and visit(server.address) != serial(leaf):
                    pass
        assert visitors.failures == []
        assert visitors.visits > 0
        assert ask(old, get()).body == b"hello"  # on the connection and certificate of before
        assert old.getpeercert(binary_form=True) == serial(first)


def test_a_bad_pair_is_refused_in_one_line_and_a_good_one_is_taken(worker, tmp_path):
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    first, second = issue(), issue()
    put(chain, first.cert_chain_pems[0])
    put(key, first.private_key_pem)
    args = ["--certfile", str(chain), "--keyfile", str(key), "--tls-reload-interval", "50ms"]
    with probe(worker, "h11", *args) as server:
        put(chain, second.cert_chain_pems[0])
        line = server.wait_for_line("are refused")
        assert line.rstrip().endswith(
            f"certfile {chain}: the key does not belong to the certificate"
        )
        assert visit(server.address) == serial(first)
        put(key, second.private_key_pem)
        server.wait_for_line("TLS files have changed")
        assert visit(server.address) == serial(second)
    assert server.errors.count("are refused") == 1


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="POSIX alone has the signal")
@pytest.mark.parametrize("interval", ["0", "1h"])
def test_sighup_reads_them_at_once_and_says_what_is_wrong(worker, tmp_path, interval):
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    first, second = issue(), issue()
    put(chain, first.cert_chain_pems[0])
    put(key, first.private_key_pem)
    args = ["--certfile", str(chain), "--keyfile", str(key), "--tls-reload-interval", interval]
    with probe(worker, "h11", *args) as server:
        put(chain, second.cert_chain_pems[0])
        for times in (1, 2):
            server.send_signal(signal.SIGHUP)
            server.wait_for_line("the key does not belong to the certificate", nth=times)
        assert visit(server.address) == serial(first)
        put(key, second.private_key_pem)
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("TLS files have changed")
        assert visit(server.address) == serial(second)
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("log files were opened anew", nth=4)


@pytest.mark.parametrize("interval", ["0", "1h"])
def test_the_end_does_not_wait_for_the_next_look(worker, tmp_path, interval):
    pem = tmp_path / "server.pem"
    put(pem, issue().private_key_and_cert_chain_pem)
    args = ["--certfile", str(pem), "--tls-reload-interval", interval]
    with probe(worker, "h11", *args) as server:
        visit(server.address)
        server.terminate()
        assert server.wait(10) == 0
