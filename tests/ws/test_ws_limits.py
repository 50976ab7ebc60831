"""What a client may send: message, frame, fragments, inflated size; bombs and floods."""

from __future__ import annotations

import contextlib
import threading
import zlib

import pytest

from tests.ws.client import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    Ended,
    Frame,
    RawClient,
    frame,
    opened,
    request,
    stuck,
    text,
)
from tests.ws.conftest import probe
from tests.ws.process import MIB, Peak, cpu, needs_proc

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
BOMB = 64 * MIB


def deflated(data: bytes) -> bytes:
    """A message's payload as permessage-deflate has it (RFC 7692 section 7.2.1)."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def compressed(data: bytes, opcode: int = BINARY) -> bytes:
    """A compressed message in one frame."""
    return frame(opcode, deflated(data), rsv=4)


def sent_in_background(client: RawClient, data: bytes) -> threading.Thread:
    """Send more than the buffers hold; that the server may end the connection is no error."""

    def run() -> None:
        with contextlib.suppress(OSError):
            client.send(data)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def pieces(count: int, *, text: bool = True) -> bytes:
    """A message in so many fragments of one byte."""
    first = frame(TEXT if text else BINARY, b"x", fin=False)
    middle = frame(CONTINUATION, b"x", fin=False)
    return first + middle * (count - 2) + frame(CONTINUATION, b"x")


# Sizes --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["asyncio", "uvloop", "trio"])
def small(request):
    """A server with bounds that are easily met."""
    arguments = [
        "--ws-max-message", "1000", "--ws-max-frame", "600", "--ws-max-fragments", "5",
        "--ws-max-inflated", "2000",
    ]  # fmt: skip
    with probe(request.param, "httptools", *arguments) as server:
        yield server


def test_what_is_as_large_as_allowed_is_served(small):
    with opened(small.address, "/length", DEFLATE) as client:
        client.send(frame(BINARY, bytes(500), fin=False), frame(CONTINUATION, bytes(500)))
        assert client.frame() == Frame(TEXT, b"1000")
        assert client.send(frame(BINARY, bytes(600))).frame() == Frame(TEXT, b"600")
        assert client.send(pieces(5)).frame() == Frame(TEXT, b"5")
        assert client.send(compressed(bytes(2000))).frame() == Frame(TEXT, b"2000")
        client.goodbye()


TOO_MUCH = {
    "a frame": frame(BINARY, bytes(601)),
    "a frame's announcement": frame(BINARY, bytes(1 << 16))[:14],
    "the announcement of 2 ** 63 - 1 bytes": b"\x82\xff\x7f" + b"\xff" * 7 + b"\0\0\0\0",
    "a message": frame(BINARY, bytes(600), fin=False) + frame(CONTINUATION, bytes(401)),
    "a message that goes on": frame(TEXT, bytes(600), fin=False) + frame(0, bytes(401), fin=False),
    "a text of many bytes and few characters": (
        frame(TEXT, "😀".encode() * 150, fin=False) + frame(CONTINUATION, "😀".encode() * 101)
    ),
    "fragments": pieces(6),
    "empty fragments": frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 5,
    "what it becomes": compressed(bytes(2001)),
    "what its fragments become": (
        frame(BINARY, deflated(bytes(4000))[:8], fin=False, rsv=4)
        + frame(CONTINUATION, deflated(bytes(4000))[8:])
    ),
}


@pytest.mark.parametrize("data", TOO_MUCH.values(), ids=TOO_MUCH)
def test_more_than_allowed_is_1009_and_the_worker_lives(small, data):
    with opened(small.address, "/length", DEFLATE) as client:
        assert client.send(data).failed() == 1009
    with opened(small.address) as client:
        assert client.send(text("on")).frame() == Frame(TEXT, b"on")
        client.goodbye()


def test_control_frames_between_fragments_do_not_count_as_fragments(small):
    with opened(small.address, "/length") as client:
        client.send(frame(TEXT, b"x", fin=False), frame(PING) * 10, frame(CONTINUATION, b"x"))
        found = [client.frame() for _ in range(11)]
        assert found[-1] == Frame(TEXT, b"2")


def test_bounds_are_of_one_message_and_not_of_all(small):
    with opened(small.address, "/length", DEFLATE) as client:
        for _ in range(50):
            assert client.send(pieces(5)).frame() == Frame(TEXT, b"5")
            assert client.send(frame(BINARY, bytes(600))).frame() == Frame(TEXT, b"600")
            assert client.send(compressed(bytes(2000))).frame() == Frame(TEXT, b"2000")


def test_the_default_is_16_mib_to_the_byte(server):
    whole = 16 * MIB
    for size, ok in ((whole, True), (whole + 1, False)):
        half = frame(BINARY, bytes(whole // 2), fin=False)
        rest = frame(CONTINUATION, bytes(size - whole // 2))
        with opened(server.address, "/length") as client:
            sender = sent_in_background(client, half + rest)
            if ok:
                assert client.frame() == Frame(TEXT, b"%d" % size)
            else:
                assert client.failed() == 1009
            sender.join()


# Floods -------------------------------------------------------------------------------------------


@needs_proc
def test_a_61_kb_bomb_takes_no_more_memory_than_the_limit_allows(worker):
    bomb = compressed(bytes(BOMB))
    assert len(bomb) < 66_000
    with probe(worker) as server:
        with opened(server.address, "/length", DEFLATE) as client:  # what is allocated once
            assert client.send(compressed(bytes(MIB))).frame().opcode == TEXT
        peak = Peak(server)
        with opened(server.address, "/length", DEFLATE) as client:
            assert client.send(bomb).failed() == 1009
        assert peak.grown <= 18 * MIB  # a bytearray may hold an eighth more than what is in it


@needs_proc
def test_a_bomb_against_a_small_limit_takes_little_memory(worker):
    with probe(worker, "httptools", "--ws-max-inflated", "64KiB") as server:
        with opened(server.address, "/length", DEFLATE) as client:
            assert client.send(compressed(bytes(60_000))).frame().opcode == TEXT
        peak = Peak(server)
        for opcode in (BINARY, TEXT):
            with opened(server.address, "/length", DEFLATE) as client:
                assert client.send(compressed(bytes(BOMB), opcode)).failed() == 1009
        assert peak.grown <= MIB


@needs_proc
def test_the_announcement_of_a_huge_frame_reserves_nothing(worker):
    head = frame(BINARY, bytes(16 * MIB))[:14]
    with probe(worker) as server:
        peak = Peak(server)
        clients = [opened(server.address).send(head, b"x") for _ in range(50)]
        with opened(server.address) as client:
            assert client.send(text("on")).frame() == Frame(TEXT, b"on")
        assert peak.grown <= 8 * MIB
        for client in clients:
            client.sock.close()


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("worker", ["uvloop"])
def test_a_million_fragments_of_one_byte_take_linear_time_and_bounded_memory(worker):
    """Eight times as many cost about eight times as much; a quadratic cost would be 64 times. (What
    a fragment costs varies by half, with how many of them one read brings.)

    On one loop, the quickest to read: fragments are put together by code that knows of no loop, and
    that each loop stops to read is shown in `test_ws_flow.py`.
    """
    many = 1_000_000
    args = ["--ws-max-fragments", str(many), "--ws-ping-interval", "0"]
    with probe(worker, "httptools", *args) as server:
        used = []
        peak = Peak(server)
        for count in (many // 8, many):
            before = cpu(server)
            with opened(server.address, "/length") as client:
                client.sock.settimeout(240)
                sender = sent_in_background(client, pieces(count))
                assert client.frame() == Frame(TEXT, b"%d" % count)
                sender.join()
                client.goodbye()
            used.append(cpu(server) - before)
        assert used[1] / used[0] < 24, used
        assert peak.grown < 8 * MIB


@needs_proc
def test_more_fragments_than_allowed_end_it_early(worker):
    with probe(worker) as server:
        before = cpu(server)
        peak = Peak(server)
        with opened(server.address, "/length") as client:
            sender = sent_in_background(client, pieces(140_000))
            with contextlib.suppress(Ended):  # it may be lost where the client still sends
                assert client.failed() == 1009
            sender.join()
        assert peak.grown < 8 * MIB
        assert cpu(server) - before < 20


@needs_proc
def test_a_flood_of_pings_that_nobody_reads_the_answers_of_is_bounded(worker):
    """Each ping asks for bytes back: whoever does not take them must not be answered for ever."""
    flood = frame(PING, bytes(125)) * 1000
    with probe(worker) as server:
        peak = Peak(server)
        with RawClient(server.address, request(), receive_buffer=4096) as client:
            client.opened()
            stuck(client, flood, 24 * MIB)
            assert peak.grown < 8 * MIB
        with opened(server.address) as client:
            assert client.send(text("on")).frame() == Frame(TEXT, b"on")
