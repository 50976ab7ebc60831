"""What every server must take: each kind of frame, in each state that allows it."""

from __future__ import annotations

import hpack

from tests.h2 import frames as f
from tests.h2.cases.outcome import alive, answered, case
from tests.h2.client import Client

GET = f.request()
WAIT = f.request(b"/wait")
POSTED = f.headers(1, f.request(b"/digest", method=b"POST"), end=False)
PADDING = b"\0" * 8


def after_response(*parts: bytes):
    """Play a whole exchange on stream 1, then send."""

    def play(client: Client) -> None:
        client.get()
        client.response(1)
        client.send(*parts)

    return play


def settings_come_first(client: Client) -> None:
    client.sync()
    assert client.log[0].type == f.SETTINGS
    assert not client.log[0].flags & f.ACK
    alive(client)


def without_body(client: Client) -> None:
    answered(b"")(client)
    assert client[1].values(b"content-length") == [b"5"]


def received(size: int):
    def check(client: Client) -> None:
        answered()(client)
        assert b'"size": %d,' % size in client[1].data, client

    return check


def acknowledged(client: Client) -> None:
    client.wait(lambda: client.acknowledged == 2)


def pong_of(payload: bytes):
    def check(client: Client) -> None:
        client.wait(lambda: client.pongs)
        assert client.pongs == [payload]

    return check


def padded(kind: int, flags: int, payload: bytes) -> bytes:
    return f.frame(kind, flags | f.PADDED, 1, bytes([len(PADDING)]) + payload + PADDING)


def named(first: int, name: int | bytes, value: bytes) -> bytes:
    """A literal field whose name is an index into the table, or new."""
    prefix = 6 if first & 0x40 else 4
    if isinstance(name, int):
        return f.integer(name, prefix, first) + f.text(value)
    return bytes([first]) + f.text(name) + f.text(value)


def fields(more: bytes) -> bytes:
    return f.headers(1, f.block(GET) + more)


def in_pieces(count: int) -> bytes:
    """A request whose block comes in so many frames."""
    whole = f.block(GET)
    size = len(whole) // count + 1
    first, *rest = (whole[at : at + size] for at in range(0, len(whole), size))
    made = f.frame(f.HEADERS, f.END_STREAM, 1, first)
    for number, piece in enumerate(rest, 2):
        made += f.continuation(1, piece, end=number == count)
    return made


HUFFMAN = b"\x00" + b"\x81\x1f" + b"\x82\x18\xff"
"""Field `a`, in Huffman code; its value is `aa` with six bits of padding."""


def finished(client: Client) -> None:
    """A client that goes away gets what it has asked for (section 6.8)."""
    client.wait(lambda: client[1].done)
    assert client[1].data == b"hello"


# fmt: off
CASES = [
    case("3.4", "a preface", b"", settings_come_first),
    case("5.1", "PRIORITY on an idle stream", f.priority(1) + f.headers(1, GET), answered()),
    case("5.1", "WINDOW_UPDATE on a half-closed stream",
         f.headers(1, GET) + f.window_update(1, 1), answered()),
    case("5.1", "PRIORITY on a half-closed stream", f.headers(1, GET) + f.priority(1), answered()),
    case("5.1", "RST_STREAM on a half-closed stream",
         f.headers(1, WAIT) + f.rst_stream(1), alive),
    case("5.1", "PRIORITY on a closed stream", after_response(f.priority(1)), answered()),
    case("5.1", "WINDOW_UPDATE on a closed stream",
         after_response(f.window_update(1, 9)), answered()),
    case("5.1", "RST_STREAM on a closed stream", after_response(f.rst_stream(1)), answered()),
    case("6.1", "DATA", POSTED + f.data(1, b"test", end=True), received(4)),
    case("6.1", "several DATA",
         POSTED + f.data(1, b"te") + f.data(1, b"st", end=True), received(4)),
    case("6.1", "DATA with padding",
         POSTED + padded(f.DATA, f.END_STREAM, b"test"), received(4)),
    case("6.1", "DATA of padding alone", POSTED + padded(f.DATA, f.END_STREAM, b""), received(0)),
    case("6.1", "empty DATA at the end",
         POSTED + f.data(1, b"test") + f.data(1, end=True), received(4)),
    case("6.2", "HEADERS", f.headers(1, GET), answered(b"hello")),
    case("6.2", "HEADERS with padding",
         padded(f.HEADERS, f.END_STREAM | f.END_HEADERS, f.block(GET)), answered(b"hello")),
    case("6.2", "HEADERS with priority",
         f.headers(1, f.depends(0) + f.block(GET), flags=f.WITH_PRIORITY), answered(b"hello")),
    case("6.3", "PRIORITY of weight 1", f.priority(1, weight=1) + f.headers(1, GET), answered()),
    case("6.3", "PRIORITY of weight 256",
         f.priority(1, weight=256) + f.headers(1, GET), answered()),
    case("6.3", "PRIORITY on another stream", f.priority(1, 3) + f.headers(1, GET), answered()),
    case("6.3", "exclusive PRIORITY",
         f.priority(1, exclusive=True) + f.headers(1, GET), answered()),
    case("6.3", "PRIORITY of an idle stream, then HEADERS on a lower one",
         f.priority(5) + f.headers(1, GET), answered()),
    case("6.4", "RST_STREAM on an open stream", POSTED + f.rst_stream(1), alive),
    case("6.5", "SETTINGS", f.settings((f.MAX_CONCURRENT_STREAMS, 10)), acknowledged),
    case("6.5", "empty SETTINGS", f.settings(), acknowledged),
    case("6.7", "PING", f.ping(b"01234567"), pong_of(b"01234567")),
    case("6.8", "GOAWAY while a request is answered", f.headers(1, GET) + f.goaway(), finished),
    case("6.9", "WINDOW_UPDATE of the connection",
         f.window_update(0, 1) + f.headers(1, GET), answered()),
    case("6.9", "WINDOW_UPDATE of a stream",
         POSTED + f.window_update(1, 1) + f.data(1, end=True), answered()),
    case("6.10", "CONTINUATION", in_pieces(2), answered(b"hello")),
    case("6.10", "several CONTINUATION", in_pieces(4), answered(b"hello")),
    case("8", "GET", f.headers(1, GET), answered(b"hello")),
    case("8", "HEAD", f.headers(1, f.request(method=b"HEAD")), without_body),
    case("8", "POST", POSTED + f.data(1, b"body", end=True), received(4)),
    case("8", "POST with trailers",
         POSTED + f.data(1, b"body") + f.headers(1, [(b"x-sum", b"1")]), received(4)),
    case("8", "GET with Huffman code, indexed", f.headers(1, hpack.Encoder().encode(GET)),
         answered(b"hello")),
    case("RFC 7541 6.1", "an indexed field", fields(f.indexed(19)), answered()),
    case("RFC 7541 6.2.1", "incremental indexing, indexed name",
         fields(named(0x40, 58, b"x")), answered()),
    case("RFC 7541 6.2.1", "incremental indexing, new name",
         fields(named(0x40, b"x-test", b"x")), answered()),
    case("RFC 7541 6.2.1", "a field from the dynamic table",
         fields(named(0x40, b"x-test", b"x") + f.indexed(62)), answered()),
    case("RFC 7541 6.2.2", "no indexing, indexed name", fields(named(0, 58, b"x")), answered()),
    case("RFC 7541 6.2.2", "no indexing, new name", fields(named(0, b"x-test", b"x")), answered()),
    case("RFC 7541 6.2.3", "never indexed, indexed name",
         fields(named(0x10, 58, b"x")), answered()),
    case("RFC 7541 6.2.3", "never indexed, new name",
         fields(named(0x10, b"x-test", b"x")), answered()),
    case("RFC 7541 6.3", "a dynamic table size update",
         f.headers(1, f.table_size(128) + f.block(GET)), answered()),
    case("RFC 7541 4.2", "two dynamic table size updates",
         f.headers(1, f.table_size(128) + f.table_size(4096) + f.block(GET)), answered()),
    case("RFC 7541 5.2", "Huffman code", fields(HUFFMAN), answered()),
]
