"""A worker's life when something goes wrong, or is asked for at an odd moment; on every loop."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from nonecorn.serving import Bindings, Host, serve_plan
from nonecorn.spi import CertificateError, LifespanError
from nonecorn.testing import Gate, raw_exchange, read_responses
from nonecorn.testing.address import address_of
from nonecorn.testing.apps import LifespanRecorder, hello
from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get, responses
from tests.serving.loops import LOOPS, plan_of

GET = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture(params=LOOPS)
def plan(request):
    return plan_of(worker=request.param)


def host_of(plan, app, **more):
    bindings = Bindings()
    bindings.bind(plan)
    return bindings, Host(plan, bindings, app, **more)


def run(plan, host, bindings):
    with bindings:
        return plan.worker.worker.load()(plan.settings).run(host.main)


def test_a_stop_before_it_runs_starts_nothing(plan):
    app = LifespanRecorder()
    bindings, host = host_of(plan, app)
    assert repr(host).startswith("<Host idle")
    host.stop()
    assert run(plan, host, bindings) == 0
    assert app.events == []
    assert repr(host).startswith("<Host ended")


def test_a_signal_between_binding_and_running_stops_it_at_once(plan):
    app = LifespanRecorder()
    code = serve_plan(
        plan, app=app, on_runtime=lambda runtime, host: os.kill(os.getpid(), signal.SIGTERM)
    )
    assert (code, app.events) == (0, [])


def test_an_application_that_was_started_is_shut_down_after_an_error(plan):
    app = LifespanRecorder()

    def ready():
        raise LookupError("not so ready")

    bindings, host = host_of(plan, app, ready=ready)
    with pytest.raises(LookupError, match="not so ready"):
        run(plan, host, bindings)
    assert app.events == ["startup", "shutdown"]


def test_an_application_that_was_started_is_shut_down_where_nothing_can_be_listened_to(plan):
    app = LifespanRecorder()
    bindings, host = host_of(plan, app)
    for binding in bindings:
        binding.bound.sock.close()
    with pytest.raises(OSError, match="descriptor"):
        run(plan, host, bindings)
    assert app.events == ["startup", "shutdown"]


def test_a_trigger_that_fails_stops_it(plan, caplog):
    app = LifespanRecorder()

    async def trigger():
        await started.wait()
        raise LookupError("out of order")

    started = Gate()
    bindings, host = host_of(plan, app, trigger=trigger, ready=started.open)
    assert run(plan, host, bindings) == 0
    assert app.events == ["startup", "shutdown"]
    assert "the shutdown trigger failed; stopping" in caplog.messages


def test_a_trigger_that_returns_at_once_gives_the_start_up_up(plan):
    app = LifespanRecorder()

    async def trigger():
        pass

    bindings, host = host_of(plan, app, trigger=trigger)
    assert run(plan, host, bindings) == 0
    assert app.events in ([], ["startup"], ["startup", "shutdown"])


def test_what_the_application_raised_at_start_up_is_logged(plan, caplog):
    async def app(scope, receive, send):
        await receive()
        raise LookupError("no such table")

    plan = plan_of(worker=plan.worker.name, lifespan="on")
    bindings, host = host_of(plan, app)
    with pytest.raises(LifespanError, match="LookupError: no such table"):
        run(plan, host, bindings)
    [record] = [record for record in caplog.records if record.exc_info]
    assert record.message == "the application raised at lifespan start-up"


def test_who_holds_the_sockets_is_told_before_requests_have_ended(plan):
    events = []

    class Watched(LifespanRecorder):
        async def __call__(self, scope, receive, send):
            await super().__call__(scope, receive, send)
            events.append(scope["type"])

    def stopping():
        events.append("stopping")

    started = Gate()
    bindings, host = host_of(
        plan, Watched(), ready=started.open, trigger=started.wait, stopping=stopping
    )
    assert run(plan, host, bindings) == 0
    assert events == ["stopping", "lifespan"]


def test_without_the_main_thread_there_are_no_signals(plan):
    before = signal.getsignal(signal.SIGTERM)
    codes, urls, stop = [], [], Gate()

    def serve():
        codes.append(serve_plan(plan, app=hello, trigger=stop.wait, ready=ready))

    def ready(addresses):
        assert signal.getsignal(signal.SIGTERM) is before
        urls.extend(addresses)
        up.set()

    up = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    assert up.wait(20)
    [response] = read_responses(raw_exchange(address_of(urls[0]), GET).data)
    assert response.body == b"Hello, world!"
    stop.open()
    thread.join(20)
    assert codes == [0]


def test_sockets_are_closed_where_the_rest_cannot_be_had(plan, tmp_path):
    path = tmp_path / "socket"
    (tmp_path / "no.pem").write_text("no certificate")
    certfile = str(tmp_path / "no.pem")
    plan = plan_of(worker=plan.worker.name, bind=f"unix:{path}", certfile=certfile)
    with pytest.raises(CertificateError):
        serve_plan(plan, app=hello)
    assert not path.exists()


def test_the_limit_of_connections_holds_and_lets_go(plan, caplog):
    plan = plan_of(worker=plan.worker.name, limits={"connections": 1})
    stop = Gate()

    def visit(urls):
        address = address_of(urls[0])
        for _ in range(5):
            with connect(address, 20) as sock:
                assert ask(sock, get()).body == b"Hello, world!"
        stop.open()

    def ready(urls):
        thread = threading.Thread(target=visit, args=[list(urls)])
        thread.start()
        threads.append(thread)

    threads = []
    assert serve_plan(plan, app=hello, trigger=stop.wait, ready=ready) == 0
    threads[0].join(20)
    assert sum("connections are open" in message for message in caplog.messages) == 1


def test_a_worker_that_retires_is_not_cut_off_by_the_stop_of_the_server(plan):
    events = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        host.stop()
        events.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})

    bindings, host = host_of(plan, app, ready=lambda: host.retire())  # noqa: PLW0108  # not made yet
    assert run(plan, host, bindings) == 0
    assert events == ["shutdown"]


def test_a_worker_that_hears_all_at_once_answers_who_has_asked(plan):
    # As one does that was held up between the two: what clients have sent meanwhile is unread.
    visitors = []

    async def app(scope, receive, send):
        if scope["type"] == "http" and scope["path"] == "/both":
            visitors[0].sendall(get("/", "connection: close"))
            host.retire()
            host.stop()
        await hello(scope, receive, send)

    def ready():
        visitors.extend(connect(address_of(bindings.urls[0]), 20) for _ in range(2))
        visitors[1].sendall(get("/both", "connection: close"))

    bindings, host = host_of(plan, app, ready=ready)
    try:
        assert run(plan, host, bindings) == 0
        assert [responses(sock)[0].status for sock in visitors] == [200, 200]
    finally:
        for sock in visitors:
            sock.close()
