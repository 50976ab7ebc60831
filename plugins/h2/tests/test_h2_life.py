"""How connections and streams end: deadlines by a manual clock, farewells, and clients that go."""

from __future__ import annotations

import pytest
from hyperframe.frame import GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame

from nonecorn.spi import NEVER, Limits
from nonecorn.testing import Gate, MemoryRuntime, make_context
from nonecorn.testing.apps import Chunks, Gated, Recorder, hello, never_responds
from nonecorn.testing.clients.h2_frames import GET, POST, PREFACE, H2Frames
from nonecorn_h2._connection import H2Connection
from nonecorn_h2._settings import H2Settings

LIMITS = Limits(
    head_timeout=3, keep_alive_timeout=5, body_timeout=4, write_timeout=6, close_timeout=2
)
LAST = 2**31 - 1
FAULT = b"\x00\x00\x00\x04\x00\x00\x00\x00\x01"
"""SETTINGS of a stream."""


def peer(app=hello, *, greet: bool = True, limits=LIMITS, settings=(), **context) -> H2Frames:
    runtime = MemoryRuntime()
    made = make_context(app, runtime, settings=settings, limits=limits, **context)
    found = H2Frames(lambda port: H2Connection(made, port), runtime)
    if greet:
        found.greet()
    return found


def after(one: H2Frames, seconds: float) -> H2Frames:
    one.runtime.advance(seconds)
    one.read()
    return one


def resets(one: H2Frames) -> list[tuple[int, int]]:
    return [(frame.stream_id, frame.error_code) for frame in one.got(RstStreamFrame)]


# Deadlines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent", [b"", PREFACE[:10], PREFACE, PREFACE + SettingsFrame(0).serialize()[:5]], ids=len
)
def test_a_preface_has_its_time(sent):
    one = peer(greet=False)
    one.port.receive(sent)
    after(one, 2)
    assert not one.port.eof_sent
    after(one, 2)
    assert one.port.eof_sent


def test_an_idle_connection_is_told_and_closed():
    one = after(peer(), 4)
    assert not one.goaways
    after(one, 2)
    assert one.goaways == [(0, 0)]
    assert one.port.eof_sent
    after(one, 4)
    assert one.port.closed


def test_ping_keeps_an_idle_connection():
    one = peer()
    for _ in range(10):
        after(one, 4)
        one.send(PingFrame(0, b"12345678"))
    assert not one.goaways
    assert one.got(PingFrame)[0].opaque_data == b"12345678"
    assert "ACK" in one.got(PingFrame)[0].flags
    after(one, 7)
    assert one.goaways


def test_a_connection_is_not_idle_while_a_request_is_under_way():
    gate = Gate()
    one = peer(Gated(gate))
    one.send(one.headers(1, end=True))
    after(one, 1000)
    assert not one.goaways
    gate.open()
    one.read()
    assert one.body(1) == b"at last"
    after(one, 7)
    assert one.goaways == [(1, 0)]


def test_a_head_that_dribbles_in_has_its_time():
    one = peer()
    one.send(one.headers(1, end=True, complete=False))
    for _ in range(2):
        after(one, 1)
        one.send(b"\x00\x00\x00\x09\x00\x00\x00\x00\x01")
    assert not one.goaways
    after(one, 2)
    assert one.goaways == [(0, 11)]


def test_a_frame_that_dribbles_in_has_its_time():
    one = peer()
    head = one.headers(1, end=True).serialize()
    for byte in head[:5]:
        one.send(bytes([byte]))
        after(one, 1)
    assert one.goaways == [(0, 11)]


def test_frames_that_arrive_in_parts_are_not_one_head_that_dribbles():
    one = peer()
    rest = b""
    for stream in range(1, 60, 2):
        whole = one.headers(stream, end=True).serialize()
        one.send(rest + whole[:5])
        rest = whole[5:]
        after(one, 1)
    assert not one.goaways
    assert one.status(57) == 200


def test_a_body_that_falls_silent_is_answered():
    app = Recorder()
    one = peer(app)
    one.send(one.headers(1, POST), one.data(1, b"some"))
    after(one, 3)
    one.send(one.data(1, b"more"))
    after(one, 3)
    assert one.status(1) is None
    after(one, 3)
    assert (one.status(1), resets(one)) == (408, [(1, 0)])
    assert not one.runtime.jobs
    assert not one.goaways


def test_a_body_that_dribbles_byte_by_byte_is_not_silent():
    one = peer(Recorder())
    one.send(one.headers(1, POST))
    frame = one.data(1, b"0123456789", end=True).serialize()
    one.send(frame[:9])
    for byte in frame[9:]:
        after(one, 3)
        one.send(bytes([byte]))
    assert one.status(1) == 200


def test_a_client_that_waits_for_100_or_for_its_window_is_not_silent():
    one = peer(lambda *_: Gate().wait(), limits=Limits(receive_buffer=1024, body_timeout=4))
    one.send(one.headers(1, [*POST, (b"expect", b"100-continue")]))
    one.send(one.headers(3, POST), one.data(3, b"x" * 1024))
    after(one, 100)
    assert not resets(one)


def test_silence_in_a_conversation_is_no_fault():
    gate = Gate()

    async def talks(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"well?", "more_body": True})
        await gate.wait()
        await send({"type": "http.response.body"})

    one = peer(talks)
    one.send(one.headers(1, POST))
    after(one, 1000)
    assert not resets(one)


def test_a_client_that_opens_no_window_is_given_up_stream_by_stream():
    one = peer(Chunks([b"x" * 1000]))
    one.send(SettingsFrame(0, settings={4: 0}), one.headers(1, end=True))
    after(one, 4)
    one.send(SettingsFrame(0, settings={4: 65535}))
    one.send(SettingsFrame(0, settings={4: 0}), one.headers(3, end=True))
    after(one, 8)
    assert resets(one) == [(3, 8)]
    assert one.body(1) == b"x" * 1000
    assert not one.runtime.jobs
    assert not one.goaways


def test_a_connection_without_a_window_is_given_up_stream_by_stream():
    one = peer(Chunks([b"x" * 100_000]))
    one.send(one.headers(1, end=True), one.headers(3, end=True))
    after(one, 8)
    assert {stream for stream, _ in resets(one)} == {1, 3}


def test_a_client_that_takes_a_little_now_and_then_is_served():
    one = peer(Chunks([b"x" * 100]))
    one.send(SettingsFrame(0, settings={4: 0}), one.headers(1, end=True))
    for _ in range(100):
        after(one, 5)
        one.send(b"\x00\x00\x04\x08\x00\x00\x00\x00\x01\x00\x00\x00\x01")
    assert one.body(1) == b"x" * 100


def test_an_application_has_its_time():
    one = peer(lambda *_: Gate().wait(), limits=Limits(app_timeout=5))
    one.send(one.headers(1, end=True))
    after(one, 4)
    one.send(one.headers(3, end=True))
    after(one, 3)
    assert (one.status(1), one.status(3)) == (504, None)
    after(one, 4)
    assert one.status(3) == 504
    assert not one.runtime.jobs


def test_with_no_limits_there_is_no_deadline():
    none = Limits(head_timeout=0, keep_alive_timeout=0, body_timeout=0, write_timeout=0)
    one = peer(Recorder(), limits=none)
    one.send(one.headers(1, POST), one.headers(3, GET, complete=False))
    after(one, 100_000)
    assert not one.goaways
    assert one.port.protocol.deadline == NEVER


# Farewells ----------------------------------------------------------------------------------------


def test_a_farewell_has_two_steps():
    gate = Gate()
    one = peer(Gated(gate))
    one.send(one.headers(1, end=True))
    one.port.protocol.shutdown()
    one.read()
    assert one.goaways == [(LAST, 0)]
    one.send(one.headers(3, end=True))
    [ping] = one.got(PingFrame)
    one.send(PingFrame(0, ping.opaque_data, flags=["ACK"]))
    assert one.goaways == [(LAST, 0), (3, 0)]
    one.send(one.headers(5, POST), one.data(5, b"x", end=True))
    gate.open()
    one.read()
    assert (one.body(1), one.body(3), one.status(5)) == (b"at last", b"at last", None)
    assert one.port.eof_sent


def test_a_client_that_does_not_answer_has_a_while():
    gate = Gate()
    one = peer(Gated(gate))
    one.send(one.headers(1, end=True))
    one.port.protocol.shutdown()
    after(one, 4)
    assert one.goaways == [(LAST, 0), (1, 0)]
    assert not one.port.eof_sent
    gate.open()
    one.read()
    assert one.port.eof_sent


def test_a_connection_that_has_not_begun_is_told_at_once():
    one = peer(greet=False)
    one.port.protocol.shutdown()
    one.read()
    assert one.goaways == [(0, 0)]
    assert one.port.eof_sent


def test_the_last_request_of_a_connection_is_the_one_that_is_said_to_be():
    """Hypercorn counts one that it does not serve among those that were."""
    one = peer(limits=Limits(requests_per_connection=2))
    for stream in (1, 3, 5):
        one.send(one.headers(stream, end=True))
    [ping] = one.got(PingFrame)
    one.send(one.headers(7, end=True), PingFrame(0, ping.opaque_data, flags=["ACK"]))
    assert one.goaways == [(LAST, 0), (7, 0)]
    assert [one.status(stream) for stream in (1, 3, 5, 7)] == [200] * 4
    assert one.port.eof_sent
    one.send(one.headers(9, end=True))
    assert one.status(9) is None


def test_a_fault_is_said_and_then_nothing():
    one = peer(never_responds)
    one.send(one.headers(1, end=True))
    one.send(FAULT)
    assert one.goaways == [(1, 1)]
    assert one.port.eof_sent
    assert not one.runtime.jobs
    one.send(one.headers(3, end=True), FAULT)
    assert len(one.got(GoAwayFrame)) == 1
    after(one, 4)
    assert one.port.closed


def test_a_fault_is_said_although_the_port_takes_no_more():
    one = peer(Chunks([b"x" * 60000]))
    one.port.block()
    one.send(one.headers(1, end=True), FAULT)
    one.port.drain()
    one.read()
    assert one.goaways == [(1, 1)]


# Clients that go ----------------------------------------------------------------------------------


def test_a_client_that_resets_leaves_nothing():
    one = peer(never_responds)
    one.send(one.headers(1, end=True))
    assert one.runtime.jobs
    one.send(RstStreamFrame(1, error_code=8))
    assert not one.runtime.jobs
    assert not one.port.protocol.engine.streams
    assert resets(one) == []


def test_a_client_that_resets_a_response_that_waits_leaves_nothing():
    one = peer(Chunks([b"x" * 10_000] * 100))
    one.send(one.headers(1, end=True))
    assert one.port.protocol.outbox.queued
    one.send(RstStreamFrame(1, error_code=8))
    assert not one.port.protocol.outbox.queued
    assert not one.runtime.jobs
    assert "streams=0" in repr(one.port.protocol.outbox.scheduler)


def test_a_client_that_hangs_up_after_its_requests_gets_the_answers():
    gate = Gate()
    one = peer(Gated(gate))
    one.send(one.headers(1, end=True), one.headers(3, POST))
    one.port.eof()
    assert list(one.port.protocol.engine.streams) == [1]
    gate.open()
    one.read()
    assert one.body(1) == b"at last"
    assert one.port.closed


def test_a_client_that_hung_up_without_a_window_is_not_waited_for():
    one = peer(Chunks([b"x" * 100_000]), limits=Limits(write_timeout=0))
    one.send(one.headers(1, end=True))
    one.port.eof()
    one.runtime.run_until_idle()
    after(one, 3)
    assert one.port.closed
    assert not one.runtime.jobs


def test_what_is_sent_with_the_end_is_answered():
    runtime = MemoryRuntime(eager=True)
    context = make_context(hello, runtime)
    one = H2Frames(lambda port: H2Connection(context, port), runtime)
    one.port.receive(PREFACE + SettingsFrame(0).serialize() + one.headers(1, end=True).serialize())
    one.port.eof()
    one.read()
    assert one.body(1) == b"Hello, world!"


def test_a_lost_connection_ends_everything():
    one = peer(never_responds)
    one.send(*[one.headers(stream, POST) for stream in (1, 3, 5)])
    protocol = one.port.protocol
    one.port.lose()
    one.runtime.run_until_idle()
    assert not one.runtime.jobs
    assert not protocol.engine.streams
    assert protocol.deadline == NEVER


def test_a_connection_says_what_it_is():
    one = peer(lambda *_: Gate().wait(), settings=(H2Settings(noise=500),))
    one.send(one.headers(1, end=True))
    protocol = one.port.protocol
    assert repr(protocol) == "<H2Connection open streams=1 requests=1 <NoiseBudget 500 of 500>>"
    assert repr(protocol.engine) == "<FrameEngine idle last=1 open=[1]>"
    assert repr(protocol.outbox) == "<Outbox queued=0>"
    protocol.shutdown()
    assert "leaving" in repr(protocol)
    one.send(FAULT)
    assert "ended" in repr(protocol)


def test_heads_are_not_sent_twice():
    one = peer(Chunks([b"a", b"b"]))
    one.send(one.headers(1, end=True))
    assert len(one.got(HeadersFrame)) == 1
