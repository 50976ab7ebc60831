"""How a request can end, and that its end is told once, rightly, and in the right tone."""

from __future__ import annotations

import logging

import pytest

from nonecorn.spi import ClientDisconnectedError, Receive, Scope, Send
from nonecorn.testing import Gate, MemoryRuntime
from tests.builtin.http.opened import Opened, Script, body, start

WAIT = "receive"


class Refuses(Exception):
    """An application's own."""


@pytest.fixture(params=[False, True], ids=["lazy", "eager"])
def runtime(request: pytest.FixtureRequest) -> MemoryRuntime:
    return MemoryRuntime(eager=request.param)


def test_a_complete_response_is_recorded(runtime: MemoryRuntime) -> None:
    app = Script(WAIT, start(201, [(b"x", b"1")]), body(b"abc", more_body=True), body(b"de"))
    opened = Opened(app, runtime=runtime, method="POST", has_body=True)
    runtime.clock.advance(2.5)
    opened.feed(b"1234", end=True)
    record = opened.record
    assert record.scope is opened.stream.scope
    assert (record.status, record.headers, record.reason) == (201, [(b"x", b"1")], "")
    assert (record.sent, record.received, record.duration) == (5, 4, 2.5)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_a_body_that_is_not_sent_is_not_counted(method: str, status: int) -> None:
    app = Script(start(status), body(b"abc", more_body=True), body(b"de"))
    assert Opened(app, method=method).record.sent == 0


def test_a_crash_before_the_start_is_500(
    runtime: MemoryRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    opened = Opened(Script(Refuses("why")), runtime=runtime)
    assert (opened.exchange.status, opened.exchange.content) == (500, b"Internal Server Error")
    assert (opened.record.status, opened.record.reason) == (500, "app-error")
    (log,) = caplog.records
    assert log.levelno == logging.ERROR
    assert log.getMessage() == "GET /: the application failed"
    assert isinstance(log.exc_info[1], Refuses)


def test_a_crash_after_the_start_message_is_500_and_nothing_of_the_start(
    runtime: MemoryRuntime,
) -> None:
    opened = Opened(Script(start(200, [(b"set-cookie", b"a=b")]), Refuses()), runtime=runtime)
    assert opened.exchange.status == 500
    assert (b"set-cookie", b"a=b") not in opened.exchange.headers
    assert (b"set-cookie", b"a=b") not in opened.record.headers
    assert opened.record.sent == len(b"Internal Server Error")


def test_a_crash_within_the_body_breaks_the_response_off(runtime: MemoryRuntime) -> None:
    app = Script(start(), body(b"half", more_body=True), Refuses())
    opened = Opened(app, runtime=runtime)
    assert opened.exchange.was_reset
    record = opened.record
    assert (record.status, record.sent, record.reason) == (200, 4, "app-error")


def test_a_crash_before_the_trailers_breaks_the_response_off(runtime: MemoryRuntime) -> None:
    app = Script(start(trailers=True), body(b"all"), Refuses())
    opened = Opened(app, runtime=runtime, headers=[(b"te", b"trailers")])
    assert opened.exchange.was_reset
    assert opened.record.reason == "app-error"


def test_a_crash_after_the_response_is_logged_and_nothing_else(
    runtime: MemoryRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    opened = Opened(Script(start(), body(b"x"), Refuses()), runtime=runtime)
    assert opened.exchange.calls == [("respond", 200, [], b"x", True, False)]
    assert opened.record.reason == ""
    assert "the application failed" in caplog.text


@pytest.mark.parametrize(
    ("messages", "status", "what"),
    [
        ([], 500, "without a response"),
        ([start()], 500, "without a response"),
        ([start(), body(b"x", more_body=True)], 200, "before its response was complete"),
    ],
)
def test_an_application_that_returns_early_is_answered_for(
    messages, status: int, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    opened = Opened(Script(*messages))
    assert opened.exchange.status == status
    assert opened.exchange.was_reset == (status == 200)
    assert opened.record.reason == "app-error"
    assert what in caplog.text


def test_an_application_that_returns_after_its_client_has_gone_is_not_at_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened = Opened(Script(WAIT, WAIT))
    opened.disconnect()
    assert opened.done
    assert opened.exchange.calls == []
    assert not caplog.records


def test_nor_is_one_that_was_told_so_by_a_half_closed_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened = Opened(Script(WAIT, WAIT))
    opened.stream.half_close()
    opened.run()
    assert opened.exchange.was_reset
    assert opened.record.reason == "client-gone"
    assert not caplog.records


def test_an_exiting_application_ends_its_request_and_not_the_worker(
    runtime: MemoryRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    opened = Opened(Script(SystemExit(3)), runtime=runtime)
    assert opened.exchange.status == 500
    assert "the application failed" in caplog.text


# The client leaves --------------------------------------------------------------------------------


class Late(Script):
    """Receives until the disconnect, then sends and lets the error out, maybe as another."""

    def __init__(self, wrap=None) -> None:
        super().__init__()
        self.wrap = wrap

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"x", more_body=True))
        while (await receive())["type"] != "http.disconnect":
            pass
        try:
            await send(body(b"late"))
        except OSError as error:
            self.errors.append(error)
            if self.wrap is None:
                raise
            self.wrap(error)


def test_a_late_send_raises_an_oserror_of_ours_which_is_not_logged(
    runtime: MemoryRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    app = Late()
    opened = Opened(app, runtime=runtime)
    opened.disconnect()
    assert type(app.error) is ClientDisconnectedError
    assert isinstance(app.error, OSError)
    assert opened.done
    assert opened.exchange.content == b"x"
    assert (opened.record.status, opened.record.reason) == (200, "client-gone")
    assert not caplog.records


def test_nor_is_it_in_a_group(caplog: pytest.LogCaptureFixture) -> None:
    def wrap(error: OSError) -> None:
        raise ExceptionGroup("tasks", [ExceptionGroup("more", [error])])

    opened = Opened(Late(wrap))
    opened.disconnect()
    assert opened.done
    assert not caplog.records


def test_a_frameworks_own_error_instead_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    def wrap(error: OSError) -> None:
        raise Refuses("disconnected")  # as Starlette does

    caplog.set_level(logging.INFO, "nonecorn.error")
    opened = Opened(Late(wrap))
    opened.disconnect()
    (log,) = caplog.records
    assert (log.levelno, log.exc_info) == (logging.INFO, None)
    assert log.getMessage() == "GET /: ended by Refuses('disconnected') after its client had gone"


def test_a_group_that_holds_another_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope, receive, send) -> None:
        await receive()
        await receive()
        raise ExceptionGroup("tasks", [ClientDisconnectedError("gone"), Refuses()])

    Opened(app).disconnect()
    assert "the application failed" in caplog.text


def test_an_error_for_another_reason_is_logged_although_the_client_has_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Opened(Script(WAIT, WAIT, Refuses())).disconnect()
    assert "the application failed" in caplog.text


def test_somebody_elses_disconnect_is_an_error_like_any_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened = Opened(Script(ClientDisconnectedError("a client of mine")))
    assert opened.exchange.status == 500
    assert "the application failed" in caplog.text


def test_a_disconnect_is_recorded_with_what_the_protocol_answered() -> None:
    opened = Opened(Script(WAIT, WAIT), method="POST", has_body=True)
    opened.stream.disconnect("body-timeout", 408)
    opened.stream.disconnect()
    opened.run()
    record = opened.record
    assert (record.status, record.reason, record.headers) == (408, "body-timeout", [])


def test_what_the_protocol_answered_has_none_of_the_applications_headers() -> None:
    app = Script(start(200, [(b"x", b"1")]), WAIT, WAIT)
    opened = Opened(app, method="POST", has_body=True)
    opened.stream.disconnect("body-too-large", 413)
    assert opened.record.headers == []


def test_a_disconnect_after_the_end_is_nothing() -> None:
    opened = Opened(Script(start(), body(b"x")))
    opened.disconnect()
    assert opened.record.reason == ""


# Time and cancellation ----------------------------------------------------------------------------


def test_an_expired_application_is_cancelled_and_answered_504(runtime: MemoryRuntime) -> None:
    opened = Opened(Script(start(), WAIT, WAIT), runtime=runtime)
    opened.stream.expire()
    opened.run()
    assert opened.stream.job.cancelled
    assert (opened.exchange.status, opened.exchange.content) == (504, b"Gateway Timeout")
    assert (opened.record.status, opened.record.reason) == (504, "timeout")
    assert not opened.context.running


def test_an_expired_response_is_broken_off(runtime: MemoryRuntime) -> None:
    opened = Opened(Script(start(), body(b"x", more_body=True), WAIT, WAIT), runtime=runtime)
    opened.stream.expire()
    opened.run()
    assert opened.exchange.was_reset
    assert (opened.record.status, opened.record.reason) == (200, "timeout")


def test_an_expired_application_that_goes_on_is_ignored() -> None:
    sent: list[str] = []

    async def app(scope, receive, send) -> None:
        try:
            await Gate().wait()
        finally:
            await send(start())
            await send(body(b"late"))
            sent.append((await receive())["type"])

    opened = Opened(app)
    opened.stream.expire()
    opened.run()
    assert opened.exchange.status == 504
    assert opened.exchange.content == b"Gateway Timeout"
    assert sent == ["http.disconnect"]


@pytest.mark.parametrize(("draining", "status"), [(False, 500), (True, 503)])
def test_a_cancelled_application_is_answered_for(
    runtime: MemoryRuntime, draining: bool, status: int
) -> None:
    opened = Opened(Script(WAIT, WAIT), runtime=runtime)
    opened.context.draining = draining
    opened.stream.job.cancel()
    opened.run()
    assert opened.stream.job.cancelled
    assert opened.exchange.status == status
    assert opened.record.reason == "cancelled"
    assert not opened.context.running


def test_a_cancelled_response_is_broken_off(runtime: MemoryRuntime) -> None:
    opened = Opened(Script(start(), body(b"x", more_body=True), WAIT, WAIT), runtime=runtime)
    opened.stream.job.cancel()
    opened.run()
    assert opened.exchange.was_reset
    assert opened.record.reason == "cancelled"


def test_an_answer_to_head_has_no_body() -> None:
    opened = Opened(Script(Refuses()), method="HEAD")
    assert (opened.exchange.status, opened.exchange.content) == (500, b"")


def test_without_observers_every_end_works_too() -> None:
    from nonecorn.spi import Observers

    nobody = Observers()
    for messages in ([start(), body()], [Refuses()], [start(), body(b"x", more_body=True)]):
        opened = Opened(Script(*messages), observers=nobody)
        assert opened.done
        assert opened.records == []


def test_its_repr_says_where_it_stands() -> None:
    opened = Opened(Script(start(201), WAIT, WAIT), path=b"/x")
    assert repr(opened.stream) == "<HTTPStream GET '/x' head status=201>"
    opened.disconnect()
    assert repr(opened.stream) == "<HTTPStream GET '/x' done status=201 gone>"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_a_body_without_end_that_nobody_gets_is_given_up(method, status):
    async def app(scope, receive, send):
        await send(start(status))
        while True:
            await send(body(b"x" * 1000, more_body=True))

    opened = Opened(app, method=method)
    assert opened.done
    assert opened.exchange.ended
    assert not opened.exchange.was_reset
    assert opened.record.reason == ""
    assert opened.record.sent == 0


def test_a_long_body_that_nobody_gets_may_be_sent_to_its_end():
    after: list[str] = []

    async def app(scope, receive, send):
        await send(start())
        for _ in range(100):
            await send(body(b"x" * 100_000, more_body=True))
        await send(body())
        after.append("sent")

    opened = Opened(app, method="HEAD")
    assert opened.done
    assert after == ["sent"]
