"""TLS as it is configured: names, keys, deadlines, and what `config check` says of them."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from nonecorn.testing.wire import connect
from tests.e2e import forked
from tests.e2e.conftest import WORKERS, probe
from tests.e2e.raw import ask, get

AUTHORITY = trustme.CA()
CLIENT = ssl.create_default_context()
AUTHORITY.configure_trust(CLIENT)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls")
    AUTHORITY.cert_pem.write_to_path(path / "ca.pem")
    for name, hosts in {
        "server": ("localhost", "127.0.0.1"),
        "first": ("first.example",),
        "wild": ("*.wild.example",),
    }.items():
        leaf = AUTHORITY.issue_cert(*hosts)
        leaf.private_key_and_cert_chain_pem.write_to_path(path / f"{name}.pem")
        leaf.cert_chain_pems[0].write_to_path(path / f"{name}.crt")
        leaf.private_key_pem.write_to_path(path / f"{name}.key")
    return path


@contextlib.contextmanager
def quiet(worker, files, *more):
    """A server whose log ends without a complaint."""
    args = ["--certfile", str(files / "server.pem"), *more]
    with probe(worker, "h11", *args) as running:
        yield running
    assert "WARNING" not in running.errors
    assert "ERROR" not in running.errors


@pytest.fixture(scope="module", params=WORKERS)
def server(request, files):
    """Three certificates."""
    more = [
        *("--sni-certificate", f"{files / 'first.crt'}:first.key"),
        *("--sni-certificate", str(files / "wild.pem")),
    ]
    with quiet(request.param, files, *more) as running:
        yield running


@pytest.fixture(scope="module", params=WORKERS)
def impatient(request, files):
    """No patience with handshakes: a machine that is busy may be too slow for it."""
    with quiet(request.param, files, "--tls-handshake-timeout", "1") as running:
        yield running


def encrypted(address, host="localhost"):
    return CLIENT.wrap_socket(connect(address, 20), server_hostname=host)


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "file"),
    [
        ("localhost", "server"),
        ("first.example", "first"),
        ("a.wild.example", "wild"),
        ("b.wild.example", "wild"),
        ("a.b.wild.example", "server"),
        ("unknown.example", "server"),
        (None, "server"),
    ],
)
def test_openssl_gets_the_certificate_of_the_host_it_names(server, files, host, file):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    named = ["-noservername"] if host is None else ["-servername", host]
    address = "{}:{}".format(*server.address)
    command = [openssl, "s_client", "-connect", address, "-CAfile", files / "ca.pem", *named]
    run = subprocess.run(command, input=b"", capture_output=True, timeout=30, check=False)
    (found,) = re.findall(rb"-----BEGIN CERT.*?END CERTIFICATE-----", run.stdout, re.DOTALL)
    assert found + b"\n" == (files / f"{file}.crt").read_bytes()
    assert b"Verify return code: 0 (ok)" in run.stdout


def test_curl_verifies_the_host_that_it_asked_for(server, files, curl):
    port = server.address[1]
    for host in ("first.example", "any.wild.example"):
        command = [
            *(curl, "-sS", "-m", "20", "--cacert", str(files / "ca.pem")),
            *("--resolve", f"{host}:{port}:127.0.0.1", f"https://{host}:{port}/"),
        ]
        run = subprocess.run(command, capture_output=True, timeout=30, check=True)
        assert run.stdout == b"hello"


# Deadlines and ends -------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_a_handshake_that_does_not_end_is_cut_off(impatient, sent):
    with connect(impatient.address, 10) as sock:
        sock.sendall(sent)
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""
        assert time.monotonic() - began < 5


def test_clients_that_leave_without_a_word_make_no_noise(server):
    for linger in (None, struct.pack("ii", 1, 0)):  # with linger 0, closing sends a reset
        raw = connect(server.address, 20)  # within the handshake
        if linger is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raw.sendall(b"\x16\x03\x01")
        raw.close()
        with encrypted(server.address) as sock:  # after it, without close_notify
            ask(sock, get())
            if linger is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        with encrypted(server.address) as sock:  # while a response is sent
            sock.sendall(get("/download?4000000"))
            sock.recv(1000)
            if linger is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    with encrypted(server.address) as sock:
        assert ask(sock, get()).body == b"hello"


def test_bytes_after_close_notify_make_no_noise(server):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = CLIENT.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with connect(server.address, 20) as sock:
        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        sock.sendall(outgoing.read())
        with pytest.raises(ssl.SSLWantReadError):
            session.unwrap()
        sock.sendall(outgoing.read() + b"\x17\x03\x03\x00\x20" + b"\0" * 32)
        while sock.recv(65536):
            pass
    with encrypted(server.address) as sock:
        assert ask(sock, get()).body == b"hello"


def test_many_handshakes_at_once_are_all_served(server):
    failures = []

    def visit() -> None:
        try:
            for host in ("localhost", "first.example", "x.wild.example"):
                with encrypted(server.address, host) as sock:
                    assert ask(sock, get()).body == b"hello"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=visit) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_session_is_resumed(server):
    with encrypted(server.address) as sock:
        ask(sock, get())
        session = sock.session
    raw = connect(server.address, 20)
    with CLIENT.wrap_socket(raw, server_hostname="localhost", session=session) as sock:
        assert ask(sock, get()).body == b"hello"
        assert sock.session_reused


# Keys ---------------------------------------------------------------------------------------------


@pytest.fixture
def locked(files, tmp_path):
    key = serialization.load_pem_private_key((files / "server.key").read_bytes(), None)
    path = tmp_path / "locked.key"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )
    (tmp_path / "password").write_text("open sesame\n")
    return ["--certfile", str(files / "server.crt"), "--keyfile", str(path)]


def test_an_encrypted_key_is_opened_with_the_password_in_a_file(locked, tmp_path):
    args = [*locked, "--keyfile-password-file", str(tmp_path / "password")]
    with probe("asyncio", "h11", *args) as running, encrypted(running.address) as sock:
        assert ask(sock, get()).body == b"hello"


def test_secrets_are_logged_where_the_environment_says_and_the_log_warns(files, tmp_path):
    log = tmp_path / "keys.log"
    args = ["--certfile", str(files / "server.pem"), "--tls-key-log", str(log)]
    with probe("asyncio", "h11", *args) as running, encrypted(running.address) as sock:
        assert ask(sock, get()).body == b"hello"
    assert f"secrets of TLS connections are written to {log}" in running.errors
    assert "CLIENT_TRAFFIC_SECRET_0" in log.read_text()


# Check --------------------------------------------------------------------------------------------


def check(*args: str) -> tuple[int, str, str]:
    done = forked.run("config", "check", *args, "probe:app")
    return done.returncode, done.stdout, done.stderr


def test_a_good_certificate_is_no_news(files):
    code, output, errors = check("--certfile", str(files / "server.pem"))
    assert (code, errors) == (0, "")
    assert output.startswith("The configuration is good")


def test_a_missing_file_is_found(tmp_path):
    code, _, errors = check("--certfile", str(tmp_path / "none.pem"))
    assert code == 2
    assert errors == (
        f"nonecorn: error: flag --certfile: {tmp_path / 'none.pem'}: there is no such file\n"
    )


def test_a_key_of_another_certificate_is_found(files):
    args = ["--certfile", str(files / "server.crt"), "--keyfile", str(files / "first.key")]
    code, _, errors = check(*args)
    assert code == 3
    assert errors == (
        f"nonecorn: error: certfile {files / 'server.crt'}: "
        "the key does not belong to the certificate\n"
    )


def test_a_further_certificate_that_cannot_be_used_is_found(files):
    args = ["--certfile", str(files / "server.pem"), "--sni-certificate", str(files / "wild.crt")]
    code, _, errors = check(*args)
    assert code == 3
    assert "wild.crt holds no private key" in errors


def test_an_expired_certificate_is_a_warning(tmp_path):
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    leaf = AUTHORITY.issue_cert("localhost", not_before=past, not_after=past + dt.timedelta(days=1))
    leaf.private_key_and_cert_chain_pem.write_to_path(tmp_path / "old.pem")
    code, _, errors = check("--certfile", str(tmp_path / "old.pem"))
    assert code == 0
    assert "WARNING certificate" in errors
    assert "has expired (2020-01-02 00:00 UTC)" in errors


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["--insecure-bind", "127.0.0.1:0"], "there is no certificate"),
        (["--sni-certificate", "a.pem"], "is given without certfile"),
        (["--keyfile-password-file", "FILE"], "is given without certfile"),
        (["--certfile", "FILE", "--ca-certs", "FILE"], "clients are asked for no certificate"),
        (["--certfile", "FILE", "--verify-mode", "required"], "which needs ca_certs"),
        (["--certfile", "FILE", "--dev-tls"], "and flag --certfile names another"),
        (
            ["--certfile", "FILE", "--keyfile-password", "a", "--keyfile-password-file", "FILE"],
            "are both given",
        ),
        (["--certfile", "FILE", "--tls-key-log", "/no/such/log"], "there is no such directory"),
    ],
)
def test_settings_that_do_not_go_together_are_found(files, args, problem):
    code, _, errors = check(*[str(files / "server.pem") if a == "FILE" else a for a in args])
    assert code == 2
    assert problem in errors
