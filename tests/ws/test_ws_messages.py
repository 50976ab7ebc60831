"""Messages and frames: sizes, fragments, control frames between them, UTF-8 (RFC 6455)."""

from __future__ import annotations

import random

import pytest

from nonecorn.testing import SPLITTERS
from tests.ws.client import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    closing,
    frame,
    opened,
    text,
)

SIZES = [0, 1, 2, 124, 125, 126, 127, 128, 4095, 65534, 65535, 65536, 65537, 1 << 18, 1 << 20]


@pytest.fixture
def client(server):
    with opened(server.address) as connected:
        yield connected


# Whole messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_a_message_of_any_size_comes_back(client, size):
    data = random.Random(size).randbytes(size)
    assert client.send(frame(BINARY, data)).message() == Frame(BINARY, data)
    letters = ("aä€😀"[: 1 + size % 4] * size)[:size]
    assert client.send(text(letters)).message() == Frame(TEXT, letters.encode())
    assert client.goodbye() == (1000, "")


def test_text_and_binary_keep_their_kind(client):
    for opcode in (TEXT, BINARY, BINARY, TEXT):
        assert client.send(frame(opcode, b"same")).frame() == Frame(opcode, b"same")


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80\x01\x7f\xfe"])
def test_any_mask_is_taken_off(client, mask):
    data = bytes(range(256))
    assert client.send(frame(BINARY, data, mask=mask)).frame() == Frame(BINARY, data)


def test_many_messages_in_one_packet_come_back_in_order(client):
    client.send(*(text(str(number)) for number in range(1000)))
    assert [client.frame().payload for _ in range(1000)] == [b"%d" % n for n in range(1000)]


@pytest.mark.parametrize("split", SPLITTERS.values(), ids=SPLITTERS)
def test_it_does_not_matter_how_frames_arrive(client, split):
    data = random.Random(5).randbytes(300)
    stream = frame(BINARY, data) + frame(PING, b"p") + text("aä€😀") + frame(TEXT)
    for piece in split(stream):
        client.send(piece)
    found = [client.frame() for _ in range(4)]
    assert [each for each in found if each.opcode != PONG] == [
        Frame(BINARY, data),
        Frame(TEXT, "aä€😀".encode()),
        Frame(TEXT),
    ]
    assert Frame(PONG, b"p") in found  # at once, or after messages that came with it


def test_a_length_in_a_form_longer_than_needed_is_refused(server):
    """RFC 6455 section 5.2: the minimal number of bytes must be used."""
    for length in (
        b"\xfe\x00\x05",
        b"\xff" + (5).to_bytes(8, "big"),
        b"\xff" + bytes(6) + b"\xff\xff",
    ):
        with opened(server.address) as client:
            client.send(b"\x82" + length + b"\0\0\0\0hello")
            assert client.failed() == 1002


def test_a_length_with_its_highest_bit_set_is_refused(client):
    client.send(b"\x82\xff" + (1 << 63 | 5).to_bytes(8, "big") + b"\0\0\0\0hello")
    assert client.failed() in (1002, 1009)


# Fragments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("count", [2, 3, 100])
def test_fragments_are_one_message(client, opcode, count):
    pieces = [b"%d," % number for number in range(count)]
    client.send(frame(opcode, pieces[0], fin=False))
    client.send(*(frame(CONTINUATION, piece, fin=False) for piece in pieces[1:-1]))
    client.send(frame(CONTINUATION, pieces[-1]))
    assert client.message() == Frame(opcode, b"".join(pieces))


def test_empty_fragments_are_part_of_a_message(client):
    client.send(frame(TEXT, b"", fin=False), frame(CONTINUATION, b"", fin=False))
    client.send(frame(CONTINUATION, b"a", fin=False), frame(CONTINUATION, b""))
    assert client.message() == Frame(TEXT, b"a")


def test_control_frames_between_fragments_are_answered_at_once(client):
    client.send(frame(TEXT, b"one ", fin=False), frame(PING, b"between"))
    assert client.frame() == Frame(PONG, b"between")
    client.send(frame(PONG, b"unasked"), frame(CONTINUATION, b"message"))
    assert client.message() == Frame(TEXT, b"one message")


def test_a_close_between_fragments_is_answered(client):
    client.send(frame(TEXT, b"never whole", fin=False), closing(1001))
    assert client.closed() == (1001, "")
    assert client.ended()


WRONG_ORDER = {
    "a continuation of nothing": [frame(CONTINUATION, b"x")],
    "a continuation of nothing that goes on": [frame(CONTINUATION, b"x", fin=False)],
    "text within a message": [frame(TEXT, b"a", fin=False), frame(TEXT, b"b")],
    "binary within a message": [frame(TEXT, b"a", fin=False), frame(BINARY, b"b", fin=False)],
    "a continuation after the end": [
        frame(TEXT, b"a", fin=False),
        frame(CONTINUATION, b"b"),
        frame(CONTINUATION, b"c"),
    ],
}


@pytest.mark.parametrize("frames", WRONG_ORDER.values(), ids=WRONG_ORDER)
def test_fragments_out_of_order_fail_the_connection(client, frames):
    client.send(*frames)
    found = client.frame()
    if found.opcode == TEXT:  # the complete message before
        found = client.frame()
    assert (found.opcode, found.payload[:2]) == (CLOSE, (1002).to_bytes(2, "big"))
    assert client.ended()


# Frames that must not be --------------------------------------------------------------------------

BAD_FRAMES = {
    **{f"opcode {code}": frame(code, b"x") for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    **{f"reserved bits {rsv:03b}": frame(TEXT, b"x", rsv=rsv) for rsv in range(1, 8)},
    "reserved bit of a ping": frame(PING, b"x", rsv=4),
    "reserved bit of a close": frame(CLOSE, b"", rsv=4),
    "unmasked text": frame(TEXT, b"x", mask=None),
    "unmasked ping": frame(PING, b"x", mask=None),
    "unmasked close": frame(CLOSE, b"", mask=None),
    "a ping in pieces": frame(PING, b"x", fin=False),
    "a close in pieces": frame(CLOSE, b"", fin=False),
    "a ping of 126 bytes": frame(PING, bytes(126)),
    "a pong of 70000 bytes": frame(PONG, bytes(70000)),
    "a close of 126 bytes": frame(CLOSE, b"\x03\xe8" + bytes(124)),
}


@pytest.mark.parametrize("bad", BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_a_frame_that_must_not_be_fails_the_connection(server, bad):
    with opened(server.address) as client:
        client.send(bad)
        assert client.failed() == 1002
    with opened(server.address) as client:
        assert client.send(text("alive")).frame() == Frame(TEXT, b"alive")


def test_nothing_after_a_bad_frame_is_served(client):
    client.send(frame(3, b"x"), text("must not come back"), frame(PING, b"nor this"))
    assert client.failed() == 1002


# Pings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(125))])
def test_a_ping_is_answered_with_its_payload(client, payload):
    assert client.send(frame(PING, payload)).frame() == Frame(PONG, payload)


def test_pongs_that_nobody_asked_for_are_ignored(client):
    client.send(frame(PONG, b"?"), frame(PONG), text("on"))
    assert client.frame() == Frame(TEXT, b"on")


def test_each_of_many_pings_is_answered_in_order(client):
    client.send(*(frame(PING, b"%d" % number) for number in range(500)))
    assert [client.frame() for _ in range(500)] == [Frame(PONG, b"%d" % n) for n in range(500)]


# UTF-8 --------------------------------------------------------------------------------------------

GREETING = "κόσμε 😀 \U0010ffff \0"
BAD_UTF8 = {
    "a lone continuation": b"\x80",
    "an overlong slash": b"\xc0\xaf",
    "an overlong form of three": b"\xe0\x80\xaf",
    "an overlong form of four": b"\xf0\x80\x80\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "beyond unicode": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "0xfe": b"\xfe",
    "cut short": b"\xe2\x82",
    "cut short within": b"\xe2\x82x",
}


@pytest.mark.parametrize("size", range(1, 5))
def test_a_character_may_be_cut_by_fragments(client, size):
    data = GREETING.encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    client.send(frame(TEXT, pieces[0], fin=False))
    client.send(*(frame(CONTINUATION, piece, fin=False) for piece in pieces[1:]))
    client.send(frame(CONTINUATION))
    assert client.message() == Frame(TEXT, data)


@pytest.mark.parametrize("bad", BAD_UTF8.values(), ids=BAD_UTF8)
def test_text_that_is_not_utf8_fails_the_connection(server, bad):
    for pieces in ([frame(TEXT, b"ok " + bad)], [frame(TEXT, b"ok", fin=False), frame(0, bad)]):
        with opened(server.address) as client:
            assert client.send(*pieces).failed() == 1007


@pytest.mark.parametrize("bad", BAD_UTF8.values(), ids=BAD_UTF8)
def test_binary_may_be_any_bytes(client, bad):
    assert client.send(frame(BINARY, bad)).frame() == Frame(BINARY, bad)


def test_bad_utf8_in_a_fragment_does_not_wait_for_the_end_of_the_message(client):
    client.send(frame(TEXT, b"ok", fin=False), frame(CONTINUATION, b"\xed\xa0\x80", fin=False))
    assert client.failed() == 1007


def test_bad_utf8_within_a_frame_does_not_wait_for_the_end_of_the_frame(client):
    whole = frame(TEXT, b"\xf4\x90" + b"x" * 1000)
    client.send(whole[:12])
    assert client.failed() == 1007


def test_a_message_that_ends_within_a_character_is_refused(client):
    client.send(frame(TEXT, "€".encode()[:2], fin=False), frame(CONTINUATION, b""))
    assert client.failed() == 1007


def test_a_reason_that_is_not_utf8_fails_the_connection(client):
    client.send(frame(CLOSE, (1000).to_bytes(2, "big") + b"\xff"))
    assert client.failed() in (1002, 1007)
