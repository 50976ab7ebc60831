"""`limits.concurrency`: requests that wait for a place, in the order in which they came."""

from __future__ import annotations

import pytest

from nonecorn.serving.admission import RequestQueue
from nonecorn.testing import Gate, MemoryRuntime
from nonecorn.testing.apps import respond
from tests.builtin.http.opened import Opened


class Numbered:
    """Answers when its gate opens, and keeps the order in which it was called."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.gates: dict[str, Gate] = {}

    async def __call__(self, scope, receive, send) -> None:
        self.called.append(scope["path"])
        gate = self.gates[scope["path"]] = Gate()
        await gate.wait()
        await respond(send, b"ok")


class Queue:
    """A listener with one place, and what was opened there."""

    def __init__(self, runtime: MemoryRuntime, limit: int = 1, timeout: float = 10.0) -> None:
        self.runtime = runtime
        self.app = Numbered()
        self.admission = RequestQueue(runtime, limit, timeout)

    def open(self, path: str, **options) -> Opened:
        return Opened(
            self.app, runtime=self.runtime, path=path.encode(), admission=self.admission, **options
        )

    def finish(self, path: str) -> None:
        self.app.gates[path].open()
        self.runtime.run_until_idle()


@pytest.fixture(params=[False, True], ids=["lazy", "eager"])
def queue(request: pytest.FixtureRequest) -> Queue:
    return Queue(MemoryRuntime(eager=request.param))


def test_no_more_run_at_once_and_the_rest_in_order(queue: Queue) -> None:
    opened = [queue.open(f"/{n}") for n in range(4)]
    assert queue.app.called == ["/0"]
    for n in range(4):
        queue.finish(f"/{n}")
    assert queue.app.called == ["/0", "/1", "/2", "/3"]
    assert [each.exchange.status for each in opened] == [200] * 4
    assert repr(queue.admission) == "<RequestQueue active=0/1 waiting=0>"


def test_who_waits_too_long_is_told_503_and_when_to_come_back(queue: Queue) -> None:
    queue.open("/0")
    late = queue.open("/1")
    queue.runtime.advance(11)
    assert late.exchange.status == 503
    assert (b"retry-after", b"1") in late.exchange.headers
    assert (late.record.status, late.record.reason) == (503, "queue-timeout")
    assert late.record.headers == late.exchange.headers
    assert queue.app.called == ["/0"]
    queue.finish("/0")
    queue.open("/2")
    assert queue.app.called == ["/0", "/2"]


def test_without_a_timeout_a_request_waits_as_long_as_it_takes() -> None:
    queue = Queue(MemoryRuntime(), timeout=0)
    queue.open("/0")
    queue.open("/1")
    queue.runtime.advance(100_000)
    queue.finish("/0")
    assert queue.app.called == ["/0", "/1"]


def test_a_cancelled_request_leaves_the_queue(queue: Queue) -> None:
    queue.open("/0")
    cancelled = queue.open("/1")
    queue.open("/2")
    cancelled.stream.job.cancel()
    queue.runtime.run_until_idle()
    assert cancelled.record.reason == "cancelled"
    queue.finish("/0")
    assert queue.app.called == ["/0", "/2"]


def test_a_place_given_to_a_request_that_is_cancelled_meanwhile_is_passed_on(queue: Queue) -> None:
    queue.open("/0")
    cancelled = queue.open("/1")
    queue.open("/2")
    queue.admission.leave()  # as the first one does at its end, and before the second one runs
    cancelled.stream.job.cancel()
    queue.runtime.run_until_idle()
    assert queue.app.called == ["/0", "/2"]


def test_a_request_that_expires_in_the_queue_is_told_504(queue: Queue) -> None:
    queue.open("/0")
    expired = queue.open("/1")
    expired.stream.expire()
    queue.runtime.run_until_idle()
    assert expired.exchange.status == 504
    queue.finish("/0")
    assert queue.app.called == ["/0"]
    assert repr(queue.admission) == "<RequestQueue active=0/1 waiting=0>"


def test_the_application_is_not_called_for_a_client_that_did_not_wait(queue: Queue) -> None:
    queue.open("/0")
    gone = queue.open("/1")
    gone.stream.disconnect()
    queue.open("/2")
    queue.finish("/0")
    assert queue.app.called == ["/0", "/2"]
    queue.finish("/2")
    assert repr(queue.admission) == "<RequestQueue active=0/1 waiting=0>"


@pytest.mark.parametrize("trouble", [Exception("x"), SystemExit()])
def test_a_failing_application_gives_its_place_back(
    queue: Queue, trouble: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(scope, receive, send) -> None:
        raise trouble

    first = Opened(fails, runtime=queue.runtime, admission=queue.admission)
    assert first.exchange.status == 500
    queue.open("/1")
    assert queue.app.called == ["/1"]
    assert "the application failed" in caplog.text


def test_a_stream_stands_in_running_while_it_waits(queue: Queue) -> None:
    queue.open("/0")
    waiting = queue.open("/1")
    assert waiting.stream in waiting.context.running
