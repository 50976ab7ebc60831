"""Event streams end with the worker; other responses have the time to finish."""

from __future__ import annotations

import pytest

from nonecorn.config.schema import ServerSettings
from nonecorn.testing import Gate
from tests.builtin.http.opened import Opened, body, start

EVENTS = [(b"Content-Type", b"text/event-stream; charset=utf-8")]


class Events:
    """Sends one event, waits for the disconnect, says farewell, and returns."""

    def __init__(self, *, headers=EVENTS, farewell=True, first=True) -> None:
        self.headers, self.farewell, self.first = headers, farewell, first
        self.received: list[str] = []
        self.cancelled = False

    async def __call__(self, scope, receive, send) -> None:
        await send(start(headers=self.headers))
        if self.first:
            await send(body(b"data: 1\n\n", more_body=True))
        try:
            while True:
                message = await receive()
                self.received.append(message["type"])
                if message["type"] == "http.disconnect":
                    break
        except BaseException:
            self.cancelled = True
            raise
        if self.farewell:
            await send(body(b"event: bye\n\n", more_body=True))


def drain(opened: Opened) -> None:
    opened.context.draining = True
    opened.stream.shutdown()
    opened.run()


def test_an_event_stream_is_told_and_ends_whole():
    app = Events()
    opened = Opened(app)
    drain(opened)
    assert app.received == ["http.request", "http.disconnect"]
    assert opened.done
    assert opened.exchange.content == b"data: 1\n\nevent: bye\n\n"
    assert opened.exchange.ended
    assert not opened.exchange.was_reset
    assert opened.record.reason == "drained"


def test_one_that_has_sent_no_event_yet_ends_whole_too():
    opened = Opened(Events(first=False, farewell=False))
    drain(opened)
    assert opened.done
    assert opened.exchange.status == 200
    assert opened.exchange.ended


def test_cancel_cancels_it_at_once_and_it_still_ends_whole():
    app = Events()
    opened = Opened(app, settings=[ServerSettings(drain="cancel")])
    drain(opened)
    assert app.cancelled
    assert opened.done
    assert opened.exchange.ended
    assert not opened.exchange.was_reset


def test_wait_says_nothing():
    app = Events()
    opened = Opened(app, settings=[ServerSettings(drain="wait")])
    drain(opened)
    assert app.received == ["http.request"]
    assert not opened.done
    opened.disconnect()
    assert opened.done


@pytest.mark.parametrize("policy", ["notify", "cancel"])
@pytest.mark.parametrize(
    "headers",
    [[], [(b"content-type", b"text/plain")], [*EVENTS, (b"content-length", b"100")]],
    ids=["none", "text", "length"],
)
def test_other_responses_have_their_time(policy, headers):
    app = Events(headers=headers)
    opened = Opened(app, settings=[ServerSettings(drain=policy)])
    drain(opened)
    assert app.received == ["http.request"]
    assert not app.cancelled
    opened.disconnect()


def test_a_request_without_a_response_yet_has_its_time():
    gate = Gate()

    async def app(scope, receive, send):
        await gate.wait()
        await send(start(headers=EVENTS))
        await send(body(b"data: 1\n\n"))

    opened = Opened(app)
    drain(opened)
    assert not opened.done
    gate.open()
    opened.run()
    assert opened.exchange.content == b"data: 1\n\n"


def test_an_event_stream_that_ends_early_without_a_drain_is_broken_off():
    async def app(scope, receive, send):
        await send(start(headers=EVENTS))
        await send(body(b"data: 1\n\n", more_body=True))

    opened = Opened(app)
    assert opened.exchange.was_reset
    assert opened.record.reason == "app-error"
