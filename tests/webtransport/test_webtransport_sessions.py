"""aioquic against the server, on every worker: sessions, their streams and datagrams."""

import hashlib

import pytest

from tests.h3.clients_aioquic import request
from tests.webtransport.client import CLOSE, DRAIN, FIRST_CODE
from tests.webtransport.wtprobe import BLOCK, SIZE

BODY = BLOCK * (SIZE // len(BLOCK))
"""2 MiB."""


@pytest.fixture
def client(server):
    with server.connect() as connected:
        yield connected


def test_streams_and_datagrams_come_back(client):
    session = client.session()
    assert session.response.status == 200
    assert session.all(session.open(b"both ways", end=True)) == b"both ways"
    session.open(b"one way", uni=True, end=True)
    client.wait(lambda: len(client.ended) == 2)
    assert client.data[client.ended[1]] == b"one way"
    assert client.ended[1] & 3 == 3
    session.datagram(b"datagram")
    assert session.next_datagram() == b"datagram"
    session.close()
    assert client.ask(request()).data == b"hello"


def test_sessions_and_requests_share_a_connection(client):
    sessions = [client.session() for _ in range(3)]
    streams = [each.open(b"of %d" % each.id, end=True) for each in sessions]
    assert client.ask(request()).data == b"hello"
    for session, stream in zip(sessions, streams, strict=True):
        assert session.all(stream) == b"of %d" % session.id
    sessions[0].close()
    assert sessions[1].all(sessions[1].open(b"goes on", end=True)) == b"goes on"


def test_the_application_opens_streams(client):
    session = client.session(b"/opens")
    client.wait(lambda: len(client.ended) == 2)
    both, one = sorted(client.ended, key=lambda stream: stream & 3)
    assert (client.data[both], client.data[one]) == (b"said two ways", b"said one way")
    client.quic.send_stream_data(both, b"answer", True)
    client.flush()
    assert session.next_datagram() == b"answer"


def test_two_mebibytes_there_and_back(client):
    session = client.session()
    stream = session.open(BODY, end=True)
    assert session.all(stream) == BODY


def test_two_mebibytes_in_the_face_of_loss(server):
    count = 0

    def lose(_outbound):
        nonlocal count
        count += 1
        return count % 100 == 0

    with server.connect(lose=lose, patience=40) as client:
        session = client.session()
        assert session.all(session.open(BODY, end=True)) == BODY


def test_a_paused_stream_is_sent_no_further(client):
    session = client.session(b"/paused")
    stream = session.open(BODY, end=True)
    assert session.next_datagram() == b"paused"
    for _ in range(5):
        client.ping()
    assert client.quic._streams[stream].sender._buffer_stop == len(BODY) + 3
    assert client.quic._streams[stream].sender.highest_offset <= 65536 + 65536
    session.datagram(b"go on")
    expected = f"{len(BODY)} {hashlib.sha256(BODY).hexdigest()}"
    assert session.all(stream) == expected.encode()


def test_codes_of_streams_go_both_ways(client):
    session = client.session(b"/resets")
    stream = session.open(b"x")
    response = client.streams.setdefault(stream, type(session.response)())
    client.wait(lambda: response.reset is not None and response.stopped is not None)
    assert response.reset == FIRST_CODE + 7
    assert response.stopped == FIRST_CODE + 4294967295 + 4294967295 // 30


def test_a_client_gives_streams_up(client, server):
    session = client.session()
    stream = session.open(b"x")
    client.wait(lambda: client.data.get(stream) == b"x")
    client.quic.reset_stream(stream, FIRST_CODE + 77 + 2)
    client.flush()
    response = client.streams.setdefault(stream, type(session.response)())
    client.wait(lambda: response.reset is not None)
    assert response.reset == FIRST_CODE + 79
    assert {"type": "webtransport.stream.reset", "stream": stream, "code": 77} in server.events()
    assert client.ask(request()).data == b"hello"


def test_the_client_closes(client, server):
    session = client.session()
    session.close(4294967295, "bye, ü".encode())
    assert session.capsules == []
    expected = {"type": "webtransport.disconnect", "code": 4294967295, "reason": "bye, ü"}
    assert expected in server.events()


def test_the_application_closes(client, server):
    session = client.session(b"/closes")
    session.datagram(b"x")
    client.wait(lambda: session.response.done)
    assert session.capsules == [(CLOSE, b"\0\0\0\x2a" + "enough, ü".encode())]
    expected = {"type": "webtransport.disconnect", "code": 42, "reason": "enough, ü"}
    assert expected in server.events()
    assert client.ask(request()).data == b"hello"


def test_the_application_refuses(client):
    assert client.session(b"/denied").response.status == 418
    assert client.session(b"/nowhere").response.status == 404
    assert client.ask(request()).data == b"hello"


def test_no_stream_is_lost_where_the_application_does_not_receive(client, server):
    session = client.session(b"/deaf")
    for _ in range(300):
        session.open(b"abc", uni=True, end=True)
    for _ in range(3):
        client.ping()
    assert client.quic._streams_blocked_uni  # no credit for more of them
    with server.connect() as other:
        other.ask(request(b"/release"))
    client.wait(lambda: b"300" in session.response.datagrams)
    refused = [each for each in client.streams.values() if each.stopped is not None]
    assert refused == []


def test_a_worker_that_stops_asks_and_then_closes(serve, worker):
    with serve(worker, "--webtransport-drain-code", "9") as server, server.connect() as client:
        session = client.session()
        assert session.all(session.open(b"x", end=True)) == b"x"
        server.terminate()
        client.wait(lambda: session.capsules)
        assert session.capsules == [(DRAIN, b"")]
        assert session.all(session.open(b"while it stops", end=True)) == b"while it stops"
        client.wait(lambda: len(session.capsules) > 1)
        assert session.capsules[1] == (CLOSE, b"\0\0\0\x09")
        server.wait()


def test_an_application_that_fails_ends_its_session_alone(client, server):
    session = client.session(b"/breaks")
    session.datagram(b"x")
    client.wait(lambda: session.response.reset is not None)
    assert session.response.reset == 0x10C
    assert client.ask(request()).data == b"hello"
    server.wait_for_line("LookupError: asked for")


def test_one_line_is_logged(serve):
    with serve("asyncio", "--access-log", "-") as server, server.connect() as client:
        session = client.session()
        session.close()
    lines = [line for line in server.output.splitlines() if "/echo" in line]
    assert len(lines) == 1
    assert "200" in lines[0]
