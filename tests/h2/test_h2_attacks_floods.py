"""Floods of frames that cost a client little: each ends its own connection and harms nobody.

Every flood is bounded in count and time; beside it runs a client that must be served, and the
server's memory is looked at.
"""

from __future__ import annotations

import struct
import sys

import pytest

from tests.h2 import frames as f
from tests.h2.siege import Attacker, repeat, siege

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at the process in /proc")

COUNT = 40_000
WAIT = f.block(f.request(b"/wait"))
GET = f.block(f.request())
HELD = f.block(f.request(b"/wait", method=b"POST"))


def streams(make, first: int = 1, count: int = COUNT // 4):
    """`make(stream)` for one new stream after the other."""
    for at in range(0, count, 50):
        yield b"".join(make(first + 2 * number) for number in range(at, at + 50))


def enough(attacker: Attacker, parts, *, codes=(f.ENHANCE_YOUR_CALM,)) -> None:
    """The flood does not get through, and the server says why."""
    assert attacker.flood(parts) != "stalled", attacker
    assert attacker.verdict() in codes, attacker


# Streams that are opened in order to be reset -----------------------------------------------------


@pytest.mark.parametrize("block", [GET, WAIT], ids=["answered", "waiting"])
def test_rapid_reset(server, block):
    """CVE-2023-44487."""
    before = server.counts()["begun"]
    with siege(server) as attacker:
        enough(attacker, streams(lambda n: f.headers(n, block) + f.rst_stream(n)))
    assert server.counts()["begun"] - before < COUNT // 8 + 2000


def test_rapid_reset_of_uploads(server):
    with siege(server) as attacker:
        enough(
            attacker,
            streams(lambda n: f.headers(n, HELD, end=False) + f.data(n, b"x") + f.rst_stream(n)),
        )


PROVOCATIONS = {
    "a window of 0": (lambda n: f.window_update(n, 0), f.PROTOCOL_ERROR),
    "a window above the largest": (
        lambda n: f.window_update(n, 0x7FFFFFFF),
        f.FLOW_CONTROL_ERROR,
    ),
    "DATA after the end": (lambda n: f.data(n, b"x"), f.STREAM_CLOSED),
    "HEADERS after the end": (lambda n: f.headers(n, GET), f.STREAM_CLOSED),
    "PRIORITY of 4 bytes": (lambda n: f.frame(f.PRIORITY, 0, n, b"1234"), f.FRAME_SIZE_ERROR),
}


@pytest.mark.parametrize("name", PROVOCATIONS)
def test_streams_that_the_server_is_made_to_reset(server, name):
    """CVE-2025-8671: the attacker never sends RST_STREAM."""
    provoke, code = PROVOCATIONS[name]
    with siege(server) as attacker:
        enough(
            attacker,
            streams(lambda n: f.headers(n, WAIT) + provoke(n)),
            codes=(f.ENHANCE_YOUR_CALM, code),
        )


MALFORMED = {
    "an empty block": b"",
    "no method": f.block(f.without(b":method")),
    "a connection-specific field": f.block(f.request(b"/", (b"connection", b"close"))),
    "two hosts": f.block(f.request(b"/", (b"host", b"a"), (b"host", b"b"))),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests(server, name):
    with siege(server) as attacker:
        enough(
            attacker,
            streams(lambda n: f.headers(n, MALFORMED[name])),
            codes=(f.ENHANCE_YOUR_CALM, f.PROTOCOL_ERROR),
        )


def test_streams_beyond_the_limit(server):
    with siege(server) as attacker:
        enough(
            attacker,
            streams(lambda n: f.headers(n, WAIT)),
            codes=(f.ENHANCE_YOUR_CALM, f.PROTOCOL_ERROR, f.REFUSED_STREAM),
        )


# Control frames -----------------------------------------------------------------------------------

CONTROL = {
    "PING": f.ping(),
    "acknowledged PING": f.ping(ack=True),
    "SETTINGS": f.settings(),
    "SETTINGS with a value": f.settings((f.INITIAL_WINDOW_SIZE, 65535)),
    "SETTINGS with many values": f.settings(*[(0x4242, 1)] * 200),
    "acknowledged SETTINGS": f.settings_ack(),
    "PRIORITY of one stream": f.priority(1),
    "PRIORITY_UPDATE of one stream": f.priority_update(1, b"u=1"),
    "unknown frames": f.frame(f.UNKNOWN, 0, 0, b"x"),
    "unknown frames on a stream": f.frame(f.UNKNOWN, 0, 1, b""),
    "RST_STREAM of a closed stream": f.rst_stream(1),
    "GOAWAY": f.goaway(),
}


@pytest.mark.parametrize("name", CONTROL)
def test_control_frames(server, name):
    with siege(server) as attacker:
        attacker.response(attacker.get())
        enough(
            attacker,
            repeat(CONTROL[name], COUNT),
            codes=(f.ENHANCE_YOUR_CALM, f.PROTOCOL_ERROR)
            if name == "acknowledged SETTINGS"
            else (f.ENHANCE_YOUR_CALM,),
        )


@pytest.mark.parametrize("name", ["PING", "SETTINGS"])
def test_control_frames_whose_answers_nobody_reads(server, name):
    """Answers to frames are buffered for nobody for long."""
    with siege(server) as attacker:
        attacker.flood(repeat(CONTROL[name], COUNT * 2), read=False)
        attacker.until_closed()


@pytest.mark.parametrize("stream", [0, 1], ids=["connection", "stream"])
def test_window_updates(server, stream):
    with siege(server) as attacker:
        attacker.open(f.request(b"/wait"))
        enough(attacker, repeat(f.window_update(stream, 1), COUNT))


def test_priorities_of_streams_that_do_not_exist(server):
    with siege(server) as attacker:
        enough(attacker, streams(lambda n: f.priority(n, n - 2 if n > 1 else 0), count=COUNT))


def test_priority_updates_of_streams_that_do_not_exist(server):
    with siege(server) as attacker:
        enough(
            attacker,
            streams(lambda n: f.priority_update(n, b"u=1"), count=COUNT),
            codes=(f.ENHANCE_YOUR_CALM, f.PROTOCOL_ERROR),
        )


def test_priorities_that_move_a_tree_to_and_fro(server):
    def parts():
        for number in range(COUNT // 50):
            parent, child = (1, 99) if number % 2 else (99, 1)
            yield b"".join(
                f.priority(child if n == 0 else 2 * n + 1, parent, exclusive=True)
                for n in range(50)
                if 2 * n + 1 != parent
            )

    with siege(server) as attacker:
        enough(attacker, parts())


def test_windows_of_many_streams_changed_again_and_again(server):
    """Each SETTINGS_INITIAL_WINDOW_SIZE touches every stream."""
    with siege(server) as attacker:
        for _ in range(90):
            attacker.open(f.request(b"/wait"))
        attacker.sync()
        changes = f.settings((f.INITIAL_WINDOW_SIZE, 1)) + f.settings((f.INITIAL_WINDOW_SIZE, 9))
        enough(attacker, repeat(changes, COUNT // 2))


# Frames with nothing in them ----------------------------------------------------------------------

EMPTY = {
    "DATA": f.data(1),
    "DATA of padding": f.frame(f.DATA, f.PADDED, 1, b"\x01\x00"),
    "DATA with padding of no length": f.frame(f.DATA, f.PADDED, 1, b"\x00"),
}


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("path", [b"/wait", b"/hold"], ids=["received", "unreceived"])
def test_empty_data(server, name, path):
    with siege(server) as attacker:
        attacker.open(f.request(path, method=b"POST"), end=False)
        enough(attacker, repeat(EMPTY[name], COUNT))
        released(server)


def released(server) -> None:
    with server.connect() as client:
        client.start().ask(f.request(b"/release"))


def test_data_for_streams_that_were_reset(server):
    with siege(server) as attacker:
        attacker.open(f.request(b"/wait", method=b"POST"), end=False)
        attacker.send(f.rst_stream(1))
        enough(
            attacker,
            repeat(f.data(1, b"x"), COUNT),
            codes=(f.ENHANCE_YOUR_CALM, f.STREAM_CLOSED, f.FLOW_CONTROL_ERROR),
        )


@pytest.mark.parametrize("size", [0, 1, 1000, 16384])
def test_continuation(server, size):
    """A field block that does not end."""
    with siege(server) as attacker:
        attacker.send(f.frame(f.HEADERS, f.END_STREAM, 1, GET))
        filler = f.continuation(1, b"\0" * size, end=False)
        enough(
            attacker,
            repeat(filler, COUNT if size < 1000 else 2000, 50 if size < 1000 else 5),
            codes=(f.ENHANCE_YOUR_CALM, f.COMPRESSION_ERROR, f.PROTOCOL_ERROR),
        )


def test_continuation_on_many_connections(server):
    """What one connection may hold of a block is little, and so is what a hundred hold."""
    with siege(server, bound=24 * (1 << 20)) as attacker:
        others = [server.connect().start() for _ in range(50)]
        field = f.literal(b"x-filler", b"v" * 1000)
        for other in others:
            other.send(f.frame(f.HEADERS, f.END_STREAM, 1, GET))
            other.send(*[f.continuation(1, field * 10, end=False)] * 6)
        for other in others:
            other.close()
        attacker.ask()


def test_frames_longer_than_allowed(server):
    with siege(server) as attacker:
        frame = f.head(0xFFFFFF, f.DATA, 0, 1)
        enough(attacker, [frame, *[bytes(65536)] * 300], codes=(f.FRAME_SIZE_ERROR,))


def test_settings_of_many_values(server):
    with siege(server) as attacker:
        values = b"".join(struct.pack(">HI", 0x1000 + n, n) for n in range(2700))
        enough(attacker, repeat(f.frame(f.SETTINGS, 0, 0, values), 2000, 5))
