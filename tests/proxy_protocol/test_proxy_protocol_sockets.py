"""The PROXY protocol on real sockets, in clear and in front of TLS, on every worker."""

from __future__ import annotations

import json
import socket
import ssl
import sys

import pytest
import trustme

from nonecorn.testing import ServeExitedError, ServeProcess, raw_exchange
from nonecorn.testing.wire import connect, read_responses
from tests.proxy_protocol.headers import TCP6, V1, V2, block, checked, inet

AUTHORITY = trustme.CA()
REQUEST = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
APP = """
import json

async def app(scope, receive, send):
    facts = {name: scope[name] for name in ("scheme", "client", "server")}
    facts["tls"] = "tls" in scope["extensions"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(facts).encode()})
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    path = tmp_path_factory.mktemp("site")
    (path / "app.py").write_text(APP)
    server = AUTHORITY.issue_cert("localhost")
    server.private_key_and_cert_chain_pem.write_to_path(path / "server.pem")
    return path


def serve(site, *args):
    return ServeProcess("app:app", ["--lifespan", "off", *args], cwd=site)


@pytest.fixture(scope="module", params=["asyncio", "uvloop", "trio"])
def server(request, site):
    if request.param == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    args = ("-k", request.param, "--proxy-protocol", "required", "--log-level", "debug")
    tls = ("--certfile", "server.pem", "--bind", "127.0.0.1:0", "--insecure-bind", "127.0.0.1:0")
    with serve(site, *args, *tls) as running:
        yield running
    assert running.exit_code == 0
    assert "Traceback" not in running.errors


def facts(sock, data):
    """What the application says of the request in `data`."""
    sock.sendall(data)
    answer = b"".join(iter(lambda: sock.recv(65536), b""))
    [response] = read_responses(answer)
    assert response.status == 200
    return json.loads(response.body)


def insecure(server):
    host, _, port = server.urls[1].removeprefix("http://").rpartition(":")
    return connect((host, int(port)), 20)


@pytest.mark.parametrize("header", [V1, V2, checked(0x11, V2[16:])])
def test_the_application_sees_the_client_and_what_it_connected_to(server, header):
    with insecure(server) as sock:
        assert facts(sock, header + REQUEST) == {
            "scheme": "http",
            "client": ["192.0.2.7", 51000],
            "server": ["198.51.100.9", 443],
            "tls": False,
        }


def test_the_header_stands_in_front_of_tls(server):
    made = ssl.create_default_context()
    AUTHORITY.configure_trust(made)
    with connect(server.address, 20) as sock:
        sock.sendall(block(TCP6, inet("2001:db8::7", 51000, "2001:db8::9", 443)))
        with made.wrap_socket(sock, server_hostname="localhost") as encrypted:
            assert facts(encrypted, REQUEST) == {
                "scheme": "https",
                "client": ["2001:db8::7", 51000],
                "server": ["2001:db8::9", 443],
                "tls": True,
            }


def test_a_connection_without_a_header_is_closed_without_a_word(server):
    with insecure(server) as sock:
        try:
            sock.sendall(REQUEST)
            assert sock.recv(100) == b""
        except ConnectionError:
            pass  # what was not read makes it a reset
    server.wait_for_line("sent no PROXY header")


def test_the_access_log_names_the_client(site, tmp_path):
    log = tmp_path / "access.log"
    with (
        serve(site, "--proxy-protocol", "required", "--access-log", str(log)) as server,
        connect(server.address, 20) as sock,
    ):
        facts(sock, V2 + REQUEST)
    assert log.read_text().startswith("192.0.2.7 ")


# On one worker: who is trusted is settled before a byte is read, and the closing itself is that of
# `test_a_connection_without_a_header_is_closed_without_a_word`, on each.
def test_strangers_are_closed_where_a_header_is_required(site):
    args = ("--proxy-protocol", "required", "--proxy-protocol-trusted", "192.0.2.0/24")
    with serve(site, *args) as server, connect(server.address, 20) as sock:
        try:
            sock.sendall(V2 + REQUEST)
            assert sock.recv(100) == b""
        except ConnectionError:
            pass
        server.wait_for_line("from 127.0.0.1 was closed: it is not in proxy_protocol_trusted")


def test_strangers_are_served_as_themselves_where_that_is_wanted(site):
    args = ("--proxy-protocol", "trusted", "--proxy-protocol-trusted", "192.0.2.0/24")
    with serve(site, *args) as server:
        with connect(server.address, 20) as sock:
            assert facts(sock, REQUEST)["client"] == list(sock.getsockname())
        # A header is no request: nobody can pass himself off as somebody else.
        assert raw_exchange(server.address, V1 + REQUEST).data.startswith(b"HTTP/1.1 400 ")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no unix sockets here")
def test_peers_of_a_unix_socket_are_trusted_by_name(site, tmp_path):
    bind = ("--bind", f"unix:{tmp_path / 's'}", "--proxy-protocol", "required")
    with serve(site, *bind) as server, connect(server.address, 20) as sock:
        assert facts(sock, V1 + REQUEST)["client"] == ["192.0.2.7", 51000]


def test_what_is_no_network_is_told_at_the_start(site):
    args = ["--proxy-protocol", "required", "--proxy-protocol-trusted", "10.0.0.1/8"]
    with pytest.raises(ServeExitedError) as caught, serve(site, *args):
        pass
    assert caught.value.exit_code == 2
    assert "is 10.0.0.0/8 meant" in caught.value.errors
