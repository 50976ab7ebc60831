"""Requests that come ahead of their responses, and clients that end their direction."""

from __future__ import annotations

import sys

import pytest

from nonecorn.testing import Gate, read_responses
from nonecorn.testing.apps import Recorder, never_responds
from tests.builtin.http.server import GET, Held, chunked, echo_path, get, post


def bodies(data: bytes) -> list[bytes]:
    return [response.body for response in read_responses(data, closed=True)]


def test_thousands_of_requests_at_once_need_no_deep_stack(serve) -> None:
    server = serve(echo_path)
    port = server.connect()
    depths: list[int] = []

    async def app(scope, receive, send) -> None:
        frame, depth = sys._getframe(), 0
        while frame is not None:
            frame, depth = frame.f_back, depth + 1
        depths.append(depth)
        await echo_path(scope, receive, send)

    server.app = app
    data = port.exchange(b"".join(get(b"/%d" % n) for n in range(5000)))
    assert bodies(data) == [b"/%d" % n for n in range(5000)]
    assert max(depths) - min(depths) < 20
    assert server.reasons == [""] * 5000


def test_requests_of_all_kinds_follow_each_other(serve) -> None:
    app = Recorder()
    server = serve(app)
    port = server.connect()
    kinds = [
        (get(b"/g"), b""),
        (post(b"length"), b"length"),
        (chunked(b"3\r\nchu\r\n3;x\r\nnks\r\n0\r\nt: 1\r\n\r\n"), b"chunks"),
        (b"\r\n" + get(b"/e"), b""),
        (post(b""), b""),
    ]
    wanted = [kinds[n * n % len(kinds)] for n in range(400)]
    data = port.exchange(b"".join(request for request, _ in wanted))
    assert bodies(data) == [b"ok"] * 400
    assert [request.body for request in app.requests] == [body for _, body in wanted]


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_however_they_are_cut(serve, piece: int) -> None:
    app = Recorder()
    server = serve(app)
    port = server.connect()
    data = (post(b"x" * 50) + get() + chunked(b"2\r\nab\r\n0\r\n\r\n")) * 5
    for start in range(0, len(data), piece):
        port.receive(data[start : start + piece])
    server.run()
    assert bodies(port.take()) == [b"ok"] * 15
    assert [request.body for request in app.requests] == [b"x" * 50, b"", b"ab"] * 5


def test_one_request_at_a_time_is_served(serve) -> None:
    app = Held()
    server = serve(app)
    port = server.connect()
    port.exchange(get(b"/0") + get(b"/1") + get(b"/2"))
    for n in range(3):
        assert app.paths == [f"/{m}" for m in range(n + 1)]
        app.gates[n].open()
        server.run()
    assert bodies(port.take()) == [b"/0", b"/1", b"/2"]


def test_what_waits_is_bounded_however_many_are_served(serve) -> None:
    """Reading goes on only once what waits is little again, not after each response."""
    app = Held()
    server = serve(app, limits={"head_size": 4096})
    port = server.connect()
    flood = get(b"/" + b"x" * 50) * 50
    for _ in range(40):
        port.receive(flood)
    server.run()
    for n in range(60):
        waiting = port.delivered - sum(len(s["raw_path"]) + 28 for s in app.scopes)
        assert waiting <= 4096 + len(flood), f"{waiting} bytes wait after {n} responses"
        app.gates[n].open()
        server.run()
    assert len(app.scopes) == 61


def test_all_of_them_are_served_in_the_end(serve) -> None:
    app = Held()
    server = serve(app, limits={"head_size": 1024})
    port = server.connect()
    for n in range(200):
        port.receive(get(b"/%d" % n))
    server.run()
    for n in range(200):
        app.gates[n].open()
        server.run()
    assert bodies(port.take()) == [b"/%d" % n for n in range(200)]


def test_a_request_that_fills_what_may_wait_goes_on(serve) -> None:
    """Reading was paused for a pipelined request; nothing of its body came with it."""
    app = Held()
    server = serve(app, limits={"head_size": 1024, "receive_buffer": 1024})
    port = server.connect()
    recorder = Recorder()
    big = chunked(b"", b"X: " + b"x" * 900)
    port.receive(GET)
    server.run()
    port.receive(big + b"1" + b";" + b"e" * 200)
    server.run()
    assert not port.reading
    server.app = recorder
    app.gates[0].open()
    server.run()
    assert port.reading, "the application waits for a body that nobody reads"
    port.receive(b"\r\nx\r\n0\r\n\r\n")
    server.run()
    assert recorder.requests[0].body == b"x"


# The client ends its direction --------------------------------------------------------------------


def test_requests_before_the_end_are_answered(serve) -> None:
    app = Held()
    server = serve(app)
    port = server.connect()
    port.receive(get(b"/0") + get(b"/1") + get(b"/2"))
    server.run()
    port.eof()
    for n in range(3):
        app.gates[n].open()
        server.run()
    assert bodies(port.take()) == [b"/0", b"/1", b"/2"]
    assert port.closed
    assert server.reasons == [""] * 3


def test_also_where_the_later_ones_are_answered_at_once(serve) -> None:
    app = Held()
    server = serve(app)
    port = server.connect()
    port.receive(b"".join(get(b"/%d" % n) for n in range(5)))
    server.run()
    port.eof()
    server.app = echo_path
    app.gates[0].open()
    server.run()
    assert bodies(port.take()) == [b"/%d" % n for n in range(5)]
    assert port.closed


def test_a_request_cut_short_behind_others_is_a_disconnect(serve) -> None:
    app = Held()
    server = serve(app)
    port = server.connect()
    port.receive(get(b"/0") + post(b"some", length=10))
    server.run()
    port.eof()
    recorder = Recorder()
    server.app = recorder
    app.gates[0].open()
    server.run()
    assert bodies(port.take()) == [b"/0"]
    assert port.closed
    assert [request.complete for request in recorder.requests] == [False]
    assert sorted(server.reasons) == ["", "client-gone"]
    assert not server.runtime.jobs


def test_a_head_cut_short_behind_others_is_dropped(serve) -> None:
    app = Held()
    server = serve(app)
    port = server.connect()
    port.receive(get(b"/0") + b"GET /1 HT")
    server.run()
    port.eof()
    app.gates[0].open()
    server.run()
    assert bodies(port.take()) == [b"/0"]
    assert port.closed


def test_a_bad_request_behind_others_is_refused_after_the_end_too(serve) -> None:
    app = Held()
    server = serve(app)
    port = server.connect()
    port.receive(get(b"/0") + b"BAD\r\n\r\n" + get(b"/2"))
    server.run()
    port.eof()
    app.gates[0].open()
    server.run()
    assert [response.status for response in read_responses(port.take())] == [200, 400]
    assert port.closed
    assert app.paths == ["/0"]


def test_the_application_hears_of_the_end_and_may_answer(serve) -> None:
    heard: list[str] = []
    gate = Gate()

    async def app(scope, receive, send) -> None:
        await receive()
        heard.append((await receive())["type"])
        await gate.wait()
        await echo_path(scope, receive, send)

    server = serve(app)
    port = server.connect()
    port.receive(get(b"/x"))
    server.run()
    assert heard == []
    port.eof()
    server.run()
    assert heard == ["http.disconnect"]
    gate.open()
    server.run()
    assert bodies(port.take()) == [b"/x"]
    assert port.closed


def test_a_response_that_the_client_does_not_take_is_held_after_its_end(serve) -> None:
    app = Held(b"x" * 5000)
    server = serve(app, limits={"send_buffer": 1024})
    port = server.connect()
    port.block()
    port.receive(get(b"/0") + get(b"/1"))
    server.run()
    port.eof()
    app.gates[0].open()
    server.run()
    assert app.paths == ["/0"], "nothing more for who does not read"
    assert not port.closed
    port.drain()
    server.run()
    app.gates[1].open()
    server.run()
    assert bodies(port.take()) == [b"x" * 5000] * 2
    assert port.closed


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_the_end_anywhere_leaves_nothing(serve, cut: int) -> None:
    server = serve(never_responds)
    port = server.connect()
    port.receive(post(b"x" * 20, length=20)[:cut])
    server.run()
    port.eof()
    server.run()
    server.runtime.advance(60)
    assert port.closed
    assert not server.runtime.jobs
    assert not server.context.running
