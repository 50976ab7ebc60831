"""`Upgrade: h2c` (RFC 7540 section 3.2), by a table of requests that ask for it, well or not."""

from __future__ import annotations

import base64
import struct

import pytest

from nonecorn.testing import raw_exchange, read_responses
from nonecorn.testing.address import address_of
from nonecorn.testing.wire import connect
from tests.h2 import frames as f
from tests.h2.client import PATIENCE, Client
from tests.h2.conftest import trusting
from tests.h2.siege import left_running


def settings(*pairs: tuple[int, int]) -> bytes:
    payload = b"".join(struct.pack(">HI", *pair) for pair in pairs)
    return base64.urlsafe_b64encode(payload).rstrip(b"=")


VALID = settings((f.MAX_CONCURRENT_STREAMS, 100), (f.INITIAL_WINDOW_SIZE, 65535))


def asks(
    *more: bytes,
    connection: bytes = b"Upgrade, HTTP2-Settings",
    http2_settings: tuple[bytes, ...] = (VALID,),
    upgrade: bytes = b"h2c",
    line: bytes = b"GET /tag?asked HTTP/1.1",
    body: bytes = b"",
) -> bytes:
    lines = [line, b"Host: test", b"Connection: " + connection, b"Upgrade: " + upgrade]
    lines += [b"HTTP2-Settings: " + value for value in http2_settings]
    return b"\r\n".join([*lines, *more, b"", b""]) + body


def upgraded(server, request: bytes, *pairs: tuple[int, int], credit: bool = True) -> Client:
    """Ask, read the 101, say the preface; the client has stream 1 already."""
    sock = connect(address_of(server.clear), PATIENCE)
    sock.sendall(request)
    head = b""
    while b"\r\n\r\n" not in head:
        piece = sock.recv(1)
        assert piece, head
        head += piece
    assert head.startswith(b"HTTP/1.1 101 "), head
    lower = head.lower()
    assert b"\r\nupgrade: h2c\r\n" in lower
    assert b"\r\nconnection: upgrade\r\n" in lower
    client = Client(sock, credit=credit)
    client.next_stream = 3
    return client.start(*pairs)


def test_the_response_comes_on_stream_1(server):
    with upgraded(server, asks()) as client:
        response = client.response(1)
        assert (response.status, bytes(response.data)) == (200, b"asked")
        assert client.ask(f.request(b"/tag?next")).data == b"next"


def test_stream_1_is_half_closed(server):
    with upgraded(server, asks(line=b"GET /wait HTTP/1.1")) as client:
        client.send(f.data(1, b"more"))
        client.wait(lambda: client[1].reset is not None or client.goaways)
        codes = {client[1].reset} | {code for _, code, _ in client.goaways}
        assert f.STREAM_CLOSED in codes


def test_the_settings_of_the_request_hold(server):
    small = asks(http2_settings=(settings((f.INITIAL_WINDOW_SIZE, 1)),))
    with upgraded(server, small, (f.INITIAL_WINDOW_SIZE, 1), credit=False) as client:
        client.wait(lambda: client[1].pieces)
        client.sync()
        assert client[1].pieces == [1]


def test_a_preface_that_comes_at_once(server):
    """A client may not wait for the 101, and nothing of what it sends is lost."""
    with connect(address_of(server.clear), PATIENCE) as sock:
        sock.sendall(asks() + f.PREFACE + f.settings() + f.headers(3, f.request(b"/tag?three")))
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(1)
        client = Client(sock)
        assert client.response(1).data == b"asked"
        assert client.response(3).data == b"three"


def test_something_else_than_the_preface_ends_the_connection(server):
    with connect(address_of(server.clear), PATIENCE) as sock:
        sock.sendall(asks())
        while b"\r\n\r\n" not in sock.recv(65536, 2):
            pass
        sock.sendall(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        received = b""
        while piece := sock.recv(65536):
            received += piece
    assert b"hello" not in received


IGNORED = {
    "no HTTP2-Settings": asks(http2_settings=()),
    "HTTP2-Settings twice": asks(http2_settings=(VALID, VALID)),
    "HTTP2-Settings that is no base64": asks(http2_settings=(b"!!!!",)),
    "HTTP2-Settings in plain base64": asks(http2_settings=(b"AAQA//+/",)),
    "HTTP2-Settings of half a setting": asks(http2_settings=(b"AAQA",)),
    "HTTP2-Settings of a value that is not allowed": asks(
        http2_settings=(settings((f.INITIAL_WINDOW_SIZE, 0x80000000)),)
    ),
    "HTTP2-Settings that Connection does not name": asks(connection=b"Upgrade"),
    "an Upgrade that Connection does not name": asks(connection=b"HTTP2-Settings"),
    "h2 instead of h2c": asks(upgrade=b"h2"),
    "HTTP/1.0": asks(line=b"GET /tag?asked HTTP/1.0"),
}


@pytest.mark.parametrize("name", IGNORED)
def test_what_is_served_as_if_it_had_not_asked(server, name):
    answer = raw_exchange(address_of(server.clear), IGNORED[name], PATIENCE, half_close=True)
    [response] = read_responses(answer.data)
    assert (response.status, response.body) == (200, b"asked")


def test_empty_settings_are_valid(server):
    with upgraded(server, asks(http2_settings=(b"",))) as client:
        assert client.response(1).data == b"asked"


def test_a_request_with_a_body_is_served_over_http_1(server):
    """Its body would have to be read in full before the first frame; RFC 9110 lets us ignore it."""
    request = asks(b"Content-Length: 4", line=b"POST /echo HTTP/1.1", body=b"body")
    answer = raw_exchange(address_of(server.clear), request, PATIENCE, half_close=True)
    [response] = read_responses(answer.data, ["POST"])
    assert (response.status, response.body) == (200, b"body")


def test_h2c_is_for_clear_connections_only(server):
    """RFC 7540 section 3.2: over TLS it is negotiated there."""
    raw = connect(address_of(server.secure), PATIENCE)
    with trusting("http/1.1").wrap_socket(raw, server_hostname="localhost") as sock:
        sock.sendall(asks(b"Connection: close"))
        received = b""
        while piece := sock.recv(65536):
            received += piece
    [response] = read_responses(received)
    assert (response.status, response.body) == (200, b"asked")


def test_it_is_off_by_setting(serve, worker):
    with serve(worker, "--no-h2-upgrade") as server:
        answer = raw_exchange(address_of(server.clear), asks(), PATIENCE, half_close=True)
        [response] = read_responses(answer.data)
        assert (response.status, response.body) == (200, b"asked")
        with server.connect() as client:  # prior knowledge is another matter
            assert client.start().ask().data == b"hello"


def test_many_upgrades_leave_no_task(server):
    for _ in range(20):
        upgraded(server, asks(line=b"GET /wait HTTP/1.1")).close()
    assert left_running(server) == 0
