"""Every application has its own lifespan, its own state and its own failures."""

from __future__ import annotations

import logging

import anyio
import pytest

from nonecorn.spi import Running, running
from nonecorn.testing.apps import LifespanRecorder
from nonecorn.testing.asgi import Call, call, make_scope
from nonecorn_dispatcher import Dispatcher, Mount


class Served:
    """A dispatcher whose lifespan runs."""

    def __init__(self, app, state=None):
        self.app = app
        self.state = {} if state is None else state
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        self.lifespan = Call(app, scope)
        self.feed("startup")

    def feed(self, event):
        with running(Running(runtime=self.lifespan.runtime)):
            self.lifespan.feed({"type": f"lifespan.{event}"})

    def request(self, path, **state):
        """One request, with the state that the server and others have for it."""
        scope = make_scope(path=path, state={**self.state, **state})
        return call(self.app, scope, runtime=self.lifespan.runtime)

    @property
    def said(self):
        return [message["type"].removeprefix("lifespan.") for message in self.lifespan.sent]

    @property
    def reason(self):
        return self.lifespan.sent[-1].get("message")


class Ordered(LifespanRecorder):
    """Says in a common list when it starts and stops."""

    def __init__(self, name, order, **more):
        super().__init__(**more)
        self.name = name
        self.order = order

    async def __call__(self, scope, receive, send):
        if scope["type"] != "lifespan":
            return await super().__call__(scope, receive, send)

        async def noted():
            message = await receive()
            self.order.append(f"{self.name} {message['type'].removeprefix('lifespan.')}")
            return message

        await super().__call__(scope, noted, send)
        return None


def test_all_start_in_order_and_stop_the_other_way_round():
    order = []
    default, one, two = (Ordered(name, order) for name in ("default", "one", "two"))
    served = Served(Dispatcher({"/one": one, "/two": two}, default=default))
    assert order == ["default startup", "one startup", "two startup"]
    served.feed("shutdown")
    assert order[3:] == ["two shutdown", "one shutdown", "default shutdown"]
    assert served.said == ["startup.complete", "shutdown.complete"]
    assert served.lifespan.done


def test_each_has_its_own_state():
    default, one = LifespanRecorder(state={"db": "default"}), LifespanRecorder(state={"db": "one"})
    without = LifespanRecorder(unsupported=True)
    served = Served(Dispatcher({"/one": one, "/none": without}, default=default))
    assert served.state == {"db": "default"}
    for path in ("/", "/one", "/none"):
        served.request(path)
    assert default.states == [{"db": "default"}]
    assert one.states == [{"db": "one"}]
    assert without.states == [None]


def test_what_middleware_adds_to_a_request_reaches_all():
    one, without = LifespanRecorder(state={"db": "one"}), LifespanRecorder(unsupported=True)
    served = Served(Dispatcher({"/one": one, "/none": without}), {"outer": "server"})
    served.request("/one", request_id=7)
    served.request("/none", request_id=8)
    assert one.states == [{"db": "one", "request_id": 7}]
    assert without.states == [{"request_id": 8}]


def test_a_request_does_not_change_the_state_of_others():
    async def app(scope, receive, send):
        scope["state"]["seen"] = True

    one = LifespanRecorder(app, state={"a": 1})
    served = Served(Dispatcher({"/one": one}))
    served.request("/one")
    served.request("/one")
    assert [set(state) for state in one.states] == [{"a", "seen"}] * 2
    assert one.scopes[0]["state"] == {"a": 1}


def test_an_application_that_is_mounted_twice_starts_once():
    app = LifespanRecorder(state={"n": 1})
    served = Served(Dispatcher({"/a": app, "/b": app}, default=app))
    served.request("/a")
    served.request("/b")
    served.feed("shutdown")
    assert app.events == ["startup", "request", "request", "shutdown"]
    assert app.states == [{"n": 1}] * 2


def test_one_that_fails_to_start_stops_the_start_and_those_before_it():
    order = []
    one, three = Ordered("one", order), Ordered("three", order)
    two = Ordered("two", order, fail_startup="no database")
    served = Served(Dispatcher({"/one": one, "/two": two, "/three": three}))
    assert order == ["one startup", "two startup", "one shutdown"]
    assert served.said == ["startup.failed"]
    assert served.reason == "/two: no database"
    assert served.lifespan.done


def test_one_without_a_lifespan_fails_where_it_must_have_one():
    mount = Mount(LifespanRecorder(unsupported=True), "/one", lifespan="on")
    served = Served(Dispatcher([mount]))
    assert (served.said, served.reason) == (["startup.failed"], "/one: does not support lifespan")


def test_one_that_is_to_have_none_is_not_asked():
    app = LifespanRecorder()
    Served(Dispatcher([Mount(app, host="a.example", lifespan="off")])).feed("shutdown")
    assert app.events == []


async def crash_on_shutdown(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    message = "cannot close"
    raise RuntimeError(message)


async def crash_on_startup(scope, receive, send):
    await receive()
    message = "cannot open"
    raise RuntimeError(message)


def test_one_that_raises_at_its_end_keeps_no_other_from_ending(caplog):
    first, last = LifespanRecorder(), LifespanRecorder(fail_shutdown="locked")
    served = Served(Dispatcher({"/1": first, "/2": crash_on_shutdown, "/3": last}))
    served.feed("shutdown")
    assert first.events == last.events == ["startup", "shutdown"]
    assert served.said == ["startup.complete", "shutdown.failed"]
    assert served.reason == "/3: locked; /2: RuntimeError: cannot close"
    assert [record.getMessage() for record in caplog.records] == [
        "/3: the application's lifespan shutdown failed: locked",
        "/2: the application raised during lifespan shutdown",
    ]


def test_one_that_raises_at_its_start_is_served_without(caplog):
    served = Served(Dispatcher({"/1": crash_on_startup}))
    assert served.said == ["startup.complete"]
    [record] = caplog.records
    assert record.getMessage().startswith("/1: the application raised during lifespan start-up")


def test_unless_it_must_have_one(caplog):
    served = Served(Dispatcher([Mount(crash_on_startup, "/1", lifespan="on")]))
    assert served.reason == "/1: RuntimeError: cannot open"
    [record] = caplog.records
    assert record.exc_info[0] is RuntimeError


async def crash_while_serving(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    message = "lost connection"
    raise RuntimeError(message)


def test_one_that_fails_while_it_serves_harms_no_other(caplog):
    caplog.set_level(logging.ERROR)
    other = LifespanRecorder(state={"a": 1})
    served = Served(Dispatcher({"/1": other, "/2": crash_while_serving, "/3": other}))
    assert served.said == ["startup.complete"]
    served.request("/1")
    assert other.states == [{"a": 1}]
    served.feed("shutdown")
    assert other.events == ["startup", "request", "shutdown"]
    assert served.said[-1] == "shutdown.complete"


async def hang(scope, receive, send):
    while True:
        await receive()


@pytest.mark.parametrize("started", [True, False])
def test_ending_the_dispatcher_ends_them_all(started):
    ended = []

    async def watched(scope, receive, send):
        try:
            await (LifespanRecorder() if started else hang)(scope, receive, send)
        finally:
            ended.append(scope["type"])

    served = Served(Dispatcher({"/1": watched}))
    assert served.said == (["startup.complete"] if started else [])
    served.lifespan._job.cancel()
    served.lifespan.runtime.run_until_idle()
    assert served.lifespan.done
    assert ended == ["lifespan"]


def test_it_may_run_more_than_once():
    """As test clients do it."""
    app = LifespanRecorder(state={"a": 1})
    dispatcher = Dispatcher({"/1": app})
    for _ in range(2):
        served = Served(dispatcher)
        served.request("/1")
        served.feed("shutdown")
    assert app.events == ["startup", "request", "shutdown"] * 2


def test_without_a_lifespan_requests_are_served():
    app = LifespanRecorder()
    response = call(Dispatcher({"/1": app}), make_scope(path="/1"))
    assert response.status == 200
    assert app.states == [None]


# In other servers


def elsewhere(app, backend):
    """A lifespan in another server: what was said, and what a request was answered."""
    said, answers = [], []

    async def main():
        events = iter(["startup", "shutdown"])

        async def receive():
            if said:
                await app(make_scope(path="/2/x", state=dict(state)), receive, answer)
            return {"type": f"lifespan.{next(events)}"}

        async def send(message):
            said.append((message["type"].removeprefix("lifespan."), message.get("message")))

        async def answer(message):
            answers.append(message.get("status"))

        state = {}
        await app({"type": "lifespan", "asgi": {}, "state": state}, receive, send)

    anyio.run(main, backend=backend)
    return said, answers


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_lifespans_run_in_any_server(backend):
    order = []
    one, two = Ordered("one", order, state={"n": 1}), Ordered("two", order, state={"n": 2})
    said, answers = elsewhere(Dispatcher({"/1": one, "/2": two}), backend)
    assert said == [("startup.complete", None), ("shutdown.complete", None)]
    assert answers[0] == 200
    assert two.states == [{"n": 2}]
    assert order == ["one startup", "two startup", "two shutdown", "one shutdown"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_failures_are_told_there_too(backend):
    one = LifespanRecorder()
    two = LifespanRecorder(fail_startup="no database")
    said, _ = elsewhere(Dispatcher({"/1": one, "/2": two}), backend)
    assert said == [("startup.failed", "/2: no database")]
    assert one.events == ["startup", "shutdown"]
