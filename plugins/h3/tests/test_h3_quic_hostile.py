"""Peers that mean harm: what they get is bounded, and honest clients are served."""

from __future__ import annotations

import os
import random
import tracemalloc

import pytest
from aioquic.quic.packet import QuicErrorCode

from nonecorn.spi import Limits
from nonecorn_h3._quic._aioquic import _connection
from nonecorn_h3._quic._aioquic._pieces import MOST_PIECES, Pieces, TooManyPiecesError
from nonecorn_h3._quic._aioquic._varint import varint
from nonecorn_h3._settings import H3Settings
from nonecorn_h3.testing import SERVER, QuicClient, QuicWire


def initial_of(wire: QuicWire) -> bytes:
    client = wire.client()
    client.connect(SERVER, now=wire.runtime.time())
    ((data, _),) = client.datagrams_to_send(wire.runtime.time())
    del wire.clients[client.address]
    return data


def serves(wire: QuicWire) -> bool:
    """An honest client is served."""
    client = wire.connect(("10.1.1.1", 4242))
    if not client.ready:
        return False
    client.send_stream_data(0, b"hello", end_stream=True)
    wire.pump()
    protocol = wire.protocols[-1]
    protocol.port.write(0, b"welcome", True)
    wire.pump()
    return client.received(0) == b"welcome" and protocol.data == {0: b"hello"}


def code(client: QuicClient) -> int | None:
    return None if client.terminated is None else client.terminated.error_code


# Before there is a connection ---------------------------------------------------------------------


def test_first_packets_from_everywhere_hold_a_bounded_number_of_handshakes():
    wire = QuicWire(settings=H3Settings(handshakes=50))
    data = initial_of(wire)
    for number in range(1500):
        # Connection IDs and addresses are new each time; keys follow from the ID, so a copy is no
        # beginning: only every tenth is real.
        packet = initial_of(wire) if number % 10 == 0 else data[:6] + os.urandom(8) + data[14:]
        wire.port.receive([packet], (f"10.0.{number >> 8}.{number & 255}", 99))
    wire.runtime.run_until_idle()
    assert len(wire.endpoint._unproved) <= 50
    assert len(wire.endpoint._known) <= 100
    assert serves(wire)
    wire.runtime.advance(11)
    assert len(wire.endpoint._ports) <= 1


def test_handshakes_cost_little_memory():
    wire = QuicWire()
    packets = [initial_of(wire) for _ in range(100)]
    wire.port.receive([initial_of(wire)])
    tracemalloc.start()
    try:
        for number, packet in enumerate(packets):
            wire.port.receive([packet], ("10.0.0.1", number))
        wire.runtime.run_until_idle()
        wire.port.sent.clear()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(wire.endpoint._unproved) == 101
    assert used < 80_000 * 100
    wire.endpoint.close()


def test_garbage_that_looks_like_a_beginning_leaves_nothing():
    wire = QuicWire()
    data = initial_of(wire)
    for _ in range(500):
        broken = bytearray(data)
        broken[random.randrange(20, 200)] ^= 0x55
        wire.port.receive([bytes(broken)])
        coalesced = bytearray(data[:300])
        wire.port.receive([bytes(coalesced) + os.urandom(900)])
    wire.runtime.run_until_idle()
    assert wire.endpoint._ports == set()
    assert wire.endpoint._known == {}
    assert wire.endpoint._begun == 0
    assert wire.port.take() == []
    assert serves(wire)


def test_a_beginning_needs_its_whole_size_and_a_decent_id():
    wire = QuicWire()
    data = initial_of(wire)
    wire.port.receive([data[:1199]])
    short_id = data[:5] + b"\x04" + data[6:10] + data[14:]
    wire.port.receive([short_id + bytes(20)])
    assert wire.endpoint._ports == set()
    assert wire.port.take() == []


def test_anything_at_all_may_arrive():
    wire = QuicWire()
    client = wire.connect()
    choice = random.Random(5)
    valid = [initial_of(wire), client.packet(b"\x01")]
    for _ in range(3000):
        match choice.randrange(4):
            case 0:
                data = choice.randbytes(choice.randrange(0, 1500))
            case 1:
                data = bytes((choice.randrange(256),)) + choice.randbytes(choice.randrange(60))
            case 2:
                data = bytes((0xC0 | choice.randrange(64),)) + choice.randbytes(1300)
            case _:
                base = bytearray(choice.choice(valid))
                for _ in range(choice.randrange(1, 4)):
                    base[choice.randrange(len(base))] = choice.randrange(256)
                data = bytes(base)
        wire.port.receive([data], ("10.0.0.1", choice.randrange(1, 5)))
    wire.runtime.run_until_idle()
    wire.port.take()
    assert serves(wire)
    client.send_stream_data(0, b"also")
    wire.pump()
    assert wire.protocols[0].data == {0: b"also"}


# The handshake ------------------------------------------------------------------------------------


class Talker(QuicClient):
    """Sends other handshake data than TLS made."""

    crypto: bytes = b""
    """Frames for its first packet, in place of the real ones."""

    def datagrams_to_send(self, now: float):
        if not self.crypto:
            return super().datagrams_to_send(now)
        frames, self.crypto = self.crypto, b""
        number = self._packet_number
        self._packet_number += 1
        size = 1200 - 16
        head = b"".join(
            (
                b"\xc1\x00\x00\x00\x01",
                bytes((len(self._peer_cid.cid),)) + self._peer_cid.cid,
                bytes((len(self.host_cid),)) + self.host_cid,
                b"\x00",
            )
        )
        payload = frames.ljust(size - len(head) - 4, b"\0")
        head += (len(payload) + 2 + 16 | 0x4000).to_bytes(2, "big") + number.to_bytes(2, "big")
        crypto = self._cryptos_initial[1]
        return [(crypto.encrypt_packet(head, payload, number), SERVER)]


def talker(wire: QuicWire, frames: bytes) -> Talker:
    client = Talker(wire.client().configuration, ("10.0.0.1", 1))
    wire.clients[client.address] = client
    client.connect(SERVER, now=wire.runtime.time())
    client.crypto = frames
    return client


def test_handshake_data_far_ahead_of_a_gap():
    wire = QuicWire()
    client = talker(wire, b"\x06" + varint(70_000) + b"\x04abcd")
    wire.pump()
    assert code(client) == QuicErrorCode.CRYPTO_BUFFER_EXCEEDED
    assert serves(wire)


def test_handshake_data_in_crumbs():
    wire = QuicWire()
    client = talker(wire, b"\x06\x02\x01x")
    for turn in range(10):
        frames = b"".join(
            b"\x06" + varint(4 + 2 * (turn * 200 + number)) + b"\x01x" for number in range(200)
        )
        client.crypto = frames
        wire.turn()
    wire.pump()
    assert code(client) == QuicErrorCode.CRYPTO_BUFFER_EXCEEDED
    assert serves(wire)


def test_a_handshake_message_without_end():
    wire = QuicWire()
    client = talker(wire, b"\x06\x00\x44\x00\x01\xff\xff\xff" + bytes(1020))
    engine = None
    wire.turn()
    for number in range(1, 200):
        client.crypto = b"\x06" + varint(1024 * number) + b"\x44\x00" + bytes(1024)
        wire.turn()
        for port in wire.endpoint._ports:
            engine = port._engine
            assert len(engine.tls._receive_buffer) <= 1 << 16
    assert engine is not None
    wire.pump()
    assert code(client) == 0x100 + 50  # decode_error
    assert wire.endpoint._ports == set()


# Streams ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (b"\x08" + varint(400) + b"x", QuicErrorCode.STREAM_LIMIT_ERROR),
        (b"\x08" + varint(402) + b"x", QuicErrorCode.STREAM_LIMIT_ERROR),
        (b"\x08\x01x", QuicErrorCode.STREAM_STATE_ERROR),
        (b"\x08\x03x", QuicErrorCode.STREAM_STATE_ERROR),
        (b"\x11\x02\x05", QuicErrorCode.STREAM_STATE_ERROR),
        (b"\x05\x02\x05", QuicErrorCode.STREAM_STATE_ERROR),
        (b"\x04\x03\x05\x00", QuicErrorCode.STREAM_STATE_ERROR),
        (b"\x0e\x00" + varint(65536) + b"\x01x", QuicErrorCode.FLOW_CONTROL_ERROR),
        (b"\x0f\x00\x05\x01x\x0e\x00\x09\x01x", QuicErrorCode.FINAL_SIZE_ERROR),
        (b"\x0e\x00\x05\x01x\x0f\x00\x01\x01x", QuicErrorCode.FINAL_SIZE_ERROR),
        (b"\x0e\x00\x05\x01x\x04\x00\x00\x02", QuicErrorCode.FINAL_SIZE_ERROR),
        (b"\x0c\x00" + varint((1 << 62) - 1) + b"xx", QuicErrorCode.FRAME_ENCODING_ERROR),
        (b"\x0a\x00\x20x", QuicErrorCode.FRAME_ENCODING_ERROR),
        (b"\x0a\x00\xff", QuicErrorCode.FRAME_ENCODING_ERROR),
        (b"\x12" + varint((1 << 60) + 1), QuicErrorCode.FRAME_ENCODING_ERROR),
        (b"\x1e", QuicErrorCode.PROTOCOL_VIOLATION),
        (b"\x07\x01x", QuicErrorCode.PROTOCOL_VIOLATION),
        (b"\x21", QuicErrorCode.FRAME_ENCODING_ERROR),
        (b"\x19\x20", QuicErrorCode.PROTOCOL_VIOLATION),
        (b"\x18\x05\x06\x08" + bytes(24), QuicErrorCode.FRAME_ENCODING_ERROR),
    ],
)
def test_violations_end_their_own_connection(frames: bytes, expected: int):
    wire = QuicWire()
    client = wire.connect()
    wire.send(client, frames)
    assert code(client) == expected
    assert len(wire.protocols[0].lost) == 1
    assert serves(wire)


def test_a_packet_without_frames():
    wire = QuicWire()
    client = wire.connect()
    crypto = client._cryptos[list(client._cryptos)[2]]
    head = bytes((0x43,)) + client._peer_cid.cid + (500).to_bytes(4, "big")
    wire.port.receive([crypto.encrypt_packet(head, b"", 500)], client.address)
    wire.pump()
    assert code(client) == QuicErrorCode.PROTOCOL_VIOLATION


def test_a_stream_in_crumbs_with_gaps():
    wire = QuicWire()
    client = wire.connect()
    engine = wire.protocols[0].port._engine
    for number in range(700):
        frame = b"\x0e\x04" + varint(2 + 2 * number) + b"\x01x"
        wire.port.receive([client.packet(frame)], client.address)
        assert len(engine._streams[4].pieces) <= MOST_PIECES
    wire.pump()
    assert code(client) == QuicErrorCode.INTERNAL_ERROR
    assert serves(wire)


def test_pieces_are_put_together_in_any_order():
    choice = random.Random(11)
    text = bytes(choice.randrange(256) for _ in range(3000))
    for _ in range(100):
        pieces = Pieces()
        cuts = [(at, choice.randrange(1, 120)) for at in range(0, 3000, 40)]
        cuts += [(choice.randrange(3000), choice.randrange(1, 300)) for _ in range(40)]
        choice.shuffle(cuts)
        got = b""
        for at, size in cuts:
            if at + size <= len(got):
                continue
            start = max(at, len(got))
            pieces.add(start, text[start : at + size])
            got += pieces.pull(len(got))
        for at in range(0, 3000, 100):
            if at + 100 > len(got):
                start = max(at, len(got))
                pieces.add(start, text[start : at + 100])
                got += pieces.pull(len(got))
        assert got == text
        assert len(pieces) == 0


def test_pieces_are_bounded():
    pieces = Pieces()
    for number in range(MOST_PIECES):
        pieces.add(2 * number, b"x")
    with pytest.raises(TooManyPiecesError):
        pieces.add(2 * MOST_PIECES, b"x")
    assert len(pieces) == MOST_PIECES


def test_a_hundred_large_responses_to_a_client_that_gives_no_credit():
    wire = QuicWire(limits=Limits(send_buffer=65536))
    client = wire.connect(configuration={"max_data": 0, "max_stream_data": 0})
    (protocol,) = wire.protocols
    client._write_connection_limits = lambda **_: None
    client._write_stream_limits = lambda **_: None
    for stream in range(0, 400, 4):
        client.send_stream_data(stream, b"?", end_stream=True)
    wire.pump()
    for stream in range(0, 400, 4):
        protocol.port.write(stream, bytes(100_000), True)
    wire.pump(1)
    engine = protocol.port._engine
    assert len([call for call in protocol.calls if call[0] == "pause"]) == 100
    assert len(engine._queue) == 0
    assert engine._is_quiet(wire.runtime.time())
    assert serves(wire)
    client._local_max_data.value = 1 << 20
    client._streams[4].max_stream_data_local = 50_000
    wire.send(client, b"\x10" + varint(1 << 20) + b"\x11\x04" + varint(50_000))
    wire.pump(1)
    assert engine._streams[4].sent == 50_000
    assert engine._streams[0].sent == 0
    assert len(engine._queue) == 0


def test_credit_for_all_is_shared_by_those_who_wait():
    wire = QuicWire()
    client = wire.connect(configuration={"max_data": 1000})
    client._write_connection_limits = lambda **_: None
    for stream in (0, 4):
        client.send_stream_data(stream, b"?")
    wire.pump()
    (protocol,) = wire.protocols
    protocol.port.write(0, bytes(3000), True)
    protocol.port.write(4, bytes(3000), True)
    wire.pump()
    engine = protocol.port._engine
    assert engine._streams[0].sent + engine._streams[4].sent == 1000
    client._local_max_data.value = 6000
    wire.send(client, b"\x10" + varint(6000))
    assert client.received(0) == client.received(4) == bytes(3000)


# Frames about the connection ----------------------------------------------------------------------


@pytest.mark.parametrize("epoch_frames", [b"\x02" + varint(5000) + b"\x00\x00\x00"])
def test_packets_acknowledged_that_were_never_sent(epoch_frames: bytes):
    wire = QuicWire()
    client = wire.connect()
    wire.send(client, epoch_frames)
    assert code(client) == QuicErrorCode.PROTOCOL_VIOLATION
    assert serves(wire)


def test_who_acknowledges_blindly_hits_a_number_that_was_left_out():
    wire = QuicWire(limits=Limits(send_buffer=1 << 20))
    client = wire.connect()
    client.send_stream_data(0, b"?", end_stream=True)
    wire.pump()
    (protocol,) = wire.protocols
    protocol.port.write(0, bytes(1 << 20), True)
    engine = protocol.port._engine
    for _ in range(1000):
        # It acknowledges all there may be, seen or not.
        wire.port.take()
        newest = engine._packet_number - 1
        wire.port.receive(
            [client.packet(b"\x02" + varint(newest) + b"\x00\x00" + varint(min(newest, 60)))],
            client.address,
        )
        wire.runtime.advance(0.002)
        if protocol.lost:
            break
    assert "not sent" in str(protocol.lost[0])


def test_many_ranges_of_acknowledgements_are_looked_at_once_each():
    wire = QuicWire(limits=Limits(send_buffer=8 << 20))
    client = wire.connect()
    client.send_stream_data(0, b"?")
    wire.pump()
    (protocol,) = wire.protocols
    protocol.port.write(0, bytes(6 << 20), False)
    wire.pump(5)
    engine = protocol.port._engine
    assert engine._packet_number > 3000
    assert not engine._loss.spaces[-1].ack_eliciting_in_flight
    newest = engine._packet_number - 1
    engine._skipped.clear()  # whoever hits one of those is closed, which is not the matter here
    # Five hundred ranges of one packet, long since acknowledged.
    bomb = b"\x02" + varint(newest) + b"\x00" + varint(500) + b"\x00" + b"\x00\x00" * 500
    wire.send(client, *[bomb] * 50)
    assert code(client) is None
    assert not engine._loss.spaces[-1].ack_eliciting_in_flight


def test_challenges_without_end_are_answered_within_bounds():
    wire = QuicWire()
    client = wire.connect()
    wire.pump(1)
    wire.port.take()
    flood = b"".join(b"\x1a" + os.urandom(8) for _ in range(120))
    for _ in range(20):
        wire.port.receive([client.packet(flood)], client.address)
    path = wire.protocols[0].port._engine._network_paths[0]
    assert len(path.remote_challenges) <= 32
    wire.runtime.run_until_idle()
    assert sum(len(data) for data, _ in wire.port.take()) < 3 * 1200
    assert serves(wire)


def test_challenges_from_many_addresses_hold_few_paths():
    wire = QuicWire()
    client = wire.connect()
    for number in range(200):
        wire.port.receive([client.packet(b"\x1a" + os.urandom(8))], ("10.0.0.1", 1000 + number))
        wire.runtime.run_until_idle()
    assert len(wire.protocols[0].port._engine._network_paths) <= 8
    client.send_stream_data(0, b"here")
    wire.pump(1)
    assert wire.protocols[0].data == {0: b"here"}


def test_new_connection_ids_without_end():
    wire = QuicWire()
    client = wire.connect()
    engine = wire.protocols[0].port._engine
    for number in range(8, 3000):
        frame = b"\x18" + varint(number) + varint(number) + b"\x08" + os.urandom(24)
        wire.port.receive([client.packet(frame)], client.address)
        assert len(engine._peer_cid_available) <= 8
        assert len(engine._retire_connection_ids) <= 100
        wire.runtime.run_until_idle()
        if not wire.endpoint._ports:
            break
        if not number % 8:
            wire._to_clients()
    (error,) = wire.protocols[0].lost
    assert "connection IDs" in str(error)
    assert serves(wire)


def test_connection_ids_retired_without_end(monkeypatch):
    monkeypatch.setattr(_connection, "_MOST_IDS", 100)
    wire = QuicWire()
    client = wire.connect()
    for number in range(1, 300):
        wire.port.receive([client.packet(b"\x19" + varint(number))], client.address)
        wire.runtime.run_until_idle()
        if not wire.endpoint._ports:
            break
        assert len(wire.endpoint._known) <= 10
    wire.pump()
    assert code(client) == QuicErrorCode.CONNECTION_ID_LIMIT_ERROR
    assert number < 120
    assert serves(wire)


def test_garbage_for_a_connection_that_is_open_is_dropped():
    wire = QuicWire()
    client = wire.connect()
    (protocol,) = wire.protocols
    target = client._peer_cid.cid
    for first in (0x40, 0x44, 0x60, 0x7F):
        wire.port.receive(
            [bytes((first,)) + target + os.urandom(size) for size in (0, 3, 20, 100, 1200)],
            client.address,
        )
    wire.port.receive([bytes((0xE0,)) + b"\0\0\0\1\x0c" + target + os.urandom(200)] * 5)
    client.send_stream_data(0, b"fine")
    wire.pump()
    assert protocol.data == {0: b"fine"}


def test_reserved_bits():
    wire = QuicWire()
    client = wire.connect()
    crypto = client._cryptos[list(client._cryptos)[2]]
    head = bytes((0x49,)) + client._peer_cid.cid + (900).to_bytes(2, "big")
    wire.port.receive([crypto.encrypt_packet(head, b"\x01\0\0\0", 900)], client.address)
    wire.pump()
    assert code(client) == QuicErrorCode.PROTOCOL_VIOLATION


def test_datagrams_that_nobody_reads_are_not_kept():
    wire = QuicWire()
    client = wire.connect()
    (protocol,) = wire.protocols
    protocol.datagram_received = lambda data: None
    wire.send(client, *[b"\x31\x44\x00" + bytes(1024)] * 500)
    assert len(protocol.port._engine._news) == 0
    assert code(client) is None
    assert serves(wire)


def test_who_only_ever_pings_is_not_remembered():
    wire = QuicWire()
    client = wire.connect()
    engine = wire.protocols[0].port._engine
    wire.pump(1)
    for _ in range(500):
        wire.port.receive([client.packet(b"\x01"), client.packet(b"\x01")], client.address)
        wire.runtime.run_until_idle()
    (space,) = [each for each in engine._loss.spaces if not each.discarded]
    assert len(wire.port.take()) > 400
    assert len(space.sent_packets) < 20


def test_credit_in_crumbs_for_a_stream_that_waits_is_not_remembered():
    wire = QuicWire()
    client = wire.connect(configuration={"max_data": 0})
    client._write_connection_limits = lambda **_: None
    client.send_stream_data(0, b"?")
    wire.pump()
    (protocol,) = wire.protocols
    protocol.port.write(0, bytes(3 << 20), True)
    wire.pump()
    engine = protocol.port._engine
    for number in range(200):
        wire.port.receive([client.packet(b"\x11\x00" + varint((1 << 21) + number))], client.address)
        wire.runtime.run_until_idle()
    assert len(engine._starved) == 1
    assert len(engine._queue) == 0
