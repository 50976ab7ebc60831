"""What the endpoint does with datagrams of no connection: Retry, versions, resets, farewells."""

from __future__ import annotations

import os

import pytest
from aioquic.buffer import Buffer
from aioquic.quic.packet import (
    QuicPacketType,
    QuicProtocolVersion,
    get_retry_integrity_tag,
    pull_quic_header,
)

from nonecorn.spi import Lane, Place
from nonecorn_h3._quic._allowance import Allowance
from nonecorn_h3._quic._ids import ID_LENGTH, ConnectionIDs
from nonecorn_h3._settings import H3Settings
from nonecorn_h3.testing import SERVER, QuicWire

PLACE = Place(identity=0xBEEF, secret=bytes(32))


def initial_of(wire: QuicWire, **options: object) -> bytes:
    """First datagram of a client that is not heard of again."""
    client = wire.client(**options)
    client.connect(SERVER, now=wire.runtime.time())
    ((data, _),) = client.datagrams_to_send(wire.runtime.time())
    del wire.clients[client.address]
    return data


def header_of(data: bytes):
    return pull_quic_header(Buffer(data=data), host_cid_length=8)


def test_ids_carry_lane_and_worker_and_look_random():
    for count in (1, 2, 3, 4, 7, 200, 256):
        for index in {0, count // 2, count - 1}:
            ids = ConnectionIDs(PLACE, Lane(index=index, count=count))
            made = {ids.issue() for _ in range(200)}
            assert len(made) == 200
            assert {len(each) for each in made} == {ID_LENGTH}
            assert {each[0] % count for each in made} == {index}
            other = ConnectionIDs(Place(identity=7, secret=bytes(32)), Lane(count=count))
            assert {other.identity(each) for each in made} == {0xBEEF}
            # An observer finds the identity in none of them, and not the same bytes in all.
            assert len({each[1:3] for each in made}) > 150


def test_reset_tokens_are_the_same_in_every_worker_and_unlike_each_other():
    one = ConnectionIDs(PLACE, Lane())
    other = ConnectionIDs(Place(identity=1, secret=bytes(32)), Lane(count=4))
    ids = [one.issue() for _ in range(100)]
    assert [one.reset_token(each) for each in ids] == [other.reset_token(each) for each in ids]
    assert len({one.reset_token(each) for each in ids}) == 100


def test_every_id_of_a_connection_is_ours():
    wire = QuicWire(place=PLACE, lane=Lane(index=2, count=4))
    client = wire.connect()
    assert client.ready
    ids = ConnectionIDs(PLACE, Lane())
    known = [client._peer_cid.cid, *(each.cid for each in client._peer_cid_available)]
    assert len(known) == 8
    assert {each[0] % 4 for each in known} == {2}
    assert {ids.identity(each) for each in known} == {PLACE.identity}
    assert client._peer_cid.stateless_reset_token == ids.reset_token(known[0])
    assert {each.stateless_reset_token for each in client._peer_cid_available} == {
        ids.reset_token(each) for each in known[1:]
    }


def test_ids_that_are_retired_are_replaced():
    wire = QuicWire()
    client = wire.connect()
    for _ in range(20):
        client.change_connection_id()
        client.send_ping(1)
        wire.pump()
    assert len(wire.protocols[0].port.ids) == 9  # eight, and the one that the client made up
    client.send_stream_data(0, b"still here")
    wire.pump()
    assert wire.protocols[0].data == {0: b"still here"}


# Retry --------------------------------------------------------------------------------------------


def test_retry_for_everybody():
    wire = QuicWire(settings=H3Settings(retry=True), place=PLACE)
    data = initial_of(wire)
    wire.port.receive([data], ("127.0.0.1", 9))
    ((answer, address),) = wire.port.take()
    assert address == ("127.0.0.1", 9)
    asked, told = header_of(data), header_of(answer)
    assert told.packet_type is QuicPacketType.RETRY
    assert told.integrity_tag == get_retry_integrity_tag(
        answer[:-16], asked.destination_cid, version=asked.version
    )
    assert wire.endpoint._ports == set()
    assert wire.endpoint._known == {}
    client = wire.connect()
    assert client.ready
    assert client._retry_count == 1
    assert wire.protocols[0].port.proved


@pytest.mark.parametrize("version", [QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2])
def test_retry_in_both_versions(version: int):
    wire = QuicWire(settings=H3Settings(retry=True))
    client = wire.connect(
        configuration={"supported_versions": [version], "original_version": version}
    )
    assert client.ready
    assert client._retry_count == 1


def test_retry_once_too_many_have_proved_nothing():
    wire = QuicWire(settings=H3Settings(handshakes=5))
    for number in range(20):
        wire.port.receive([initial_of(wire)], ("10.0.0.1", 1000 + number))
    wire.runtime.run_until_idle()
    assert len(wire.endpoint._unproved) == 5
    kinds = [header_of(data).packet_type for data, _ in wire.port.take()]
    assert kinds.count(QuicPacketType.RETRY) == 15
    client = wire.connect()
    assert client.ready
    assert client._retry_count == 1
    wire.runtime.advance(10.1)
    assert wire.endpoint._unproved == set()
    assert wire.endpoint._begun == 0
    late = wire.connect()
    assert late._retry_count == 0


def test_a_retry_token_is_good_with_every_worker_but_for_its_address_alone():
    here = QuicWire(settings=H3Settings(retry=True), place=PLACE)
    there = QuicWire(settings=H3Settings(retry=True), place=Place(identity=1, secret=PLACE.secret))
    client = here.client()
    client.connect(SERVER, now=here.runtime.time())
    here.turn()
    (token_initial,) = [data for data, _ in client.datagrams_to_send(here.runtime.time())]
    there.port.receive([token_initial], ("127.0.0.1", 9))
    assert len(there.endpoint._ports) == 0
    ((refusal, _),) = there.port.take()
    assert header_of(refusal).packet_type is QuicPacketType.INITIAL
    client.receive_datagram(refusal, SERVER, here.runtime.time())
    assert client.terminated.error_code == 0x0B  # INVALID_TOKEN
    there.port.receive([token_initial], client.address)
    assert len(there.endpoint._ports) == 1


def test_a_token_for_later_spares_the_retry():
    wire = QuicWire(settings=H3Settings(handshakes=1))
    tokens: list[bytes] = []
    first = wire.connect(("127.0.0.1", 7), token_handler=tokens.append)
    assert first.ready
    (token,) = tokens
    wire.port.receive([initial_of(wire)], ("10.0.0.1", 1))
    assert len(wire.endpoint._unproved) == 1
    again = wire.connect(("127.0.0.1", 8), configuration={"token": token})
    assert again.ready
    assert again._retry_count == 0
    elsewhere = wire.connect(("127.0.0.2", 8), configuration={"token": token})
    assert elsewhere.ready
    assert elsewhere._retry_count == 1


def test_a_token_of_somebody_else_is_ignored():
    wire = QuicWire()
    client = wire.connect(configuration={"token": os.urandom(40)})
    assert client.ready


# Versions -----------------------------------------------------------------------------------------


def test_an_unknown_version_is_answered_with_those_known():
    wire = QuicWire()
    data = bytearray(initial_of(wire))
    data[1:5] = b"\x1a\x2a\x3a\x4a"
    wire.port.receive([bytes(data)])
    ((answer, _),) = wire.port.take()
    told = header_of(answer)
    asked = header_of(initial_of(wire))
    assert told.version == 0
    assert told.destination_cid == bytes(data[7 + data[5] : 7 + data[5] + len(asked.source_cid)])
    assert told.source_cid == bytes(data[6 : 6 + data[5]])
    assert told.supported_versions[:2] == [1, 0x6B3343CF]
    assert told.supported_versions[2] & 0x0F0F0F0F == 0x0A0A0A0A
    wire.port.receive([bytes(data[:1199])])
    wire.port.receive([answer, answer + bytes(1200)])
    assert wire.port.take() == []


def test_a_client_of_an_unknown_version_finds_one():
    wire = QuicWire()
    client = wire.connect(
        configuration={"supported_versions": [0x1A2A3A4A, 1], "original_version": 0x1A2A3A4A}
    )
    assert client.ready


def test_version_negotiation_cannot_be_had_without_end():
    wire = QuicWire()
    data = bytearray(initial_of(wire))
    data[1:5] = b"\x1a\x2a\x3a\x4a"
    wire.port.receive([bytes(data)] * 5000)
    assert len(wire.port.take()) == 1000


# Resets -------------------------------------------------------------------------------------------


def test_a_packet_of_a_connection_that_is_gone_is_answered_by_a_reset():
    here = QuicWire(place=PLACE)
    client = here.connect()
    ((_, token),) = {(client._peer_cid.cid, client._peer_cid.stateless_reset_token)}
    client.send_stream_data(0, bytes(100))
    here.runtime.advance(0.1)
    (packet,) = [data for data, _ in client.datagrams_to_send(here.runtime.time())]
    anew = QuicWire(place=Place(identity=3, secret=PLACE.secret))
    anew.port.receive([packet])
    ((reset, _),) = anew.port.take()
    assert reset.endswith(token)
    assert 21 <= len(reset) < len(packet)
    assert reset[0] & 0xC0 == 0x40


def test_resets_are_shorter_than_their_cause_so_that_they_end():
    wire = QuicWire()
    size = 1200
    for _ in range(50):
        wire.port.receive([b"\x40" + os.urandom(size - 1)])
        sent = wire.port.take()
        if not sent:
            break
        ((answer, _),) = sent
        assert len(answer) < size
        size = len(answer)
    assert size == 21
    assert not wire.port.take()


def test_resets_cannot_be_had_without_end():
    wire = QuicWire()
    wire.port.receive([b"\x40" + os.urandom(99) for _ in range(1000)])
    assert len(wire.port.take()) == 100
    wire.runtime.advance(1)
    wire.port.receive([b"\x40" + os.urandom(99) for _ in range(1000)])
    assert 90 < len(wire.port.take()) <= 101


def test_an_allowance_is_refilled_up_to_its_burst():
    allowance = Allowance(rate=2, burst=3)
    assert [allowance.use(100.0) for _ in range(5)] == [True, True, True, False, False]
    assert [allowance.use(101.0) for _ in range(3)] == [True, True, False]
    assert [allowance.use(200.0) for _ in range(4)] == [True, True, True, False]


# Farewells ----------------------------------------------------------------------------------------


def test_a_farewell_that_was_lost_is_repeated_but_not_for_every_packet():
    wire = QuicWire()
    client = wire.connect()
    port = wire.protocols[0].port
    port.close(0x100, "bye")
    wire.runtime.run_until_idle()
    wire.port.take()  # lost
    client.send_stream_data(0, bytes(100))
    packets = [data for data, _ in client.datagrams_to_send(wire.runtime.time())]
    for _ in range(16):
        wire.port.receive(packets, client.address)
    answers = wire.port.take()
    assert len(answers) == 5  # the 1st, 2nd, 4th, 8th, 16th
    assert {data for data, _ in answers} == {answers[0][0]}
    client.receive_datagram(answers[0][0], SERVER, wire.runtime.time())
    assert client.terminated.error_code == 0x100


def test_datagrams_after_the_peer_has_closed_are_not_answered():
    wire = QuicWire()
    client = wire.connect()
    client.send_stream_data(0, bytes(100))
    packets = [data for data, _ in client.datagrams_to_send(wire.runtime.time())]
    client.close()
    wire.pump(0)
    wire.port.take()
    wire.port.receive(packets, client.address)
    assert wire.port.take() == []


def test_closed_connections_are_forgotten():
    wire = QuicWire(latency=0.1)
    for _ in range(5):
        wire.connect().close()
        wire.pump(0)
    assert len(wire.endpoint._known) > 9
    wire.runtime.advance(5)
    wire.connect().close()
    wire.pump()
    assert len(wire.endpoint._known) == 9


# Coming and going ---------------------------------------------------------------------------------


def test_a_paused_endpoint_keeps_what_it_has_and_lets_others_wait():
    wire = QuicWire()
    old = wire.connect()
    wire.endpoint.pause()
    new = wire.connect()
    assert not new.ready
    old.send_stream_data(0, b"x")
    wire.pump()
    assert wire.protocols[0].data == {0: b"x"}
    wire.endpoint.resume()
    wire.pump(3)
    assert new.ready


def test_a_retired_endpoint_refuses_at_once():
    wire = QuicWire()
    old = wire.connect()
    wire.endpoint.retire(succeeded=False)
    new = wire.connect()
    assert new.terminated.error_code == 0x02  # CONNECTION_REFUSED
    old.send_stream_data(0, b"x")
    wire.pump()
    assert wire.protocols[0].data == {0: b"x"}
    assert wire.port.reading


def test_an_endpoint_that_is_succeeded_leaves_the_socket_alone():
    wire = QuicWire()
    wire.connect()
    wire.endpoint.retire(succeeded=True)
    assert not wire.port.reading
    wire.protocols[0].port.write(wire.protocols[0].port.open(bidirectional=False), b"x", True)
    wire.runtime.run_until_idle()
    assert wire.port.take()


def test_a_closed_endpoint_says_farewell_to_everybody():
    wire = QuicWire()
    clients = [wire.connect() for _ in range(3)]
    wire.endpoint.close()
    wire.pump()
    assert {client.terminated.error_code for client in clients} == {0}
    assert [protocol.lost for protocol in wire.protocols] == [[None]] * 3
    assert wire.port.closed
    assert not wire.runtime.ports
