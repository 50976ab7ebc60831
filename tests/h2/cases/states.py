"""Streams: their states, their numbers, how many there are, and on whom they depend (section 5)."""

from __future__ import annotations

from tests.h2 import frames as f
from tests.h2.cases.outcome import (
    answered,
    case,
    connection_error,
    stream_error,
)
from tests.h2.client import Client

GET = f.request()
WAITING = f.headers(1, f.request(b"/wait"))
POST = f.request(b"/digest", method=b"POST")
POSTED = f.headers(1, POST, end=False)


def after_response(*parts: bytes):
    def play(client: Client) -> None:
        client.get()
        client.response(1)
        client.send(*parts)

    return play


def after_reset(*parts: bytes):
    """Reset stream 1; the server has noticed when more comes."""

    def play(client: Client) -> None:
        client.send(POSTED, f.rst_stream(1))
        client.sync()
        client.send(*parts)

    return play


def one_too_many(client: Client) -> None:
    assert f.MAX_CONCURRENT_STREAMS in client.settings, "the server sets no bound"
    count = client.settings[f.MAX_CONCURRENT_STREAMS]
    client.send(*[f.headers(1 + 2 * n, f.request(b"/wait")) for n in range(count + 1)])


def refused(client: Client) -> None:
    last = 2 * client.settings[f.MAX_CONCURRENT_STREAMS] + 1
    stream_error(f.REFUSED_STREAM, f.PROTOCOL_ERROR, stream=last)(client)


def tolerated(*codes: int):
    """For what section 5.1 lets a server ignore, once it has sent RST_STREAM or knows nothing of
    the stream any more: nothing, or one of these codes.
    """

    def check(client: Client) -> None:
        client.send(f.ping(b"tolerate"))
        client.wait(lambda: b"tolerate" in client.pongs or client.goaways)
        if client.goaways:
            connection_error(*codes)(client)
        elif client[1].reset is not None:
            assert client[1].reset in codes

    return check


# fmt: off
CASES = [
    case("5.1", "idle: DATA", f.data(1, b"test", end=True),
         connection_error(f.PROTOCOL_ERROR, f.STREAM_CLOSED)),
    case("5.1", "idle: RST_STREAM", f.rst_stream(1), connection_error(f.PROTOCOL_ERROR)),
    case("5.1", "idle: WINDOW_UPDATE", f.window_update(1, 100),
         connection_error(f.PROTOCOL_ERROR)),
    case("5.1", "idle: CONTINUATION", f.continuation(1, f.block(GET)),
         connection_error(f.PROTOCOL_ERROR)),
    case("5.1", "half-closed: DATA", WAITING + f.data(1, b"test", end=True),
         stream_error(f.STREAM_CLOSED)),
    case("5.1", "half-closed: HEADERS", WAITING + f.headers(1, GET),
         stream_error(f.STREAM_CLOSED)),
    case("5.1", "half-closed: CONTINUATION", WAITING + f.continuation(1, f.block(GET)),
         connection_error(f.STREAM_CLOSED, f.PROTOCOL_ERROR)),
    case("5.1", "reset: DATA", after_reset(f.data(1, b"test", end=True)),
         tolerated(f.STREAM_CLOSED)),
    case("5.1", "reset: HEADERS", after_reset(f.headers(1, GET)), tolerated(f.STREAM_CLOSED)),
    case("5.1", "reset: CONTINUATION", after_reset(f.continuation(1, f.block(GET))),
         connection_error(f.STREAM_CLOSED, f.PROTOCOL_ERROR)),
    case("5.1", "closed: DATA", after_response(f.data(1, b"test", end=True)),
         stream_error(f.STREAM_CLOSED)),
    case("5.1", "closed: HEADERS", after_response(f.headers(1, GET)),
         connection_error(f.STREAM_CLOSED, f.PROTOCOL_ERROR)),
    case("5.1", "closed: CONTINUATION", after_response(f.continuation(1, f.block(GET))),
         connection_error(f.STREAM_CLOSED, f.PROTOCOL_ERROR)),
    case("5.1.1", "a stream of even number", f.headers(2, GET),
         connection_error(f.PROTOCOL_ERROR)),
    case("5.1.1", "a stream below the last", f.headers(5, GET) + f.headers(3, GET),
         connection_error(f.PROTOCOL_ERROR, f.STREAM_CLOSED)),
    case("5.1.1", "streams may be left out", f.headers(101, GET), answered(stream=101)),
    case("5.1.2", "more streams than SETTINGS_MAX_CONCURRENT_STREAMS", one_too_many, refused),
    case("5.3.1 of RFC 7540", "HEADERS that depend on their own stream",
         f.headers(1, f.depends(1) + f.block(GET), flags=f.WITH_PRIORITY),
         stream_error(f.PROTOCOL_ERROR)),
    case("5.3.1 of RFC 7540", "PRIORITY that depends on its own stream",
         f.headers(1, GET) + f.priority(3, 3), stream_error(f.PROTOCOL_ERROR, stream=3)),
]
