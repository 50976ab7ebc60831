"""HAProxy in front, by the recipes."""

import json

import pytest
from websockets.sync.client import connect as websocket

from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get
from tests.recipes.backend import Backend
from tests.recipes.load import Load
from tests.recipes.proxies import haproxy, needs_haproxy
from tests.recipes.tls import client_context

GET = get("/")
POST = b"POST / HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 5\r\n\r\nhello"
DELAY = ("--drain-delay", "4s")
"""More than the checks need, on a machine that has other things to do as well."""

pytestmark = needs_haproxy


def in_front(path, backends, name="haproxy.cfg", port=8000, listen="bind :80"):
    changes = {
        f"10.0.0.1{number}:{port} port 9100": f"{backend.address} port {backend.health_port}"
        for number, backend in enumerate(backends, start=1)
    }
    return haproxy(path, name, listen, changes)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of HAProxy with two servers behind it, which the tests leave as they were."""
    path = tmp_path_factory.mktemp("haproxy")
    with Backend() as one, Backend() as two, in_front(path, [one, two]) as address:
        yield address


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_rolling_restart_loses_no_request_of_any_kind(tmp_path, workers):
    args = (*DELAY, "--workers", str(workers))
    requests = [("GET", GET, ""), ("POST", POST, "hello")]
    with Backend(*args) as one, Backend(*args) as two:
        with in_front(tmp_path, [one, two]) as address, Load(address, requests) as load:
            for backend in (one, two):
                load.wait_for(backend.workers)
            for backend in (one, two):
                backend.stop()
                load.wait_for(backend.start())
        assert load.lost == []


def test_the_application_hears_who_asked_for_what(address):
    forged = get("/", "x-forwarded-for: 6.6.6.6", "x-forwarded-proto: gopher")
    with connect(address, 20) as sock:
        value = json.loads(ask(sock, forged).body)
    assert value["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert value["headers"]["x-forwarded-proto"] == "http"


def test_events_arrive_as_they_are_sent_and_websockets_go_through(address):
    with connect(address, 20) as sock:
        sock.sendall(get("/events"))
        data = b""
        while b"data: one\n\n" not in data:
            piece = sock.recv(65536)
            assert piece, data
            data += piece
    with websocket(f"ws://127.0.0.1:{address[1]}/ws", open_timeout=20) as sock:
        sock.send("hello")
        assert sock.recv(20).endswith(" hello")


def test_tcp_with_the_proxy_protocol_in_front_of_tls(tmp_path, certificate):
    args = ("--certfile", str(certificate), "--proxy-protocol", "required")
    args += ("--proxy-protocol-trusted", "127.0.0.0/8")
    with Backend(*args) as one, Backend(*args) as two:
        front = in_front(tmp_path, [one, two], "haproxy-tcp.cfg", 8443, "bind :443")
        with front as address:
            for _ in range(4):
                with connect(address, 20) as raw:
                    own = raw.getsockname()
                    context = client_context(certificate)
                    with context.wrap_socket(raw, server_hostname="localhost") as sock:
                        value = json.loads(ask(sock, GET).body)
                assert tuple(value["client"]) == own
                assert tuple(value["server"]) == address
                assert value["scheme"] == "https"
    # Checks come without the header, to the other port: nobody is turned away.
    assert "was closed" not in one.server.errors + two.server.errors
