"""A client opens a unidirectional stream in the place of one that has ended and was read."""

from nonecorn_h3._settings import H3Settings
from nonecorn_h3.testing import QuicWire

MOST = 10


def connect(*, greedy):
    wire = QuicWire(settings=H3Settings(max_streams=MOST))
    client = wire.connect()
    [protocol] = wire.protocols
    protocol.greedy = greedy
    return wire, client, protocol


def send(wire, client, count):
    """Streams with a few bytes and an end."""
    for _ in range(count):
        stream = client.get_next_available_stream_id(is_unidirectional=True)
        client.send_stream_data(stream, b"abc", end_stream=True)
    wire.pump()


def test_those_that_were_read_make_place():
    wire, client, protocol = connect(greedy=True)
    send(wire, client, 5 * MOST)
    assert len(protocol.ended) == 5 * MOST


def test_those_that_were_not_do_not():
    wire, client, protocol = connect(greedy=False)
    send(wire, client, 5 * MOST)
    assert len(protocol.ended) == MOST
    for stream in sorted(protocol.ended)[: MOST - 1]:
        protocol.port.consumed(stream, 3)
    protocol.port.consumed(max(protocol.ended), 2)
    wire.pump()
    assert len(protocol.ended) == 2 * MOST - 1


def test_stopping_is_reading():
    wire, client, protocol = connect(greedy=False)
    send(wire, client, 2 * MOST)
    for stream in tuple(protocol.ended):
        protocol.port.stop(stream, 0)
    wire.pump()
    assert len(protocol.ended) == 2 * MOST


def test_what_was_broken_off_makes_place_once_it_was_read():
    wire, client, protocol = connect(greedy=False)
    streams = []
    for _ in range(MOST):
        streams.append(client.get_next_available_stream_id(is_unidirectional=True))
        client.send_stream_data(streams[-1], b"abc")
    wire.pump()
    for stream in streams:
        client.reset_stream(stream, 7)
    send(wire, client, MOST)
    assert sorted(protocol.calls) == [("reset", stream, 7) for stream in streams]
    assert not protocol.ended
    for stream in streams:
        protocol.port.consumed(stream, 3)
    wire.pump()
    assert len(protocol.ended) == MOST


def test_the_client_hears_of_places_long_before_it_has_none_left():
    """Some fail to open a stream that there is no credit for, instead of waiting."""
    wire = QuicWire(settings=H3Settings(max_streams=100))
    client = wire.connect()
    wire.protocols[0].greedy = True
    send(wire, client, 24)
    assert client._remote_max_streams_uni == 100
    send(wire, client, 1)
    assert client._remote_max_streams_uni == 125
