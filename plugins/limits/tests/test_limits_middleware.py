"""The layer `limits`: who gets in, who waits, who is told to come again."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from nonecorn.spi import ASGIApp, ConfigError, Receive, Scope, Send
from nonecorn.testing import Gate, MemoryRuntime
from nonecorn.testing.apps import hello
from nonecorn.testing.asgi import Call, call, make_scope
from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.middleware import MiddlewareConformance
from nonecorn_limits import Limits
from nonecorn_limits._middleware import check, limits


class TestDescriptor(DescriptorConformance):
    module = "nonecorn_limits.plugin"
    name = "limits"


class TestRate(MiddlewareConformance):
    middleware = staticmethod(limits)
    options: ClassVar[dict[str, Any]] = {"rate": "100/minute"}


class TestConcurrency(MiddlewareConformance):
    middleware = staticmethod(limits)
    options: ClassVar[dict[str, Any]] = {"concurrency": 10}


def held(gate: Gate) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await gate.wait()
        await hello(scope, receive, send)

    return app


def from_address(host: str, **more: Any) -> Scope:
    return make_scope(client=(host, 1), **more)


def statuses(app: ASGIApp, scopes: list[Scope], runtime: MemoryRuntime) -> list[int | None]:
    return [call(app, scope, runtime=runtime).status for scope in scopes]


# Rates --------------------------------------------------------------------------------------------


def test_a_client_over_its_rate_is_told_when_to_come_again() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="2/minute")
    assert statuses(app, [make_scope()] * 2, runtime) == [200, 200]
    refused = call(app, make_scope(), runtime=runtime)
    assert refused.status == 429
    assert dict(refused.headers)[b"retry-after"] == b"30"
    runtime.advance(29.0)
    assert call(app, make_scope(), runtime=runtime).status == 429
    runtime.advance(1.0)
    assert call(app, make_scope(), runtime=runtime).status == 200


def test_a_refused_request_costs_nothing() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="1/minute")
    assert statuses(app, [make_scope()] * 50, runtime) == [200] + [429] * 49
    runtime.advance(60.0)
    assert call(app, make_scope(), runtime=runtime).status == 200


def test_clients_do_not_share_a_rate() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="1/minute")
    scopes = [from_address(host) for host in ("192.0.2.1", "192.0.2.2", "192.0.2.1")]
    assert statuses(app, scopes, runtime) == [200, 200, 429]


def test_ipv6_clients_are_their_network() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="1/minute")
    hosts = ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1", "fe80::1%eth0", "fe80::2%eth1")
    assert statuses(app, [from_address(host) for host in hosts], runtime) == [
        200, 429, 200, 200, 429,
    ]  # fmt: skip


def test_a_mapped_address_is_the_ipv4_client() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="1/minute")
    hosts = ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2")
    assert statuses(app, [from_address(host) for host in hosts], runtime) == [200, 429, 200]


def test_a_header_field_tells_clients_apart() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="1/minute", key="X-API-Key")
    scopes = [make_scope(headers=[(b"x-api-key", key)]) for key in (b"a", b"b", b"a", b"")]
    assert statuses(app, [*scopes, make_scope(headers=[])], runtime) == [200, 200, 429, 200, 429]


def test_clients_without_an_address_share_one() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="1/minute")
    assert statuses(app, [make_scope(client=None)] * 2, runtime) == [200, 429]


def test_the_table_of_clients_is_bounded() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="1/minute", clients=10)
    for number in range(100):
        call(app, from_address(f"192.0.2.{number}"), runtime=runtime)
    assert "10/10 clients" in repr(app)


def test_who_comes_often_is_not_forgotten() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="1/minute", clients=10)
    for number in range(100):
        call(app, from_address(f"192.0.2.{number}"), runtime=runtime)
        expected = 200 if number == 0 else 429
        assert call(app, from_address("198.51.100.1"), runtime=runtime).status == expected


def test_responses_say_where_the_client_stands() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="10/minute", burst=3)
    first = dict(call(app, make_scope(), runtime=runtime).headers)
    assert first[b"ratelimit-policy"] == b'"default";q=10;w=60'
    assert first[b"ratelimit"] == b'"default";r=2;t=6'
    call(app, make_scope(), runtime=runtime)
    call(app, make_scope(), runtime=runtime)
    refused = call(app, make_scope(), runtime=runtime)
    assert refused.status == 429
    assert dict(refused.headers)[b"ratelimit"] == b'"default";r=0;t=6'


def test_the_fields_can_be_left_out() -> None:
    headers = dict(call(Limits(hello, rate="10/minute", fields=False)).headers)
    assert b"ratelimit" not in headers
    assert b"ratelimit-policy" not in headers


def test_paths_can_be_chosen_and_exempted() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="1/minute", paths=["/api"], exempt=["/api/free/"])
    paths = ("/api", "/api/a", "/apis", "/", "/api/free", "/api/free/b", "/api/freedom")
    found = statuses(app, [make_scope(path) for path in paths], runtime)
    assert found == [200, 429, 200, 200, 200, 200, 429]


def test_paths_are_those_below_the_mount() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="1/minute", paths=["/api"], exempt=["/api/free"])
    # The path as ASGI has it, and as it is where a proxy has taken the root off.
    paths = ("/up/api", "/up/api/a", "/api", "/up/api/free", "/up", "/up/apis")
    found = statuses(app, [make_scope(path, root_path="/up") for path in paths], runtime)
    assert found == [200, 429, 429, 200, 200, 200]


def test_what_leads_out_of_an_exempt_path_is_not_exempt() -> None:
    runtime = MemoryRuntime()
    app = Limits(hello, rate="1/minute", exempt=["/free"])
    paths = ("/free/../costly", "/free/..", "/free/a/../../costly", "/free/..\\costly", "/free/..a")
    found = statuses(app, [make_scope(path) for path in paths], runtime)
    assert found == [200, 429, 429, 429, 200]


# Concurrency --------------------------------------------------------------------------------------


def test_requests_wait_for_a_place_in_their_order() -> None:
    runtime, gates = MemoryRuntime(), [Gate(), Gate(), Gate()]
    order: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        order.append(scope["number"])
        await gates[scope["number"]].wait()

    limited = Limits(app, concurrency=1)
    calls = [Call(limited, make_scope(number=n), runtime).body() for n in range(3)]
    assert order == [0]
    assert "taken=1/1 waiting=2" in repr(limited)
    for gate, each in zip(gates, calls, strict=True):
        gate.open()
        runtime.run_until_idle()
        assert each.done
    assert order == [0, 1, 2]
    assert "taken=0/1 waiting=0" in repr(limited)


def test_who_waits_too_long_is_answered() -> None:
    runtime, gate = MemoryRuntime(), Gate()
    app = Limits(held(gate), concurrency=1, queue_timeout="2s")
    first = Call(app, make_scope(), runtime).body()
    second = Call(app, make_scope(), runtime).body()
    runtime.advance(1.9)
    assert second.status is None
    runtime.advance(0.2)
    assert second.status == 503
    assert dict(second.headers)[b"retry-after"] == b"1"
    gate.open()
    assert first.step().status == 200
    assert call(app, make_scope(), runtime=runtime).status == 200


def test_the_queue_is_bounded() -> None:
    runtime, gate = MemoryRuntime(), Gate()
    app = Limits(held(gate), concurrency=1, queue=1)
    calls = [Call(app, make_scope(), runtime).body() for _ in range(3)]
    assert [each.status for each in calls] == [None, None, 503]
    gate.open()
    assert [each.step().status for each in calls] == [200, 200, 503]


def test_a_cancelled_request_gives_its_place_to_the_next() -> None:
    runtime, gate = MemoryRuntime(), Gate()
    app = Limits(held(gate), concurrency=1)
    first, second, third = (Call(app, make_scope(), runtime).body() for _ in range(3))
    second._job.cancel()
    first._job.cancel()
    runtime.run_until_idle()
    gate.open()
    assert third.step().status == 200
    assert "taken=0/1 waiting=0" in repr(app)


def test_one_cancelled_with_the_place_in_hand_passes_it_on() -> None:
    runtime, gate = MemoryRuntime(), Gate()
    app = Limits(held(gate), concurrency=1)
    first, second, third = (Call(app, make_scope(), runtime).body() for _ in range(3))
    # Both before either runs again: the place is the second's when its cancellation arrives.
    app._places.leave()
    second._job.cancel()
    gate.open()
    runtime.run_until_idle()
    assert third.status == 200
    assert first.done


def test_places_come_back_from_applications_that_raise() -> None:
    runtime = MemoryRuntime()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError

    limited = Limits(app, concurrency=1)
    for _ in range(3):
        assert isinstance(Call(limited, make_scope(), runtime).body().error, ValueError)


# WebSockets ---------------------------------------------------------------------------------------

CONNECT = {"type": "websocket.connect"}


def socket(**more: Any) -> Scope:
    return {**make_scope(**more), "type": "websocket"}


async def accepting(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await receive()


def test_a_handshake_counts_as_a_request() -> None:
    runtime = MemoryRuntime()
    app = Limits(accepting, rate="1/minute")
    first = Call(app, socket(), runtime).feed(CONNECT)
    assert first.sent[0]["type"] == "websocket.accept"
    assert (b"ratelimit", b'"default";r=0;t=60') in first.sent[0]["headers"]
    offer = {"websocket.http.response": {}}
    refused = Call(app, socket(extensions=offer), runtime).feed(CONNECT)
    assert refused.sent[0]["type"] == "websocket.http.response.start"
    assert refused.sent[0]["status"] == 429
    assert refused.done


def test_a_handshake_is_closed_where_there_are_no_denials() -> None:
    runtime = MemoryRuntime()
    app = Limits(accepting, rate="1/minute")
    Call(app, socket(), runtime).feed(CONNECT)
    refused = Call(app, socket(), runtime).feed(CONNECT)
    assert refused.sent == [{"type": "websocket.close", "code": 1013}]


def test_an_accepted_socket_holds_no_place() -> None:
    runtime = MemoryRuntime()
    app = Limits(accepting, concurrency=1)
    waiting = Call(app, socket(), runtime).step()
    assert "taken=1/1" in repr(app)
    waiting.feed(CONNECT)
    assert not waiting.done
    assert "taken=0/1" in repr(app)
    waiting.feed({"type": "websocket.disconnect"})
    assert "taken=0/1" in repr(app)


# Options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing to limit"),
        ({"rate": "10 per minute"}, "is no rate"),
        ({"rate": "0/s"}, "is no rate"),
        ({"rate": 10}, "rate: 10 is no text"),
        ({"concurrency": -1}, "too small"),
        ({"concurrency": True}, "no whole number"),
        ({"concurency": 1}, "did you mean concurrency"),
        ({"rate": "1/s", "ipv6_prefix": 129}, "not between 1 and 128"),
        ({"rate": "1/s", "key": "a b"}, "no name of a header field"),
        ({"rate": "1/s", "paths": ["api"]}, "no path"),
    ],
)
def test_a_bad_option_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check(options, None)  # type: ignore[arg-type]  # nothing is asked of it
    [line] = str(caught.value).splitlines()
    assert line.startswith("middleware limits: ")


@pytest.mark.parametrize(
    ("rate", "quota"),
    [
        ("100/minute", (100, 60)),
        ("10/s", (10, 1)),
        ("1000/6h", (1000, 21600)),
        ("5/2days", (5, 172800)),
    ],
)
def test_rates_are_read(rate: str, quota: tuple[int, float]) -> None:
    assert f"{quota[0]}/{quota[1]:g}s" in repr(Limits(hello, rate=rate))
