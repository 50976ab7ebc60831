"""permessage-deflate (RFC 7692): what is agreed on, and what is sent then."""

from __future__ import annotations

import zlib

import pytest

from tests.ws.client import (
    BINARY,
    CONTINUATION,
    TEXT,
    Frame,
    RawClient,
    frame,
    opened,
    request,
    text,
)
from tests.ws.conftest import probe

NAME = "permessage-deflate"
TAIL = b"\x00\x00\xff\xff"


def offering(offer):
    return request("/echo", f"Sec-WebSocket-Extensions: {offer}")


def agreed(server, offer):
    """What the server makes of an offer: parameters by name; None for no compression."""
    with RawClient(server.address, offering(offer)) as client:
        values = client.opened().response.values(b"sec-websocket-extensions")
        assert client.send(text("plain")).message().opcode == TEXT
        client.goodbye()
    if not values:
        return None
    [value] = values
    name, *parameters = (each.strip() for each in value.decode().split(";"))
    assert name == NAME
    found = dict(each.partition("=")[::2] for each in parameters)
    assert len(found) == len(parameters)
    return found


class Flate:
    """A client's side of the compression."""

    def __init__(self, bits=15):
        self.bits = bits
        self.compressor = zlib.compressobj(9, zlib.DEFLATED, -bits)
        self.decompressor = zlib.decompressobj(-15)

    def compress(self, data):
        return (self.compressor.compress(data) + self.compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def inflate(self, data):
        return self.decompressor.decompress(data + TAIL)


# Negotiation --------------------------------------------------------------------------------------

TAKEN = [
    NAME,
    "Permessage-Deflate",
    f"{NAME}; client_max_window_bits",
    f"{NAME}; client_max_window_bits=15",
    f'{NAME}; client_max_window_bits="10"',
    f"{NAME}; server_max_window_bits=15",
    f"{NAME}; server_max_window_bits=9",
    f"{NAME}; server_no_context_takeover",
    f"{NAME}; client_no_context_takeover",
    f"{NAME};server_no_context_takeover;client_no_context_takeover;server_max_window_bits=10",
    f"x-unknown; a=b, {NAME}",
    f"{NAME}; server_max_window_bits=7, {NAME}; server_max_window_bits=12",
    f"{NAME}; nonesuch, {NAME}",
]
LEFT = [
    "x-unknown",
    f"x-{NAME}",
    "permessage-bzip2",
    f"{NAME}; nonesuch",
    f"{NAME}; server_max_window_bits",
    f"{NAME}; server_max_window_bits=7",
    f"{NAME}; server_max_window_bits=16",
    f"{NAME}; server_max_window_bits=010",
    f"{NAME}; server_max_window_bits=ten",
    f"{NAME}; client_max_window_bits=16",
    f"{NAME}; client_max_window_bits=0",
    f"{NAME}; server_no_context_takeover=1",
    f"{NAME}; client_no_context_takeover=yes",
    f"{NAME}; server_no_context_takeover; server_no_context_takeover",
    f"{NAME}; server_max_window_bits=10; server_max_window_bits=11",
]


@pytest.mark.parametrize("offer", TAKEN)
def test_an_offer_is_taken_and_the_answer_stays_within_it(server, offer):
    found = agreed(server, offer)
    assert found is not None
    chosen = offer.split(",")[-1]
    for name, value in found.items():
        if name.endswith("_bits"):
            assert 8 <= int(value) <= 15
            if f"{name}=" in chosen:
                asked = chosen.split(f"{name}=")[1].partition(";")[0].strip('" ')
                assert int(value) <= int(asked)
        else:
            assert value == ""
    # Section 7.1.1.1: who is asked to forget must say that it will. Section 7.1.2.2: a client that
    # did not say that it can take a smaller window gets none.
    if "server_no_context_takeover" in chosen:
        assert "server_no_context_takeover" in found
    if "server_max_window_bits" in chosen:
        assert "server_max_window_bits" in found
    if "client_max_window_bits" not in chosen:
        assert "client_max_window_bits" not in found


@pytest.mark.parametrize("offer", LEFT)
def test_an_offer_that_cannot_be_kept_is_left_and_the_socket_opens_without(server, offer):
    assert agreed(server, offer) is None


def test_an_offer_in_two_lines_is_one_list(server):
    with RawClient(
        server.address,
        request(
            "/echo", "Sec-WebSocket-Extensions: x-one", f"Sec-WebSocket-Extensions: {NAME}; nope, "
            f"{NAME}"
        ),
    ) as client:  # fmt: skip
        assert client.opened().response.values(b"sec-websocket-extensions")


@pytest.mark.parametrize("offer", [";", "a b", f"{NAME}; =1", f"{NAME}; a=", f'{NAME}; a="b'])
def test_an_offer_that_is_no_list_of_extensions_is_refused_or_ignored(server, offer):
    with RawClient(server.address, offering(offer)) as client:
        answer = client.head()
    assert answer.status in (101, 400)
    assert answer.values(b"sec-websocket-extensions") == []


def test_compression_can_be_switched_off(worker):
    with probe(worker, "httptools", "--no-ws-per-message-deflate") as server:
        assert agreed(server, NAME) is None


def test_takeover_can_be_switched_off_for_both(worker):
    arguments = ["--ws-server-no-context-takeover", "--ws-client-no-context-takeover"]
    with probe(worker, "httptools", *arguments) as server:
        found = agreed(server, NAME)
        assert {"server_no_context_takeover", "client_no_context_takeover"} <= set(found)


# Messages -----------------------------------------------------------------------------------------

MESSAGES = [b"", b"a", b"hello " * 100, bytes(range(256)) * 300, b"x" * 200_000, b"hello " * 100]


@pytest.fixture(
    params=["", "; server_no_context_takeover; client_no_context_takeover",
            "; server_max_window_bits=9; client_max_window_bits=9"],
    ids=["takeover", "no takeover", "small windows"],
)  # fmt: skip
def deflating(request, server):
    with RawClient(server.address, offering(NAME + request.param)) as client:
        yield client.opened(), request.param


def test_compressed_messages_come_back(deflating):
    client, parameters = deflating
    bits = 9 if "bits" in parameters else 15
    theirs = zlib.decompressobj(-bits)
    flate = Flate(bits)
    for data in MESSAGES * 2:
        if "no_context" in parameters:
            flate, theirs = Flate(), zlib.decompressobj(-15)
        client.send(frame(BINARY, flate.compress(data) or b"\0", rsv=4))
        found = client.message()
        assert found.rsv in (0, 4)
        got = theirs.decompress(found.payload + TAIL) if found.rsv else found.payload
        assert got == data
        assert found.rsv or len(data) < 128
        assert len(found.payload) <= len(data) + len(data) // 50 + 10
    client.goodbye()


def test_short_messages_are_not_worth_compressing(server):
    with RawClient(server.address, offering(NAME)) as client:
        client.opened()
        assert client.send(text("short")).message() == Frame(TEXT, b"short")
        assert client.send(text("long" * 100)).message().rsv == 4


def test_the_threshold_is_a_setting(worker):
    with (
        probe(worker, "httptools", "--ws-deflate-threshold", "1") as server,
        RawClient(server.address, offering(NAME)) as client,
    ):
        client.opened()
        found = client.send(text("short")).message()
        assert (found.rsv, Flate().inflate(found.payload)) == (4, b"short")
        client.goodbye()


def test_compressed_and_plain_messages_may_alternate(server):
    flate = Flate()
    with RawClient(server.address, offering(NAME)) as client:
        client.opened()
        for number in range(10):
            data = b"%d" % number
            if number % 2:
                client.send(frame(TEXT, flate.compress(data), rsv=4))
            else:
                client.send(frame(TEXT, data))
            assert client.message() == Frame(TEXT, data)


def test_a_compressed_message_may_be_cut_anywhere(server):
    data = b"fragmented and compressed " * 40
    payload = Flate().compress(data)
    for size in (1, 7, len(payload)):
        with RawClient(server.address, offering(NAME)) as client:
            client.opened()
            parts = [payload[at : at + size] for at in range(0, len(payload), size)]
            client.send(frame(TEXT, parts[0], fin=False, rsv=4))
            client.send(*(frame(CONTINUATION, part, fin=False) for part in parts[1:]))
            client.send(frame(CONTINUATION))
            found = client.message()
            assert Flate().inflate(found.payload) == data
            client.goodbye()


BAD = {
    "no deflate": frame(BINARY, b"\xff\xff\xff\xff", rsv=4),
    "text that is no utf-8": frame(TEXT, Flate().compress(b"\xff\xfe"), rsv=4),
    "text that ends within a character": frame(TEXT, Flate().compress(b"\xe2\x82"), rsv=4),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_does_not_inflate_to_what_it_should_is_1007(server, bad):
    with RawClient(server.address, offering(NAME)) as client:
        client.opened()
        assert client.send(bad).failed() == 1007


WRONG_BIT = {
    "on a continuation": frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", rsv=4),
    "on a ping": frame(9, b"", rsv=4),
    "on a pong": frame(10, b"", rsv=4),
    "on a close": frame(8, b"", rsv=4),
    "with another bit": frame(TEXT, Flate().compress(b"x"), rsv=6),
}


@pytest.mark.parametrize("wrong", WRONG_BIT.values(), ids=WRONG_BIT)
def test_the_bit_stands_on_the_first_frame_of_a_message_and_nowhere_else(server, wrong):
    with RawClient(server.address, offering(NAME)) as client:
        client.opened()
        assert client.send(wrong).failed() == 1002


def test_the_bit_means_nothing_where_nothing_was_agreed_on(server):
    with opened(server.address) as client:
        assert client.send(frame(TEXT, Flate().compress(b"x"), rsv=4)).failed() == 1002


def test_several_blocks_and_a_final_one_are_read(server):
    """Section 7.2.3: no compression, a stored block, BFINAL: all are allowed."""
    stored = zlib.compressobj(0, zlib.DEFLATED, -15)
    plain = (stored.compress(b"stored") + stored.flush(zlib.Z_SYNC_FLUSH))[:-4]
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    final = last.compress(b"final") + last.flush(zlib.Z_FINISH) + b"\0"
    with RawClient(server.address, offering(NAME)) as client:
        client.opened()
        for payload, data in ((plain, b"stored"), (final, b"final"), (plain, b"stored")):
            assert client.send(frame(TEXT, payload, rsv=4)).message() == Frame(TEXT, data)


def test_a_client_that_must_forget_and_does_not_gets_what_it_deserves(worker):
    """With client_no_context_takeover, a reference into the message before is no DEFLATE."""
    with (
        probe(worker, "httptools", "--ws-client-no-context-takeover") as server,
        RawClient(server.address, offering(NAME)) as client,
    ):
        client.opened()
        flate = Flate()
        data = bytes(range(256))
        assert client.send(frame(BINARY, flate.compress(data), rsv=4)).message().opcode == BINARY
        client.send(frame(BINARY, flate.compress(data), rsv=4))
        assert client.failed() == 1007
