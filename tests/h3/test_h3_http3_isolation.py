"""No request, stream or connection harms another: HTTP/3 over real sockets.

Each case is a connection of its own that does one thing wrong. Afterwards the server serves: on the
same connection, where that was not to blame, and on a fresh one.
"""

from __future__ import annotations

import contextlib
import json
import ssl
from functools import cache
from http.client import HTTPSConnection

import pytest

from nonecorn.testing.clients.h3_frames import (
    CONTROL,
    DECODER,
    ENCODER,
    GET,
    POST,
    data,
    frame,
    frames_of,
    integer,
    settings,
)
from nonecorn.testing.clients.h3_violations import (
    ANSWERED,
    BODIES,
    CLOSED_CRITICAL,
    CONTROL_STREAM,
    DATAGRAM,
    FIRST_ON_CONTROL,
    INCOMPLETE,
    QPACK_STREAMS,
    REQUEST_STREAM,
    STREAM_CREATION,
    STREAM_ERRORS,
    UNIDIRECTIONAL,
    encoded,
    fields,
)
from tests.h3.clients_aioquic import Client, request

FURTHER = 14
"""The next unidirectional stream of a client that has its three."""


whatever_the_loop = pytest.mark.parametrize("server", ["uvloop"], indirect=True)
"""What is read from the bytes of a stream, and done for it, is settled above the loop. That each
loop has its streams and connections end so is shown by those of the others."""


def ids(table):
    return pytest.mark.parametrize("case", table.values(), ids=table)


@pytest.fixture
def bare(server):
    """A connection on which nothing of HTTP/3 was said but the three streams of a client's own;
    what follows says whether it, and the server, are unharmed.
    """
    before = failures(server)
    with server.connect(http=False) as client:
        greet(client)
        yield client
        if client.closed is None:
            # As far as the streams allow that were used.
            stream = client.quic.get_next_available_stream_id()
            put(client, stream, encoded(fields(path=b"/tag?ok")), end=True)
            client.wait(lambda: kinds(client, stream)[-1:] == [0])
    assert failures(server) == before


def failures(server) -> int:
    """How often the application has raised."""
    # By HTTP/1.1, which costs a tenth of a QUIC connection.
    connection = HTTPSConnection("localhost", server.port, timeout=20, context=trust(server))
    with contextlib.closing(connection):
        connection.request("GET", "/counts")
        return json.loads(connection.getresponse().read())["failed"]


@cache
def trust(server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.authority)


def greet(client: Client, control: bytes = settings()) -> None:
    for stream, content in ((CONTROL, b"\0" + control), (ENCODER, b"\2"), (DECODER, b"\3")):
        assert client.quic.get_next_available_stream_id(is_unidirectional=True) == stream
        client.quic.send_stream_data(stream, content)
    client.flush()


def put(client: Client, stream: int, content: bytes, *, end: bool = False) -> None:
    client.quic.send_stream_data(stream, content, end)
    client.flush()


def open_request(client: Client, content: bytes, *, end: bool = False) -> int:
    stream = client.quic.get_next_available_stream_id()
    put(client, stream, content, end=end)
    return stream


def kinds(client: Client, stream: int) -> list[int]:
    """Types of the frames that came on a stream."""
    return [kind for kind, _ in frames_of(bytes(client.raw.get(stream, b"")))]


def given_up(client: Client, stream: int) -> int:
    """Wait for a stream's reset; its code."""
    client.wait(lambda: stream in client.streams and client.streams[stream].reset is not None)
    return client.streams[stream].reset


def closed_with(client: Client) -> int:
    return client.wait_closed().error_code


# Malformed requests -------------------------------------------------------------------------------


# This server offers extended CONNECT, for WebSocket.
@whatever_the_loop
@ids({name: case for name, case in STREAM_ERRORS.items() if "not offered" not in name})
def test_a_malformed_request_costs_its_stream(bare, case):
    malformed, code = case
    assert given_up(bare, open_request(bare, encoded(malformed), end=True)) == code


@whatever_the_loop
@ids(ANSWERED)
def test_a_request_that_is_not_served_is_answered(bare, case):
    refused, _ = case
    stream = open_request(bare, encoded(refused), end=True)
    bare.wait(lambda: kinds(bare, stream) == [1])


@whatever_the_loop
@ids(BODIES)
def test_a_malformed_body_costs_its_stream(bare, case):
    parts, ended, code = case
    head = encoded(fields((b"content-length", b"5"), method=b"POST", path=b"/digest"))
    stream = open_request(bare, b"".join((head, *parts)), end=ended)
    assert given_up(bare, stream) == code


def test_a_malformed_head_with_its_body_right_behind(bare):
    stream = bare.quic.get_next_available_stream_id()
    bare.quic.send_stream_data(stream, encoded(fields((b"upgrade", b"x"), method=b"POST")))
    # Frames of one stream, in one datagram or many: nothing of them is read as anything else.
    for _ in range(100):
        bare.quic.send_stream_data(stream, data(b"body" * 300))
    bare.flush()
    assert given_up(bare, stream) == 0x10E


def test_a_request_that_ends_before_its_head_costs_its_stream(bare):
    assert given_up(bare, open_request(bare, b"", end=True)) == INCOMPLETE


# Wrong connections --------------------------------------------------------------------------------


@whatever_the_loop
@ids(REQUEST_STREAM)
def test_frames_of_a_request_stream(bare, case):
    content, ended, code = case
    open_request(bare, content, end=ended)
    assert closed_with(bare) == code


@whatever_the_loop
@ids(CONTROL_STREAM)
def test_frames_of_the_control_stream(bare, case):
    content, code = case
    put(bare, CONTROL, content)
    assert closed_with(bare) == code


@whatever_the_loop
@ids(FIRST_ON_CONTROL)
def test_the_first_frame_of_the_control_stream(server, case):
    content, code = case
    with server.connect(http=False) as client:
        put(client, CONTROL, b"\0" + content)
        assert closed_with(client) == code
    assert server.ask()["version"] == "3"


@whatever_the_loop
@ids(UNIDIRECTIONAL)
def test_streams_that_a_client_may_not_open(bare, case):
    content, code = case
    put(bare, FURTHER, content)
    assert closed_with(bare) == code


@whatever_the_loop
@ids(QPACK_STREAMS)
def test_instructions_of_the_field_compression(bare, case):
    stream, content, code = case
    put(bare, stream, content)
    assert closed_with(bare) == code


@pytest.mark.parametrize("stream", [CONTROL, ENCODER, DECODER])
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_critical_stream_may_not_end(bare, stream, how):
    if how == "end":
        put(bare, stream, b"", end=True)
    else:
        bare.quic.reset_stream(stream, 0x100)
        bare.flush()
    assert closed_with(bare) == CLOSED_CRITICAL


def test_the_servers_control_stream_may_not_be_stopped(bare):
    bare.wait(lambda: 3 in bare.raw)
    bare.quic.stop_stream(3, 0x100)
    bare.flush()
    assert closed_with(bare) == CLOSED_CRITICAL


def test_a_datagram_that_names_no_stream(bare):
    bare.quic.send_datagram_frame(b"\xff" * 8)
    bare.flush()
    assert closed_with(bare) == DATAGRAM


# What has to be borne -----------------------------------------------------------------------------


def test_what_is_unknown_is_ignored(bare):
    put(bare, CONTROL, frame(0x21, b"grease") + frame(0x40))
    put(bare, FURTHER, integer(0x21) + b"anything")
    stream = open_request(bare, frame(0x21) + encoded(fields()) + frame(0x5F, b"x"), end=True)
    bare.wait(lambda: kinds(bare, stream)[:1] == [1])
    bare.wait(lambda: bare.streams.get(FURTHER) is not None)
    assert bare.streams[FURTHER].stopped == STREAM_CREATION


@pytest.mark.parametrize("stage", ["head", "body", "response"])
@pytest.mark.parametrize("how", ["reset", "stop", "both"])
def test_a_client_may_give_up_at_any_time(bare, stage, how):
    stream = bare.quic.get_next_available_stream_id()
    if stage == "head":
        put(bare, stream, encoded([*POST])[:10])
    elif stage == "body":
        put(bare, stream, encoded(fields(method=b"POST", path=b"/digest")) + data(b"x"))
    else:
        put(bare, stream, encoded(fields(path=b"/firehose")))
        bare.wait(lambda: len(bare.raw.get(stream, b"")) > 10_000)
    if how in ("reset", "both"):
        bare.quic.reset_stream(stream, 0x10C)
    if how in ("stop", "both"):
        bare.quic.stop_stream(stream, 0x10C)
    bare.flush()
    assert given_up(bare, stream) == 0x10C


def test_hundreds_of_cancelled_requests_leave_a_connection_that_serves(server):
    with server.connect() as client:
        for _ in range(100):
            stream = client.open(request(b"/wait"))
            client.quic.stop_stream(stream, 0x10C)
            client.flush()
            client.ask(request(b"/tag"))
        assert client.ask(request(b"/tag")).status == 200


def test_uploads_that_nobody_reads_hold_up_nobody(server):
    """D3 of the predecessor: one unread body blocked every client of the listener."""
    with server.connect() as client, server.connect() as other:
        stuck = [client.open(request(b"/hold", method=b"POST"), end=False) for _ in range(5)]
        for stream in stuck:
            client.send(stream, b"x" * 1_000_000)
        for _ in range(10):
            assert client.ask(request(b"/tag")).status == 200
            assert other.ask(request(b"/tag")).status == 200
        assert len(client.ask(request(b"/echo", method=b"POST"), b"y" * 300_000).data) == 300_000
        assert not any(client[stream].done for stream in stuck)
        client.ask(request(b"/release"))


def test_responses_that_nobody_takes_hold_up_nobody(server):
    with (
        server.connect(http=False, max_stream_data=5_000) as starved,
        server.connect() as other,
    ):
        greet(starved)
        for _ in range(50):
            open_request(starved, encoded(fields(path=b"/firehose")), end=True)
        starved.wait(lambda: len(starved.raw) >= 50)
        for _ in range(10):
            assert other.ask(request(b"/tag")).status == 200


def test_a_bomb_of_references_is_not_unfolded(bare):
    name_and_value = b"\x41x" + b"\x7f\xbd\x1d" + b"v" * 3900
    put(bare, ENCODER, b"\x3f\xe1\x1f" + name_and_value)
    block = b"\x02\x00" + encoded(GET)[4:] + b"\x80" * 50_000
    stream = open_request(bare, frame(1, block), end=True)
    bare.wait(lambda: kinds(bare, stream) == [1])


def test_streams_opened_and_dropped_are_bounded(server):
    """Rapid reset (CVE-2023-44487): the connection ends, and nobody else is held up."""
    with server.connect() as client:
        for _ in range(1000):
            stream = client.open(request(b"/wait"))
            client.quic.stop_stream(stream, 0x10C)
            client.flush()
            with contextlib.suppress(ConnectionError):
                client.answer(stream)
            if client.closed is not None:
                break
        assert client.closed.error_code == 0x107
    assert server.ask()["version"] == "3"
