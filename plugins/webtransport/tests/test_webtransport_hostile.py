"""Clients that mean no good: bounded, and nobody else is harmed."""

import pytest

from nonecorn.spi import Limits
from nonecorn.testing.clients.h3_frames import integer
from nonecorn_h3.capsules import encode_capsule
from plugins.webtransport.tests._opened import CLOSE_CAPSULE, GONE, REFUSED, Opened

EXCESSIVE_LOAD = 0x107


def raw_uni(opened, session, content=b""):
    """A unidirectional stream of any session."""
    stream = opened.client.get_next_available_stream_id(is_unidirectional=True)
    opened.client.send_stream_data(stream, integer(0x54) + integer(session) + content)
    return stream


def raw_bidi(opened, session, content=b""):
    """The same, both ways."""
    stream = opened.client.get_next_available_stream_id()
    opened.client.send_stream_data(stream, integer(0x41) + integer(session) + content)
    return stream


@pytest.mark.parametrize("make", [raw_uni, raw_bidi])
def test_streams_of_no_session_are_refused_in_time(make):
    opened = Opened(limits=Limits(head_timeout=2, keep_alive_timeout=0))
    stream = make(opened, 400, b"x")
    opened.client.pump()
    assert opened.state(stream).stopped is None  # it may come yet
    opened.runtime.advance(4)
    assert opened.state(stream).stopped == REFUSED
    assert opened.port.owed == 0
    assert opened.records == []


@pytest.mark.parametrize("make", [raw_uni, raw_bidi])
def test_streams_of_a_session_that_was_refused_are_refused(make):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "webtransport.close"})

    opened = Opened(app)
    stream = make(opened, opened.id, b"x")
    opened.client.pump()
    assert opened.state(stream).stopped == GONE
    assert opened.port.owed == 0


@pytest.mark.parametrize("session", [1, 2, 3])
def test_a_session_is_a_request_of_the_clients(session):
    opened = Opened()
    raw_uni(opened, session)
    opened.client.pump()
    assert opened.port.close_code == 0x108


@pytest.mark.parametrize("make", [raw_uni, raw_bidi])
def test_ten_thousand_streams_before_the_answer(make):
    opened = Opened(held="accept")
    for _ in range(10_000):
        make(opened, opened.id, bytes(100))
        if opened.port.closed:
            break
        opened.client.pump()
    assert opened.port.close_code == EXCESSIVE_LOAD
    assert len(opened.port.streams) < 1000
    assert opened.received == []


def test_streams_opened_and_broken_off():
    opened = Opened(held="receive")
    for _ in range(10_000):
        stream = opened.open(b"x")
        opened.client.reset_stream(stream, 0)
        opened.client.pump()
        if opened.port.closed:
            break
    assert opened.port.close_code == EXCESSIVE_LOAD
    [running] = opened.context.running
    assert "streams=100" in repr(running)


def test_a_flood_of_datagrams():
    opened = Opened(held="receive")
    for number in range(10_000):
        opened.client.http.send_datagram(opened.id, b"%04d" % number * 250)
    opened.release()
    assert len(opened.received) == 65  # limits.receive_buffer
    assert opened.received[-1]["data"][:4] == b"9999"


def test_datagrams_of_no_session_are_dropped():
    opened = Opened()
    for session in (opened.id + 4, 400):
        opened.client.http.send_datagram(session, b"x")
    opened.client.pump()
    assert opened.received == []
    assert not opened.port.closed


@pytest.mark.parametrize("step", [1, 100_000])
def test_unknown_capsules_are_skipped(step):
    opened = Opened()
    content = encode_capsule(0x99, bytes(3000)) + encode_capsule(CLOSE_CAPSULE, b"\0\0\0\5")
    for start in range(0, len(content), step):
        opened.raw(content[start : start + step])
    assert opened.last()["code"] == 5


def test_a_capsule_without_end_costs_nothing():
    opened = Opened()
    opened.raw(integer(0x99) + integer((1 << 62) - 1))
    for _ in range(50):
        opened.raw(bytes(60_000))
    assert opened.port.owed == 0
    assert opened.records == []


@pytest.mark.parametrize(
    "content",
    [
        encode_capsule(CLOSE_CAPSULE, b"\0\0\0"),
        encode_capsule(CLOSE_CAPSULE, bytes(4 + 1025)),
        encode_capsule(CLOSE_CAPSULE, b"\0\0\0\0\xff"),
        integer(CLOSE_CAPSULE) + integer(1 << 40),
        integer(0) + integer(1 << 20),
    ],
    ids=["short", "long reason", "no text", "endless close", "endless datagram"],
)
def test_capsules_that_are_wrong_break_the_session_off(content):
    opened = Opened()
    other = opened.ask()
    opened.raw(content)
    assert opened.state(opened.id).reset == 0x10C
    assert [record.status for record in opened.records] == [200]
    assert opened.last()["code"] is None
    assert opened.port.owed == 0
    assert other.status == 200
    assert other.stream in opened.port.protocol.exchanges


def test_nothing_counts_after_the_close():
    opened = Opened()
    opened.raw(
        encode_capsule(CLOSE_CAPSULE, b"\0\0\0\1") + encode_capsule(CLOSE_CAPSULE, b"\0" * 4)
    )
    opened.capsule(CLOSE_CAPSULE, b"\0\0\0\2")
    assert [each["code"] for each in opened.received] == [1]
    assert len(opened.records) == 1
    assert opened.port.owed == 0


def test_a_session_that_is_reset_with_streams_open_harms_no_other():
    opened = Opened()
    mine = [opened.open(b"x") for _ in range(20)]
    second = opened.ask()
    first = opened.connect
    opened.connect = second
    others = opened.open(b"y")
    opened.client.reset_stream(first.stream, 0x10C)
    opened.client.pump()
    assert {opened.state(stream).stopped for stream in mine} == {GONE}
    assert opened.state(others).stopped is None
    opened.write(others, b"goes on")
    assert opened.state(others).consumed == opened.state(others).received


def test_a_client_without_credit_holds_what_is_bounded():
    opened = Opened(max_streams=10)
    streams = [opened.open(b"x") for _ in range(10)]
    for stream in streams:
        opened.port.block(stream)
        for _ in range(5):
            opened.do("stream.send", stream=stream, data=bytes(50_000), wait=False)
    waiting = [len(opened.state(stream).waiting) for stream in streams]
    assert max(waiting) <= 250_000
    outcome = opened.do("stream.send", stream=streams[0], data=b"x", wait=False)
    assert outcome == []
    opened.client.reset_stream(opened.id, 0)
    opened.client.pump()
    assert not opened.runtime.jobs
    assert sum(len(opened.state(stream).waiting) for stream in streams) == 0


def test_sessions_that_end_leave_nothing_behind():
    opened = Opened()
    for _ in range(20):
        opened.received.clear()
        for each in ("full", "some"):
            opened.do("stream.open", stream=each, bidirectional=False)
            opened.port.block(opened.port.opened[-1])
            size = 100_000 if each == "full" else 1000
            sending = {"data": bytes(size), "end_stream": True}
            opened.do("stream.send", stream=each, wait=False, **sending)
        opened.capsule(CLOSE_CAPSULE, b"\0\0\0\0", end=True)
        opened.received.clear()
        opened.connect = opened.ask()
    assert sum(len(state.waiting) for state in opened.port.streams.values()) == 0
