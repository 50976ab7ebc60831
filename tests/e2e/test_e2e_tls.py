"""TLS in a real process: curl, httpx and OpenSSL as clients, on every worker."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import subprocess

import httpx
import pytest
import trustme

from nonecorn.testing import raw_exchange
from nonecorn.testing.wire import connect
from tests.e2e.conftest import WORKERS, probe
from tests.e2e.probe import BLOCK
from tests.e2e.raw import ask, get, responses

AUTHORITY = trustme.CA()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls")
    server = AUTHORITY.issue_cert("localhost", "127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(path / "server.pem")
    AUTHORITY.cert_pem.write_to_path(path / "ca.pem")
    return path


def tls(files, *more):
    return ["--certfile", str(files / "server.pem"), "--bind", "127.0.0.1:0", *more]


@pytest.fixture(scope="module", params=WORKERS)
def server(request, files):
    with probe(request.param, "h11", *tls(files, "--insecure-bind", "127.0.0.1:0")) as running:
        yield running


def context(**versions):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(made)
    made.set_alpn_protocols(["http/1.1"])
    for name, value in versions.items():
        setattr(made, name, value)
    return made


def encrypted(address, made=None):
    return (made or context()).wrap_socket(connect(address, 20), server_hostname="localhost")


def test_the_addresses_say_which_is_encrypted(server):
    assert [url.partition(":")[0] for url in server.urls] == ["https", "http"]


def test_curl_gets_a_page(server, curl, files):
    command = [curl, "-sS", "-m", "20", "--cacert", str(files / "ca.pem"), f"{server.urls[0]}/"]
    assert subprocess.run(command, capture_output=True, timeout=30, check=True).stdout == b"hello"


def test_httpx_downloads_and_uploads_much(server):
    size = 4 * 1024 * 1024
    pattern = BLOCK * (size // len(BLOCK))
    with httpx.Client(base_url=server.urls[0], verify=context(), timeout=20) as client:
        assert client.get(f"/download?{size}").content == pattern
        found = client.post("/digest", content=pattern).json()
    assert found == {"size": size, "sha256": hashlib.sha256(pattern).hexdigest()}


def test_the_insecure_address_beside_is_clear(server):
    with httpx.Client() as client:
        scope = client.get(f"{server.urls[1]}/scope").json()
    assert scope["scheme"] == "http"
    assert "tls" not in scope["extensions"]


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda each: each.name
)
def test_both_versions_of_tls_are_spoken_and_alpn_says_http_1_1(server, version):
    made = context(minimum_version=version, maximum_version=version)
    with encrypted(server.address, made) as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"
        scope = json.loads(ask(sock, get("/scope")).body)
    assert scope["scheme"] == "https"
    found = scope["extensions"]["tls"]
    assert found["tls_version"] == {"TLSv1_2": 0x0303, "TLSv1_3": 0x0304}[version.name]
    assert found["client_cert_chain"] == []
    assert found["server_cert"].startswith("-----BEGIN CERTIFICATE-----")


def test_pipelined_requests_are_answered_over_tls(server):
    with encrypted(server.address) as sock:
        sock.sendall(b"".join(get(f"/tag?{number}") for number in range(50)))
        found = [response.body for response in responses(sock, 50)]
    assert found == [b"%d" % number for number in range(50)]


def test_plain_http_on_the_encrypted_port_ends_that_connection_only(server):
    answer = raw_exchange(server.address, get(), 20)
    assert answer.closed
    assert b"hello" not in answer.data
    with encrypted(server.address) as sock:
        assert ask(sock, get()).body == b"hello"


def test_a_client_that_trusts_somebody_else_is_no_error_of_ours(server):
    with pytest.raises(ssl.SSLCertVerificationError):
        encrypted(server.address, ssl.create_default_context())
    with encrypted(server.address) as sock:
        assert ask(sock, get()).body == b"hello"


def test_the_end_says_goodbye_to_idle_tls_connections(worker, files):
    with probe(worker, "h11", *tls(files)) as server, encrypted(server.address) as sock:
        ask(sock, get())
        server.terminate()
        assert sock.recv(1) == b""  # close_notify: without it this raises
        sock.close()
        assert server.wait() == 0


def test_a_handshake_that_does_not_come_does_not_hold_up_the_end(worker, files):
    args = tls(files, "--graceful-timeout", "600")
    with probe(worker, "h11", *args) as server, connect(server.address, 20) as silent:
        with encrypted(server.address) as sock:
            ask(sock, get())
        server.terminate()
        assert server.wait() == 0
        assert ended(silent)


def ended(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


# Client certificates ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_client_certificate_is_verified_and_shown_to_the_application(worker, mode, files):
    args = tls(files, "--verify-mode", mode, "--ca-certs", str(files / "ca.pem"))
    known, stranger = context(), context()
    AUTHORITY.issue_cert("client@example.org", common_name="client").configure_cert(known)
    trustme.CA().issue_cert("client@example.org").configure_cert(stranger)
    with probe(worker, "h11", *args) as server:
        with encrypted(server.address, known) as sock:
            shown = json.loads(ask(sock, get("/scope")).body)["extensions"]["tls"]
        assert len(shown["client_cert_chain"]) >= 1
        assert "CN=client" in shown["client_cert_name"]
        assert refused(server.address, stranger)
        if mode == "required":
            assert refused(server.address, context())
        else:
            with encrypted(server.address) as sock:
                shown = json.loads(ask(sock, get("/scope")).body)["extensions"]["tls"]
            assert shown["client_cert_chain"] == []


def refused(address, made) -> bool:
    """Whether the server ends the connection; in TLS 1.3 the client hears of it when it reads."""
    try:
        with encrypted(address, made) as sock:
            sock.sendall(get())
            return sock.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True
