"""One connection over the whole transport, against aioquic's client, in memory."""

from __future__ import annotations

import pytest
from aioquic.quic import events
from aioquic.quic.packet import QuicErrorCode

from nonecorn.spi import Limits
from nonecorn_h3._settings import H3Settings
from nonecorn_h3.testing import Network, QuicWire

MEBIBYTE = bytes(1 << 20)


def test_a_handshake_makes_the_protocol_that_alpn_chose():
    wire = QuicWire(alpn=(b"h3", b"other"))
    client = wire.connect(configuration={"alpn_protocols": ["other"]})
    assert client.ready
    (protocol,) = wire.protocols
    assert protocol.port.tls.alpn == b"other"
    assert protocol.port.tls.server_name == "localhost"
    assert protocol.port.client == client.address
    assert wire.runtime.ports == {protocol.port}


def test_no_common_protocol_ends_the_handshake():
    client = QuicWire().connect(configuration={"alpn_protocols": ["nonsense"]})
    assert client.terminated.error_code == QuicErrorCode.CRYPTO_ERROR + 120


def test_streams_carry_data_both_ways():
    wire = QuicWire()
    client = wire.connect()
    client.send_stream_data(0, b"question", end_stream=True)
    wire.pump()
    (protocol,) = wire.protocols
    assert protocol.data == {0: b"question"}
    assert protocol.ended == {0}
    protocol.port.write(0, b"answer", True)
    wire.pump()
    assert client.received(0) == b"answer"
    assert protocol.port._engine._streams == {}


def test_streams_of_ours():
    wire = QuicWire()
    client = wire.connect()
    port = wire.protocols[0].port
    one = port.open(bidirectional=False)
    both = port.open(bidirectional=True)
    assert (one, both) == (3, 1)
    port.write(one, b"settings", False)
    port.write(both, b"hello", False)
    wire.pump()
    client.send_stream_data(both, b"well", end_stream=True)
    wire.pump()
    assert client.received(one) == b"settings"
    assert wire.protocols[0].data == {both: b"well"}


@pytest.mark.parametrize("loss", [0, 0.01, 0.1])
def test_bulk_data_arrives_whatever_is_lost(loss: float):
    wire = QuicWire(network=Network(loss=loss, doubled=loss, seed=7))
    client = wire.connect()
    wire.pump(5)
    (protocol,) = wire.protocols
    client.send_stream_data(0, MEBIBYTE, end_stream=True)
    while not protocol.data:
        wire.pump()
    protocol.port.write(0, MEBIBYTE, True)
    wire.pump(60)
    assert protocol.data[0] == MEBIBYTE
    assert protocol.ended == {0}
    assert client.received(0) == MEBIBYTE
    assert bool(wire.network.lost) == bool(loss)
    assert protocol.port._engine._streams == {}


def test_a_writer_is_paused_and_resumed():
    wire = QuicWire(limits=Limits(send_buffer=50_000))
    client = wire.connect(configuration={"max_stream_data": 10_000})
    (protocol,) = wire.protocols
    client.send_stream_data(0, b"?")
    client.send_stream_data(4, b"?")
    wire.pump()
    protocol.port.write(0, bytes(60_001), False)
    assert protocol.calls == [("pause", 0)]
    assert protocol.port.buffered(0) == 60_001
    protocol.port.write(4, bytes(50_000), False)
    assert protocol.calls == [("pause", 0)]
    wire.pump(5)
    assert protocol.calls == [("pause", 0), ("resume", 0)]


def test_without_a_reader_a_client_may_send_one_buffer_per_stream_and_others_go_on():
    wire = QuicWire(limits=Limits(receive_buffer=10_000))
    client = wire.connect()
    (protocol,) = wire.protocols
    protocol.greedy = False
    for stream in range(0, 400, 4):
        client.send_stream_data(stream, bytes(100_000), end_stream=True)
    wire.pump(5)
    assert {len(data) for data in protocol.data.values()} == {10_000}
    assert len(protocol.data) == 100
    for _ in range(20):
        protocol.port.consumed(396, len(protocol.data[396]))
        wire.pump()
    assert len(protocol.data[396]) == 100_000
    assert 396 in protocol.ended
    assert len(protocol.data[0]) == 10_000


def test_a_reader_that_keeps_up_gets_a_wider_window():
    wire = QuicWire(limits=Limits(receive_buffer=10_000), latency=0.05)
    client = wire.connect()
    client.send_stream_data(0, MEBIBYTE, end_stream=True)
    wire.pump(20)
    (protocol,) = wire.protocols
    assert protocol.ended == {0}
    assert wire.runtime.time() < 1000 + 30
    # At 10 kB a round trip it had taken 10 s of simulated time, acknowledgements aside.
    spare = H3Settings().receive_window
    client.send_stream_data(4, MEBIBYTE)
    wire.pump(20)
    engine = protocol.port._engine
    assert engine._streams[4].window >= 40_000
    widened = sum(stream.window - 10_000 for stream in engine._streams.values())
    assert engine._spare_window == spare - widened


def test_a_peer_that_resets_gives_its_credit_back():
    wire = QuicWire(limits=Limits(receive_buffer=10_000))
    client = wire.connect()
    (protocol,) = wire.protocols
    protocol.greedy = False
    client.send_stream_data(0, bytes(10_000))
    wire.pump()
    client.reset_stream(0, 77)
    wire.pump()
    assert protocol.calls == [("reset", 0, 77)]
    protocol.port.write(0, b"", True)
    wire.pump()
    engine = protocol.port._engine
    assert engine._streams == {}
    assert engine._local_max_data.value - engine._data_window == 10_000


def test_stop_sending_resets_our_direction():
    wire = QuicWire()
    client = wire.connect()
    client.send_stream_data(0, b"x", end_stream=True)
    wire.pump()
    (protocol,) = wire.protocols
    protocol.port.write(0, MEBIBYTE, False)
    client.stop_stream(0, 9)
    wire.pump()
    assert ("stopped", 0, 9) in protocol.calls
    assert [each.error_code for each in client.of_type(events.StreamReset)] == [9]
    protocol.port.write(0, b"late", True)
    wire.pump()
    assert protocol.port._engine._streams == {}


def test_reset_and_stop_from_our_side():
    wire = QuicWire()
    client = wire.connect()
    client.send_stream_data(0, b"x" * 1000)
    wire.pump()
    (protocol,) = wire.protocols
    protocol.port.write(0, b"part", False)
    protocol.port.stop(0, 5)
    protocol.port.reset(0, 6)
    wire.pump()
    assert [each.error_code for each in client.of_type(events.StopSendingReceived)] == [5]
    assert [each.error_code for each in client.of_type(events.StreamReset)] == [6]
    assert protocol.port._engine._streams == {}
    assert len(protocol.data[0]) == 1000


def test_datagrams_both_ways_and_no_longer_than_fits():
    wire = QuicWire()
    client = wire.connect()
    (protocol,) = wire.protocols
    client.send_datagram_frame(b"ping")
    wire.pump()
    assert protocol.calls == [("datagram", b"ping")]
    most = protocol.port.max_datagram
    assert 1100 < most < 1200
    assert protocol.port.send_datagram(bytes(most))
    assert not protocol.port.send_datagram(bytes(most + 1))
    assert sum(protocol.port.send_datagram(b"x") for _ in range(100)) == 63
    wire.pump()
    assert len(client.of_type(events.DatagramFrameReceived)) == 64


def test_a_port_is_settled_when_all_is_acknowledged():
    wire = QuicWire()
    client = wire.connect()
    port = wire.protocols[0].port
    client.send_stream_data(0, b"?", end_stream=True)
    wire.pump()
    wire.pump(1)
    assert port.settled
    port.write(0, b"!", True)
    assert not port.settled
    port.flush(wire.runtime.time())
    assert not port.settled
    wire.pump()
    wire.pump(1)
    assert port.settled


def test_no_datagrams_where_the_peer_takes_none():
    wire = QuicWire()
    wire.connect(configuration={"max_datagram_frame_size": None})
    port = wire.protocols[0].port
    assert port.max_datagram == 0
    assert not port.send_datagram(b"")


def test_urgent_streams_come_first_and_incremental_ones_share():
    wire = QuicWire(limits=Limits(send_buffer=1 << 20))
    client = wire.connect()
    (protocol,) = wire.protocols
    for stream in (0, 4, 8, 12):
        client.send_stream_data(stream, b"?", end_stream=True)
    wire.pump()
    port = protocol.port
    port.prioritize(0, 5, False)
    port.prioritize(4, 3, True)
    port.prioritize(8, 3, True)
    port.prioritize(12, 0, False)
    for stream in (0, 4, 8, 12):
        port.write(stream, bytes(300_000), True)
    ends: list[int] = []
    for _ in range(2000):
        wire.turn()
        client.collect()
        ends = [
            each.stream_id
            for each in client.seen
            if isinstance(each, events.StreamDataReceived) and each.end_stream
        ]
        if len(ends) == 4:
            break
    assert ends[0] == 12
    assert ends[3] == 0
    order = [
        each.stream_id
        for each in client.seen
        if isinstance(each, events.StreamDataReceived) and each.stream_id in (4, 8)
    ]
    half = order[: len(order) // 2]
    assert abs(half.count(4) - half.count(8)) <= 2


def test_close_tells_the_peer_and_then_the_protocol():
    wire = QuicWire()
    client = wire.connect()
    (protocol,) = wire.protocols
    closed = []
    protocol.port.on_close = closed.append
    protocol.port.close(0x100, "enough")
    assert protocol.lost == []
    wire.pump()
    assert (client.terminated.error_code, client.terminated.reason_phrase) == (0x100, "enough")
    assert protocol.lost == [None]
    assert closed == [protocol.port]
    assert not wire.runtime.ports
    protocol.port.write(0, b"x", True)
    protocol.port.close()
    wire.pump()
    assert protocol.lost == [None]


def test_a_peer_that_closes():
    wire = QuicWire()
    client = wire.connect()
    client.close(error_code=0x10C)
    wire.pump()
    (protocol,) = wire.protocols
    assert protocol.lost == [None]
    assert "connections=0" in repr(wire.endpoint)


def test_silence_ends_it():
    wire = QuicWire(settings=H3Settings(idle_timeout=5))
    client = wire.connect()
    del wire.clients[client.address]
    wire.runtime.advance(5.5)
    (protocol,) = wire.protocols
    assert [str(error) for error in protocol.lost] == ["Idle timeout"]
    assert wire.port.take() == []


def test_a_protocol_that_raises_ends_its_own_connection_and_no_other(caplog):
    wire = QuicWire()
    one, other = wire.connect(), wire.connect()

    def bad(stream: int, data: bytes, end: bool) -> None:
        raise ZeroDivisionError

    wire.protocols[0].stream_data = bad
    one.send_stream_data(0, b"x")
    other.send_stream_data(0, b"x")
    wire.pump()
    assert one.terminated.error_code == QuicErrorCode.INTERNAL_ERROR
    assert other.terminated is None
    assert wire.protocols[1].data == {0: b"x"}
    assert "ZeroDivisionError" in caplog.text


def test_representations():
    wire = QuicWire()
    wire.connect()
    port = wire.protocols[0].port
    assert repr(port) == "<EnginePort open client=('127.0.0.1', 50000)>"
    assert repr(wire.endpoint) == "<QuicEndpoint serving ('127.0.0.1', 8000) connections=1>"
    assert repr(port._engine) == "<Connection connected streams=0>"
