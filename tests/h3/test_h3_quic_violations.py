"""What a client of QUIC may not do (RFC 9000, RFC 9001), and the code that it costs its connection.

Together with the tables of `nonecorn.testing.clients.h3_violations`, this is the well-known suite
of QUIC and HTTP/3 error cases. It is about what is above the socket: no loop has a say.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aioquic.buffer import Buffer
from aioquic.quic.packet import (
    QuicErrorCode,
    QuicPreferredAddress,
    pull_quic_transport_parameters,
    push_quic_transport_parameters,
)
from aioquic.tls import Epoch

from nonecorn_h3._settings import H3Settings
from nonecorn_h3.testing import SERVER, QuicClient, QuicWire

ALERT = 0x100
UNEXPECTED_MESSAGE, MISSING_EXTENSION = ALERT + 10, ALERT + 109
ID = b"12345678"
TOO_MANY = ((1 << 60) + 1 | 3 << 62).to_bytes(8, "big")
KEY_UPDATE = b"\x06\x00\x05\x18\x00\x00\x01\x01"


def violated(wire: QuicWire, client: QuicClient) -> int | None:
    """How the connection ended; a client that does nothing wrong is served afterwards."""
    honest = wire.connect(("10.1.1.1", 4242))
    honest.send_stream_data(0, b"hello", end_stream=True)
    wire.pump()
    assert wire.protocols[-1].data == {0: b"hello"}
    return None if client.terminated is None else client.terminated.error_code


# Transport parameters (RFC 9000 sections 7.3, 7.4, 18.2) -----------------------------------------


def saying(change: Callable[[bytes], bytes]) -> tuple[QuicWire, QuicClient]:
    """A client whose transport parameters were changed."""
    wire = QuicWire()
    client = wire.client()
    make = client._serialize_transport_parameters
    client._serialize_transport_parameters = lambda: change(make())
    client.connect(SERVER, now=wire.runtime.time())
    wire.pump()
    return wire, client


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("initial_source_connection_id", None),
        ("initial_source_connection_id", ID),
        ("original_destination_connection_id", ID),
        ("retry_source_connection_id", ID),
        ("stateless_reset_token", bytes(16)),
        ("preferred_address", QuicPreferredAddress(("127.0.0.1", 443), None, ID, bytes(16))),
        ("max_udp_payload_size", 1199),
        ("ack_delay_exponent", 21),
        ("max_ack_delay", 1 << 14),
        ("active_connection_id_limit", 1),
        ("initial_max_streams_bidi", (1 << 60) + 1),
        ("initial_max_streams_uni", (1 << 60) + 1),
    ],
)
def test_transport_parameters_that_a_client_may_not_send(name: str, value: object):
    def change(encoded: bytes) -> bytes:
        parameters = pull_quic_transport_parameters(Buffer(data=encoded))
        setattr(parameters, name, value)
        changed = Buffer(capacity=1000)
        push_quic_transport_parameters(changed, parameters)
        return changed.data

    wire, client = saying(change)
    assert violated(wire, client) == QuicErrorCode.TRANSPORT_PARAMETER_ERROR
    assert len(wire.protocols) == 1  # that of the other client


@pytest.mark.parametrize("tail", [b"\x01", b"\x01\x08\x00", b"\x0c\x01\x00"])
def test_transport_parameters_that_cannot_be_read(tail: bytes):
    wire, client = saying(lambda encoded: encoded + tail)
    assert violated(wire, client) == QuicErrorCode.TRANSPORT_PARAMETER_ERROR


@pytest.mark.parametrize("twice", [b"\x5f\xff\x03abc" * 2, b"\x01\x02\x40\x99"])
def test_a_transport_parameter_that_is_there_twice(twice: bytes):
    wire, client = saying(lambda encoded: encoded + twice)
    assert violated(wire, client) == QuicErrorCode.TRANSPORT_PARAMETER_ERROR


def test_unknown_transport_parameters_are_ignored():
    wire, client = saying(lambda encoded: encoded + b"\x5f\xff\x03abc")
    assert client.ready
    assert violated(wire, client) is None


def test_a_client_without_transport_parameters():
    """RFC 9001 section 8.2."""
    wire = QuicWire()
    client = wire.client()
    begin = client._initialize

    def bare(peer: bytes) -> None:
        begin(peer)
        client.tls.handshake_extensions = []

    client._initialize = bare
    client.connect(SERVER, now=wire.runtime.time())
    wire.pump()
    assert violated(wire, client) == MISSING_EXTENSION


# Handshake packets -------------------------------------------------------------------------------


def long_packet(client: QuicClient, first: int, epoch: Epoch, payload: bytes) -> bytes:
    """A packet with a long header, right or wrong.

    Args:
        client: Whose keys it has.
        first: The first byte, but for the length of the number, which is two.
        epoch: Keys.
        payload: Frames.
    """
    payload = payload.ljust(4, b"\0")
    number, target, own = 500, client._peer_cid.cid, client.host_cid
    head = b"".join(
        (
            bytes((first | 1,)), b"\0\0\0\1", bytes((len(target),)), target,
            bytes((len(own),)), own, (0x4000 | 2 + len(payload) + 16).to_bytes(2, "big"),
            number.to_bytes(2, "big"),
        )
    )  # fmt: skip
    return client._cryptos[epoch].encrypt_packet(head, payload, number)


@pytest.mark.parametrize(
    ("first", "frames", "expected"),
    [
        # Reserved bits (section 17.2)
        (0xE4, b"\x01", QuicErrorCode.PROTOCOL_VIOLATION),
        # Frames that may not stand there (section 12.5)
        (0xE0, b"\x1a" + bytes(8), QuicErrorCode.PROTOCOL_VIOLATION),
        (0xE0, b"\x08\x00x", QuicErrorCode.PROTOCOL_VIOLATION),
        (0xE0, b"\x1e", QuicErrorCode.PROTOCOL_VIOLATION),
        # Messages that TLS has not here (RFC 9001 sections 6 and 8.3)
        (0xE0, KEY_UPDATE, UNEXPECTED_MESSAGE),
        (0xE0, b"\x06\x00\x04\x05\x00\x00\x00", UNEXPECTED_MESSAGE),
    ],
    ids=["reserved", "PATH_CHALLENGE", "STREAM", "HANDSHAKE_DONE", "KeyUpdate", "EndOfEarlyData"],
)
def test_handshake_packets(first: int, frames: bytes, expected: int):
    wire = QuicWire()
    client = wire.client()
    client.connect(SERVER, now=wire.runtime.time())
    wire._to_server()
    wire._to_clients()  # the server's flight; the client has the keys now, and has not answered
    wire.port.receive([long_packet(client, first, Epoch.HANDSHAKE, frames)], client.address)
    wire.pump()
    assert violated(wire, client) == expected
    assert len(wire.protocols) == 1


def test_handshake_data_in_early_packets():
    """RFC 9001 section 8.3."""
    wire = QuicWire(settings=H3Settings(early_data=True))
    tickets: list[object] = []
    wire.connect(session_ticket_handler=tickets.append)
    client = wire.client(configuration={"session_ticket": tickets[0]})
    client.connect(SERVER, now=wire.runtime.time())
    hello = [data for data, _ in client.datagrams_to_send(wire.runtime.time())]
    early = long_packet(client, 0xD0, Epoch.ZERO_RTT, b"\x06\x00\x04\x05\x00\x00\x00")
    wire.port.receive([*hello, early], client.address)
    wire.runtime.run_until_idle()
    wire.pump()
    assert violated(wire, client) == QuicErrorCode.PROTOCOL_VIOLATION


# Packets of an established connection ------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (KEY_UPDATE, UNEXPECTED_MESSAGE),
        (b"\x18\x05\x00\x00" + bytes(16), QuicErrorCode.FRAME_ENCODING_ERROR),
        (b"\x18\x05\x00\x15" + bytes(21 + 16), QuicErrorCode.FRAME_ENCODING_ERROR),
        (b"\x13" + TOO_MANY, QuicErrorCode.FRAME_ENCODING_ERROR),
        (b"\x16" + TOO_MANY, QuicErrorCode.FRAME_ENCODING_ERROR),
        (b"\x17" + TOO_MANY, QuicErrorCode.FRAME_ENCODING_ERROR),
        (b"\x11\x01\x05", QuicErrorCode.STREAM_STATE_ERROR),
        (b"\x05\x01\x05", QuicErrorCode.STREAM_STATE_ERROR),
        (b"\x15\x03\x05", QuicErrorCode.STREAM_STATE_ERROR),
    ],
    ids=[
        "KeyUpdate", "an empty ID", "a long ID", "MAX_STREAMS", "STREAMS_BLOCKED",
        "STREAMS_BLOCKED one way", "MAX_STREAM_DATA of no stream", "STOP_SENDING of no stream",
        "STREAM_DATA_BLOCKED where we send",
    ],
)  # fmt: skip
def test_frames_of_an_established_connection(frames: bytes, expected: int):
    wire = QuicWire()
    client = wire.connect()
    wire.send(client, frames)
    assert violated(wire, client) == expected
    assert len(wire.protocols[0].lost) == 1
