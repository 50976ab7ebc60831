"""The lifespan protocol: every mode with every behaviour of an application (ASGI lifespan 2.0)."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from nonecorn.spi import LifespanError, LocalProtocolError
from nonecorn.spi.lifespan import Lifespan
from nonecorn.testing import Gate, MemoryRuntime
from nonecorn.testing.apps import LifespanRecorder

STARTED = {"type": "lifespan.startup.complete"}
STOPPED = {"type": "lifespan.shutdown.complete"}


class Boom(Exception):
    """An application's own."""


class Script:
    """Does what it is told: sends messages, raises exceptions, `"receive"`s, `"wait"`s for ever."""

    def __init__(self, *steps: Any) -> None:
        self.steps = steps
        self.scope: dict[str, Any] = {}
        self.received: list[str] = []
        self.errors: list[Exception] = []
        self.cancelled = False

    async def __call__(self, scope, receive, send) -> None:
        self.scope = scope
        try:
            for step in self.steps:
                await self._take(step, receive, send)
        except Exception:
            raise
        except BaseException as error:
            self.cancelled = not isinstance(error, SystemExit)
            raise

    async def _take(self, step: Any, receive, send) -> None:
        if step == "receive":
            message = await receive()
            assert set(message) == {"type"}
            self.received.append(message["type"])
        elif step == "wait":
            await Gate().wait()
        elif isinstance(step, BaseException):
            raise step
        elif step is Boom:
            raise Boom("no database")
        else:
            try:
                await send(step)
            except LocalProtocolError as error:
                self.errors.append(error)


def failed(stage: str, **message: str) -> dict[str, str]:
    return {"type": f"lifespan.{stage}.failed", **message}


@pytest.fixture(params=[False, True], ids=["lazy", "eager"])
def runtime(request: pytest.FixtureRequest) -> MemoryRuntime:
    return MemoryRuntime(eager=request.param)


@pytest.fixture(params=["auto", "on"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


class Life:
    """A lifespan, and its two calls."""

    def __init__(self, runtime: MemoryRuntime, app, mode: str = "auto") -> None:
        self.runtime = runtime
        self.lifespan = Lifespan(app, runtime, mode)

    def start(self, timeout: float = 60) -> LifespanError | None:
        """Start up; the error, if it failed."""
        result: list[LifespanError | None] = []

        async def startup() -> None:
            try:
                await self.lifespan.startup(timeout)
            except LifespanError as error:
                result.append(error)
            else:
                result.append(None)

        self._run(startup, timeout)
        return result[0]

    def stop(self, timeout: float = 60) -> bool:
        """Shut down; whether in good order."""
        result: list[bool] = []

        async def shutdown() -> None:
            result.append(await self.lifespan.shutdown(timeout))

        self._run(shutdown, timeout)
        return result[0]

    def _run(self, function, timeout: float) -> None:
        job = self.runtime.spawn(function)
        self.runtime.run_until_idle()
        if not job.done and timeout:
            self.runtime.advance(timeout - 1)
            assert not job.done, "too early"
            self.runtime.advance(1)
        assert job.done


# In good order ------------------------------------------------------------------------------------


def test_it_starts_and_stops(runtime: MemoryRuntime, mode: str) -> None:
    app = Script("receive", STARTED, "receive", STOPPED)
    life = Life(runtime, app, mode)
    assert life.start() is None
    assert life.lifespan.supported
    assert app.received == ["lifespan.startup"]
    assert life.stop()
    assert app.received == ["lifespan.startup", "lifespan.shutdown"]
    assert app.errors == []
    assert not runtime.jobs


def test_its_scope(runtime: MemoryRuntime) -> None:
    app = Script("receive", STARTED)
    life = Life(runtime, app)
    life.start()
    assert app.scope == {
        "type": "lifespan",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "state": {},
    }
    assert app.scope["state"] is life.lifespan.state


def test_the_state_is_the_applications_own_object(runtime: MemoryRuntime) -> None:
    pool: list[int] = []
    life = Life(runtime, LifespanRecorder(state={"pool": pool}))
    life.start()
    assert life.lifespan.state == {"pool": pool}
    assert life.lifespan.state["pool"] is pool


def test_mode_off_calls_nobody(runtime: MemoryRuntime) -> None:
    app = Script("receive", STARTED)
    life = Life(runtime, app, "off")
    assert life.start() is None
    assert life.stop()
    assert app.scope == {}
    assert not life.lifespan.supported


def test_an_application_that_needs_no_shutdown_may_return_after_start_up(
    runtime: MemoryRuntime, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    life = Life(runtime, Script("receive", STARTED), mode)
    assert life.start() is None
    assert life.lifespan.supported
    assert life.stop()
    assert not caplog.records


def test_the_start_up_event_need_not_be_received(runtime: MemoryRuntime, mode: str) -> None:
    life = Life(runtime, Script(STARTED, "wait"), mode)
    assert life.start() is None
    assert life.lifespan.supported


def test_an_application_that_returns_at_shutdown_without_a_word_is_done(
    runtime: MemoryRuntime,
) -> None:
    life = Life(runtime, Script("receive", STARTED, "receive"))
    life.start()
    assert life.stop()


def test_a_wait_for_shutdown_may_be_cancelled_and_taken_up_again(runtime: MemoryRuntime) -> None:
    """As applications do that look after something once in a while."""
    received: list[str] = []
    jobs = []

    async def app(scope, receive, send) -> None:
        async def look() -> None:
            received.append((await receive())["type"])

        await receive()
        await send(STARTED)
        jobs.append(runtime.spawn(look))
        await again.wait()
        await look()
        await send(STOPPED)

    again = Gate()
    life = Life(runtime, app)
    life.start()
    jobs[0].cancel()
    runtime.run_until_idle()
    again.open()
    runtime.run_until_idle()
    assert received == []
    assert life.stop()
    assert received == ["lifespan.shutdown"]


# No lifespan --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps", [[Boom], [], ["receive"]], ids=["raises", "returns", "returns later"]
)
def test_without_support_auto_serves_in_silence(
    runtime: MemoryRuntime, steps: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    life = Life(runtime, Script(*steps))
    assert life.start() is None
    assert not life.lifespan.supported
    assert life.stop()
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


@pytest.mark.parametrize(
    "steps", [[Boom], [], ["receive"]], ids=["raises", "returns", "returns later"]
)
def test_without_support_on_does_not_start(runtime: MemoryRuntime, steps: list[Any]) -> None:
    error = Life(runtime, Script(*steps), "on").start()
    assert "does not support lifespan" in str(error)
    assert isinstance(error.__cause__, Boom) == (steps == [Boom])


def test_a_failure_at_start_up_is_shown_in_auto(
    runtime: MemoryRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    life = Life(runtime, Script("receive", Boom))
    assert life.start() is None
    assert not life.lifespan.supported
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.exc_info[0] is Boom


def test_a_failure_at_start_up_ends_the_start_in_on(runtime: MemoryRuntime) -> None:
    error = Life(runtime, Script("receive", Boom), "on").start()
    assert str(error) == "the application's lifespan start-up failed: Boom: no database"
    assert isinstance(error.__cause__, Boom)


# Start-up fails -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"message": "no database"}, "no database"),
        ({"message": ""}, "no reason given"),
        ({}, "no reason given"),
    ],
)
def test_start_up_failed_does_not_start(
    runtime: MemoryRuntime, mode: str, message: dict[str, str], text: str
) -> None:
    life = Life(runtime, Script("receive", failed("startup", **message)), mode)
    assert str(life.start()) == f"the application's lifespan start-up failed: {text}"
    assert not life.lifespan.supported


def test_what_is_raised_after_that_is_not_told_again(
    runtime: MemoryRuntime, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As Starlette does."""
    life = Life(runtime, Script("receive", failed("startup", message="no"), Boom), mode)
    assert "no" in str(life.start())
    assert not caplog.records


def test_one_that_goes_on_after_it_failed_can_be_ended(runtime: MemoryRuntime) -> None:
    app = Script("receive", failed("startup"), "receive")
    life = Life(runtime, app)
    assert life.start() is not None
    assert runtime.jobs
    life.lifespan.cancel()
    runtime.run_until_idle()
    assert app.cancelled
    assert not runtime.jobs


@pytest.mark.parametrize("steps", [["wait"], ["receive", "wait"], ["receive", "receive"]])
def test_start_up_has_a_deadline(runtime: MemoryRuntime, mode: str, steps: list[str]) -> None:
    app = Script(*steps)
    life = Life(runtime, app, mode)
    error = life.start(timeout=5)
    assert str(error) == "the application's lifespan start-up took longer than 5 s"
    runtime.run_until_idle()
    assert app.cancelled
    assert not runtime.jobs


def test_without_a_deadline_start_up_may_take_long(runtime: MemoryRuntime) -> None:
    gate = Gate()

    async def app(scope, receive, send) -> None:
        await gate.wait()
        await send(STARTED)

    lifespan = Lifespan(app, runtime, "auto")
    job = runtime.spawn(lambda: lifespan.startup(0))
    runtime.advance(10_000)
    assert not job.done
    gate.open()
    runtime.run_until_idle()
    assert job.done
    assert job.error is None


def test_an_application_that_exits_at_start_up_does_not_start(
    runtime: MemoryRuntime, mode: str
) -> None:
    error = Life(runtime, Script("receive", SystemExit("no licence")), mode).start()
    assert str(error) == "the application's lifespan start-up failed: it exited with 'no licence'"


# Between and after --------------------------------------------------------------------------------


def test_one_that_fails_while_serving_is_logged_and_has_no_shutdown(
    runtime: MemoryRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()

    async def app(scope, receive, send) -> None:
        await send(STARTED)
        await gate.wait()
        raise Boom

    life = Life(runtime, app)
    assert life.start() is None
    gate.open()
    runtime.run_until_idle()
    (record,) = caplog.records
    assert record.exc_info[0] is Boom
    assert life.stop()
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([failed("shutdown", message="stuck")], "shutdown failed: stuck"),
        ([failed("shutdown")], "shutdown failed: "),
        ([Boom], "raised during lifespan shutdown"),
        ([SystemExit(2)], "raised during lifespan shutdown"),
    ],
)
def test_a_failing_shutdown_is_logged(
    runtime: MemoryRuntime, steps: list[Any], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    life = Life(runtime, Script("receive", STARTED, "receive", *steps))
    life.start()
    assert not life.stop()
    (record,) = caplog.records
    assert text in record.getMessage()
    assert record.levelno == logging.ERROR


def test_shutdown_has_a_deadline(runtime: MemoryRuntime, caplog: pytest.LogCaptureFixture) -> None:
    app = Script("receive", STARTED, "receive", "wait")
    life = Life(runtime, app)
    life.start()
    assert not life.stop(timeout=7)
    runtime.run_until_idle()
    assert app.cancelled
    assert "took longer than 7 s" in caplog.text


def test_one_that_does_not_wait_for_shutdown_has_the_same_deadline(
    runtime: MemoryRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    life = Life(runtime, Script("receive", STARTED, "wait"))
    life.start()
    assert not life.stop(timeout=7)
    assert "took longer than 7 s" in caplog.text


def test_what_fails_after_shutdown_is_logged(
    runtime: MemoryRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    life = Life(runtime, Script("receive", STARTED, "receive", STOPPED, Boom))
    life.start()
    life.stop()
    (record,) = caplog.records
    assert record.exc_info[0] is Boom


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ([STARTED, STARTED], 1),
        ([STOPPED, STARTED], 1),
        ([failed("shutdown"), STARTED], 1),
        (["receive", STARTED, failed("startup")], 1),
        ([{"type": "lifespan.unknown"}, {"type": "http.response.start"}, STARTED], 2),
        ([STARTED, STOPPED], 1),
    ],
)
def test_messages_out_of_turn_raise_and_do_no_harm(
    runtime: MemoryRuntime, steps: list[Any], wrong: int
) -> None:
    app = Script(*steps, "receive", "receive", STOPPED)
    life = Life(runtime, app)
    assert life.start() is None
    assert life.lifespan.supported
    assert len(app.errors) == wrong
    life.stop()
    assert len(app.errors) == wrong


def test_a_message_after_shutdown_raises(runtime: MemoryRuntime) -> None:
    app = Script("receive", STARTED, "receive", STOPPED, STOPPED)
    life = Life(runtime, app)
    life.start()
    assert life.stop()
    assert len(app.errors) == 1


def test_it_can_be_ended_before_its_first_step() -> None:
    runtime = MemoryRuntime()
    lifespan = Lifespan(Script("wait"), runtime, "auto")
    job = runtime.spawn(lambda: lifespan.startup(60))
    runtime.run_until_idle()
    lifespan.cancel()
    runtime.run_until_idle()
    assert job.done
    assert not runtime.jobs


def test_ending_it_twice_or_after_its_end_is_harmless(runtime: MemoryRuntime) -> None:
    life = Life(runtime, Script("receive", STARTED, "receive", STOPPED))
    life.lifespan.cancel()
    life.start()
    life.stop()
    life.lifespan.cancel()
    life.lifespan.cancel()
    runtime.run_until_idle()


def test_its_repr_says_where_it_stands(runtime: MemoryRuntime) -> None:
    life = Life(runtime, Script("receive", STARTED, "receive", STOPPED), "on")
    assert repr(life.lifespan) == "<Lifespan starting mode=on supported=False>"
    life.start()
    assert repr(life.lifespan) == "<Lifespan started mode=on supported=True>"
    life.stop()
    assert repr(life.lifespan) == "<Lifespan stopped mode=on supported=True>"
