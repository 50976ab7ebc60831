"""Random frames, right and wrong, to random applications: nothing raises, nothing is left."""

from __future__ import annotations

import random
import struct

import pytest

from nonecorn.spi import Limits
from nonecorn.testing import Gate, MemoryRuntime, make_context
from nonecorn.testing.apps import respond
from nonecorn.testing.clients.h2_frames import PREFACE
from nonecorn_h2._connection import H2Connection
from nonecorn_h2._settings import H2Settings

BLOCKS = [
    b"\x82\x86\x41\x01a\x84", b"\x83\x86\x41\x01a\x84", b"\x82\x86\xbe\x84\x40\x01x\x01y",
    b"\x83\x86\x41\x01a\x84\x0f\x0d\x015", b"\x82\x86\x41\x01a\x84\x40\x08priority\x05u=1,i",
    b"\x00\x01t\x01v", b"\x82", b"\xff", b"",
]  # fmt: skip


def random_frame(generator: random.Random, streams: list[int], unfinished: list[int]) -> bytes:
    wild = generator.random() < 0.002
    if len(streams) == 1:
        streams.append(1)
        return struct.pack(">I", len(BLOCKS[0]))[1:] + b"\x01\x04\0\0\0\x01" + BLOCKS[0]
    kind = generator.choice([0, 0, 0, 1, 1, 1, 2, 3, 4, 6, 7, 8, 8, 16, 99])
    if wild:
        kind = generator.choice([kind, 9])
        flags = generator.choice([0, 1, 4, 5, 8, 0x20, 0x25])
        stream = generator.choice([0, streams[-1], streams[-1] + 2, generator.choice(streams[1:])])
    else:
        flags = generator.choice([4, 5, 5, 0x25]) if kind == 1 else generator.choice([0, 0, 0, 1])
        stream = streams[-1] + 2 if kind == 1 else generator.choice(unfinished or [streams[-1]])
        if kind == 0 and not unfinished:
            kind, flags = 6, 0
        if kind == 1 and unfinished and generator.random() < 0.2:
            stream, flags = unfinished[0], 5
        if kind == 8 and generator.random() < 0.5:
            stream = 0
    if kind == 1:
        payload = generator.choice(BLOCKS if wild else BLOCKS[:6])
        if flags & 0x20:
            payload = struct.pack(">IB", streams[1], 15) + payload
        if stream == streams[-1] + 2:
            streams.append(stream)
    elif kind == 4:
        pair = generator.choice([(4, generator.randrange(200_000)), (5, 20_000), (2, 0), (7, 7)])
        payload = b"" if flags & 1 else struct.pack(">HI", *pair)
        stream = 0
    elif kind in (0, 9):
        payload = bytes(generator.choice([0, 1, 100, 5000]))
        flags &= 0xF
    elif kind in (6, 7):
        payload, stream = bytes(8), 0
    elif kind == 16:
        payload, stream = struct.pack(">I", streams[1]) + b"u=2,i", 0
    else:
        value = generator.choice([1, 100, 50_000, 50_000, 2**31 - 1 if wild else 9])
        payload = struct.pack(">I", value) + (b"\x07" if kind == 2 else b"")
    if generator.random() < 0.002:
        payload += b"?"
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def application(generator: random.Random, gates: list[Gate]):
    async def app(scope, receive, send):
        for _ in range(generator.randrange(4)):
            step = generator.randrange(4)
            if step == 0:
                await receive()
            elif step == 1:
                gates.append(Gate())
                await gates[-1].wait()
            elif step == 2:
                await send({"type": "http.response.early_hint", "links": [b"</x>"]})
            else:
                break
        if generator.random() < 0.1:
            raise ValueError
        size = generator.choice([0, 10, 30_000, 200_000])
        if generator.random() < 0.5:
            await respond(send, bytes(size))
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(generator.randrange(5)):
            await send({"type": "http.response.body", "body": bytes(size), "more_body": True})
        if generator.random() < 0.9:
            await send({"type": "http.response.body"})

    return app


@pytest.mark.parametrize("seed", range(200))
def test_nothing_raises_and_nothing_is_left(seed, caplog):
    caplog.set_level("CRITICAL")
    generator = random.Random(seed)
    runtime = MemoryRuntime(eager=bool(seed & 1))
    gates: list[Gate] = []
    context = make_context(
        application(generator, gates), runtime,
        settings=(H2Settings(noise=100_000, push=bool(seed & 2)),),
        limits=Limits(receive_buffer=10_000, send_buffer=20_000, requests_per_connection=40),
    )  # fmt: skip
    port = runtime.connect(lambda port: H2Connection(context, port), send_buffer=20_000)
    protocol = port.protocol
    port.receive(PREFACE + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
    streams = [-1]  # then the numbers that were used
    for _ in range(300):
        pieces = b""
        for _ in range(generator.randint(1, 3)):
            taken = pieces and protocol.engine.streams
            unfinished = [
                number for number, each in protocol.engine.streams.items() if not each.peer_ended
            ]
            pieces += random_frame(generator, streams, [] if taken else unfinished)
        cut = generator.randint(0, len(pieces))
        for piece in (pieces[:cut], pieces[cut:]):
            port.receive(piece)
            if generator.random() < 0.7:
                runtime.run_until_idle()
        what = generator.random()
        if what < 0.1:
            port.block()
        elif what < 0.3:
            port.drain()
        elif what < 0.4 and gates:
            gates.pop(generator.randrange(len(gates))).open()
        elif what < 0.45:
            runtime.advance(generator.choice([1, 5]))
        elif what > 0.995:
            protocol.shutdown()
        outbox = protocol.outbox
        queued = [each.queued for each in protocol.engine.streams.values()]
        assert sum(queued) == outbox.queued
        assert all(each.unread <= 75_535 for each in protocol.engine.streams.values())
        if protocol.dead:
            break
    port.drain()
    runtime.run_until_idle()
    if generator.random() < 0.5:
        port.lose()
    else:
        port.eof()
        port.drain()
        for _ in range(6):
            while gates:
                gates.pop().open()
                runtime.run_until_idle()
            runtime.advance(40)
        assert port.closed
    runtime.run_until_idle()
    while gates:
        gates.pop().open()
        runtime.run_until_idle()
    assert not runtime.jobs
    assert not protocol.engine.streams
    assert protocol.outbox.queued == 0
    assert protocol.stock == protocol.most_window
