"""aioquic against the server, on every worker: requests, bodies, and what QUIC alone can do."""

from __future__ import annotations

import hashlib
import json

import pytest
from websockets.frames import Close, Opcode

from tests.h3.clients_aioquic import Client, request
from tests.h3.clients_websocket import ENABLE_CONNECT_PROTOCOL, WebSocket, asks

BODY = bytes(range(256)) * 4096
"""1 MiB."""
H3_NO_ERROR = 0x100
H3_REQUEST_CANCELLED = 0x10C


@pytest.fixture
def client(server):
    with server.connect() as connected:
        yield connected


# Requests -----------------------------------------------------------------------------------------


def test_a_get(client):
    response = client.ask(request())
    assert response.status == 200
    assert response.data == b"hello"
    assert response.values(b"content-length") == [b"5"]
    assert len(response.values(b"date")) == 1


def test_the_application_is_told_what_it_is_served_by(client, server):
    scope = json.loads(client.ask(request(b"/scope?a=b", (b"x-a", b"1"), (b"x-a", b"2"))).data)
    assert scope["http_version"] == "3"
    assert scope["scheme"] == "https"
    assert scope["path"] == "/scope"
    assert scope["server"] == list(server.quic)
    assert scope["client"][0] == "127.0.0.1"
    assert scope["headers"] == [["host", "localhost"], ["x-a", "1"], ["x-a", "2"]]


def test_a_megabyte_up(client):
    response = client.ask(request(b"/digest", method=b"POST"), BODY)
    sha = hashlib.sha256(BODY).hexdigest()
    assert json.loads(response.data) == {"size": len(BODY), "sha256": sha}


def test_a_megabyte_down(client):
    assert client.ask(request(b"/download?%d" % len(BODY))).data == BODY


def test_a_megabyte_there_and_back(client):
    assert client.ask(request(b"/echo", method=b"POST"), BODY).data == BODY


@pytest.mark.parametrize("how", [b"pathsend", b"zerocopysend"])
def test_a_file(client, how):
    assert client.ask(request(b"/file?" + how)).data == BODY[: 256 * 1024]


def test_a_hundred_requests_at_once(client):
    streams = [client.open(request(b"/tag?%d" % number)) for number in range(100)]
    assert [each.data for each in client.answers(streams)] == [b"%d" % n for n in range(100)]


def test_three_hundred_requests_where_a_hundred_may_be_open(client):
    streams = [client.open(request(b"/tag?%d" % number)) for number in range(300)]
    assert [each.data for each in client.answers(streams)] == [b"%d" % n for n in range(300)]


def test_head(client):
    response = client.ask(request(method=b"HEAD"))
    assert response.status == 200
    assert response.values(b"content-length") == [b"5"]
    assert response.data == b""


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body(client, status):
    response = client.ask(request(b"/status?%d" % status))
    assert response.status == status
    assert response.values(b"etag") == [b'"x"']
    assert response.data == b""


def test_trailers_down(client):
    response = client.ask(request(b"/trailers", (b"te", b"trailers")))
    assert response.data == b"body"
    assert response.trailers == [(b"x-sum", b"42")]


def test_trailers_up(client):
    stream = client.open(request(b"/request-trailers", method=b"POST"), end=False)
    client.send(stream, b"body")
    client.trail(stream, [(b"x-sum", b"7")])
    assert json.loads(client.answer(stream).data) == [["x-sum", "7"]]


def test_early_hints(client):
    response = client.ask(request(b"/hints"))
    assert [dict(each)[b":status"] for each in response.interim] == [b"103", b"103"]
    links = [value for each in response.interim for name, value in each if name == b"link"]
    assert links == [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]
    assert response.data == b"hinted"


def test_events_come_while_the_response_goes_on(client):
    stream = client.open(request(b"/events"))
    client.wait(lambda: client[stream].data == b"data: 1\n\n")
    assert not client[stream].ended
    client.ask(request(b"/release"))
    assert client.answer(stream).data == b"data: 1\n\ndata: 2\n\n"


def test_a_crash_is_one_request_s_affair(client):
    streams = [client.open(request(path)) for path in (b"/crash", b"/crash-late", b"/")]
    crashed, broken, fine = client.answers(streams)
    assert crashed.status == 500
    assert broken.reset is not None
    assert fine.data == b"hello"


def test_a_client_that_gives_up_tells_the_application(client):
    stream = client.open(request(b"/wait"))
    client.ask(request(b"/"))
    client.quic.stop_stream(stream, H3_REQUEST_CANCELLED)
    client.flush()
    running = request(b"/running")
    while "GET /wait" in json.loads(client.ask(running).data):
        pass
    assert client.closed is None


# WebSocket (RFC 9220) -----------------------------------------------------------------------------


def test_websocket_is_offered_and_echoes(client):
    client.ask(request())
    assert client.settings[ENABLE_CONNECT_PROTOCOL] == 1
    socket = WebSocket(client)
    assert socket.response.status == 200
    for sent in ("hello", "ü" * 1000, BODY):
        socket.send(sent)
        opcode, data = socket.receive()
        assert data == (sent.encode() if isinstance(sent, str) else sent)
        assert opcode == (Opcode.TEXT if isinstance(sent, str) else Opcode.BINARY)


def test_websockets_beside_requests(client):
    sockets = [WebSocket(client) for _ in range(10)]
    for number, socket in enumerate(sockets):
        socket.send(f"message {number}")
    assert client.ask(request()).data == b"hello"
    assert [socket.receive()[1] for socket in sockets] == [b"message %d" % n for n in range(10)]


def test_websocket_is_closed_by_the_application(client):
    socket = WebSocket(client)
    socket.send("close")
    opcode, data = socket.receive()
    assert opcode is Opcode.CLOSE
    assert Close.parse(data) == Close(4001, "asked")
    socket.send_frame(Opcode.CLOSE, data, end=True)
    client.wait(lambda: socket.response.done)
    assert client.ask(request()).data == b"hello"


def test_websocket_knows_what_it_runs_over(client):
    socket = WebSocket(client, b"/ws-scope")
    scope = json.loads(socket.receive()[1])
    assert scope["http_version"] == "3"
    assert scope["scheme"] == "wss"


def test_websocket_is_denied_with_a_response(client):
    socket = WebSocket(client, b"/ws-denied")
    client.wait(lambda: socket.response.done)
    assert socket.response.status == 418
    assert socket.response.data == b"a teapot"


def test_an_unknown_protocol_is_refused_and_nothing_else(client):
    stream = client.open(asks(protocol=b"teapot"), end=False)
    client.wait(lambda: client[stream].fields is not None or client[stream].done)
    assert client[stream].status in (400, 501)
    assert client.ask(request()).data == b"hello"


# QUIC ---------------------------------------------------------------------------------------------


def test_a_session_is_resumed(server):
    with server.connect() as first:
        first.ask(request())
        first.wait(lambda: first.tickets)
        assert not first.resumed
    with server.connect(ticket=first.tickets[0]) as second:
        assert second.ask(request()).data == b"hello"
        assert second.resumed
        assert not second.early, "0-RTT is off by default"


def test_keys_are_updated(client):
    for _ in range(3):
        client.quic.request_key_update()
        assert client.ask(request(b"/download?100000")).data == BODY[:100000]


def test_the_connection_survives_another_port(client):
    """A NAT forgets us within a download, and afterwards."""
    before = json.loads(client.ask(request(b"/whoami")).data)
    stream = client.open(request(b"/download?%d" % len(BODY)))
    client.wait(lambda: len(client[stream].data) > 100_000)
    client.rebind()
    client.ping()
    assert client.answer(stream).data == BODY
    after = json.loads(client.ask(request(b"/whoami")).data)
    assert after["pid"] == before["pid"]


def test_the_connection_migrates(client):
    for _ in range(3):
        client.migrate()
        assert client.ask(request(b"/download?100000")).data == BODY[:100000]


def test_a_datagram_that_nobody_asked_for_is_dropped(client):
    stream = client.open(request(b"/begin"))
    client.wait(lambda: client[stream].data)
    client.http.send_datagram(stream, b"unasked")
    client.flush()
    client.ask(request(b"/release"))
    assert client.answer(stream).data == b"begun ended"


@pytest.mark.parametrize("every", [100, 20], ids=["1%", "5%"])
def test_lost_datagrams_are_made_good(server, every):
    lost = 0

    def lose(_outbound: bool) -> bool:
        nonlocal lost
        lost += 1
        return lost % every == 0

    with server.connect(lose=lose, patience=40) as client:
        assert client.ask(request(b"/echo", method=b"POST"), BODY).data == BODY


def test_a_client_that_speaks_another_version_is_told(server):
    """Version negotiation (RFC 9000 section 6)."""
    from aioquic.quic.packet import QuicProtocolVersion

    versions = [0x1A2A3A4A, QuicProtocolVersion.VERSION_1]
    with server.connect(original_version=0x1A2A3A4A, supported_versions=versions) as client:
        assert client.ask(request()).data == b"hello"


def test_an_unknown_host_still_gets_the_certificate(server):
    with (
        pytest.raises(ConnectionError),
        Client(server.quic, server.authority, server_name="elsewhere.example") as client,
    ):
        client.ask(request())
