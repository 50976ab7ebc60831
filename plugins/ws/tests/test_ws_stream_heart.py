"""Pings, their deadlines, and the one timer behind them."""

import pytest

from nonecorn.testing import Gate
from nonecorn_ws.testing import client_frame
from plugins.ws.tests._opened import CLOSE, PING, Opened, run


def pings(opened):
    return [payload for first, payload in opened.frames if first == PING]


def test_a_client_is_pinged_in_every_interval_and_stays_if_it_answers():
    opened = Opened(ping_interval=20.0, ping_timeout=20.0)
    for minute in range(1, 4):
        for _ in range(60):
            opened.runtime.advance(1)
            found = pings(opened)
            if found:
                opened.feed(raw=client_frame(10, found[-1]))
        assert minute * 3 - 1 <= len(pings(opened)) <= minute * 3 + 1
    assert CLOSE not in dict(opened.frames)


def test_a_client_that_is_silent_after_a_ping_is_closed_with_1011():
    opened = Opened(ping_interval=20.0, ping_timeout=10.0)
    while not pings(opened):
        opened.runtime.advance(1)
    opened.runtime.advance(9)
    assert not opened.exchange.ended
    opened.runtime.advance(2)
    assert opened.frames[-1] == (CLOSE, b"\x03\xf3ping timeout")
    assert opened.exchange.ended
    assert opened.received == [
        {"type": "websocket.disconnect", "code": 1011, "reason": "ping timeout"}
    ]
    assert opened.records[0].reason == "ping-timeout"


def test_whatever_comes_is_a_sign_of_life():
    opened = Opened(ping_interval=20.0, ping_timeout=10.0)
    long = client_frame(2, b"x" * 1000)
    for index in range(100):
        opened.runtime.advance(1)
        opened.feed(raw=long[index * 2 : index * 2 + 2])
    assert not opened.exchange.ended


@pytest.mark.parametrize("stall", ["application", "client"])
def test_while_nobody_reads_silence_says_nothing(stall):
    gate = Gate()

    async def wait(receive, send):
        await gate.wait()

    opened = Opened(run(wait), ping_interval=10.0, ping_timeout=10.0)
    if stall == "client":
        opened.block()
    else:
        opened.feed("nobody receives this")
    opened.runtime.advance(100)
    assert not opened.exchange.ended
    if stall == "client":
        assert len(pings(opened)) <= 1


def test_a_short_interval_is_kept_although_the_timeout_is_long():
    opened = Opened(ping_interval=2.0, ping_timeout=60.0)
    for _ in range(40):
        opened.runtime.advance(0.5)
        opened.feed(raw=client_frame(10))
    assert 8 <= len(pings(opened)) <= 11


def test_without_a_timeout_pings_go_on():
    opened = Opened(ping_interval=10.0, ping_timeout=0.0)
    opened.runtime.advance(100)
    assert 9 <= len(pings(opened)) <= 11
    assert not opened.exchange.ended


def test_without_an_interval_nothing_is_timed():
    opened = Opened(ping_interval=0.0)
    assert opened.runtime.clock.next_timer is None
    opened.runtime.advance(100)
    assert opened.frames == []


def test_our_pong_is_not_passed_on_although_pings_are():
    seen = []

    async def receiving(receive, send):
        seen.append(await receive())

    opened = Opened(run(receiving), pass_ping=True, ping_interval=4.0)
    while not pings(opened):
        opened.runtime.advance(1)
    opened.feed(raw=client_frame(10, pings(opened)[0]) + client_frame(10, b"unasked"))
    assert seen == [{"type": "websocket.pong", "data": b"unasked"}]


def test_one_timer_serves_all_sockets_and_ends_with_the_last():
    first = Opened(ping_interval=20.0)
    others = [Opened(context=first.context) for _ in range(200)]
    clock = first.runtime.clock
    assert len([timer for _, _, timer in clock._timers if timer.callback]) == 1
    for opened in [first, *others]:
        opened.stream.disconnect()
    first.runtime.run_until_idle()
    assert clock.next_timer is None


def test_first_pings_are_spread():
    first = Opened(ping_interval=20.0)
    sockets = [first, *(Opened(context=first.context) for _ in range(199))]
    most = before = 0
    for _ in range(21):
        first.runtime.advance(1)
        now = sum(len(pings(opened)) for opened in sockets)
        most, before = max(most, now - before), now
    assert before == 200
    assert most < 40
