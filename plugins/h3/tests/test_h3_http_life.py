"""Deadlines, farewells, and what a peer may cost."""

from __future__ import annotations

import pytest

from nonecorn.spi import NEVER, Limits
from nonecorn.testing import Gate, MemoryRuntime, make_context
from nonecorn.testing.apps import (
    Chunks,
    Gated,
    IgnoresDisconnect,
    Recorder,
    echo,
    hello,
    never_responds,
    respond,
)
from nonecorn.testing.clients.h3_frames import (
    CONTROL,
    GET,
    MAX_PUSH_ID,
    POST,
    H3Frames,
    data,
    frame,
    integer,
)
from nonecorn_h3._http import _budget as budget
from nonecorn_h3._http._connection import H3Connection
from nonecorn_h3._http._frames import MOST_STREAM_ID
from nonecorn_h3._settings import H3Settings


def peer(app, settings: H3Settings | None = None, *, eager=False, port=None, **context) -> H3Frames:
    runtime = MemoryRuntime(eager=eager)
    made = make_context(app, runtime, settings=(settings or H3Settings(),), **context)
    found = H3Frames(lambda port: H3Connection(made, port), runtime, **(port or {}))
    found.greet()
    return found


# Deadlines ----------------------------------------------------------------------------------------


def test_an_idle_connection_is_told_and_closed():
    one = peer(hello, limits=Limits(keep_alive_timeout=3))
    one.runtime.advance(5)
    assert one.goaways == [0]
    assert one.port.close_code == 0x100


def test_a_connection_is_idle_from_its_last_response_on():
    one = peer(hello, limits=Limits(keep_alive_timeout=5))
    one.runtime.advance(4)
    one.get()
    one.runtime.advance(4)
    assert not one.port.closed
    one.runtime.advance(4)
    assert one.goaways == [4]
    assert one.port.close_code == 0x100


def test_a_connection_with_a_request_under_way_is_not_idle():
    gate = Gate()
    one = peer(Gated(gate, b"at last"))
    stream = one.get()
    one.runtime.advance(3600)
    gate.open()
    one.run()
    assert one.body(stream) == b"at last"


def test_without_a_timeout_there_is_no_deadline():
    one = peer(hello, limits=Limits(keep_alive_timeout=0))
    one.get()
    one.runtime.advance(100)
    assert one.port.protocol.deadline == NEVER


@pytest.mark.parametrize("sent", [b"", b"\1", b"\1\x20abc", b"\x21\x3fabc"], ids=repr)
def test_a_head_that_does_not_come_is_answered(sent):
    one = peer(hello, limits=Limits(head_timeout=2, keep_alive_timeout=0))
    stream = one.open(sent)
    one.runtime.advance(4)
    assert (one.status(stream), one.complete(stream)) == (408, True)
    assert one.port.streams[stream].stopped == 0x100
    assert one.status(one.get()) == 200


def test_a_silent_body_is_answered():
    one = peer(Recorder(), limits=Limits(body_timeout=5))
    stream = one.open(one.headers(POST), data(b"x"))
    one.runtime.advance(3)
    one.send(stream, data(b"y"))
    one.runtime.advance(3)
    assert one.status(stream) is None
    one.runtime.advance(4)
    assert one.status(stream) == 408
    assert one.status(one.get()) == 200


def test_a_body_is_not_silent_while_there_is_no_credit_for_it():
    one = peer(never_responds_nor_receives, limits=Limits(body_timeout=5, receive_buffer=4096),
               port={"receive_buffer": 5000})  # fmt: skip
    stream = one.open(one.headers(POST), data(b"x" * 4500))
    one.runtime.advance(20)
    assert one.status(stream) is None


async def never_responds_nor_receives(scope, receive, send):
    await Gate().wait()


def test_a_conversation_may_be_silent():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await Gate().wait()

    one = peer(app, limits=Limits(body_timeout=2))
    stream = one.open(one.headers(POST))
    one.runtime.advance(60)
    assert one.port.streams[stream].reset is None


def test_an_application_may_be_given_a_time():
    one = peer(never_responds, limits=Limits(app_timeout=5))
    stream = one.get()
    one.runtime.advance(8)
    assert one.status(stream) == 504
    assert not one.runtime.jobs


def test_a_response_that_is_not_taken_is_given_up():
    app = IgnoresDisconnect(count=500)
    one = peer(app, limits=Limits(write_timeout=5), port={"send_buffer": 16384})
    one.port.block()
    stuck = one.get()
    one.runtime.advance(3)
    assert one.port.streams[stuck].reset is None
    one.runtime.advance(5)
    assert one.port.streams[stuck].reset == 0x10C
    assert not one.runtime.jobs
    assert not one.port.closed


def test_a_response_that_is_taken_slowly_is_not():
    one = peer(Chunks([b"x" * 4096] * 64), limits=Limits(write_timeout=3),
               port={"send_buffer": 16384})  # fmt: skip
    one.port.block()
    stream = one.get()
    for _ in range(40):
        one.port.drain(stream, 1000)
        one.runtime.advance(2)
    assert one.port.streams[stream].reset is None
    one.port.drain(stream)
    one.run()
    assert len(one.body(stream)) == 4096 * 64


def test_a_complete_response_that_is_not_taken_is_given_up():
    async def app(scope, receive, send):
        await respond(send, b"x" * 50_000)

    one = peer(app, limits=Limits(write_timeout=5, keep_alive_timeout=0))
    one.port.block()
    streams = [one.get() for _ in range(20)]
    assert one.port.protocol.exchanges == {}
    one.runtime.advance(12)
    assert {one.port.streams[stream].reset for stream in streams} == {0x10C}
    assert not one.port.protocol._unsent


def test_an_idle_connection_is_not_closed_before_its_response_has_left():
    async def app(scope, receive, send):
        await respond(send, b"x" * 50_000)

    one = peer(app, limits=Limits(write_timeout=30, keep_alive_timeout=2))
    one.port.block()
    stream = one.get()
    one.runtime.advance(8)
    assert not one.port.closed
    one.port.drain()
    one.runtime.advance(8)
    assert len(one.body(stream)) == 50_000
    assert one.port.close_code == 0x100


# Farewell -----------------------------------------------------------------------------------------


def test_a_farewell_is_said_in_two_steps():
    gate = Gate()
    one = peer(Gated(gate, b"whole"), limits=Limits(keep_alive_timeout=0))
    early = one.get()
    one.port.protocol.shutdown()
    one.port.protocol.shutdown()
    one.run()
    assert one.goaways == [MOST_STREAM_ID]
    on_its_way = one.get()
    one.runtime.advance(2)
    assert one.goaways == [MOST_STREAM_ID, on_its_way + 4]
    late = one.open(one.headers(POST))
    assert (one.port.streams[late].reset, one.port.streams[late].stopped) == (0x10B, 0x10B)
    assert not one.port.closed
    gate.open()
    one.run()
    assert [one.body(stream) for stream in (early, on_its_way)] == [b"whole"] * 2
    one.runtime.advance(3)
    assert one.port.close_code == 0x100


def test_a_request_that_was_overtaken_is_served_after_the_farewell():
    one = peer(hello, limits=Limits(keep_alive_timeout=0))
    one.send(8, one.headers(), end=True)
    connection = one.port.protocol
    connection._end_farewell()
    one.send(4, one.headers(), end=True)
    assert one.goaways == [12]
    assert one.status(4) == 200


def test_an_idle_connection_leaves_soon():
    one = peer(hello, limits=Limits(keep_alive_timeout=0))
    one.runtime.advance(10)
    one.port.protocol.shutdown()
    one.runtime.advance(3)
    assert one.goaways == [MOST_STREAM_ID, 0]
    assert one.port.close_code == 0x100


def test_a_response_has_left_before_its_connection_does():
    async def app(scope, receive, send):
        await respond(send, b"x" * 50_000)

    one = peer(app)
    one.port.block()
    stream = one.get()
    one.port.protocol.shutdown()
    one.runtime.advance(6)
    assert not one.port.closed
    one.port.drain()
    one.runtime.advance(0.9)
    assert len(one.body(stream)) == 50_000
    assert not one.port.closed
    one.runtime.advance(1.2)
    assert one.port.close_code == 0x100


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_response_is_acknowledged_before_its_connection_leaves(acknowledged):
    """Within `close_timeout`: some clients are never heard of again."""
    one = peer(hello, limits=Limits(keep_alive_timeout=0, close_timeout=3))
    one.port.settled = False
    one.port.protocol.shutdown()
    one.get()
    one.runtime.advance(1.9 if acknowledged else 3.4)
    assert not one.port.closed
    one.port.settled = acknowledged
    one.runtime.advance(0.3)
    assert one.port.close_code == 0x100


def test_a_client_that_is_gone_is_not_waited_for_long():
    """All that it does not acknowledge is the farewell."""
    one = peer(hello, limits=Limits(keep_alive_timeout=0, close_timeout=2))
    one.get()
    one.runtime.advance(4)
    one.port.settled = False
    one.port.protocol.shutdown()
    one.runtime.advance(2.4)
    assert one.goaways == [MOST_STREAM_ID, 4]
    assert not one.port.closed
    one.runtime.advance(0.3)
    assert one.port.close_code == 0x100


def test_the_close_does_not_overtake_a_response_of_a_loop_that_was_held_up():
    gate = Gate()
    one = peer(Gated(gate, b"whole"), limits=Limits(keep_alive_timeout=0))
    one.get()
    one.port.protocol.shutdown()
    one.runtime.advance(2)
    one.runtime.clock.now -= 5  # no tick could be
    gate.open()
    one.run()
    assert not one.port.closed
    one.runtime.advance(1)
    assert one.port.close_code == 0x100


def test_a_connection_ends_after_so_many_requests():
    one = peer(hello, limits=Limits(requests_per_connection=3))
    for _ in range(3):
        assert one.status(one.get()) == 200
    assert one.goaways == [MOST_STREAM_ID]
    one.runtime.advance(5)
    assert one.goaways == [MOST_STREAM_ID, 12]
    assert one.port.close_code == 0x100


def test_a_fault_ends_every_request():
    one = peer(never_responds)
    one.get()
    one.open(one.headers(POST))
    one.send(CONTROL, frame(6))
    assert one.port.close_code == 0x105
    assert not one.runtime.jobs
    assert one.port.protocol.deadline == NEVER


# What a peer may cost -----------------------------------------------------------------------------


def test_requests_at_once_are_bounded_by_those_that_run():
    gate = Gate()

    async def stubborn(scope, receive, send):
        await gate.wait()

    one = peer(stubborn, H3Settings(max_streams=10, noise=10_000))
    for _ in range(10):
        one.stop(one.get())
    assert len(one.port.protocol._ghosts) == 10
    stream = one.get()
    assert one.port.streams[stream].reset == 0x10B
    gate.open()
    one.run()
    stream = one.get()
    assert one.port.streams[stream].reset is None


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("how", ["reset", "stop"])
def test_rapid_resets_end_the_connection(how, eager):
    one = peer(never_responds, H3Settings(noise=500), eager=eager)
    count = 0
    while not one.port.closed and count < 1000:
        count += 1
        if how == "reset":
            one.reset(one.open(one.headers(POST)))
        else:
            one.stop(one.get())
    assert one.port.close_code == 0x107
    assert count <= 500 / budget.RESET + 1


NOISE = {
    "unknown frames": lambda one: one.send(CONTROL, frame(0x21)),
    "priorities": lambda one: one.send(CONTROL, frame(0xF0700, integer(0) + b"u=1")),
    "push limits": lambda one: one.send(CONTROL, frame(MAX_PUSH_ID, integer(0))),
    "farewells": lambda one: one.send(CONTROL, frame(7, integer(0))),
    "unknown streams": lambda one: one.open(integer(0x21), bidirectional=False),
    "streams that end at once": lambda one: one.open(b"", end=True, bidirectional=False),
    "malformed requests": lambda one: one.open(one.headers(GET[:2]), end=True),
    "requests that end at once": lambda one: one.open(b"", end=True),
    "refused requests": lambda one: one.open(
        one.headers([(b":method", b"CONNECT"), (b":authority", b"x:1")]), end=True
    ),
    "streams that are reset at once": lambda one: one.reset(_next(one)),
}


def _next(one: H3Frames) -> int:
    stream = one._next[True]
    one._next[True] += 4
    return stream


@pytest.mark.parametrize("make", NOISE.values(), ids=NOISE)
def test_noise_ends_the_connection(make):
    one = peer(hello, H3Settings(noise=300))
    count = 0
    while not one.port.closed and count < 1000:
        count += 1
        make(one)
    assert one.port.close_code == 0x107
    assert count <= 301


def test_empty_data_ends_the_connection():
    one = peer(echo, H3Settings(noise=300))
    stream = one.open(one.headers(POST))
    for _ in range(400):
        if not one.port.closed:
            one.send(stream, data(b""))
    assert one.port.close_code == 0x107


def test_served_requests_pay_for_noise():
    one = peer(hello, H3Settings(noise=300))
    for _ in range(1000):
        one.send(CONTROL, frame(0x21), frame(0x21))
        one.get()
    assert not one.port.closed


def test_a_head_in_many_pieces_is_bounded():
    one = peer(hello, limits=Limits(head_size=2000), port={"receive_buffer": 1 << 20})
    stream = one.open(b"\1" + integer(1 << 30))
    assert one.status(stream) == 431
    assert one.port.streams[stream].stopped == 0x100


def test_priorities_of_requests_that_never_come_are_bounded():
    one = peer(hello, H3Settings(max_streams=10, noise=10_000))
    for number in range(1000):
        one.send(CONTROL, frame(0xF0700, integer(4000 + 4 * number) + b"u=1"))
    assert len(one.port.protocol._early) == 10
    for _ in range(20):
        one.get()
    assert one.status(one.get()) == 200


def test_connections_share_nothing_but_what_is_the_listeners():
    runtime = MemoryRuntime()
    context = make_context(echo, runtime)
    for attempt in range(20):
        bad = H3Frames(lambda port: H3Connection(context, port), runtime)
        bad.greet()
        bad.open(bad.headers(POST), data(b"mine" * attempt))
        if attempt % 2:
            bad.send(CONTROL, frame(6))
        else:
            bad.port.lose()
        good = H3Frames(lambda port: H3Connection(context, port), runtime)
        good.greet()
        stream = good.open(good.headers(POST), data(b"yours"), end=True)
        assert good.body(stream) == b"yours"
    runtime.close()
