"""permessage-deflate: what is agreed on, and what it keeps from harm."""

import tracemalloc
import zlib

import pytest

from nonecorn_ws._codec import FrameError
from nonecorn_ws._deflate import agree
from nonecorn_ws._settings import WebSocketSettings
from nonecorn_ws.testing import deflated, make_deflate
from plugins.ws.tests._opened import HANDSHAKE, Opened

NAME = b"permessage-deflate"


def agreed(*parameters, **settings):
    agreement = agree([(NAME, parameters)], WebSocketSettings(**settings))
    return agreement and agreement.response.removeprefix(NAME + b"; ")


@pytest.mark.parametrize(
    ("parameters", "response"),
    [
        ([], NAME),
        ([(b"client_max_window_bits", None)], b"client_max_window_bits=12"),
        ([(b"client_max_window_bits", b"9")], b"client_max_window_bits=9"),
        ([(b"client_max_window_bits", b"8")], b"client_max_window_bits=8"),
        ([(b"server_max_window_bits", b"10")], b"server_max_window_bits=10"),
        ([(b"server_max_window_bits", b"15")], b"server_max_window_bits=12"),
        ([(b"server_no_context_takeover", None)], b"server_no_context_takeover"),
        ([(b"client_no_context_takeover", None)], b"client_no_context_takeover"),
        # Declined: unknown, repeated, or with a value that is none.
        ([(b"unknown", None)], None),
        ([(b"server_no_context_takeover", b"1")], None),
        ([(b"client_no_context_takeover", b"1")], None),
        ([(b"server_max_window_bits", None)], None),
        ([(b"server_max_window_bits", b"8")], None),  # zlib has no such window
        ([(b"server_max_window_bits", b"16")], None),
        ([(b"server_max_window_bits", b"010")], None),
        ([(b"client_max_window_bits", b"7")], None),
        ([(b"client_max_window_bits", b"x")], None),
        ([(b"client_max_window_bits", None), (b"client_max_window_bits", b"9")], None),
    ],
)
def test_what_is_agreed_on(parameters, response):
    assert agreed(*parameters) == response


def test_settings_ask_for_more():
    both = agreed(server_no_context_takeover=True, client_no_context_takeover=True)
    assert both == b"server_no_context_takeover; client_no_context_takeover"
    bits = agreed((b"client_max_window_bits", None), deflate_window_bits=15)
    assert bits == b"client_max_window_bits=15"


def test_the_first_offer_that_can_be_accepted_is():
    offers = [
        (b"x-webkit-deflate-frame", ()),
        (NAME, ((b"unknown", None),)),
        (NAME, ((b"server_max_window_bits", b"9"),)),
        (NAME, ()),
    ]
    agreement = agree(offers, WebSocketSettings())
    assert agreement.server_bits == 9
    assert repr(make_deflate()) == "<Deflate permessage-deflate>"
    assert agree(offers[:2], WebSocketSettings()) is None


@pytest.mark.parametrize("on", [True, False])
def test_compression_may_be_switched_off(on):
    offer = (b"sec-websocket-extensions", NAME)
    opened = Opened(headers=[*HANDSHAKE, offer], per_message_deflate=on)
    assert (offer in opened.exchange.headers) == on


def test_a_window_that_was_agreed_on_is_kept_to():
    text = bytes(range(256)) * 64
    for bits in (9, 12, 15):
        deflate = make_deflate(server_bits=bits)
        inflater = zlib.decompressobj(-bits)
        for _ in range(3):
            packed = deflate.compress(text, True)
            assert inflater.decompress(packed + b"\x00\x00\xff\xff") == text


def test_a_bomb_is_found_while_it_is_inflated():
    [bomb] = deflated(bytes(60 << 20))
    assert len(bomb) < 62000
    deflate = make_deflate()
    into = bytearray()
    tracemalloc.start()
    with pytest.raises(FrameError, match="1009"):
        deflate.inflate(bomb, True, into, 16 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


def test_streams_that_end_within_a_message_are_inflated():
    # RFC 7692 section 7.2.3.4: a block with BFINAL, a byte, and again.
    def ended(data):
        compressor = zlib.compressobj(wbits=-15)
        return compressor.compress(data) + compressor.flush(zlib.Z_FINISH)

    deflate = make_deflate()
    into = bytearray()
    deflate.inflate(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", True, into, 100)
    assert into == b"Hello"
    into = bytearray()
    deflate.inflate(ended(b"one") + ended(b"two") + b"\x00", True, into, 100)
    assert into == b"onetwo"
    [more] = deflated(b"three")
    into = bytearray()
    deflate.inflate(more, True, into, 100)
    assert into == b"three"


def test_streams_that_end_within_a_message_are_counted():
    deflate = make_deflate()
    with pytest.raises(FrameError, match="too many"):
        deflate.inflate(b"\x03\x00" * 10000, False, bytearray(), 100)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("deflate_level", 10),
        ("deflate_window_bits", 16),
        ("deflate_memory_level", 10),
        ("drain_code", 1005),
        ("drain_code", 5000),
    ],
)
def test_settings_that_zlib_or_the_protocol_does_not_know_are_problems(name, value):
    [problem] = WebSocketSettings(**{name: value}).problems()
    assert problem.startswith(f"ws.{name}: {value} ")
    assert not list(WebSocketSettings().problems())
