"""Clients that mean no good, and one that is served all the while, on every worker."""

import pytest

from tests.h3.clients_aioquic import request
from tests.webtransport.client import GONE, REFUSED

EXCESSIVE_LOAD = 0x107


@pytest.fixture
def honest(server):
    """A session that goes on: before, and after."""
    with server.connect() as client:
        session = client.session()
        assert session.all(session.open(b"before", end=True)) == b"before"
        yield
        assert session.all(session.open(b"after", end=True)) == b"after"
        session.close()


@pytest.fixture
def client(server):
    with server.connect() as connected:
        yield connected


@pytest.mark.parametrize("kind", [b"\x40\x54", b"\x40\x41"], ids=["one way", "both ways"])
def test_ten_thousand_streams_of_no_session(honest, client, kind):
    client.ask(request())
    opened = 0
    with pytest.raises(ConnectionError):  # noqa: PT012  # somewhere in the midst
        while opened < 10_000:
            for _ in range(50):
                stream = client.quic.get_next_available_stream_id(kind == b"\x40\x54")
                client.quic.send_stream_data(stream, kind + b"\x41\x90" + bytes(100))
                opened += 1
            client.ping()
    assert client.closed.error_code == EXCESSIVE_LOAD
    assert opened < 2000


def test_a_session_is_reset_with_its_streams_open(honest, client):
    session, other = client.session(), client.session()
    streams = [session.open(b"x", end=False) for _ in range(20)]
    client.wait(lambda: all(client.data.get(stream) for stream in streams))
    client.quic.reset_stream(session.id, 0x10C)
    client.flush()
    responses = [client.streams.setdefault(each, type(session.response)()) for each in streams]
    client.wait(lambda: all(each.stopped is not None for each in responses))
    assert {(each.reset, each.stopped) for each in responses} == {(GONE, GONE)}
    assert other.all(other.open(b"goes on", end=True)) == b"goes on"


def test_a_stream_for_a_session_that_has_gone(honest, client):
    session = client.session()
    session.close()
    client.ping()
    stream = session.open(b"late")
    response = client.streams.setdefault(stream, type(session.response)())
    client.wait(lambda: response.stopped is not None)
    assert response.stopped in (GONE, REFUSED)


def test_a_flood_of_datagrams(honest, client, server):
    session = client.session(b"/deaf")
    for _ in range(50):
        for _ in range(200):
            session.datagram(bytes(1000))
        client.ping()
    with server.connect() as other:
        other.ask(request(b"/release"))
    session.close()


def test_capsules_that_mean_nothing(honest, client):
    session = client.session()
    # Type 0x99, a length of 2^62 - 1, and more of it than anybody would keep.
    client.send(session.id, b"\x40\x99" + b"\xff" * 8)
    for _ in range(20):
        client.send(session.id, bytes(100_000))
        client.ping()
    assert session.all(session.open(b"works", end=True)) == b"works"
    # A close whose reason is longer than one may be.
    wrong = client.session()
    client.send(wrong.id, b"\x68\x43\x44\x05" + bytes(1029))
    client.wait(lambda: wrong.response.reset is not None)
    assert wrong.response.reset == 0x10C
    assert session.all(session.open(b"works", end=True)) == b"works"


def test_more_sessions_than_a_connection_may_have(honest, client):
    sessions = [client.session() for _ in range(20)]
    assert [each.response.status for each in sessions] == [200] * 16 + [429] * 4
    sessions[0].close()
    assert client.session().response.status == 200
