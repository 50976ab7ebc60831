"""Every wait has a deadline, and none cuts off what is only slow."""

from __future__ import annotations

import pytest

from nonecorn.spi import NEVER
from nonecorn.testing import Gate, read_responses
from nonecorn.testing.apps import (
    Chunks,
    IgnoresDisconnect,
    Recorder,
    echo,
    hello,
    never_receives,
    never_responds,
)
from tests.builtin.http.server import GET, Held, chunked, get, post

LIMITS = {
    "head_timeout": 10,
    "keep_alive_timeout": 5,
    "body_timeout": 30,
    "write_timeout": 20,
    "close_timeout": 2,
    "send_buffer": 1024,
}


def statuses(data: bytes, *, closed: bool = True) -> list[int]:
    return [response.status for response in read_responses(data, closed=closed)]


# Heads and idleness -------------------------------------------------------------------------------


def test_a_silent_connection_is_closed_without_a_word(serve) -> None:
    port = serve(limits=LIMITS).connect()
    port.runtime.advance(9)
    assert not port.closed
    port.runtime.advance(2)
    assert port.closed
    assert port.sent == b""


def test_a_head_has_its_time_from_its_first_byte(serve) -> None:
    server = serve(limits=LIMITS)
    port = server.connect()
    server.runtime.advance(8)
    for piece in (b"GET / HT", b"TP/1.1\r\nHo", b"st: a\r\n"):
        port.receive(piece)
        server.runtime.advance(3)
    assert port.sent == b""
    server.runtime.advance(2)
    assert statuses(port.take()) == [408]
    assert port.eof_sent
    (record,) = server.records
    assert (record.status, record.reason, record.scope["client"]) == (
        408,
        "head-timeout",
        port.client,
    )


def test_an_idle_connection_is_closed_without_a_word(serve) -> None:
    server = serve(limits=LIMITS)
    port = server.connect()
    port.exchange(GET)
    server.runtime.advance(4)
    assert not port.closed
    port.exchange(GET)
    server.runtime.advance(4)
    assert not port.closed
    server.runtime.advance(2)
    assert port.closed
    assert port.take() == b""


def test_a_head_that_begins_on_an_idle_connection_has_its_own_time(serve) -> None:
    server = serve(limits=LIMITS)
    port = server.connect()
    port.exchange(GET)
    server.runtime.advance(4)
    port.receive(b"GET ")
    server.runtime.advance(8)
    assert not port.closed
    assert port.exchange(b"/ HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_an_empty_line_is_no_sign_of_life(serve) -> None:
    server = serve(limits=LIMITS)
    port = server.connect()
    port.exchange(GET)
    for _ in range(2):
        server.runtime.advance(3)
        port.receive(b"\r\n")
    server.runtime.advance(6)
    assert port.closed


@pytest.mark.parametrize("name", ["head_timeout", "keep_alive_timeout", "body_timeout"])
def test_0_switches_a_deadline_off(serve, name: str) -> None:
    server = serve(never_responds, limits={**LIMITS, name: 0})
    port = server.connect()
    if name == "keep_alive_timeout":
        server.app = hello
        port.exchange(GET)
    elif name == "body_timeout":
        port.exchange(post(b"", length=5))
    else:
        port.exchange(b"GET ")
    assert port.protocol.deadline == NEVER
    server.runtime.advance(10_000)
    assert not port.closed


# Bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_head", [post(b"ab", length=5), chunked(b"5\r\nab")])
def test_a_body_may_be_slow_and_not_silent(serve, request_head: bytes) -> None:
    app = Recorder()
    server = serve(app, limits=LIMITS)
    port = server.connect()
    port.exchange(request_head)
    server.runtime.advance(29)
    port.exchange(b"c")
    server.runtime.advance(29)
    assert port.take() == b""
    server.runtime.advance(2)
    assert statuses(port.take()) == [408]
    assert server.reasons == ["body-timeout"]
    assert server.records[0].status == 408
    assert server.records[0].received == 3
    assert [request.complete for request in app.requests] == [False]


def test_a_silent_body_within_a_response_breaks_it_off(serve) -> None:
    server = serve(echo, limits=LIMITS)
    port = server.connect()
    port.exchange(post(b"ab", length=5))
    server.runtime.advance(31)
    assert port.aborted
    record = server.records[0]
    assert (record.status, record.reason) == (200, "body-timeout")


def test_a_client_that_waits_for_our_100_is_not_silent(serve) -> None:
    gate = Gate()
    recorder = Recorder()

    async def app(scope, receive, send) -> None:
        await gate.wait()
        await recorder(scope, receive, send)

    server = serve(app, limits=LIMITS)
    port = server.connect()
    port.exchange(post(b"", b"Expect: 100-continue", length=3))
    server.runtime.advance(300)
    assert not port.closed
    gate.open()
    server.run()
    assert port.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    server.runtime.advance(28)
    assert statuses(port.exchange(b"abc"), closed=False) == [200]
    assert recorder.requests[0].body == b"abc"
    assert not port.closed


def test_once_it_was_told_100_it_has_the_time_of_a_body(serve) -> None:
    server = serve(Recorder(), limits=LIMITS)
    port = server.connect()
    port.exchange(post(b"", b"Expect: 100-continue", length=3))
    server.runtime.advance(31)
    assert port.take().endswith(b"connection: close\r\n\r\n")
    assert server.reasons == ["body-timeout"]


def test_an_application_that_does_not_read_is_not_the_clients_fault(serve) -> None:
    app = Held()
    server = serve(app, limits={**LIMITS, "receive_buffer": 1024})
    port = server.connect()
    port.exchange(post(b"x" * 4000, length=5000))
    assert not port.reading
    server.runtime.advance(300)
    assert not port.closed
    app.gates[0].open()
    server.run()
    assert statuses(port.take()) == [200]


def test_a_rest_that_nobody_waits_for_has_a_deadline(serve) -> None:
    server = serve(never_receives, limits=LIMITS)
    port = server.connect()
    port.exchange(post(b"x", length=100))
    assert not port.eof_sent
    server.runtime.advance(31)
    assert port.eof_sent
    server.runtime.advance(3)
    assert port.closed


# The application ----------------------------------------------------------------------------------


def test_an_application_has_no_deadline_by_default(serve) -> None:
    server = serve(Held(), limits=LIMITS)
    port = server.connect()
    port.exchange(GET)
    assert port.protocol.deadline == NEVER


@pytest.mark.parametrize("request_bytes", [GET, post(b"abc"), chunked(b"1\r\na\r\n0\r\n\r\n")])
def test_an_application_may_be_given_one(serve, request_bytes: bytes) -> None:
    server = serve(never_responds, limits={**LIMITS, "app_timeout": 7})
    port = server.connect()
    port.exchange(request_bytes)
    server.runtime.advance(6)
    assert port.take() == b""
    server.runtime.advance(2)
    assert statuses(port.take(), closed=False) == [504]
    assert server.reasons == ["timeout"]
    assert not server.runtime.jobs
    server.app = hello
    assert server.ask(port=port).status == 200, "the connection goes on"


def test_a_body_does_not_put_it_off(serve) -> None:
    server = serve(never_responds, limits={**LIMITS, "app_timeout": 7})
    port = server.connect()
    port.exchange(post(b"", length=100))
    for _ in range(4):
        server.runtime.advance(2)
        port.receive(b"x")
    server.run()
    assert server.reasons == ["timeout"]


def test_it_is_each_requests_own(serve) -> None:
    server = serve(hello, limits={**LIMITS, "app_timeout": 7})
    port = server.connect()
    for _ in range(5):
        server.runtime.advance(4)
        assert server.ask(port=port).status == 200


def test_a_response_that_takes_too_long_is_broken_off(serve) -> None:
    gate = Gate()

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await gate.wait()

    server = serve(app, limits={**LIMITS, "app_timeout": 7})
    port = server.connect()
    port.exchange(GET)
    server.runtime.advance(8)
    assert port.aborted
    assert server.reasons == ["timeout"]
    assert not server.runtime.jobs


# Writing ------------------------------------------------------------------------------------------


def test_a_client_that_takes_nothing_is_cut_off(serve) -> None:
    app = IgnoresDisconnect(count=10)
    server = serve(app, limits=LIMITS)
    port = server.connect()
    port.block()
    port.exchange(GET)
    server.runtime.advance(19)
    assert not port.closed
    server.runtime.advance(2)
    assert port.aborted
    assert server.reasons == ["write-timeout"]
    assert app.errors
    assert all(isinstance(error, OSError) for error in app.errors)


def test_a_client_that_takes_a_byte_now_and_then_is_not(serve) -> None:
    server = serve(Chunks([b"x" * 1000] * 10), limits=LIMITS)
    port = server.connect()
    port.block()
    port.exchange(GET)
    for _ in range(10):
        port.drain(1)
        server.runtime.advance(19)
    assert not port.closed
    port.drain()
    server.run()
    (response,) = read_responses(port.take(), closed=False)
    assert response.body == b"x" * 10_000


@pytest.mark.parametrize("trickle", [b"x", b"x" * 20])
def test_sending_a_body_does_not_excuse_from_taking_the_response(serve, trickle: bytes) -> None:
    """A client that trickles its body and takes nothing would hold the connection for ever."""
    server = serve(IgnoresDisconnectWithoutReading(), limits=LIMITS)
    port = server.connect()
    port.block()
    port.exchange(post(b"", length=10_000))
    for _ in range(5):
        server.runtime.advance(5)
        port.receive(trickle)
    assert port.aborted
    assert server.reasons == ["write-timeout"]


def test_nor_does_the_end_of_its_body(serve) -> None:
    server = serve(IgnoresDisconnectWithoutReading(), limits=LIMITS)
    port = server.connect()
    port.block()
    port.exchange(post(b"", length=10))
    port.exchange(b"x" * 10)
    server.runtime.advance(21)
    assert port.aborted


class IgnoresDisconnectWithoutReading(IgnoresDisconnect):
    """Sends without a look at the request."""

    async def __call__(self, scope, receive, send) -> None:
        async def nothing():
            return {"type": "http.request", "body": b"", "more_body": False}

        await super().__call__(scope, nothing, send)


@pytest.mark.parametrize("close", [b"Connection: keep-alive", b"Connection: close"])
@pytest.mark.parametrize("size", [900, 50_000])
def test_a_slow_client_gets_the_whole_of_a_last_response(serve, close: bytes, size: int) -> None:
    """Neither the keep-alive deadline nor that of a closing connection is meant for it."""
    app = Held(b"x" * size)
    server = serve(app, limits=LIMITS)
    port = server.connect()
    port.block()
    port.exchange(get(b"/", close))
    app.gates[0].open()
    server.run()
    for _ in range(12):
        server.runtime.advance(15)
        port.drain(10)
        assert not port.aborted
    port.drain()
    server.run()
    server.runtime.advance(10)
    (response,) = read_responses(port.take())
    assert len(response.body) == size
    assert port.closed


def test_one_that_stops_taking_the_last_response_is_cut_off(serve) -> None:
    app = Held(b"x" * 900)
    server = serve(app, limits=LIMITS)
    port = server.connect()
    port.block()
    port.exchange(get(b"/", b"Connection: close"))
    app.gates[0].open()
    server.run()
    server.runtime.advance(19)
    assert not port.closed
    server.runtime.advance(2)
    assert port.aborted


def test_one_that_ended_its_direction_and_takes_nothing_is_cut_off_too(serve) -> None:
    app = Held(b"x" * 900)
    server = serve(app, limits={**LIMITS, "keep_alive_timeout": 0, "head_timeout": 0})
    port = server.connect()
    port.block()
    port.exchange(GET)
    app.gates[0].open()
    server.run()
    port.eof()
    server.runtime.advance(21)
    assert port.aborted


# Closing ------------------------------------------------------------------------------------------


def test_after_a_refusal_the_client_has_time_to_read_it(serve) -> None:
    server = serve(limits=LIMITS)
    port = server.connect()
    data = port.exchange(b"BAD\r\n\r\n")
    assert statuses(data) == [400]
    assert port.eof_sent
    assert not port.closed
    port.receive(b"x" * 100_000)
    server.runtime.advance(1)
    assert not port.closed
    server.runtime.advance(2)
    assert port.closed


def test_a_client_that_closes_after_a_refusal_is_not_kept(serve) -> None:
    server = serve(limits=LIMITS)
    port = server.connect()
    port.exchange(b"BAD\r\n\r\n")
    port.eof()
    server.run()
    assert port.closed


def test_a_slow_client_gets_the_whole_of_an_answer_that_came_before_its_body(serve) -> None:
    async def app(scope, receive, send) -> None:
        await Chunks([], [(b"content-length", b"0")], 401)(scope, receive, send)

    server = serve(app, limits=LIMITS)
    port = server.connect()
    port.block()
    port.exchange(post(b"x" * 10, length=10_000_000))
    for _ in range(8):
        server.runtime.advance(10)
        port.drain(5)
        assert not port.closed
    port.drain()
    server.runtime.advance(25)
    assert statuses(port.take()) == [401]
    assert port.closed


# Draining -----------------------------------------------------------------------------------------


def test_shutdown_closes_what_is_idle_and_lets_the_rest_finish(serve) -> None:
    app = Held()
    server = serve(app, limits=LIMITS)
    idle, new, busy = server.connect(), server.connect(), server.connect()
    idle.exchange(b"GET")
    busy.exchange(GET)
    server.context.draining = True
    for port in (idle, new, busy):
        port.protocol.shutdown()
    server.run()
    assert new.closed
    assert not idle.closed, "a head that has begun may come to its end"
    data = idle.exchange(b" /late HTTP/1.1\r\nHost: a\r\n\r\n")
    for gate in app.gates:
        gate.open()
    server.run()
    data = data or idle.take()
    for answer in (data, busy.take()):
        (response,) = read_responses(answer)
        assert response.values(b"connection") == [b"close"]
    assert idle.closed
    assert busy.closed


def test_shutdown_ends_a_connection_on_which_the_rest_of_a_body_is_awaited(serve) -> None:
    server = serve(never_receives, limits=LIMITS)
    port = server.connect()
    port.exchange(post(b"x", length=100))
    port.protocol.shutdown()
    assert port.eof_sent
    port.receive(b"x" * 99)
    server.runtime.advance(3)
    assert port.closed


def test_shutdown_ends_a_connection_whose_client_does_not_read(serve) -> None:
    app = Held(b"x" * 5000)
    server = serve(app, limits=LIMITS)
    port = server.connect()
    port.block()
    port.exchange(get(b"/0") + get(b"/1"))
    app.gates[0].open()
    server.run()
    port.protocol.shutdown()
    port.drain()
    server.run()
    assert app.paths == ["/0"]
    assert port.eof_sent
    server.runtime.advance(21)
    assert port.closed


def test_shutdown_twice_or_after_the_end_is_harmless(serve) -> None:
    server = serve(limits=LIMITS)
    port = server.connect()
    port.exchange(b"BAD\r\n\r\n")
    port.protocol.shutdown()
    port.protocol.shutdown()
    assert port.take() == b""
    port.lose()
    port.protocol.shutdown()
