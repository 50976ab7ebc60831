"""What clients connect to: the arbiter's sockets, clear and over TLS, and what is spoken there."""

import socket
import ssl

import httpx
import pytest
import trustme
from websockets.sync.client import connect

from tests.gunicorn.conftest import PATIENCE, clear_client, get


@pytest.fixture
def authority(tmp_path):
    """A CA, and the files of a certificate of its for localhost."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    return authority


CERTIFICATE = ("--certfile", "cert.pem", "--keyfile", "key.pem")


def trusting(authority, client=None):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if client is not None:
        client.configure_cert(context)
    return context


def ask(transport, url="http://test"):
    with httpx.Client(transport=transport, trust_env=False, timeout=PATIENCE) as client:
        return client.get(url)


def test_every_socket_of_the_arbiter_is_served(gunicorn, worker_class, tmp_path):
    path = tmp_path / "socket"
    binds = [
        each for bind in ("127.0.0.1:0", "127.0.0.1:0", f"unix:{path}") for each in ("-b", bind)
    ]
    server = gunicorn("-k", worker_class, *binds)
    first, second, third = server.addresses
    assert first != second
    with clear_client() as client:
        for url in (first, second):
            assert client.get(url).json()["server"][1] == int(url.rpartition(":")[2])
    assert third == f"unix:{path}"
    facts = ask(httpx.HTTPTransport(uds=str(path))).json()
    assert facts["server"] == [str(path), None]
    assert server.end() == 0
    assert not path.exists()  # the arbiter's, which removes it


def test_an_inherited_socket_is_served(gunicorn):
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = gunicorn("-b", f"fd://{sock.fileno()}", pass_fds=(sock.fileno(),))
        port = sock.getsockname()[1]
        assert get(server)["server"] == ["127.0.0.1", port]


def test_workers_with_sockets_of_their_own_are_served(gunicorn):
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))  # not listening: nobody connects to it
        port = reserved.getsockname()[1]
        server = gunicorn("--reuse-port", "-b", f"127.0.0.1:{port}", "-w", "2")
        server.workers(2)
        found = set()
        for _ in range(50):
            with clear_client() as client:
                found.add(client.get(f"http://127.0.0.1:{port}").json()["pid"])
        assert found == set(server.workers(2))


def test_http_2_is_negotiated_over_tls(gunicorn, worker_class, authority):
    server = gunicorn("-k", worker_class, *CERTIFICATE)
    context = trusting(authority)
    with httpx.Client(http2=True, verify=context, trust_env=False, timeout=PATIENCE) as client:
        response = client.get(server.url)
    assert response.http_version == "HTTP/2"
    assert response.json()["scheme"] == "https"
    old = ask(httpx.HTTPTransport(verify=trusting(authority)), server.url)
    assert old.http_version == "HTTP/1.1"
    assert "Traceback" not in server.said


def test_clients_show_certificates(gunicorn, authority):
    server = gunicorn(*CERTIFICATE, "--ca-certs", "ca.pem", "--cert-reqs", "2")
    known = trusting(authority, authority.issue_cert("client.test"))
    assert ask(httpx.HTTPTransport(verify=known), server.url).status_code == 200
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, httpx.ConnectError)):
        ask(httpx.HTTPTransport(verify=trusting(authority)), server.url)


def test_the_ssl_context_hook_has_the_last_word(gunicorn, authority, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(
        "import ssl\n"
        "def ssl_context(conf, default_ssl_context_factory):\n"
        "    context = default_ssl_context_factory()\n"
        "    context.minimum_version = ssl.TLSVersion.TLSv1_3\n"
        "    return context\n"
    )
    server = gunicorn(*CERTIFICATE)
    assert ask(httpx.HTTPTransport(verify=trusting(authority)), server.url).status_code == 200
    old = trusting(authority)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(httpx.ConnectError):
        ask(httpx.HTTPTransport(verify=old), server.url)


def test_an_ssl_context_hook_that_fails_is_named(gunicorn, authority, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(
        "def ssl_context(conf, default_ssl_context_factory):\n    raise OSError('no HSM')\n"
    )
    server = gunicorn(*CERTIFICATE, serves=False)
    assert server.wait() == 3
    assert (
        "nonecorn cannot start: gunicorn's hook ssl_context raised OSError: no HSM" in server.said
    )


def test_websockets_are_served_and_closed_when_the_worker_ends(gunicorn, worker_class):
    server = gunicorn("-k", worker_class)
    url = server.url.replace("http", "ws", 1)
    with connect(url, proxy=None, open_timeout=PATIENCE) as client:
        for text in ("tea", "x" * 100_000):
            client.send(text)
            assert client.recv(timeout=PATIENCE) == text
        assert server.end() == 0
        client.close()
        assert client.close_code == 1012  # service restart
