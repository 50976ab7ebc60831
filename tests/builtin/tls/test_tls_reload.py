"""Certificates that change on disk while a server runs."""

from __future__ import annotations

import datetime as dt
import logging
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from nonecorn.builtin.tls.server import ServerTLS
from nonecorn.builtin.tls.watch import CertificateWatch
from nonecorn.config.schema import ServerSettings
from nonecorn.testing.runtime import MemoryRuntime
from tests.builtin.tls.conftest import HOST, Client

CA = trustme.CA()


def put(path: Path, *blobs: trustme.Blob) -> None:
    """Replace a file at once, as renewal programs do."""
    beside = path.with_suffix(".new")
    beside.write_bytes(b"".join(blob.bytes() for blob in blobs))
    beside.replace(path)


class Files:
    """A certificate that can be renewed."""

    def __init__(self, directory: Path) -> None:
        self.cert, self.key = directory / "cert.pem", directory / "cert.key"
        self.issued = CA.issue_cert(HOST)
        self.put_certificate()
        self.put_key()

    def put_certificate(self) -> None:
        put(self.cert, *self.issued.cert_chain_pems)

    def put_key(self) -> None:
        put(self.key, self.issued.private_key_pem)

    def renew(self) -> None:
        self.issued = CA.issue_cert(HOST)
        self.put_certificate()
        self.put_key()

    def serve(self, **settings: Any) -> ServerTLS:
        files = {"certfile": str(self.cert), "keyfile": str(self.key)}
        return ServerTLS(ServerSettings(**{**files, **settings}), [])

    @property
    def pem(self) -> str:
        return self.issued.cert_chain_pems[0].bytes().decode()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def shown(tls: ServerTLS) -> str:
    """What a new client gets to see."""
    client = connected(tls)
    pem: str = client.server.port.tls.extension["server_cert"]
    return pem


def connected(tls: ServerTLS) -> Client:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    client = Client(context, tls)
    client.handshake()
    return client


def test_unchanged_files_are_not_read_again(files: Files) -> None:
    tls = files.serve()
    before = tls.config
    assert not tls.refresh()
    assert tls.config is before


def test_a_renewed_certificate_is_shown_to_new_clients_and_old_ones_stay(files: Files) -> None:
    tls = files.serve()
    old = connected(tls)
    before = tls.config
    files.renew()
    assert tls.refresh()
    assert tls.config is not before
    assert shown(tls) == files.pem
    old.send(b"still here")
    assert old.server.data == b"still here"
    old.server.port.write(b"yes")
    old.pump()
    assert old.data == b"yes"


def test_a_handshake_under_way_goes_on_with_the_certificate_it_began_with(files: Files) -> None:
    tls = files.serve()
    context = ssl.create_default_context()
    CA.configure_trust(context)
    client = Client(context, tls)
    before = files.pem
    files.renew()
    assert tls.refresh()
    client.handshake()
    assert client.server.port.tls.extension["server_cert"] == before


def test_a_pair_that_does_not_match_is_refused_once_and_the_old_one_stays(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="nonecorn.error")
    tls = files.serve()
    before = files.pem
    files.issued = CA.issue_cert(HOST)
    files.put_certificate()  # and not the key
    for _ in range(5):
        assert not tls.refresh()
        assert shown(tls) == before
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.message == (
        "the changed TLS files are refused, the old ones stay: "
        f"certfile {files.cert}: the key does not belong to the certificate"
    )
    files.put_key()
    assert tls.refresh()
    assert shown(tls) == files.pem


def test_a_pair_that_is_replaced_one_by_one_is_no_news(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="nonecorn.error")
    tls = files.serve()
    files.issued = CA.issue_cert(HOST)
    files.put_certificate()
    assert not tls.refresh()
    files.put_key()
    assert tls.refresh()
    assert [record.message for record in caplog.records] == [
        "TLS files have changed: new connections use them"
    ]


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "half"])
def test_a_damaged_file_is_refused_and_mended_by_a_good_one(
    files: Files, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    tls = files.serve()
    before = files.pem
    whole = files.cert.read_bytes()
    files.cert.unlink()
    if damage != "missing":
        files.cert.write_bytes({"empty": b"", "garbage": b"\xff" * 99, "half": whole[:300]}[damage])
    assert not tls.refresh()
    assert not tls.refresh()
    assert shown(tls) == before
    assert len(caplog.records) == 1
    assert "\n" not in caplog.records[0].message
    files.renew()
    assert tls.refresh()
    assert shown(tls) == files.pem


def test_a_link_that_is_switched_is_a_change(files: Files, tmp_path: Path) -> None:
    # As certbot keeps its files, and as Kubernetes mounts secrets.
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    data = tmp_path / "data"
    data.symlink_to(old)
    first, second = Files(old), Files(new)
    tls = ServerTLS(
        ServerSettings(certfile=str(data / "cert.pem"), keyfile=str(data / "cert.key")), []
    )
    assert shown(tls) == first.pem
    beside = tmp_path / "data.new"
    beside.symlink_to(new)
    beside.replace(data)
    assert tls.refresh()
    assert shown(tls) == second.pem


def test_the_cas_of_clients_and_further_certificates_are_watched_too(
    files: Files, tmp_path: Path
) -> None:
    cas, more = tmp_path / "cas.pem", tmp_path / "more.pem"
    put(cas, CA.cert_pem)
    put(more, CA.issue_cert("more.example").private_key_and_cert_chain_pem)
    tls = files.serve(ca_certs=str(cas), verify_mode="required", sni_certificate=(str(more),))
    put(cas, trustme.CA().cert_pem)
    assert tls.refresh()
    assert tls.config.client_cas == cas.read_bytes()
    put(more, CA.issue_cert("other.example").private_key_and_cert_chain_pem)
    assert tls.refresh()
    assert tls.config.certificates[1].names == ("other.example",)


def test_a_touched_file_is_read_again(files: Files) -> None:
    tls = files.serve()
    os.utime(files.cert, (1, 1))
    assert tls.refresh()
    assert not tls.refresh()


def test_an_expired_certificate_is_told_once(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    files.issued = CA.issue_cert(HOST, not_before=past, not_after=past + dt.timedelta(days=1))
    files.put_certificate()
    files.put_key()
    tls = files.serve()
    tls.refresh()
    tls.refresh()
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", f"certificate {files.cert} has expired (2020-01-02 00:00 UTC)")
    ]


# The watch ----------------------------------------------------------------------------------------


def test_the_watch_looks_at_the_files_every_interval_in_a_thread(files: Files) -> None:
    runtime = MemoryRuntime()
    tls = files.serve(tls_reload_interval=5.0)
    watch = CertificateWatch(tls, runtime)
    watch.start()
    runtime.advance(4)
    assert runtime.threads == []
    files.renew()
    runtime.advance(1)
    assert runtime.threads == [tls.refresh]
    assert tls.config.certificates[0].chain == files.cert.read_bytes()
    runtime.advance(5)
    assert len(runtime.threads) == 2
    watch.stop()
    runtime.advance(60)
    assert len(runtime.threads) == 2


def test_the_watch_may_be_off(files: Files) -> None:
    runtime = MemoryRuntime()
    watch = CertificateWatch(files.serve(tls_reload_interval=0.0), runtime)
    watch.start()
    runtime.advance(1000)
    assert runtime.threads == []
    watch.stop()


def test_reprs_say_what_is_served_and_watched(files: Files) -> None:
    tls = files.serve()
    assert repr(tls) == f"<ServerTLS {files.cert} verify=none>"
    watch = CertificateWatch(tls, MemoryRuntime())
    assert repr(watch) == "<CertificateWatch every 5 s>"
    watch.stop()
    assert repr(watch) == "<CertificateWatch stopped>"
