"""WebSocket over HTTP/2 by extended CONNECT (RFC 8441), with a raw client."""

from __future__ import annotations

import json
import struct

import pytest

from tests.h2 import frames as f
from tests.h2.siege import left_running

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def asks(path=b"/ws", *more, protocol=b"websocket", version=b"13"):
    fields = [
        (b":method", b"CONNECT"),
        (b":protocol", protocol),
        (b":scheme", b"http"),
        (b":path", path),
        (b":authority", b"test"),
        (b"sec-websocket-version", version),
    ]
    return [*fields, *more]


def message(payload: bytes, opcode: int = TEXT) -> bytes:
    """A frame as a client sends it: masked."""
    assert len(payload) < 65536
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(
        ">H", len(payload)
    )  # fmt: skip
    mask = b"\1\2\3\4"
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes([0x80 | opcode]) + size + mask + masked


def messages(data: bytes) -> list[tuple[int, bytes]]:
    """Frames as a server sends them, those that are complete."""
    found = []
    while len(data) >= 2:
        opcode, size, at = data[0] & 15, data[1], 2
        assert not size & 0x80, "a server's frame is masked"
        if size == 126:
            [size], at = struct.unpack(">H", data[2:4]), 4
        elif size == 127:
            [size], at = struct.unpack(">Q", data[2:10]), 10
        if len(data) < at + size:
            break
        found.append((opcode, bytes(data[at : at + size])))
        data = data[at + size :]
    return found


def opened(client, *args, **more) -> int:
    stream = client.open(asks(*args, **more), end=False)
    client.wait(lambda: client[stream].fields is not None)
    assert client[stream].status == 200, client
    assert not client[stream].ended
    return stream


def say(client, stream: int, payload: bytes, opcode: int = TEXT) -> None:
    client.send(f.data(stream, message(payload, opcode)))


def hear(client, stream: int, count: int) -> list[tuple[int, bytes]]:
    client.wait(lambda: len(messages(client[stream].data)) >= count)
    return messages(client[stream].data)


def test_the_setting_says_that_it_is_spoken(server):
    with server.connect() as client:
        client.start()
        assert client.settings[f.ENABLE_CONNECT_PROTOCOL] == 1


def test_echo_beside_requests_of_the_same_connection(server):
    with server.connect() as client:
        client.start()
        stream = opened(client)
        say(client, stream, b"first")
        assert hear(client, stream, 1) == [(TEXT, b"first")]
        assert client.ask().data == b"hello"
        say(client, stream, b"\0\xff", BINARY)
        assert hear(client, stream, 2)[1] == (BINARY, b"\0\xff")
        other = opened(client)
        say(client, other, b"other")
        assert hear(client, other, 1) == [(TEXT, b"other")]


def test_a_frame_in_pieces(server):
    with server.connect() as client:
        client.start()
        stream = opened(client)
        for byte in message(b"in pieces"):
            client.send(f.data(stream, bytes([byte])))
        assert hear(client, stream, 1) == [(TEXT, b"in pieces")]


def test_the_response_has_no_fields_of_http_1(server):
    """RFC 8441 section 5: no key, no accept, no upgrade; 200 instead of 101."""
    with server.connect() as client:
        client.start()
        stream = opened(client)
        names = {name for name, _ in client[stream].fields}
        assert not names & {b"sec-websocket-accept", b"upgrade", b"connection", b"content-length"}


def test_the_scope_and_a_subprotocol(server):
    with server.connect() as client:
        client.start()
        more = (b"sec-websocket-protocol", b"chat, talk")
        stream = opened(client, b"/ws", more)
        assert client[stream].values(b"sec-websocket-protocol") == [b"chat"]
        stream = opened(client, b"/ws-scope", more)
        shown = json.loads(hear(client, stream, 1)[0][1])
        assert shown == {
            "type": "websocket",
            "http_version": "2",
            "scheme": "ws",
            "path": "/ws-scope",
            "subprotocols": ["chat", "talk"],
        }


def test_the_application_closes(server):
    with server.connect() as client:
        client.start()
        stream = opened(client)
        say(client, stream, b"close")
        assert hear(client, stream, 1) == [(CLOSE, struct.pack(">H", 4001) + b"asked")]
        client.send(f.data(stream, message(struct.pack(">H", 4001), CLOSE), end=True))
        client.wait(lambda: client[stream].done)
        assert client[stream].reset in (None, f.NO_ERROR)
        assert client.ask().data == b"hello"
    assert left_running(server) == 0


def test_the_client_closes(server):
    with server.connect() as client:
        client.start()
        stream = opened(client)
        say(client, stream, struct.pack(">H", 1000), CLOSE)
        assert hear(client, stream, 1)[0] == (CLOSE, struct.pack(">H", 1000))
        client.send(f.data(stream, end=True))
        client.wait(lambda: client[stream].done)
        assert left_running(server) == 0
        assert client.ask().data == b"hello"


@pytest.mark.parametrize("how", ["reset", "end"])
def test_a_client_that_ends_the_stream_without_a_word(server, how):
    """RFC 8441 section 5: RST_STREAM with CANCEL is what a lost TCP connection is elsewhere."""
    with server.connect() as client:
        client.start()
        stream = opened(client)
        say(client, stream, b"last")
        hear(client, stream, 1)
        client.send(f.rst_stream(stream) if how == "reset" else f.data(stream, end=True))
        client.sync()
        assert left_running(server) == 0
        assert client.ask().data == b"hello"


def test_ping(server):
    with server.connect() as client:
        client.start()
        stream = opened(client)
        say(client, stream, b"beat", PING)
        assert hear(client, stream, 1) == [(PONG, b"beat")]


def test_a_denial(server):
    with server.connect() as client:
        client.start()
        response = client.response(client.open(asks(b"/ws-denied"), end=False))
        assert (response.status, bytes(response.data)) == (418, b"a teapot")
        assert response.values(b"x-why") == [b"tea"]
        assert client.ask().data == b"hello"


def test_an_unknown_protocol(server):
    """RFC 9220 section 3 says 501; RFC 8441 leaves it open."""
    with server.connect() as client:
        client.start()
        response = client.response(client.open(asks(protocol=b"smoke-signals"), end=False))
        assert response.status in (400, 404, 501)
        assert client.ask().data == b"hello"


def test_another_version(server):
    """RFC 6455 section 4.4."""
    with server.connect() as client:
        client.start()
        response = client.response(client.open(asks(version=b"12"), end=False))
        assert response.status in (400, 426)


def test_a_broken_frame_ends_its_stream_only(server):
    with server.connect() as client:
        client.start()
        stream = opened(client)
        client.send(f.data(stream, b"\xff\x80\1\2\3\4"))
        [(opcode, payload)] = hear(client, stream, 1)
        assert (opcode, payload[:2]) == (CLOSE, struct.pack(">H", 1002))
        assert client.ask().data == b"hello"


def test_much_both_ways(server):
    with server.connect() as client:
        client.start()
        stream = opened(client)
        payload = bytes(range(256)) * 200
        for _ in range(10):
            client.upload(stream, message(payload, BINARY), end=False)
        assert hear(client, stream, 10) == [(BINARY, payload)] * 10


def test_a_client_gone_leaves_no_socket(server):
    with server.connect() as client:
        client.start()
        for _ in range(10):
            opened(client)
    assert left_running(server) == 0
