"""Datagrams that hold several first packets (RFC 9000 section 12.2): one begins, at most."""

from __future__ import annotations

import os

from aioquic.quic.crypto import CryptoPair
from aioquic.quic.packet import QuicProtocolVersion

from nonecorn_h3._settings import H3Settings
from nonecorn_h3.testing import QuicWire


def initial(target: bytes, frames: bytes) -> bytes:
    """A client's first packet to this connection ID, authentic and as short as can be."""
    crypto = CryptoPair()
    crypto.setup_initial(target, is_client=True, version=QuicProtocolVersion.VERSION_1)
    head = b"".join(
        (
            b"\xc1\0\0\0\1", bytes((len(target),)), target, b"\x08ownownid", b"\0",
            (0x4000 | 2 + len(frames) + 16).to_bytes(2, "big"), b"\0\0",
        )
    )  # fmt: skip
    return crypto.encrypt_packet(head, frames, 0)


def coalesced(*targets: bytes, size: int = 1200) -> bytes:
    frames = b"\x06\x00\x04\x01\x00\x10\x00" + bytes(20)  # the beginning of a ClientHello
    *others, last = targets
    first = b"".join(initial(target, frames) for target in others)
    room = size - len(first) - len(initial(last, frames))
    return first + initial(last, frames + bytes(max(0, room)))


def test_of_several_beginnings_in_one_datagram_one_is_taken():
    wire = QuicWire()
    data = coalesced(*(os.urandom(8) for _ in range(10)))
    assert len(data) >= 1200
    wire.port.receive([data], ("10.0.0.1", 1))
    wire.runtime.run_until_idle()
    assert len(wire.endpoint._unproved) == 1
    sent = wire.port.take()
    assert {address for _, address in sent} <= {("10.0.0.1", 1)}
    assert sum(len(each) for each, _ in sent) <= 3 * len(data)


def test_a_flood_of_them_is_bounded_and_honest_clients_are_served():
    wire = QuicWire(settings=H3Settings(handshakes=20))
    received = 0
    for number in range(100):
        data = coalesced(*(os.urandom(8) for _ in range(5)))
        received += len(data)
        wire.port.receive([data], (f"10.0.0.{number}", 1))
    wire.runtime.run_until_idle()
    assert len(wire.endpoint._unproved) <= 20
    assert sum(len(each) for each, _ in wire.port.take()) <= 3 * received
    client = wire.connect(("10.1.1.1", 4242))
    client.send_stream_data(0, b"hello", end_stream=True)
    wire.pump()
    assert wire.protocols[-1].data == {0: b"hello"}
    wire.endpoint.close()
