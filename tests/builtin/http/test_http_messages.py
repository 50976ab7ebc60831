"""Messages both ways: their order, their contents, and what `send` refuses."""

from __future__ import annotations

import logging

import pytest

from nonecorn.spi import LocalProtocolError
from tests.builtin.http.opened import Opened, Script, body, start

PLAIN = (b"x-a", b"1")


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "nonecorn.error")


# Receiving ----------------------------------------------------------------------------------------


def test_a_request_without_body_is_one_empty_message() -> None:
    app = Script("receive", start(), body())
    Opened(app)
    assert app.received == [{"type": "http.request", "body": b"", "more_body": False}]


def test_a_body_is_received_in_parts_as_it_comes() -> None:
    app = Script("receive", "receive", "receive", start(), body())
    opened = Opened(app, method="POST", has_body=True)
    assert app.received == []
    opened.feed(b"one")
    assert app.received == [{"type": "http.request", "body": b"one", "more_body": True}]
    opened.feed(b"two")
    opened.feed(b"", end=True)
    assert app.received[1:] == [
        {"type": "http.request", "body": b"two", "more_body": True},
        {"type": "http.request", "body": b"", "more_body": False},
    ]
    assert opened.exchange.consumed_bytes == 6


def test_parts_that_came_together_are_received_together() -> None:
    app = Script("receive", start(), body())
    opened = Opened(app, method="POST", has_body=True, run=False)
    for piece, end in ((b"one", False), (b"two", False), (b"three", True)):
        opened.stream.feed(piece, end)
    opened.run()
    assert app.received == [{"type": "http.request", "body": b"onetwothree", "more_body": False}]
    assert opened.exchange.consumed_bytes == 11


def test_trailers_come_with_the_last_part() -> None:
    app = Script("receive", start(), body())
    opened = Opened(app, method="POST", has_body=True, run=False)
    opened.stream.feed(b"x", False)
    opened.stream.feed_trailers([(b"x-sum", b"1")])
    opened.stream.feed(b"", True)
    opened.run()
    (message,) = app.received
    assert (message["body"], message["more_body"]) == (b"x", False)
    assert message["trailers"] == [(b"x-sum", b"1")]


def test_without_trailers_there_is_no_such_key() -> None:
    app = Script("receive", start(), body())
    Opened(app)
    assert "trailers" not in app.received[0]


def test_after_the_response_receive_says_disconnect() -> None:
    app = Script("receive", start(), body(), "receive", "receive")
    Opened(app)
    assert [message["type"] for message in app.received] == [
        "http.request",
        "http.disconnect",
        "http.disconnect",
    ]


def test_after_the_response_the_rest_of_a_body_is_not_received() -> None:
    app = Script(start(), body(), "receive")
    Opened(app, method="POST", has_body=True)
    assert app.received == [{"type": "http.disconnect"}]


def test_receive_waits_for_the_client_to_go_once_the_body_is_there() -> None:
    app = Script("receive", "receive")
    opened = Opened(app)
    assert len(app.received) == 1
    opened.disconnect()
    assert app.received[1] == {"type": "http.disconnect"}


def test_a_client_that_goes_within_its_body_is_a_disconnect() -> None:
    app = Script("receive", "receive")
    opened = Opened(app, method="POST", has_body=True)
    opened.feed(b"some")
    opened.disconnect()
    assert [message["type"] for message in app.received] == ["http.request", "http.disconnect"]


def test_a_half_closed_client_is_gone_for_receive_and_there_for_send() -> None:
    app = Script("receive", "receive", start(), body(b"still"))
    opened = Opened(app)
    opened.stream.half_close()
    opened.run()
    assert app.received[1] == {"type": "http.disconnect"}
    assert app.errors == [None, None]
    assert opened.exchange.content == b"still"


# 100 Continue -------------------------------------------------------------------------------------


def test_100_is_sent_when_the_application_waits_for_the_body() -> None:
    opened = Opened(Script("receive", start(), body()), method="POST", has_body=True, expect=True)
    assert opened.exchange.interim == [(100, [])]
    opened.feed(b"x", end=True)
    assert opened.exchange.interim == [(100, [])]


def test_100_is_not_sent_where_the_application_does_not_ask() -> None:
    opened = Opened(Script(start(401), body()), method="POST", has_body=True, expect=True)
    assert opened.exchange.interim == []
    assert opened.exchange.status == 401


def test_100_is_not_sent_where_the_body_is_there() -> None:
    app = Script("receive", start(), body())
    opened = Opened(app, method="POST", has_body=True, expect=True, run=False)
    opened.feed(b"x", end=True)
    assert opened.exchange.interim == []


def test_100_is_sent_once() -> None:
    app = Script("receive", "receive", start(), body())
    opened = Opened(app, method="POST", has_body=True, expect=True)
    opened.feed(b"x")
    assert opened.exchange.interim == [(100, [])]


# Sending ------------------------------------------------------------------------------------------


def test_the_start_waits_for_the_first_body() -> None:
    app = Script(start(201, [PLAIN]), "receive", "receive", body(b"late"))
    opened = Opened(app, method="POST", has_body=True)
    opened.feed(b"x")
    assert opened.exchange.calls == []
    opened.feed(b"", end=True)
    assert opened.exchange.calls == [("respond", 201, [PLAIN], b"late", True, False)]


def test_a_streamed_body_goes_out_message_by_message() -> None:
    opened = Opened(Script(start(), body(b"a", more_body=True), body(b"b", more_body=True), body()))
    assert opened.exchange.calls == [
        ("respond", 200, [], b"a", False, False),
        ("body", b"b", False),
        ("body", b"", True),
    ]


def test_body_and_more_body_may_be_left_out() -> None:
    opened = Opened(
        Script({"type": "http.response.start", "status": 204}, {"type": "http.response.body"})
    )
    assert opened.exchange.calls == [("respond", 204, [], b"", True, False)]


@pytest.mark.parametrize(
    "headers",
    [[PLAIN], (PLAIN,), iter([PLAIN]), (pair for pair in [PLAIN]), {PLAIN: None}.keys()],
    ids=["list", "tuple", "iterator", "generator", "view"],
)
def test_headers_may_be_any_iterable(headers) -> None:
    opened = Opened(Script(start(200, headers), body()))
    assert opened.exchange.headers == [PLAIN]
    assert opened.record.headers == [PLAIN]


def test_unknown_keys_are_ignored() -> None:
    app = Script(start(extra=1), body(b"x", extra=[2]))
    assert Opened(app).exchange.content == b"x"
    assert app.errors == [None, None]


def test_messages_after_the_end_are_ignored() -> None:
    app = Script(
        start(),
        body(b"all"),
        body(b"more"),
        start(500),
        {"type": "http.response.trailers"},
        {"type": "x"},
    )
    opened = Opened(app)
    assert app.errors == [None] * 6
    assert len(opened.exchange.calls) == 1


REFUSED = {
    "a body before the start": [body(b"x")],
    "a second start": [start(), start()],
    "a start within the body": [start(), body(b"x", more_body=True), start()],
    "trailers that were not announced": [
        start(),
        body(b"x", more_body=True),
        {"type": "http.response.trailers"},
    ],
    "trailers before the body's end": [
        start(trailers=True),
        body(b"x", more_body=True),
        {"type": "http.response.trailers"},
    ],
    "trailers before the start": [{"type": "http.response.trailers"}],
    "hints within the body": [
        start(),
        body(b"x", more_body=True),
        {"type": "http.response.early_hint", "links": [b"l"]},
    ],
    "a push that is not offered": [
        start(),
        {"type": "http.response.push", "path": "/x", "headers": []},
    ],
    "a file before the start": [{"type": "http.response.pathsend", "path": "/x"}],
    "a file within the body": [
        start(),
        body(b"x", more_body=True),
        {"type": "http.response.pathsend", "path": "/x"},
    ],
    "an open file before the start": [{"type": "http.response.zerocopysend", "file": 0}],
    "a websocket's message": [{"type": "websocket.accept"}],
    "the debug extension, which is for test clients": [{"type": "http.response.debug", "info": {}}],
    "no type that is known": [{"type": "http.response"}],
}


@pytest.mark.parametrize("name", REFUSED)
def test_send_refuses(name: str) -> None:
    app = Script(*REFUSED[name])
    opened = Opened(app, headers=[(b"te", b"trailers")])
    assert isinstance(app.error, LocalProtocolError)
    assert app.errors[:-1] == [None] * (len(app.errors) - 1)
    assert opened.done
    assert opened.exchange.status == (200 if opened.exchange.was_reset else 500)


INVALID = {
    "a message without a type": {"status": 200},
    "a start without a status": {"type": "http.response.start"},
    "headers that cannot be iterated": start(200, None),
    "hints without links": {"type": "http.response.early_hint"},
    "a message that is no mapping": ["http.response.start"],
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_message_raises_and_is_answered_500(name: str) -> None:
    app = Script(INVALID[name])
    opened = Opened(app)
    assert app.error is not None
    assert opened.exchange.status == 500


def test_a_head_that_the_exchange_refuses_leaves_room_for_another() -> None:
    app = Script(start(200, [(b"bad", b"x")]), body(b"one"), start(503), body(b"two"))
    opened = Opened(app, run=False)
    opened.exchange.refuse = "a bad header"
    opened.run()
    assert [type(error) for error in app.errors] == [
        type(None),
        LocalProtocolError,
        type(None),
        type(None),
    ]
    assert opened.exchange.calls == [("respond", 503, [], b"two", True, False)]
    assert opened.record.status == 503
    assert opened.record.headers == []


# Hints, trailers, push ----------------------------------------------------------------------------


def test_hints_go_out_before_the_start_and_until_the_head_leaves() -> None:
    hint = {"type": "http.response.early_hint", "links": [b"<a>", b"<b>"]}
    opened = Opened(Script(hint, start(), {**hint, "links": iter([b"<c>"])}, body()))
    assert opened.exchange.interim == [
        (103, [(b"link", b"<a>"), (b"link", b"<b>")]),
        (103, [(b"link", b"<c>")]),
    ]


def test_hints_without_links_are_none() -> None:
    opened = Opened(Script({"type": "http.response.early_hint", "links": []}, start(), body()))
    assert opened.exchange.interim == []


TRAILERS = [
    start(trailers=True),
    body(b"x"),
    {"type": "http.response.trailers", "headers": [(b"x-a", b"1")], "more_trailers": True},
    {"type": "http.response.trailers", "headers": ((b"x-b", b"2"),)},
]


@pytest.mark.parametrize("te", [b"trailers", b"gzip , Trailers", b"trailers;q=1"])
def test_trailers_follow_the_body_for_who_takes_them(te: bytes) -> None:
    opened = Opened(Script(*TRAILERS), headers=[(b"te", te)])
    taken = te != b"trailers;q=1"  # RFC 9110 section 10.1.4: `trailers` has no weight
    assert opened.exchange.trailer_fields == ([(b"x-a", b"1"), (b"x-b", b"2")] if taken else [])
    assert opened.exchange.ended
    assert opened.record.reason == ""


def test_trailers_are_dropped_for_who_does_not_take_them() -> None:
    app = Script(*TRAILERS)
    opened = Opened(app)
    assert opened.exchange.calls == [("respond", 200, [], b"x", True, False)]
    assert app.errors == [None] * 4


def test_the_response_ends_with_its_trailers_and_not_before() -> None:
    app = Script(*TRAILERS[:3], "receive", "receive", *TRAILERS[3:])
    opened = Opened(app, headers=[(b"te", b"trailers")])
    assert not opened.exchange.ended
    assert opened.records == []
    opened.disconnect()
    assert opened.record.reason == "client-gone"


def test_push_passes_through_where_it_is_offered() -> None:
    push = {"type": "http.response.push", "path": "/x", "headers": [PLAIN]}
    opened = Opened(Script(start(), push, body()), exchange={"can_push": True})
    assert ("push", b"/x", [PLAIN]) in opened.exchange.calls
