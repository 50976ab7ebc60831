"""Field compression: what is encoded, what is decoded, and what neither may cost."""

from __future__ import annotations

import tracemalloc

import pylsqpack
import pytest

from nonecorn.spi import Limits
from nonecorn.spi.messages.integer import prefixed_integer
from nonecorn.testing import MemoryRuntime, make_context
from nonecorn.testing.apps import echo, hello
from nonecorn.testing.clients.h3_frames import ENCODER, GET, POST, H3Frames, data, frame
from nonecorn_h3._http import _qpack as qpack
from nonecorn_h3._http._connection import H3Connection
from nonecorn_h3._settings import H3Settings

CAPACITY = b"\x3f\xe1\x1f"  # 4096


def peer(app, settings: H3Settings | None = None, **context) -> H3Frames:
    runtime = MemoryRuntime()
    made = make_context(app, runtime, settings=(settings or H3Settings(),), **context)
    found = H3Frames(lambda port: H3Connection(made, port), runtime)
    found.greet()
    return found


def insert(name: bytes, value: bytes) -> bytes:
    """An instruction: a literal name and value (RFC 9204 section 4.3.3)."""
    return prefixed_integer(len(name), 5, 0x40) + name + prefixed_integer(len(value), 7, 0) + value


# Encoding -----------------------------------------------------------------------------------------


def decoded(block: bytes):
    return pylsqpack.Decoder(0, 0).feed_header(0, block)[1]


@pytest.mark.parametrize("status", [200, 204, 304, 404, 299, 999])
def test_a_head_is_what_it_was(status):
    fields = [(b"content-type", b"text/html"), (b"x", b"\xff" * 300), (b"set-cookie", b"a=b"),
              (b"empty", b"")]  # fmt: skip
    block = qpack.encode_head(status, fields)
    assert decoded(block) == [(b":status", b"%d" % status), *fields]


def test_parts_are_joined_by_plus():
    block = qpack.encode_head(200, [(b"a", b"1")]) + qpack.encode([]) + qpack.encode([(b"b", b"2")])
    assert decoded(block) == [(b":status", b"200"), (b"a", b"1"), (b"b", b"2")]


def test_there_is_no_encoder_stream():
    one = peer(hello)
    one.get()
    assert one.uni(2) == []


# Decoding -----------------------------------------------------------------------------------------


def test_a_table_is_used_and_acknowledged():
    one = peer(echo)
    one.use_table()
    told = 0
    for stream in range(0, 40, 4):
        instructions, head = one.dynamic(
            stream, [*GET, (b"x-a", b"value"), (b"x-b", b"%d" % stream)]
        )
        one.send(ENCODER, instructions)
        one.open(head, end=True)
        assert one.status(stream) == 200
        one.encoder.feed_decoder(one.instructions()[told:])
        told = len(one.instructions())
    assert told
    assert one.port.protocol.decoder.changes > 1
    assert not one.port.closed


def test_the_same_bytes_mean_something_else_when_the_table_has_changed():
    seen = []

    async def app(scope, receive, send):
        seen.append(dict(scope["headers"])[b"x"])
        await hello(scope, receive, send)

    one = peer(app)
    one.send(ENCODER, CAPACITY + insert(b"x", b"one"))
    block = b"\x02\x00" + pylsqpack.Encoder().encode(0, GET)[1][2:] + b"\x80"
    for _ in range(3):
        one.open(frame(1, block), end=True)
    # 4096 // 32 = 128 entries at most: Required Insert Count is encoded modulo 256 (4.5.1.1).
    for number in range(256):
        one.send(ENCODER, insert(b"x", b"%d" % number))
    one.open(frame(1, block), end=True)
    assert seen == [b"one"] * 3 + [b"255"]


def test_a_blocked_stream_waits_and_goes_on():
    one = peer(echo)
    one.use_table()
    instructions, head = one.dynamic(0, [*POST, (b"x-long-name", b"value")])
    again, head = one.dynamic(0, [*POST, (b"x-long-name", b"value")])
    stream = one.open(head, data(b"x" * 1000))
    assert one.status(stream) is None
    one.send(stream, data(b"y" * 1000), end=True)
    assert one.port.owed > 2000
    assert one.status(one.get()) == 200
    for byte in instructions + again:
        one.send(ENCODER, bytes([byte]))
    assert (one.status(stream), one.body(stream)) == (200, b"x" * 1000 + b"y" * 1000)
    assert one.port.owed == 0


def test_blocked_trailers_wait_too():
    one = peer(echo)
    one.use_table()
    stream = one.open(one.headers(POST), data(b"x"))
    instructions, trailers = one.dynamic(stream, [(b"x-long-name", b"value")])
    again, trailers = one.dynamic(stream, [(b"x-long-name", b"value")])
    one.send(stream, trailers, end=True)
    assert not one.complete(stream)
    one.send(ENCODER, instructions + again)
    assert (one.body(stream), one.complete(stream)) == (b"x", True)


def test_a_blocked_stream_that_is_given_up_is_told_to_the_encoder():
    one = peer(hello)
    one.use_table()
    one.dynamic(0, [*GET, (b"x-long-name", b"value")])
    _, head = one.dynamic(0, [*GET, (b"x-long-name", b"value")])
    one.send(ENCODER, CAPACITY)
    stream = one.open(head)
    one.reset(stream)
    assert one.instructions() == b"\x40"  # stream 0 is cancelled
    assert one.port.protocol.exchanges == {}


def test_too_many_blocked_streams_end_the_connection():
    one = peer(hello, H3Settings(qpack_blocked_streams=3))
    block = frame(1, b"\x02\x00\x80")
    for _ in range(3):
        one.open(block)
    assert not one.port.closed
    one.open(block)
    assert one.port.close_code == 0x200


def test_a_blocked_head_has_its_time():
    one = peer(hello, limits=Limits(head_timeout=2, keep_alive_timeout=0))
    stream = one.open(frame(1, b"\x02\x00\x80"), end=True)
    one.runtime.advance(4)
    assert one.status(stream) == 408
    assert not one.port.closed


def test_without_a_table_there_is_no_decoder_stream():
    one = peer(hello, H3Settings(qpack_table_size=0))
    assert not {1, 7} & set(one.settings)
    assert one.uni(3) == []
    assert one.status(one.get()) == 200
    one.reset(one.open(one.headers(POST)))
    one.send(ENCODER, CAPACITY)
    assert one.port.close_code == 0x201


# What it may cost ---------------------------------------------------------------------------------


@pytest.mark.parametrize("references", [100, 120, 1000, 60000])
def test_a_block_that_unfolds_is_not_unfolded(references):
    one = peer(hello)
    one.send(ENCODER, CAPACITY + insert(b"x", b"v" * 3900))
    head = pylsqpack.Encoder().encode(0, GET)[1][2:]
    block = b"\x02\x00" + head + b"\x80" * references
    tracemalloc.start()
    try:
        stream = one.open(frame(1, block), end=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
    assert one.status(stream) == 431
    assert one.status(one.get()) == 200


def test_lines_are_counted_as_they_are_encoded():
    fields = [(b"x-%d" % number, b"v" * number) for number in range(300)]
    fields += [(b":method", b"GET"), (b"accept", b"*/*"), (b"accept", b"other"), (b"cookie", b"x")]
    block = pylsqpack.Encoder().encode(0, fields)[1]
    assert qpack.count_lines(block) == len(fields)
    assert qpack.count_lines(b"\x02\x00" + b"\x80\x10\x0f\x00\x01a\x07\x00\x00") == 4


@pytest.mark.parametrize("block", [b"", b"\0", b"\0\0\x51\x7f", b"\0\0\x2f", b"\0\0\xff\xff"])
def test_a_broken_block_is_counted_as_far_as_it_goes(block):
    assert qpack.count_lines(block) <= 1
    assert not qpack.has_empty_name(block)


def test_instructions_cost_budget():
    one = peer(hello, H3Settings(noise=100))
    one.send(ENCODER, CAPACITY)
    for _ in range(200):
        if not one.port.closed:
            one.send(ENCODER, insert(b"x", b"y"))
    assert one.port.close_code == 0x107
