"""The layer `health`: its two paths, the check behind one of them, and all that is not its."""

from __future__ import annotations

from typing import Any

import pytest

from nonecorn.spi import UNLOGGED, ConfigError
from nonecorn.testing import Gate, MemoryRuntime, make_app_context
from nonecorn.testing.apps import hello
from nonecorn.testing.asgi import Call, call, make_scope
from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.middleware import MiddlewareConformance
from nonecorn_health import Health
from nonecorn_health._middleware import check, health


class TestDescriptor(DescriptorConformance):
    module = "nonecorn_health.plugin"
    name = "health"


class TestConformance(MiddlewareConformance):
    middleware = staticmethod(health)


def test_both_paths_are_answered() -> None:
    app = Health(hello)
    live = call(app, make_scope("/healthz"))
    assert (live.status, live.content) == (200, b"live\n")
    ready = call(app, make_scope("/readyz"))
    assert (ready.status, ready.content) == (200, b"ready\n")
    assert dict(ready.headers)[b"cache-control"] == b"no-store"


@pytest.mark.parametrize("path", ["/", "/healthz/", "/healthzz", "/api/healthz", "/HEALTHZ"])
def test_other_paths_are_the_applications(path: str) -> None:
    assert call(Health(hello), make_scope(path)).content == b"Hello, world!"


def test_paths_are_those_below_the_mount() -> None:
    app = Health(hello)
    assert call(app, make_scope("/shop/healthz", root_path="/shop")).content == b"live\n"
    assert call(app, make_scope("/healthz", root_path="/shop")).content == b"live\n"


def test_a_path_can_be_left_to_the_application() -> None:
    app = Health(hello, live="")
    assert call(app, make_scope("/healthz")).content == b"Hello, world!"
    assert call(app, make_scope("")).content == b"Hello, world!"


def test_head_has_the_fields_of_get_and_no_content() -> None:
    get, head = (call(Health(hello), make_scope("/readyz", method)) for method in ("GET", "HEAD"))
    assert (head.status, head.headers, head.content) == (200, get.headers, b"")


def test_other_methods_are_refused() -> None:
    refused = call(Health(hello), make_scope("/readyz", "POST"))
    assert refused.status == 405
    assert dict(refused.headers)[b"allow"] == b"GET, HEAD"


def test_a_server_that_ends_is_alive_and_not_ready() -> None:
    runtime = MemoryRuntime()
    runtime.current.draining = True
    app = Health(hello)
    ready = call(app, make_scope("/readyz"), runtime=runtime)
    assert (ready.status, ready.content) == (503, b"not ready: draining\n")
    assert call(app, make_scope("/healthz"), runtime=runtime).status == 200


def test_its_requests_are_kept_out_of_the_access_log() -> None:
    quiet, loud, passed = make_scope("/readyz"), make_scope("/readyz"), make_scope("/")
    call(Health(hello), quiet)
    call(Health(hello, log=True), loud)
    call(Health(hello), passed)
    assert UNLOGGED in quiet["extensions"]
    assert UNLOGGED not in loud["extensions"]
    assert UNLOGGED not in passed["extensions"]


# The check ----------------------------------------------------------------------------------------


class Answers:
    """A check with a memory: gives one answer after the other, and raises those that are errors."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def ready(app: Health, runtime: MemoryRuntime) -> tuple[int | None, bytes]:
    answer = call(app, make_scope("/readyz"), runtime=runtime)
    return answer.status, answer.content


@pytest.mark.parametrize("answer", [None, True, 0, "whatever"])
def test_a_check_that_returns_says_yes(answer: object) -> None:
    assert ready(Health(hello, check=Answers(answer)), MemoryRuntime()) == (200, b"ready\n")


def test_a_check_that_returns_false_or_raises_says_no() -> None:
    app = Health(hello, check=Answers(False, OSError("secret"), None), check_cache=0)
    runtime = MemoryRuntime()
    assert ready(app, runtime) == (503, b"not ready: the check says no\n")
    assert ready(app, runtime) == (503, b"not ready: the check failed\n")
    assert ready(app, runtime) == (200, b"ready\n")


def test_a_plain_function_runs_in_a_thread_and_a_coroutine_function_on_the_loop() -> None:
    runtime = MemoryRuntime()
    answers = Answers(None)

    async def asynchronous() -> None:
        answers.calls += 10

    assert ready(Health(hello, check=answers), runtime)[0] == 200
    assert runtime.threads == [answers]
    assert ready(Health(hello, check=asynchronous), runtime)[0] == 200
    assert (len(runtime.threads), answers.calls) == (1, 11)


def test_an_answer_holds_for_a_while() -> None:
    runtime, answers = MemoryRuntime(), Answers(None, False, None)
    app = Health(hello, check=answers, check_cache="5s")
    assert [ready(app, runtime)[0] for _ in range(3)] == [200, 200, 200]
    runtime.advance(5.0)
    assert [ready(app, runtime)[0] for _ in range(3)] == [503, 503, 503]
    runtime.advance(5.0)
    assert ready(app, runtime)[0] == 200
    assert answers.calls == 3


def test_those_who_ask_at_once_share_one_call() -> None:
    runtime, gate, calls = MemoryRuntime(), Gate(), []

    async def slow() -> None:
        calls.append(1)
        await gate.wait()

    app = Health(hello, check=slow)
    asked = [Call(app, make_scope("/readyz"), runtime).body() for _ in range(3)]
    assert [each.status for each in asked] == [None] * 3
    gate.open()
    assert [each.step().status for each in asked] == [200] * 3
    assert calls == [1]


def test_a_check_that_is_late_says_no_and_is_cancelled() -> None:
    runtime, gates, ends = MemoryRuntime(), [Gate(), Gate()], []

    async def slow() -> None:
        try:
            await gates[len(ends)].wait()
        finally:
            ends.append(1)

    app = Health(hello, check=slow, check_timeout="1s", check_cache="1s")
    asked = Call(app, make_scope("/readyz"), runtime).body()
    runtime.advance(1.0)
    assert (asked.status, asked.content) == (503, b"not ready: the check takes too long\n")
    assert ends == [1]
    runtime.advance(1.0)
    gates[1].open()
    assert ready(app, runtime)[0] == 200


def test_a_thread_that_is_late_is_not_joined_by_a_second() -> None:
    runtime, gate, calls = MemoryRuntime(), Gate(), []

    def slow() -> Any:  # no coroutine function, and so none that is cancelled
        calls.append(1)
        return gate.wait()

    app = Health(hello, check=slow, check_timeout="1s", check_cache="1s")
    asked = Call(app, make_scope("/readyz"), runtime).body()
    for _ in range(5):
        runtime.advance(1.0)
        assert ready(app, runtime) == (503, b"not ready: the check takes too long\n")
    assert asked.status == 503
    assert calls == [1]
    gate.open()
    runtime.run_until_idle()
    runtime.advance(1.0)
    assert ready(app, runtime)[0] == 200
    assert calls == [1, 1]


def test_who_asks_may_leave_without_harm_to_the_others() -> None:
    runtime, gate = MemoryRuntime(), Gate()

    async def slow() -> None:
        await gate.wait()

    app = Health(hello, check=slow)
    first, second = (Call(app, make_scope("/readyz"), runtime).body() for _ in range(2))
    first._job.cancel()
    runtime.run_until_idle()
    gate.open()
    assert second.step().status == 200


# Options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"live": "healthz"}, "no path"),
        ({"live": "", "ready": ""}, "nothing to answer"),
        ({"live": "/a", "ready": "/a"}, "are both '/a'"),
        ({"check": "no colon"}, "no reference"),
        ({"check_timeout": 0}, "too small"),
        ({"check_timeout": "soon"}, "is no duration"),
        ({"chek": "a:b"}, "did you mean check"),
    ],
)
def test_a_bad_option_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check(options, make_app_context())
    [line] = str(caught.value).splitlines()
    assert line.startswith("middleware health: ")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_module:check", "cannot be imported"),
        ("nonecorn_health:nothing", "has no attribute"),
        ("nonecorn_health:__doc__", "is no function"),
    ],
)
def test_a_check_that_is_not_there_is_one_line(target: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        health(hello, {"check": target}, make_app_context())
    assert len(str(caught.value).splitlines()) == 1


def test_a_check_is_found_by_its_name() -> None:
    app = health(hello, {"check": "nonecorn.spi:http_date"}, make_app_context())
    assert "http_date" in repr(app)
