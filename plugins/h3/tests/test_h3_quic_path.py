"""What QUIC does about the path: migration, its size, keys that are renewed."""

from __future__ import annotations

import itertools
import os

import pytest
from aioquic import tls
from aioquic.quic import events

from nonecorn_h3._quic._aioquic import _connection
from nonecorn_h3._quic._aioquic._pacer import Pacer
from nonecorn_h3._quic._aioquic._path_size import PathSize
from nonecorn_h3.testing import SERVER, QuicClient, QuicWire


class Narrow(QuicWire):
    """A path that drops what is too long for it, towards the client."""

    most = 1500

    def _to_clients(self) -> bool:
        taken = [(data, to) for data, to in self.port.sent if len(data) <= self.most]
        dropped = len(self.port.sent) - len(taken)
        self.port.sent[:] = taken
        self.port._taken = min(self.port._taken, len(taken))
        return super()._to_clients() or bool(dropped)


def moved(wire: QuicWire, client, address) -> None:
    del wire.clients[client.address]
    client.address = address
    wire.clients[address] = client


@pytest.mark.parametrize("address", [("127.0.0.1", 6000), ("10.9.8.7", 6000)])
@pytest.mark.parametrize("new_id", [False, True], ids=["rebound", "migrated"])
def test_a_client_that_moves_goes_on(address: tuple[str, int], new_id: bool):
    wire = QuicWire()
    client = wire.connect()
    client.send_stream_data(0, b"before")
    wire.pump()
    (protocol,) = wire.protocols
    moved(wire, client, address)
    if new_id:
        client.change_connection_id()
    client.send_stream_data(0, b" after", end_stream=True)
    wire.pump()
    assert protocol.data == {0: b"before after"}
    assert protocol.port.client == address
    path = protocol.port._engine._network_paths[0]
    assert (path.addr, path.is_validated) == (address, True)
    protocol.port.write(0, bytes(100_000), True)
    wire.pump(3)
    assert client.received(0) == bytes(100_000)


def test_an_address_that_does_not_answer_gets_three_times_what_it_sent():
    wire = QuicWire()
    client = wire.connect()
    client.send_stream_data(0, b"give", end_stream=True)
    wire.pump()
    wire.protocols[0].port.write(0, bytes(1 << 20), True)
    # Somebody sends a packet of the client's from an address that is not theirs.
    client.send_ping(1)
    (data,) = [data for data, _ in client.datagrams_to_send(wire.runtime.time())]
    del wire.clients[client.address]
    wire.port.take()
    wire.port.receive([data], ("192.0.2.1", 53))
    for _ in range(100):
        wire.runtime.advance(0.05)
    victim = [each for each, address in wire.port.take() if address == ("192.0.2.1", 53)]
    assert 0 < sum(map(len, victim)) <= 3 * len(data)


def test_a_client_that_has_not_proved_its_address_gets_three_times_what_it_sent():
    wire = QuicWire()
    client = wire.client()
    client.connect(SERVER, now=wire.runtime.time())
    ((data, _),) = client.datagrams_to_send(wire.runtime.time())
    wire.port.receive([data], client.address)
    for _ in range(400):
        wire.runtime.advance(0.05)
    assert 0 < sum(len(each) for each, _ in wire.port.take()) <= 3 * len(data)


def test_the_largest_size_is_tried_and_used():
    wire = QuicWire()
    client = wire.connect()
    client.send_stream_data(0, b"?", end_stream=True)
    wire.pump()
    wire.protocols[0].port.write(0, bytes(200_000), True)
    wire.pump(3)
    sizes = [len(data) for data, _ in wire.port.sent]
    assert max(sizes) == 1452
    assert sizes.count(1452) > 50
    assert client.received(0) == bytes(200_000)


@pytest.mark.parametrize("most", [1200, 1280, 1400])
def test_on_a_narrow_path_the_size_is_found(most: int):
    wire = Narrow()
    wire.most = most
    client = wire.connect()
    client.send_stream_data(0, b"?", end_stream=True)
    wire.pump()
    port = wire.protocols[0].port
    port.write(0, bytes(400_000), True)
    for _ in range(40):
        wire.pump(1)
        client.send_ping(1)
    assert client.received(0) == bytes(400_000)
    assert most - 25 < port._engine._max_datagram_size <= most


def test_a_path_that_becomes_narrow():
    wire = Narrow()
    client = wire.connect()
    client.send_stream_data(0, b"?")
    wire.pump()
    port = wire.protocols[0].port
    port.write(0, bytes(200_000), False)
    wire.pump(3)
    assert port._engine._max_datagram_size == 1452
    wire.most = 1300
    port.write(0, bytes(200_000), True)
    wire.pump(60)
    assert client.received(0) == bytes(400_000)
    assert port._engine._max_datagram_size <= 1300


def test_a_peer_may_take_less():
    wire = QuicWire()
    client = wire.client()
    size = client._serialize_transport_parameters

    def limited() -> bytes:
        return size() + b"\x03\x02" + (0x4000 | 1300).to_bytes(2, "big")

    client._serialize_transport_parameters = limited
    client.connect(SERVER, now=wire.runtime.time())
    wire.pump()
    client.send_stream_data(0, b"?")
    wire.pump()
    wire.protocols[0].port.write(0, bytes(200_000), True)
    wire.pump(3)
    assert max(len(data) for data, _ in wire.port.sent) == 1300


def test_the_search_for_a_size():
    for truth in range(1200, 1453):
        search = PathSize(1452)
        for _ in range(100):
            probe = search.probe()
            if not probe:
                break
            assert search.probe() == 0 or search._probe == probe
            if probe <= truth:
                assert search.arrived(probe)
            else:
                search.lost(probe)
        else:
            raise AssertionError(search)
        assert truth - 24 <= search.size <= truth


def test_keys_renewed_by_either_side():
    wire = QuicWire()
    client = wire.connect()
    (protocol,) = wire.protocols
    sent = b""
    phases = set()
    for turn in range(6):
        client.request_key_update()
        text = os.urandom(30)
        sent += text
        client.send_stream_data(0, text)
        wire.pump()
        phases.add(protocol.port._engine._cryptos[tls.Epoch.ONE_RTT].recv.key_phase)
        assert protocol.data[0] == sent, turn
    assert phases == {0, 1}


def test_keys_are_renewed_before_they_wear_out(monkeypatch):
    monkeypatch.setattr(_connection, "KEY_LIFETIME", 50)
    wire = QuicWire()
    client = wire.connect()
    client.send_stream_data(0, b"?")
    wire.pump()
    (protocol,) = wire.protocols
    phases = []
    for _ in range(40):
        protocol.port.write(0, bytes(10_000), False)
        wire.pump()
        phases.append(client._cryptos[tls.Epoch.ONE_RTT].recv.key_phase)
    assert client.received(0) == bytes(400_000)
    assert 4 < sum(a != b for a, b in itertools.pairwise(phases)) < 20
    assert not client.of_type(events.ConnectionTerminated)


def test_the_pacer_lets_ten_packets_go_and_then_keeps_to_the_rate():
    pacer = Pacer(max_datagram_size=1200)
    assert pacer.next_send_time(0.0) is None
    pacer.update_rate(120_000, 0.1)  # a hundred packets in 100 ms, and a quarter more
    now = 1.0
    sent = 0
    until = now + 1.0
    while now < until:
        wait = pacer.next_send_time(now)
        if wait is not None:
            assert wait > now
            now = wait
            continue
        pacer.update_after_send(now)
        sent += 1
    assert 1240 <= sent <= 1265
    pacer.update_rate(10 << 20, 0.001)
    burst = 0
    now += 1
    while pacer.next_send_time(now) is None:
        pacer.update_after_send(now)
        burst += 1
    assert burst == (1 << 17) // 1200  # what a socket holds


@pytest.mark.parametrize(("mark", "place"), [(2, 0), (1, 1), (3, 2)])
def test_marks_of_congestion_are_told_back_from_the_first_packet_on(mark: int, place: int):
    wire = QuicWire()
    told: list[list[int]] = []

    class Client(QuicClient):
        def _handle_ack_frame(self, context, frame_type, buf):
            at = buf.tell()
            super()._handle_ack_frame(context, frame_type, buf)
            end = buf.tell()
            if frame_type == 3:
                # The three counts stand last; each is below 64 here.
                told.append(list(buf.data_slice(end - 3, end)))
            else:
                told.append([])
            assert end > at

    plain = wire.port.receive
    wire.port.receive = lambda packets, address: plain(packets, address, mark=mark)
    configuration = wire.client().configuration
    client = Client(configuration, ("127.0.0.1", 1))
    wire.clients[client.address] = client
    client.connect(SERVER, now=wire.runtime.time())
    wire.pump()
    assert client.ready
    for _ in range(5):
        client.send_stream_data(0, b"x")
        wire.pump()
    assert all(counts and counts[place] > 0 and sum(counts) == counts[place] for counts in told)
    assert wire.protocols[0].data == {0: b"x" * 5}


def test_a_port_is_not_settled_while_the_new_address_is_not_known_to_be_the_clients():
    """A farewell might be more than may be sent to it (RFC 9000 section 8.1)."""
    wire = QuicWire()
    client = wire.connect()
    port = wire.protocols[0].port
    wire.pump(1)
    assert port.settled
    moved(wire, client, ("10.9.8.7", 6000))
    client.send_ping(1)
    for data, _ in client.datagrams_to_send(wire.runtime.time()):
        wire.port.receive([data], client.address)
    wire.runtime.run_until_idle()
    assert not port.settled
    wire.pump(1)
    assert port.settled
    port.close(7)
    wire.pump()
    assert client.terminated.error_code == 7
