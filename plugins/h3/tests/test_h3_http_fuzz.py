"""Whatever a peer does, no method raises, and nobody else is harmed."""

from __future__ import annotations

import random

import pytest

from nonecorn.spi import Limits
from nonecorn.testing import MemoryRuntime, make_context
from nonecorn.testing.apps import echo
from nonecorn.testing.clients.h3_frames import ENCODER, GET, POST, H3Frames, data, frame, integer
from nonecorn_h3._http._connection import H3Connection
from nonecorn_h3._settings import H3Settings


def conversation(generator: random.Random) -> list[tuple[int, bytes, bool]]:
    """What a client may say, by stream."""
    runtime = MemoryRuntime()
    context = make_context(echo, runtime)
    one = H3Frames(lambda port: H3Connection(context, port), runtime)
    said = [(2, b"\x00" + frame(4, integer(6) + integer(9000)), False), (6, b"\x02", False)]
    said.append((10, b"\x03", False))
    one.greet()
    one.use_table()
    for stream in range(0, 4 * generator.randint(1, 6), 4):
        fields = [*generator.choice((GET, POST)), (b"x-%d" % generator.randint(0, 2), b"value")]
        instructions, head = one.dynamic(stream, fields)
        said.append((ENCODER, instructions, False))
        parts = [data(b"b" * generator.randint(0, 900)) for _ in range(generator.randint(0, 3))]
        body = b"".join(parts)
        trailers = one.headers([(b"x-t", b"1")]) if generator.random() < 0.3 else b""
        said.append((stream, head + body + trailers, generator.random() < 0.8))
    said.append((2, frame(0xF0700, integer(0) + b"u=1, i"), False))
    runtime.close()
    return said


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_whatever_a_peer_says_nothing_raises(seed, eager):
    generator = random.Random(seed)
    runtime = MemoryRuntime(eager=eager)
    limits = Limits(head_timeout=2, body_timeout=2, keep_alive_timeout=2, write_timeout=2)
    context = make_context(echo, runtime, limits=limits, settings=(H3Settings(push=True),))
    for _ in range(5):
        one = H3Frames(lambda port: H3Connection(context, port), runtime)
        for stream, content, end in conversation(generator):
            mutated = bytearray(content)
            while mutated and generator.random() < 0.4:
                mutated[generator.randrange(len(mutated))] = generator.randrange(256)
            if generator.random() < 0.1:
                generator.shuffle(mutated)
            say(one, generator, stream, bytes(mutated), end=end)
        if generator.random() < 0.5:
            runtime.advance(10)
        if not one.port.closed:
            one.port.lose()
        runtime.run_until_idle()
        assert not runtime.jobs
    good = H3Frames(lambda port: H3Connection(context, port), runtime)
    good.greet()
    stream = good.open(good.headers(POST), data(b"mine"), end=True)
    assert (good.status(stream), good.body(stream)) == (200, b"mine")
    runtime.close()


def say(one: H3Frames, generator: random.Random, stream: int, content: bytes, *, end: bool) -> None:
    """Say it in pieces, as far as the server lets us, and be rude in between."""
    port = one.port
    while True:
        state = port.streams.get(stream)
        if port.closed or (state is not None and state.closed):
            return
        room = port.credit(stream)
        size = min(generator.randint(1, 200), room)
        piece, content = content[:size], content[size:]
        port.receive(stream, piece, end=end and not content)
        if generator.random() < 0.7:
            one.run()
        what = generator.random()
        if what < 0.02:
            port.peer_reset(stream, generator.randrange(0x200))
        elif what < 0.04 and stream & 3 == 0:
            port.peer_stop(stream, generator.randrange(0x200))
        elif what < 0.05:
            port.peer_datagram(generator.randbytes(generator.randint(0, 12)))
        elif what < 0.06:
            port.block()
        elif what < 0.08:
            port.drain()
        if not content or not room:
            return
