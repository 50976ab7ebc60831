"""nginx in front, by the recipes."""

import json

import pytest
from websockets.sync.client import connect as websocket

from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get, responses
from tests.recipes.backend import Backend
from tests.recipes.load import Load
from tests.recipes.proxies import needs_nginx, needs_nginx_stream, nginx
from tests.recipes.tls import client_context

GET = get("/")
POST = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nhello"


def in_front(path, backends):
    changes = {
        f"10.0.0.1{number}:8000": backend.address
        for number, backend in enumerate(backends, start=1)
    }
    return nginx(path, "nginx.conf", "listen 80;", changes)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of nginx with two servers behind it, which the tests leave as they were."""
    path = tmp_path_factory.mktemp("nginx")
    with Backend() as one, Backend() as two, in_front(path, [one, two]) as address:
        yield address


@pytest.fixture
def sock(address):
    """A connection to it."""
    with connect(address, 20) as sock:
        yield sock


@needs_nginx
@pytest.mark.timeout(150)
def test_a_rolling_restart_loses_no_request(tmp_path):
    with Backend("--drain-delay", "500ms") as one, Backend("--drain-delay", "500ms") as two:
        with in_front(tmp_path, [one, two]) as address, Load(address, [("GET", GET, "")]) as load:
            for backend in (one, two):
                load.wait_for(backend.workers)
            for backend in (one, two):
                backend.stop()
                load.wait_for(backend.start())
        assert load.lost == []


@needs_nginx
def test_connections_to_the_server_are_kept(sock):
    ports = {tuple(json.loads(ask(sock, GET).body)["client"]) for _ in range(20)}
    # nginx keeps one to each, for whichever it asks.
    assert len(ports) == 2


@needs_nginx
def test_the_application_hears_who_asked_for_what(sock):
    value = json.loads(
        ask(sock, get("/", "x-forwarded-for: 6.6.6.6", "x-forwarded-proto: gopher")).body
    )
    assert value["headers"]["host"] == "test"
    assert value["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert value["headers"]["x-forwarded-proto"] == "http"
    # Until somebody is told whom to trust, the peer is the proxy.
    assert value["scheme"] == "http"
    assert value["client"][0].startswith("127.")


@needs_nginx
def test_a_body_goes_through(sock):
    sock.sendall(POST)
    assert json.loads(responses(sock)[0].body)["body"] == "hello"


@needs_nginx
def test_events_arrive_as_they_are_sent(sock):
    sock.sendall(get("/events"))
    data = b""
    while b"data: one\n\n" not in data:
        piece = sock.recv(65536)
        assert piece, data
        data += piece
    assert b"text/event-stream" in data


@needs_nginx
def test_a_websocket_goes_through_and_is_told_of_a_drain(tmp_path):
    with Backend() as one, Backend() as two, in_front(tmp_path, [one, two]) as address:
        with websocket(f"ws://127.0.0.1:{address[1]}/ws", open_timeout=20) as sock:
            sock.send("hello")
            pid, _, text = sock.recv(20).partition(" ")
            assert text == "hello"
            backend = next(each for each in (one, two) if each.server.pid == int(pid))
            backend.server.terminate()
            with pytest.raises(Exception, match="1012"):
                sock.recv(20)
        assert backend.server.wait(20) == 0


@needs_nginx
def test_a_unix_socket_behind_nginx(tmp_path):
    with Backend(bind=f"unix:{tmp_path}/web.sock") as backend:
        changes = {"unix:/run/shop/web.sock": f"{backend.address}"}
        with nginx(tmp_path, "nginx-unix.conf", "listen 80;", changes) as address:
            with connect(address, 20) as sock:
                for _ in range(3):
                    value = json.loads(ask(sock, GET).body)
                    assert value["client"] is None
                    assert value["headers"]["x-forwarded-for"] == "127.0.0.1"
            with websocket(f"ws://127.0.0.1:{address[1]}/ws", open_timeout=20) as sock:
                sock.send("hello")
                assert sock.recv(20).endswith(" hello")


@needs_nginx_stream
def test_tcp_with_the_proxy_protocol_in_front_of_tls(tmp_path, certificate):
    args = ("--certfile", str(certificate), "--proxy-protocol", "required")
    args += ("--proxy-protocol-trusted", "127.0.0.0/8")
    with Backend(*args) as one, Backend(*args) as two:
        changes = {"10.0.0.11:8443": one.address, "10.0.0.12:8443": two.address}
        front = nginx(tmp_path, "nginx-stream.conf", "listen 443;", changes, stream=True)
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
