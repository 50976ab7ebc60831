"""Budgets both ways on one connection: request bodies nobody receives, responses nobody takes."""

from __future__ import annotations

import pytest

from nonecorn.spi import ClientDisconnectedError
from nonecorn.testing import read_responses
from nonecorn.testing.apps import Chunks, IgnoresDisconnect, echo
from tests.builtin.http.server import GET, Held, chunked, get, post

BUDGET = 2048
PIECE = 100


class OnDemand:
    """Receives when the test says so, and answers when the body is there."""

    def __init__(self) -> None:
        self.waiter = None
        self.parts: list[bytes] = []

    async def __call__(self, scope, receive, send) -> None:
        more = True
        while more:
            self.waiter = self.server.runtime.waiter()
            await self.waiter.wait()
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            self.parts.append(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def receive(self) -> None:
        self.waiter.set()
        self.server.run()


@pytest.fixture
def demand(serve):
    app = OnDemand()
    app.server = serve(app, limits={"receive_buffer": BUDGET})
    return app


def as_chunks(body: bytes) -> bytes:
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("coding", ["length", "chunks"])
def test_reading_stops_at_the_budget_and_goes_on_at_half(demand: OnDemand, coding: str) -> None:
    body = bytes(range(256)) * 40
    port = demand.server.connect()
    request = post(body) if coding == "length" else chunked(as_chunks(body))
    for start in range(0, len(request), PIECE):
        port.receive(request[start : start + PIECE])
    demand.server.run()
    assert not port.reading
    assert port.delivered <= 4 * BUDGET if coding == "chunks" else BUDGET + 3 * PIECE
    for _ in range(200):
        delivered = port.delivered
        demand.receive()
        assert len(demand.parts[-1]) <= BUDGET + PIECE
        assert port.delivered > delivered or port.delivered == len(request)
        if port.delivered == len(request) and b"".join(demand.parts) == body:
            break
    assert b"".join(demand.parts) == body
    assert port.reading
    assert read_responses(port.take(), closed=False)[0].status == 200


def test_a_body_within_the_budget_never_stops_the_reading(demand: OnDemand) -> None:
    port = demand.server.connect()
    paused: list[bool] = []
    pause = port.pause_reading
    port.pause_reading = lambda: (paused.append(True), pause())
    port.receive(post(b"x" * BUDGET))
    demand.server.run()
    demand.receive()
    assert demand.parts == [b"x" * BUDGET]
    assert paused == []


def test_a_whole_body_beyond_the_budget_in_one_piece_is_taken(demand: OnDemand) -> None:
    port = demand.server.connect()
    port.receive(post(b"x" * 10 * BUDGET))
    demand.server.run()
    demand.receive()
    assert demand.parts == [b"x" * 10 * BUDGET]
    assert port.reading


def test_an_answer_before_the_end_lets_the_rest_be_read(serve) -> None:
    app = Held()
    server = serve(app, limits={"receive_buffer": BUDGET})
    port = server.connect()
    port.exchange(post(b"x" * 3 * BUDGET, length=4 * BUDGET))
    assert not port.reading
    app.gates[0].open()
    server.run()
    assert port.reading
    assert len(read_responses(port.exchange(b"x" * BUDGET + GET), closed=False)) == 1
    assert app.paths == ["/", "/"]


def test_a_connection_that_is_paused_can_be_lost(demand: OnDemand) -> None:
    port = demand.server.connect()
    port.exchange(post(b"x" * 2 * BUDGET, length=4 * BUDGET))
    assert not port.reading
    port.lose()
    demand.receive()
    assert demand.parts == []
    assert not demand.server.runtime.jobs


# The other way ------------------------------------------------------------------------------------


def test_send_waits_at_the_mark_and_goes_on_below_it(serve) -> None:
    app = IgnoresDisconnect(count=100, piece=b"x" * 100)
    server = serve(app, limits={"send_buffer": BUDGET})
    port = server.connect()
    port.block()
    port.exchange(GET)
    assert BUDGET < port.buffered() < BUDGET + 300
    buffered = port.buffered()
    port.drain(BUDGET // 2)
    server.run()
    assert port.buffered() == buffered - BUDGET // 2, "no more before a quarter is left"
    port.drain(BUDGET // 2)
    server.run()
    assert port.buffered() > BUDGET
    port.drain()
    server.run()
    (response,) = read_responses(port.take(), closed=False)
    assert response.body == b"x" * 10_000
    assert app.errors == []


def test_a_client_that_leaves_meanwhile_ends_the_wait_with_an_error(serve) -> None:
    app = IgnoresDisconnect(count=50, piece=b"x" * 100)
    server = serve(app, limits={"send_buffer": BUDGET})
    port = server.connect()
    port.block()
    port.exchange(GET)
    assert app.errors == []
    port.lose(ConnectionResetError())
    server.run()
    assert app.errors
    assert {type(error) for error in app.errors} == {ClientDisconnectedError}
    assert not server.runtime.jobs
    assert server.reasons == ["client-gone"]


def test_the_next_request_begins_only_when_the_response_before_it_was_taken(serve) -> None:
    app = Held(b"x" * 2 * BUDGET)
    server = serve(app, limits={"send_buffer": BUDGET})
    port = server.connect()
    port.block()
    port.receive(get(b"/0") + get(b"/1"))
    server.run()
    app.gates[0].open()
    server.run()
    port.receive(get(b"/2"))
    server.run()
    assert app.paths == ["/0"]
    port.drain()
    server.run()
    assert app.paths == ["/0", "/1"]
    for gate in app.gates:
        gate.open()
    server.run()
    app.gates[-1].open()
    server.run()
    assert len(read_responses(port.take(), closed=False)) == 3


def test_what_such_a_client_sends_meanwhile_is_bounded(serve) -> None:
    app = Held(b"x" * 2 * BUDGET)
    server = serve(app, limits={"send_buffer": BUDGET, "head_size": 1024})
    port = server.connect()
    port.block()
    port.receive(GET)
    server.run()
    app.gates[0].open()
    server.run()
    for _ in range(1000):
        port.receive(GET)
    assert port.delivered < 2 * 1024
    port.drain()
    server.run()
    for gate in app.gates:
        gate.open()
    server.run()
    assert len(app.gates) > 1


def test_an_echo_of_a_slow_reader_is_bounded_both_ways(serve) -> None:
    body = bytes(range(256)) * 200
    server = serve(echo, limits={"send_buffer": BUDGET, "receive_buffer": BUDGET})
    port = server.connect()
    port.block()
    request = post(body)
    for start in range(0, len(request), PIECE):
        port.receive(request[start : start + PIECE])
    server.run()
    assert port.delivered < 3 * BUDGET + 10 * PIECE
    while port.buffered() or port.delivered < len(request):
        port.drain(500)
        server.run()
        assert port.buffered() <= 3 * BUDGET + PIECE
    port.drain()
    server.run()
    (response,) = read_responses(port.take(), closed=False)
    assert response.body == body


def test_an_endless_response_ends_with_its_client(serve) -> None:
    server = serve(Chunks([b"x" * 1000] * 1000), limits={"send_buffer": BUDGET})
    port = server.connect()
    port.block()
    port.exchange(GET)
    port.eof()
    server.run()
    assert not port.closed, "it may only have ended its direction"
    port.lose()
    server.run()
    assert not server.runtime.jobs
