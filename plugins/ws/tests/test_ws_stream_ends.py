"""How sockets end: who closes, with what, what the application hears, and the record of it."""

import logging

import pytest

from nonecorn.spi import ClientDisconnectedError
from nonecorn.testing import Gate
from nonecorn_ws.testing import client_frame
from plugins.ws.tests._opened import ACCEPT, CLOSE, Opened, run

CLOSED = {"type": "websocket.close", "code": 4000, "reason": "é"}


def disconnected(code, reason=""):
    return {"type": "websocket.disconnect", "code": code, "reason": reason}


def ended(opened):
    """Status and reason of the one record; our direction has ended, and nobody is left behind."""
    assert opened.exchange.ended
    assert not opened.context.running
    assert opened.stream._heart._count == 0
    [record] = opened.records
    return record.status, record.reason


# The client closes


@pytest.mark.parametrize(
    ("payload", "code", "reason", "echo"),
    [
        (b"", 1005, "", b""),
        (b"\x03\xe8", 1000, "", b"\x03\xe8"),
        (b"\x03\xe9going", 1001, "going", b"\x03\xe9"),
        (b"\x0f\xa0\xc3\xa9", 4000, "é", b"\x0f\xa0"),
    ],
)
def test_the_clients_close_is_echoed_and_received_after_the_messages(payload, code, reason, echo):
    opened = Opened()
    opened.feed("last", raw=client_frame(8, payload))
    assert opened.frames == [(CLOSE, echo)]
    assert opened.received == [
        {"type": "websocket.receive", "text": "last"},
        disconnected(code, reason),
    ]
    assert ended(opened) == (101, "")


@pytest.mark.parametrize(
    ("raw", "code", "why"),
    [
        (client_frame(8, b"\x03\xed"), 1002, "protocol-error"),
        (client_frame(1, b"\xff"), 1007, "invalid-data"),
        (client_frame(2, b"", size=1 << 40, wide=8), 1009, "message-too-big"),
    ],
)
def test_a_client_that_breaks_a_rule_is_closed_without_waiting_for_its_close(raw, code, why):
    opened = Opened()
    opened.feed("last", raw=raw)
    [(first, payload)] = opened.frames
    assert (first, payload[:2]) == (CLOSE, code.to_bytes(2, "big"))
    assert opened.received == [
        {"type": "websocket.receive", "text": "last"},
        disconnected(code, payload[2:].decode()),
    ]
    assert ended(opened) == (101, why)


def test_a_client_that_goes_without_a_close_is_1006():
    opened = Opened()
    opened.feed("last")
    opened.stream.disconnect()
    opened.runtime.run_until_idle()
    assert opened.received[1:] == [disconnected(1006)]
    assert (opened.records[0].status, opened.records[0].reason) == (101, "client-gone")


def test_a_client_that_ends_its_direction_without_a_close_is_1006():
    opened = Opened()
    opened.feed("last", end=True)
    assert opened.received[1:] == [disconnected(1006)]
    assert opened.frames == []
    assert ended(opened) == (101, "client-gone")


def test_a_client_that_goes_before_the_answer_has_no_status():
    async def app(scope, receive, send):
        received.extend([await receive(), await receive(), await receive()])
        with pytest.raises(ClientDisconnectedError):
            await send(ACCEPT)

    received = []
    opened = Opened(app)
    opened.feed("early", end=True)
    assert opened.exchange.was_reset
    assert received == [{"type": "websocket.connect"}, disconnected(1006), disconnected(1006)]
    assert (opened.records[0].status, opened.records[0].reason) == (None, "client-gone")


# The application closes


def test_our_close_waits_for_the_clients_and_then_ends_the_connection():
    async def closing(receive, send):
        received.append(await receive())

    received = []
    opened = Opened(run(CLOSED, closing))
    assert opened.frames == [(CLOSE, b"\x0f\xa0\xc3\xa9")]
    assert received == [disconnected(4000, "é")]
    assert not opened.exchange.ended
    assert not opened.records
    opened.feed("of no use any more", raw=client_frame(9, b"p"))
    assert len(opened.frames) == 1
    opened.client_closes(b"\x0f\xa1")
    assert ended(opened) == (101, "")
    assert opened.exchange.consumed_bytes == opened.stream._received


def test_a_client_that_does_not_answer_our_close_is_cut_off():
    opened = Opened(run(CLOSED), close_timeout=5.0)
    opened.runtime.advance(4.9)
    assert not opened.exchange.was_reset
    opened.runtime.advance(2)
    assert opened.exchange.was_reset
    assert [record.reason for record in opened.records] == ["close-timeout"]


def test_a_client_that_answers_our_close_by_going_is_an_ordinary_end():
    opened = Opened(run(CLOSED))
    opened.feed(end=True)
    assert [record.reason for record in opened.records] == ["client-gone"]
    opened = Opened(run(CLOSED))
    opened.stream.disconnect()
    opened.stream.disconnect()
    assert [record.reason for record in opened.records] == [""]


def test_what_comes_after_our_close_is_dropped_even_if_it_is_wrong():
    opened = Opened(run(CLOSED))
    opened.feed(raw=b"\xff\xff")
    assert len(opened.frames) == 1
    assert ended(opened) == (101, "")


def test_returning_closes_with_1000():
    opened = Opened(run())
    assert opened.frames == [(CLOSE, b"\x03\xe8")]


# The application fails


def test_raising_closes_with_1011(caplog):
    async def fail(receive, send):
        raise LookupError("of the application")

    opened = Opened(run(fail))
    assert opened.frames == [(CLOSE, b"\x03\xf3")]
    opened.client_closes()
    assert ended(opened) == (101, "app-error")
    assert [record.message for record in caplog.records] == [
        "websocket /chat: the application failed"
    ]


@pytest.mark.parametrize("raises", [True, False])
def test_raising_or_returning_before_accepting_is_500(raises, caplog):
    async def app(scope, receive, send):
        if raises:
            raise LookupError("of the application")

    opened = Opened(app)
    assert opened.exchange.status == 500
    assert ended(opened) == (500, "app-error")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("framework", [False, True])
def test_the_news_that_the_client_has_gone_is_no_failure(framework, caplog):
    async def late(receive, send):
        await gate.wait()
        try:
            await send({"type": "websocket.send", "text": "late"})
        except OSError as error:
            if framework:
                raise RuntimeError("of a framework") from error
            raise

    gate = Gate()
    opened = Opened(run(late))
    opened.stream.disconnect()
    gate.open()
    with caplog.at_level(logging.INFO, "nonecorn"):
        opened.runtime.run_until_idle()
    assert [record.levelno for record in caplog.records] == [logging.INFO] * framework
    assert not opened.context.running


def test_cancellation_closes_and_passes():
    opened = Opened()
    opened.stream.job.cancel()
    opened.runtime.run_until_idle()
    assert opened.stream.job.cancelled
    assert opened.frames == [(CLOSE, b"\x03\xf3")]


# The server stops


def test_stopping_closes_with_1012_and_the_application_hears_it():
    opened = Opened()
    opened.feed("a")
    opened.stream.shutdown()
    opened.runtime.run_until_idle()
    assert opened.frames == [(CLOSE, b"\x03\xf4")]
    assert opened.received == [{"type": "websocket.receive", "text": "a"}, disconnected(1012)]
    opened.client_closes()
    assert ended(opened) == (101, "shutdown")


def test_the_code_of_stopping_is_a_setting():
    opened = Opened(drain_code=1001)
    opened.stream.shutdown()
    assert opened.frames == [(CLOSE, b"\x03\xe9")]


def test_messages_that_wait_are_received_after_stopping():
    gate = Gate()
    received = []

    async def slow(receive, send):
        await gate.wait()
        received.extend([await receive(), await receive(), await receive()])

    opened = Opened(run(slow))
    opened.feed("a", "b")
    opened.stream.shutdown()
    gate.open()
    opened.runtime.run_until_idle()
    assert [message.get("text") for message in received] == ["a", "b", None]


def test_stopping_refuses_what_is_not_accepted_yet():
    async def app(scope, receive, send):
        await receive()
        assert await receive() == disconnected(1006)

    opened = Opened(app)
    opened.stream.shutdown()
    opened.runtime.run_until_idle()
    assert ended(opened) == (503, "shutdown")


def test_what_comes_while_the_server_stops_is_refused():
    opened = Opened()
    opened.context.draining = True
    again = Opened(context=opened.context)
    assert again.exchange.status == 503


def test_an_application_that_takes_too_long_is_504():
    async def app(scope, receive, send):
        await Gate().wait()

    opened = Opened(app)
    opened.stream.expire()
    opened.runtime.run_until_idle()
    assert ended(opened) == (504, "timeout")


# The record


def test_the_record_counts_the_bytes_of_the_tunnel():
    opened = Opened(run({"type": "websocket.send", "text": "abc"}))
    opened.feed("abcd")
    opened.runtime.clock.advance(1.5)
    opened.client_closes()
    [record] = opened.records
    assert record.scope is opened.stream.scope
    assert record.sent == len(opened.exchange.content) == 2 + 3 + 4
    assert record.received == 6 + 4 + 6 + 2
    assert record.duration == 1.5
