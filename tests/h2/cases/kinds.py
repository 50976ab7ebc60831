"""Each type of frame, broken in each way that its definition names (section 6)."""

from __future__ import annotations

import struct

from tests.h2 import frames as f
from tests.h2.cases.outcome import alive, case, connection_error, first_data, stream_error
from tests.h2.client import Client

GET = f.request()
POSTED = f.headers(1, f.request(b"/digest", method=b"POST"), end=False)
OPENED = f.frame(f.HEADERS, f.END_STREAM, 1, f.block(GET))
"""A request whose field block goes on in CONTINUATION."""
HIGHEST = 0x7FFFFFFF

protocol_error = connection_error(f.PROTOCOL_ERROR)
frame_size_error = connection_error(f.FRAME_SIZE_ERROR)
flow_control_error = connection_error(f.FLOW_CONTROL_ERROR)


def window_after_request(*windows: int):
    """Ask with a window of 0, then change it."""

    def play(client: Client) -> None:
        client.credit = False
        client.get()
        client.wait(lambda: client[1].fields is not None)
        client.sync()
        assert client[1].pieces == [], f"more than the window: {client!r}"
        client.send(*[f.settings((f.INITIAL_WINDOW_SIZE, window)) for window in windows])

    return play


def window_below_zero(client: Client) -> None:
    """Section 6.9.2: 3 bytes are sent, the window becomes -1, and 2 more bytes make it 1."""
    client.credit = False
    client.get()
    client.wait(lambda: client[1].data == b"hel")
    client.send(f.settings((f.INITIAL_WINDOW_SIZE, 2)))
    client.wait(lambda: client.acknowledged == 2)
    client[1].pieces.clear()
    client.send(f.window_update(1, 2))


def setting(number: int, value: int) -> bytes:
    return f.settings((number, value))


def acknowledged(client: Client) -> None:
    client.wait(lambda: client.acknowledged == 2)
    alive(client)


def no_pong(client: Client) -> None:
    """An acknowledged PING is not answered."""
    alive(client)
    assert b"answered" not in client.pongs


def all_of_it(client: Client) -> None:
    client.response(1)
    assert client[1].data == b"hello"


# fmt: off
CASES = [
    # 6.1 DATA
    case("6.1", "DATA on stream 0", f.frame(f.DATA, f.END_STREAM, 0, b"test"), protocol_error),
    case("6.1", "DATA on a stream that is not open",
         f.headers(1, f.request(b"/wait")) + f.data(1, b"test"), stream_error(f.STREAM_CLOSED)),
    case("6.1", "DATA with more padding than payload",
         POSTED + f.frame(f.DATA, f.PADDED | f.END_STREAM, 1, b"\x06test"), protocol_error),
    case("6.1", "DATA with as much padding as payload",
         POSTED + f.frame(f.DATA, f.PADDED | f.END_STREAM, 1, b"\x05test"), protocol_error),
    case("6.1", "DATA without the length of its padding",
         POSTED + f.frame(f.DATA, f.PADDED, 1, b""),
         connection_error(f.PROTOCOL_ERROR, f.FRAME_SIZE_ERROR)),
    # 6.2 HEADERS
    case("6.2", "HEADERS without END_HEADERS, then PRIORITY", OPENED + f.priority(1),
         protocol_error),
    case("6.2", "HEADERS without END_HEADERS, then another stream", OPENED + f.headers(3, GET),
         protocol_error),
    case("6.2", "HEADERS on stream 0", f.headers(0, GET), protocol_error),
    case("6.2", "HEADERS with more padding than payload",
         f.headers(1, b"\xff" + f.block(GET), flags=f.PADDED), protocol_error),
    case("6.2", "HEADERS too short for their priority",
         f.headers(1, b"\0\0", flags=f.WITH_PRIORITY),
         connection_error(f.PROTOCOL_ERROR, f.FRAME_SIZE_ERROR)),
    # 6.3 PRIORITY
    case("6.3", "PRIORITY on stream 0", f.priority(0), protocol_error),
    case("6.3", "PRIORITY of 4 bytes", f.headers(1, f.request(b"/wait"))
         + f.frame(f.PRIORITY, 0, 1, b"\0" * 4), stream_error(f.FRAME_SIZE_ERROR)),
    # 6.4 RST_STREAM
    case("6.4", "RST_STREAM on stream 0", f.rst_stream(0), protocol_error),
    case("6.4", "RST_STREAM on an idle stream", f.rst_stream(1), protocol_error),
    case("6.4", "RST_STREAM of 3 bytes", POSTED + f.frame(f.RST_STREAM, 0, 1, b"\0" * 3),
         frame_size_error),
    # 6.5 SETTINGS
    case("6.5", "an acknowledgement with a payload",
         f.frame(f.SETTINGS, f.ACK, 0, struct.pack(">HI", f.ENABLE_PUSH, 0)), frame_size_error),
    case("6.5", "SETTINGS on a stream",
         f.frame(f.SETTINGS, 0, 1, struct.pack(">HI", f.MAX_CONCURRENT_STREAMS, 9)),
         protocol_error),
    case("6.5", "SETTINGS of 3 bytes", f.frame(f.SETTINGS, 0, 0, b"\0" * 3), frame_size_error),
    case("6.5.2", "SETTINGS_ENABLE_PUSH of 2", setting(f.ENABLE_PUSH, 2), protocol_error),
    case("6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1",
         setting(f.INITIAL_WINDOW_SIZE, 0x80000000), flow_control_error),
    case("6.5.2", "SETTINGS_MAX_FRAME_SIZE below 2^14", setting(f.MAX_FRAME_SIZE, 16383),
         protocol_error),
    case("6.5.2", "SETTINGS_MAX_FRAME_SIZE above 2^24-1", setting(f.MAX_FRAME_SIZE, 1 << 24),
         protocol_error),
    case("6.5.2", "an unknown setting", setting(0xFF, 1), acknowledged),
    case("RFC 8441 3", "SETTINGS_ENABLE_CONNECT_PROTOCOL of 2",
         setting(f.ENABLE_CONNECT_PROTOCOL, 2), protocol_error),
    case("6.5.3", "two values of SETTINGS_INITIAL_WINDOW_SIZE, in order",
         f.settings((f.INITIAL_WINDOW_SIZE, 100), (f.INITIAL_WINDOW_SIZE, 1))
         + f.headers(1, GET), first_data(1)),
    case("6.5.3", "SETTINGS are acknowledged", f.settings(), acknowledged),
    # 6.7 PING
    case("6.7", "PING is answered", f.ping(), alive),
    case("6.7", "an acknowledged PING that nobody asked for", f.ping(b"answered", ack=True),
         no_pong),
    case("6.7", "PING on a stream", f.frame(f.PING, 0, 1, b"01234567"), protocol_error),
    case("6.7", "PING of 6 bytes", f.frame(f.PING, 0, 0, b"012345"), frame_size_error),
    # 6.8 GOAWAY
    case("6.8", "GOAWAY on a stream", f.frame(f.GOAWAY, 0, 1, b"\0" * 8), protocol_error),
    case("6.8", "GOAWAY of 7 bytes", f.frame(f.GOAWAY, 0, 0, b"\0" * 7), frame_size_error),
    # 6.9 WINDOW_UPDATE
    case("6.9", "WINDOW_UPDATE of 0 for the connection", f.window_update(0, 0), protocol_error),
    case("6.9", "WINDOW_UPDATE of 0 for a stream", POSTED + f.window_update(1, 0),
         stream_error(f.PROTOCOL_ERROR)),
    case("6.9", "WINDOW_UPDATE of 3 bytes", f.frame(f.WINDOW_UPDATE, 0, 0, b"\0\0\1"),
         frame_size_error),
    case("6.9.1", "a window of 1 takes 1 byte", f.headers(1, GET), first_data(1),
         settings=((f.INITIAL_WINDOW_SIZE, 1),)),
    case("6.9.1", "a connection's window above 2^31-1", f.window_update(0, HIGHEST) * 2,
         flow_control_error),
    case("6.9.1", "a stream's window above 2^31-1",
         POSTED + f.window_update(1, HIGHEST) * 2, stream_error(f.FLOW_CONTROL_ERROR)),
    case("6.9.2", "SETTINGS_INITIAL_WINDOW_SIZE after HEADERS", window_after_request(1),
         first_data(1), settings=((f.INITIAL_WINDOW_SIZE, 0),)),
    case("6.9.2", "SETTINGS_INITIAL_WINDOW_SIZE twice after HEADERS",
         window_after_request(3, 65535), all_of_it, settings=((f.INITIAL_WINDOW_SIZE, 0),)),
    case("6.9.2", "a window below 0", window_below_zero, first_data(1),
         settings=((f.INITIAL_WINDOW_SIZE, 3),)),
    case("6.9.2", "SETTINGS_INITIAL_WINDOW_SIZE that lifts a window above 2^31-1",
         POSTED + f.window_update(1, HIGHEST - 65535)
         + setting(f.INITIAL_WINDOW_SIZE, 65536), flow_control_error),
    # 6.10 CONTINUATION
    case("6.10", "CONTINUATION, then another frame",
         OPENED + f.continuation(1, b"", end=False) + f.data(1, b"test"), protocol_error),
    case("6.10", "CONTINUATION on stream 0", OPENED + f.continuation(0, b""), protocol_error),
    case("6.10", "CONTINUATION on another stream", OPENED + f.continuation(3, b""),
         protocol_error),
    case("6.10", "CONTINUATION after HEADERS with END_HEADERS",
         POSTED + f.continuation(1, b""), protocol_error),
    case("6.10", "CONTINUATION after CONTINUATION with END_HEADERS",
         OPENED + f.continuation(1, b"") + f.continuation(1, b""),
         connection_error(f.PROTOCOL_ERROR, f.STREAM_CLOSED)),
    case("6.10", "CONTINUATION after DATA",
         POSTED + f.data(1, b"test") + f.continuation(1, b""), protocol_error),
]
