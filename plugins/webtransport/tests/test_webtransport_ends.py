"""How sessions end: by either side, by the worker, and by accident; told once, nothing is left."""

from nonecorn.spi import ClientDisconnectedError, Limits
from nonecorn_h3.capsules import encode_capsule
from plugins.webtransport.tests._opened import (
    ACCEPT,
    CLOSE_CAPSULE,
    DRAIN_CAPSULE,
    GONE,
    REFUSED,
    Opened,
)


def disconnect(code=None, reason=""):
    return {"type": "webtransport.disconnect", "code": code, "reason": reason}


def assert_over(opened, reason=""):
    """Nothing is left of the session, and it was reported once."""
    assert not opened.context.running
    assert not opened.runtime.jobs
    assert [record.reason for record in opened.records] == [reason]
    assert opened.port.owed == 0
    assert not opened.port.closed


# The client ---------------------------------------------------------------------------------------


def test_the_client_closes():
    opened = Opened()
    opened.capsule(CLOSE_CAPSULE, b"\xff\xff\xff\xffbye", end=True)
    assert opened.received == [disconnect(4294967295, "bye")]
    assert (opened.connect.complete, opened.capsules) == (True, [])
    assert_over(opened)


def test_the_end_of_the_stream_is_a_close():
    opened = Opened()
    opened.raw(b"", end=True)
    assert opened.received == [disconnect(0)]
    assert opened.connect.complete
    assert_over(opened)


def test_a_reset_has_no_code():
    opened = Opened()
    opened.client.reset_stream(opened.id, 0x10C)
    opened.client.pump()
    assert opened.received == [disconnect()]
    assert_over(opened, "client-gone")


def test_a_connection_that_goes_has_no_code():
    opened = Opened()
    stream = opened.open(b"x")
    outcome = []
    opened.port.block(stream)
    outcome = opened.do("stream.send", stream=stream, data=bytes(100_000), wait=False)
    opened.port.lose(OSError("gone"))
    opened.runtime.run_until_idle()
    assert opened.last() == disconnect()
    assert [isinstance(error, ClientDisconnectedError) for error in outcome] == [True]
    assert [record.reason for record in opened.records] == ["client-gone"]
    assert not opened.runtime.jobs


def test_streams_end_with_their_session():
    opened = Opened()
    bidi, uni = opened.open(b"a"), opened.open(b"b", uni=True)
    opened.do("stream.open", stream="ours", bidirectional=False)
    [ours] = opened.ours()
    done = opened.open(b"c")
    opened.do("stream.send", stream=done, data=b"all", end_stream=True)
    opened.capsule(CLOSE_CAPSULE, b"\0\0\0\0", end=True)
    states = [opened.state(stream) for stream in (bidi, uni, ours, done)]
    assert [(state.reset, state.stopped) for state in states] == [
        (GONE, GONE), (None, GONE), (GONE, None), (None, GONE),
    ]  # fmt: skip
    assert opened.got(done) == b"all"
    assert not set(opened.port.protocol.streams) & {bidi, uni, ours, done}
    assert_over(opened)


def test_what_came_before_the_end_is_received():
    opened = Opened(held="receive")
    whole, part = opened.open(b"whole", uni=True, end=True), opened.open(b"part")
    opened.datagram(b"datagram")
    opened.capsule(CLOSE_CAPSULE, b"\0\0\0\1", end=True)
    assert opened.port.owed == 0
    opened.release()
    found = [each.get("data") for each in opened.received]
    assert {b"whole", b"part", b"datagram"} <= set(found)
    assert opened.last() == disconnect(1)
    assert opened.port.owed == 0
    assert (opened.state(whole).stopped, opened.state(part).stopped) == (None, GONE)
    assert_over(opened)


def test_nothing_can_be_sent_after_the_end():
    opened = Opened()
    stream = opened.open(b"x")
    opened.capsule(CLOSE_CAPSULE, b"\0\0\0\0", end=True)
    for kind in ("stream.send", "stream.open", "datagram.send", "drain", "stream.pause"):
        [error] = opened.do(kind, stream=stream, data=b"", wait=False)
        assert isinstance(error, ClientDisconnectedError)
    opened.do("close")  # closed it is
    assert_over(opened)


def test_streams_that_come_late_are_refused():
    opened = Opened()
    # Over for us; the client's own direction of the CONNECT stream still is not.
    opened.do("close")
    stream = opened.open(b"late")
    assert (opened.state(stream).reset, opened.state(stream).stopped) == (REFUSED, REFUSED)
    opened.raw(b"", end=True)
    stream = opened.open(b"later")
    assert (opened.state(stream).reset, opened.state(stream).stopped) == (GONE, GONE)
    assert_over(opened)


# The application ----------------------------------------------------------------------------------


def test_the_application_closes():
    opened = Opened()
    opened.do("close", code=4294967295, reason="ü" * 512)
    assert opened.capsules == [(CLOSE_CAPSULE, b"\xff\xff\xff\xff" + ("ü" * 512).encode())]
    assert opened.connect.complete
    assert opened.received == [disconnect(4294967295, "ü" * 512)]
    opened.raw(b"", end=True)
    assert list(opened.port.protocol.exchanges) == []
    assert_over(opened)


def test_a_client_that_does_not_close_its_side_is_given_up():
    opened = Opened(limits=Limits(close_timeout=2, keep_alive_timeout=0))
    opened.do("close")
    opened.runtime.advance(4)
    assert list(opened.port.protocol.exchanges) == []
    assert_over(opened)


def test_an_application_that_returns_closes():
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)

    opened = Opened(app)
    assert opened.capsules == [(CLOSE_CAPSULE, b"\0\0\0\0")]
    assert_over(opened)


def test_an_application_that_fails_breaks_off(caplog):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        message = "of the application"
        raise LookupError(message)

    opened = Opened(app)
    assert opened.state(opened.id).reset == 0x10C
    assert opened.capsules == []
    assert "webtransport /wt: the application failed" in caplog.text
    assert_over(opened, "app-error")


def test_a_stream_that_is_closed_under_it_is_no_failure_of_the_application(caplog):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        await send({"type": "webtransport.stream.send", "stream": 4, "data": b"x"})

    opened = Opened(app)
    assert opened.state(opened.id).reset == 0x10C
    assert "failed" not in caplog.text
    assert_over(opened, "client-gone")


def test_drain_goes_both_ways():
    opened = Opened()
    opened.do("drain")
    assert opened.capsules == [(DRAIN_CAPSULE, b"")]
    opened.capsule(DRAIN_CAPSULE)
    assert opened.received == [{"type": "webtransport.drain"}]
    stream = opened.open(b"goes on")
    assert opened.last()["stream"] == stream


def test_a_cancelled_application_breaks_off():
    opened = Opened()
    [stream] = opened.context.running
    stream.job.cancel()
    opened.client.pump()
    assert opened.state(opened.id).reset == 0x10C
    assert_over(opened, "cancelled")


# The worker ---------------------------------------------------------------------------------------


def shutdown(opened):
    opened.context.draining = True
    [stream] = opened.context.running
    stream.shutdown()
    opened.client.pump()


def test_a_worker_that_stops_asks_both_sides_and_then_closes():
    opened = Opened(drain_timeout=3, drain_code=9)
    stream = opened.open(b"before")
    shutdown(opened)
    assert opened.capsules == [(DRAIN_CAPSULE, b"")]
    assert opened.last() == {"type": "webtransport.drain"}
    opened.do("stream.send", stream=stream, data=b"after", end_stream=True)
    assert opened.got(stream) == b"after"
    opened.runtime.advance(2)
    assert opened.records == []
    opened.runtime.advance(2)
    opened.client.pump()
    assert opened.capsules == [(DRAIN_CAPSULE, b""), (CLOSE_CAPSULE, b"\0\0\0\x09")]
    assert opened.last() == disconnect(9)
    assert_over(opened, "shutdown")


def test_a_worker_may_close_at_once():
    opened = Opened(drain_timeout=0, drain_code=9)
    shutdown(opened)
    assert opened.capsules == [(CLOSE_CAPSULE, b"\0\0\0\x09")]
    assert_over(opened, "shutdown")


def test_a_session_may_end_by_itself_while_the_worker_stops():
    opened = Opened()
    shutdown(opened)
    opened.capsule(CLOSE_CAPSULE, b"\0\0\0\0", end=True)
    opened.runtime.advance(20)
    assert_over(opened)


def test_a_session_that_was_not_accepted_is_refused_when_the_worker_stops():
    opened = Opened(held="accept")
    shutdown(opened)
    assert opened.connect.status == 503
    assert [record.reason for record in opened.records] == ["shutdown"]


def test_when_the_time_of_a_drain_is_over_the_application_is_cut():
    opened = Opened(drain_timeout=100, drain_code=9)
    shutdown(opened)
    [stream] = opened.context.running
    stream.job.cancel()
    opened.client.pump()
    assert opened.capsules[-1] == (CLOSE_CAPSULE, b"\0\0\0\x09")
    assert_over(opened, "shutdown")


def test_the_time_for_an_answer_is_bounded():
    opened = Opened(limits=Limits(app_timeout=2, keep_alive_timeout=0), held="accept")
    opened.runtime.advance(4)
    opened.client.pump()
    assert opened.connect.status == 504
    assert [record.reason for record in opened.records] == ["timeout"]
    accepted = Opened(limits=Limits(app_timeout=2, keep_alive_timeout=0))
    accepted.runtime.advance(10)
    assert accepted.records == []


# Time ---------------------------------------------------------------------------------------------


def test_an_idle_session_shows_that_it_lives():
    opened = Opened(ping_interval=5)
    opened.runtime.advance(16)
    opened.client.pump()
    assert opened.capsules == [(0x17, b"")] * 3
    opened.do("close")
    opened.raw(b"", end=True)
    opened.runtime.advance(16)
    assert len(opened.capsules) == 4


def test_it_need_not():
    opened = Opened(ping_interval=0)
    opened.runtime.advance(60)
    opened.client.pump()
    assert opened.capsules == []


def test_the_record():
    opened = Opened()
    stream = opened.open(b"12345")
    opened.do("stream.send", stream=stream, data=b"123")
    opened.datagram(b"12")
    opened.do("datagram.send", data=b"1")
    opened.runtime.advance(7)
    opened.capsule(CLOSE_CAPSULE, b"\0\0\0\0", end=True)
    [record] = opened.records
    assert (record.status, record.received, record.sent, record.duration) == (200, 7, 4, 7)
    assert record.scope["path"] == "/wt"


def test_a_reason_that_is_cut_off_is_no_close():
    opened = Opened()
    opened.raw(encode_capsule(CLOSE_CAPSULE, b"\0\0\0\0bye")[:-1], end=True)
    assert opened.received == [disconnect()]
    assert opened.state(opened.id).reset == 0x10C
    assert_over(opened, "client-gone")
