"""Requests that are small on the wire and large in memory, and answers that nobody takes."""

from __future__ import annotations

import hashlib
import json
import sys

import pytest

from tests.h2 import frames as f
from tests.h2.siege import MiB, left_running, siege

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at the process in /proc")

GET = f.block(f.request())
LARGEST = 0x7FFFFFFF


# Large heads --------------------------------------------------------------------------------------


def in_frames(block: bytes, stream: int = 1) -> bytes:
    """A request in HEADERS and as many CONTINUATION as it takes."""
    pieces = [block[at : at + 16384] for at in range(0, len(block), 16384)]
    first = f.frame(f.HEADERS, f.END_STREAM | (f.END_HEADERS if len(pieces) == 1 else 0), stream,
                    pieces[0])  # fmt: skip
    rest = [f.continuation(stream, piece, end=piece is pieces[-1]) for piece in pieces[1:]]
    return first + b"".join(rest)


BLOCKS = {
    "one field 16000 times from the table": GET
    + f.literal_indexed(b"x-bomb", b"v" * 4000)
    + f.indexed(62) * 12000,
    "crumbs of a cookie from the table": GET
    + f.literal_indexed(b"cookie", b"v" * 4000)
    + f.indexed(62) * 12000,
    "a megabyte of fields": GET + f.literal(b"x-filler", b"v" * 1000) * 1000,
    "a field of a megabyte": GET + f.literal(b"x-filler", b"v" * MiB),
    "a name of a megabyte": GET + f.literal(b"n" * MiB, b"v"),
    "ten thousand fields": GET + f.literal(b"a", b"b") * 10000,
    "ten thousand fields without anything": GET + f.literal(b"", b"") * 10000,
    "a target of a megabyte": f.block(f.request(b"/" + b"p" * MiB)),
}


REFUSALS = (f.ENHANCE_YOUR_CALM, f.COMPRESSION_ERROR, f.PROTOCOL_ERROR)


@pytest.mark.parametrize("name", BLOCKS)
def test_large_heads_are_refused(server, name):
    """RFC 9113 section 10.5.1: 431 (or 414), or an error; never the application."""
    with siege(server) as attacker:
        attacker.flood([in_frames(BLOCKS[name])])
        attacker.wait(lambda: attacker[1].done or attacker.goaways)
        if attacker[1].fields is not None:
            assert attacker[1].status in (400, 414, 431)
        elif attacker.goaways:
            assert attacker.goaways[-1][1] in REFUSALS
        else:
            assert attacker[1].reset in REFUSALS


def test_hundreds_of_bombs_on_one_connection(server):
    bomb = BLOCKS["one field 16000 times from the table"]
    with siege(server) as attacker:
        outcome = attacker.flood(in_frames(bomb, 1 + 2 * n) for n in range(300))
        if outcome == "sent":
            attacker.sync()


# Answers that nobody takes ------------------------------------------------------------------------


def test_a_hundred_large_responses_without_a_window(hardened):
    with siege(hardened, bound=32 * MiB, credit=False) as attacker:
        attacker.send(f.settings((f.INITIAL_WINDOW_SIZE, 0)))
        for _ in range(100):
            attacker.open(f.request(b"/firehose"))
        # They are not kept for longer than `write_timeout`.
        attacker.wait(lambda: all(attacker[1 + 2 * n].reset is not None for n in range(100))
                      or attacker.goaways or attacker.closed)  # fmt: skip
        assert left_running(hardened) == 0


def test_a_hundred_large_responses_that_use_up_the_connections_window(hardened):
    with siege(hardened, bound=32 * MiB, credit=False) as attacker:
        attacker.send(f.settings((f.INITIAL_WINDOW_SIZE, LARGEST)))
        for _ in range(100):
            attacker.open(f.request(b"/firehose"))
        attacker.wait(lambda: all(attacker[1 + 2 * n].reset is not None for n in range(100))
                      or attacker.goaways or attacker.closed)  # fmt: skip
        assert left_running(hardened) == 0


def test_a_hundred_large_responses_that_nobody_reads(hardened):
    """The windows are open, and the socket is full."""
    with siege(hardened, bound=32 * MiB, credit=False) as attacker:
        attacker.send(f.settings((f.INITIAL_WINDOW_SIZE, LARGEST)))
        attacker.send(f.window_update(0, LARGEST - 65535))
        for number in range(100):
            attacker.send(f.headers(1 + 2 * number, f.request(b"/firehose")))
        assert left_running(hardened) == 0


def test_responses_of_one_piece_that_nobody_takes_are_held_once(hardened):
    """A megabyte in one message is the application's; the server makes no copies of it."""
    with siege(hardened, bound=48 * MiB, credit=False) as attacker:
        attacker.send(f.settings((f.INITIAL_WINDOW_SIZE, 0)))
        for _ in range(20):
            attacker.open(f.request(b"/whole?1048576"))
        attacker.sync()
        attacker.until_closed()


def test_a_window_of_one_byte(server):
    """Every byte costs a frame: it is either served so, or too much."""
    with siege(server, credit=False) as attacker:
        attacker.send(f.settings((f.INITIAL_WINDOW_SIZE, 1)))
        stream = attacker.open(f.request(b"/whole?65536"))
        attacker.flood(f.window_update(stream, 1) * 20 for _ in range(100))
        attacker.drain()
        assert all(size <= 2000 for size in attacker[stream].pieces)


def test_trickling_windows_on_many_streams(server):
    with siege(server, bound=32 * MiB, credit=False) as attacker:
        attacker.send(f.settings((f.INITIAL_WINDOW_SIZE, 1)))
        for _ in range(90):
            attacker.open(f.request(b"/download?100000"))
        every = b"".join(f.window_update(1 + 2 * n, 1) for n in range(90))
        attacker.flood(every for _ in range(50))


# Uploads that nobody receives ---------------------------------------------------------------------


def test_uploads_that_nobody_receives_hold_up_no_other(server):
    """Credit is per stream: others of the same connection go on."""
    with siege(server, bound=32 * MiB) as attacker:
        held = [attacker.open(f.request(b"/hold", method=b"POST"), end=False) for _ in range(12)]
        sent = [attacker.upload(stream, bytes(65535), end=False, wait=False) for stream in held]
        attacker.sync()
        assert all(sent), "a stream got nothing of the connection's window"
        body = bytes(range(256)) * 1000
        stream = attacker.open(f.request(b"/digest", method=b"POST"), end=False)
        attacker.upload(stream, body)
        assert json.loads(attacker.response(stream).data) == {
            "size": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        assert attacker.ask().data == b"hello"
        assert released(server) == 12
        attacker.send(*[f.data(stream, end=True) for stream in held])
        for stream, count in zip(held, sent, strict=True):
            assert json.loads(attacker.response(stream).data) == {"size": count}


def released(server) -> int:
    """Let requests for `/hold` go on; how many there were."""
    with server.connect() as client:
        return int(client.start().ask(f.request(b"/release")).data)


def test_an_upload_is_never_taken_beyond_the_window(server):
    """A client that ignores the window has its stream or its connection ended."""
    with siege(server) as attacker:
        stream = attacker.open(f.request(b"/hold", method=b"POST"), end=False)
        parts = (f.data(stream, bytes(16384)) for _ in range(2000))
        assert attacker.flood(parts) != "stalled"
        attacker.wait(lambda: attacker[stream].done or attacker.goaways)
        codes = {attacker[stream].reset} | {code for _, code, _ in attacker.goaways}
        assert f.FLOW_CONTROL_ERROR in codes
        released(server)


def test_a_stream_that_takes_nothing_does_not_delay_others(server):
    with siege(server, credit=False, bound=32 * MiB) as attacker:
        slow = attacker.open(f.request(b"/download?1000000"))
        attacker.wait(lambda: len(attacker[slow].data) == 65535)
        attacker.send(f.window_update(0, LARGEST - 65535))
        fast = [attacker.open(f.request(b"/download?1000000")) for _ in range(10)]
        attacker.send(*[f.window_update(stream, 2_000_000) for stream in fast])
        for stream in fast:
            assert len(attacker.response(stream).data) == 1_000_000
        assert len(attacker[slow].data) == 65535
        attacker.send(f.window_update(slow, 2_000_000))
        assert len(attacker.response(slow).data) == 1_000_000
