"""What streams do to their clients over HTTP/2, seen by h2 as the client."""

from __future__ import annotations

from hyperframe.frame import DataFrame, HeadersFrame, RstStreamFrame

from nonecorn.spi import Limits, LocalProtocolError
from nonecorn.testing import Gate, MemoryRuntime, WirePair, make_context
from nonecorn.testing.apps import (
    Chunks,
    EarlyHints,
    PathSend,
    Recorder,
    Trailers,
    ZeroCopySend,
    crash_after_start,
    echo,
    hello,
    never_receives,
    respond,
)
from nonecorn.testing.clients.h2 import H2Client
from nonecorn.testing.clients.h2_frames import POST, H2Frames
from nonecorn_h2._connection import H2Connection


def pair(app, client: H2Client | None = None, *, settings=(), **context) -> WirePair[H2Client]:
    runtime = MemoryRuntime()
    made = make_context(app, runtime, settings=settings, **context)
    return WirePair(lambda port: H2Connection(made, port), client or H2Client(), runtime=runtime)


def peer(app, **context) -> H2Frames:
    runtime = MemoryRuntime()
    made = make_context(app, runtime, **context)
    found = H2Frames(lambda port: H2Connection(made, port), runtime)
    found.greet()
    return found


def answer(app, method: str = "GET", headers=(), **context):
    both = pair(app, **context)
    response = both.client.request(method, "/", headers)
    both.pump()
    return response


# Requests -----------------------------------------------------------------------------------------


def test_a_request_reaches_the_application_as_it_was():
    app = Recorder()
    both = pair(app)
    both.client.request(
        "POST", "/a%20b?c=d", [(":authority", "me:1"), ("cookie", "a=1"), ("cookie", "b=2")],
        b"body", trailers=[("x-t", "1")],
    )  # fmt: skip
    both.pump()
    [request] = app.requests
    scope = request.scope
    assert scope["http_version"] == "2"
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("POST", "/a b", b"/a%20b")
    assert scope["query_string"] == b"c=d"
    assert scope["headers"] == [(b"host", b"me:1"), (b"cookie", b"a=1; b=2")]
    assert (request.body, request.trailers) == (b"body", [(b"x-t", b"1")])


def test_the_same_block_again_is_the_same_request_and_shares_nothing():
    seen = []

    async def app(scope, receive, send):
        seen.append(list(scope["headers"]))
        scope["headers"].append((b"mine", b"1"))
        await respond(send, b"")

    both = pair(app)
    for _ in range(5):
        both.client.get("/", [("x-a", "1")])
        both.pump()
    assert seen == [[(b"host", b"test"), (b"x-a", b"1")]] * 5


def test_a_client_that_waits_for_100_gets_it_when_the_body_is_wanted():
    both = pair(echo)
    response = both.client.request("POST", "/", [("expect", "100-continue")], end=False)
    both.pump()
    assert [status for status, _ in response.interim] == [100]
    both.client.send(response, b"now", end=True)
    both.pump()
    assert response.body == b"now"


def test_a_request_that_is_refused_is_answered_and_recorded():
    records = []
    runtime = MemoryRuntime()
    context = make_context(hello, runtime)
    context.observers.request_finished = (records.append,)
    both = WirePair(lambda port: H2Connection(context, port), H2Client(), runtime=runtime)
    response = both.client.request("GET", "/", [(":authority", "a@b")])
    both.pump()
    assert (response.status, response.complete) == (400, True)
    assert [(record.status, record.reason) for record in records] == [(400, "bad-host")]


def test_a_large_head_is_answered_and_the_next_request_served():
    both = pair(hello, limits=Limits(head_size=2000))
    large = both.client.get("/", [("x", "y" * 3000)])
    small = both.client.get("/")
    both.pump()
    assert (large.status, small.status) == (431, 200)


def test_a_body_over_the_limit_is_answered_413():
    both = pair(Recorder(), limits=Limits(body_size=10))
    announced = both.client.post("/", b"x" * 11)
    not_announced = both.client.request("POST", "/", body=b"x" * 11)
    both.pump()
    assert (announced.status, not_announced.status) == (413, 413)


# Responses ----------------------------------------------------------------------------------------


def test_head_and_body_leave_in_one_write_and_the_last_data_ends_it():
    one = peer(hello)
    one.frames.clear()
    one.send(one.headers(1, end=True))
    assert [type(frame) for frame in one.frames] == [HeadersFrame, DataFrame]
    assert "END_STREAM" in one.frames[1].flags


def test_responses_of_one_tick_leave_in_one_write():
    one = peer(hello)
    writes = []
    write = one.port.protocol.outbox._write
    one.port.protocol.outbox._write = lambda data: (writes.append(data), write(data))
    one.send(*[one.headers(number, end=True) for number in range(1, 21, 2)])
    assert len(writes) == 1
    assert one.body(19) == b"Hello, world!"


def test_a_response_without_body_ends_with_its_head():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"ignored"})

    one = peer(app)
    one.send(one.headers(1, end=True))
    assert "END_STREAM" in one.got(HeadersFrame)[0].flags
    assert not one.got(DataFrame)


def test_head_has_the_length_and_no_body():
    response = answer(hello, "HEAD")
    assert (b"content-length", b"13") in response.headers
    assert (response.body, response.complete) == (b"", True)


def test_the_answer_to_head_is_complete_with_its_head_and_the_application_goes_on():
    gate = Gate()
    gone = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        if scope["path"] == "/":
            await gate.wait()
            await send({"type": "http.response.body"})
        else:
            gone.append(await receive())
            gone.append(await receive())

    one = peer(app)
    head = [(b":method", b"HEAD"), *POST[1:]]
    one.send(
        one.headers(1, head, end=True), one.headers(3, [*head[:3], (b":path", b"/x")], end=True)
    )
    assert ["END_STREAM" in frame.flags for frame in one.got(HeadersFrame)] == [True, True]
    assert len(one.runtime.jobs) == 2
    one.send(RstStreamFrame(3, error_code=8))
    assert gone[-1] == {"type": "http.disconnect"}
    gate.open()
    one.read()
    assert not one.runtime.jobs
    assert not one.port.protocol.engine.streams
    assert not one.got(DataFrame)
    assert not one.got(RstStreamFrame)


def test_pieces_are_data_frames():
    response = answer(Chunks([b"a", b"bc", b"def"]))
    assert (response.pieces, response.complete) == ([1, 2, 3, 0], True)


def test_a_large_body_is_cut_and_the_last_piece_ends_it():
    response = answer(Chunks([b"x" * 40000], [(b"content-length", b"40000")]))
    assert response.pieces == [16384, 16384, 7232]

    async def at_once(scope, receive, send):
        await respond(send, b"y" * 40000)

    response = answer(at_once)
    assert (response.pieces, response.complete) == ([16384, 16384, 7232], True)


def test_a_body_of_another_length_is_the_applications_error():
    errors = []

    async def app(scope, receive, send):
        fields = [(b"content-length", b"3")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        for body, more in ((b"four", False), (b"xy", True), (b"zz", True), (b"", False)):
            try:
                await send({"type": "http.response.body", "body": body, "more_body": more})
            except LocalProtocolError as error:
                errors.append(str(error))
                if not more and not body:
                    raise
                if body == b"four":
                    await send({"type": "http.response.start", "status": 200, "headers": fields})

    response = answer(app)
    assert [error.split(",")[0] for error in errors] == [
        "the body is 4 bytes",
        "the body is 1 bytes longer than content-length said",
        "the body is 1 bytes shorter than content-length said",
    ]
    assert response.reset == 2
    assert not response.complete


def test_a_body_that_is_no_bytes_never_leaves():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": 5})

    assert answer(app).status == 500


def test_a_buffer_may_change_once_it_was_sent():
    async def app(scope, receive, send):
        body = bytearray(b"a" * 100_000)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        body[:] = b"b" * 100_000
        await send({"type": "http.response.body"})

    assert answer(app).body == b"a" * 100_000


def test_trailers_end_the_stream():
    response = answer(Trailers((b"grpc-status", b"0")), headers=[("te", "trailers")])
    assert response.trailers == [(b"grpc-status", b"0")]
    assert (response.body, response.complete) == (b"body", True)


def test_trailers_wait_for_a_body_that_waits():
    both = pair(Trailers(body=b"z" * 200_000), H2Client(credit=False))
    response = both.client.request("GET", "/", [("te", "trailers")])
    both.pump()
    assert len(response.body) == 65535
    assert not response.complete
    both.client.connection.increment_flow_control_window(200_000)
    both.client.connection.increment_flow_control_window(200_000, response.stream_id)
    both.pump()
    assert len(response.body) == 200_000
    assert response.complete
    assert response.trailers


def test_trailers_of_a_head_request_are_not_sent():
    response = answer(Trailers(), "HEAD", [("te", "trailers")])
    assert (response.complete, response.trailers) == (True, [])


def test_early_hints():
    response = answer(EarlyHints([b"</a>", b"</b>"]))
    assert response.interim == [(103, [(b"link", b"</a>"), (b"link", b"</b>")])]
    assert response.body == b"hinted"


def test_files(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)
    assert answer(PathSend(path)).body == path.read_bytes()
    parts = answer(ZeroCopySend(path, (10, 5), (None, None), before=b"<", after=b">")).body
    assert parts == b"<" + path.read_bytes()[10:15] + path.read_bytes() + b">"


def test_a_broken_response_is_reset():
    response = answer(crash_after_start)
    assert (response.body, response.complete, response.reset) == (b"half", False, 2)


def test_a_response_before_the_end_of_the_request_lets_the_rest_go():
    one = peer(never_receives)
    one.send(one.headers(1, POST), one.data(1, b"x" * 1000))
    assert one.body(1) == b"unread"
    assert not one.got(RstStreamFrame)
    one.send(one.data(1, b"x" * 1000, end=True))
    assert not one.got(RstStreamFrame)
    assert not one.port.protocol.engine.streams


def test_a_long_rest_of_a_request_is_not_wanted():
    one = peer(never_receives, limits=Limits(receive_buffer=4096))
    one.send(one.headers(1, POST))
    one.send(*[one.data(1, b"x" * 4096) for _ in range(2)])
    assert [frame.error_code for frame in one.got(RstStreamFrame)] == [0]
    one.send(one.data(1, b"x"))
    assert not one.goaways, "what was under way is not an error"


def test_a_rest_that_never_comes_is_given_up():
    one = peer(never_receives)
    one.send(one.headers(1, POST))
    one.runtime.advance(4)
    one.read()
    assert [frame.error_code for frame in one.got(RstStreamFrame)] == [0]


def test_an_announced_rest_that_is_too_long_is_reset_at_once():
    one = peer(never_receives)
    one.send(one.headers(1, [*POST, (b"content-length", b"1000000")]))
    assert [frame.error_code for frame in one.got(RstStreamFrame)] == [0]


# Priorities ---------------------------------------------------------------------------------------


def order(app, first: str, second: str, frames=()) -> list[int]:
    """Streams of the DATA frames, where two responses have waited for a window."""
    one = peer(app)
    one.send(
        one.headers(1, [*POST, (b"priority", first.encode())], end=True),
        one.headers(3, [*POST, (b"priority", second.encode())], end=True),
        *frames,
    )
    one.frames.clear()
    one.send(*window(0, 200_000), *window(1, 100_000), *window(3, 100_000))
    return [frame.stream_id for frame in one.got(DataFrame)]


def window(stream_id: int, increment: int) -> list[bytes]:
    return [b"\x00\x00\x04\x08\x00" + stream_id.to_bytes(4, "big") + increment.to_bytes(4, "big")]


async def long(scope, receive, send):
    await respond(send, b"x" * 100_000)


def test_the_urgent_response_goes_first():
    found = order(long, "u=5", "u=1")
    assert found == sorted(found, reverse=True)
    assert set(found) == {1, 3}


def test_incremental_responses_take_turns():
    found = order(long, "i", "i")
    assert found[:4] in ([1, 3, 1, 3], [3, 1, 3, 1])


def test_an_update_changes_the_order():
    update = b"\x00\x00\x07\x10\x00\x00\x00\x00\x00\x00\x00\x00\x01u=7"
    found = order(long, "u=1", "u=3", [update])
    assert found == sorted(found, reverse=True)


def test_the_application_adds_to_an_update_that_came_before_the_request():
    async def app(scope, receive, send):
        own = [(b"priority", b"i")] if scope["path"] == "/first" else []
        await respond(send, b"x" * 100_000, headers=own)

    one = peer(app)
    one.send(b"\x00\x00\x07\x10\x00\x00\x00\x00\x00\x00\x00\x00\x01u=6")
    first = [*POST[:3], (b":path", b"/first"), (b"priority", b"u=0")]
    one.send(
        one.headers(1, first, end=True), one.headers(3, [*POST, (b"priority", b"u=5")], end=True)
    )
    exchange = one.port.protocol.engine.streams[1]
    assert (exchange.urgency, exchange.incremental) == (6, True)
    one.frames.clear()
    one.send(*window(0, 200_000), *window(1, 100_000), *window(3, 100_000))
    found = [frame.stream_id for frame in one.got(DataFrame)]
    assert found == sorted(found, reverse=True)
    assert set(found) == {1, 3}


def test_the_application_has_the_last_word():
    async def app(scope, receive, send):
        own = [(b"priority", b"u=0")] if (b"priority", b"u=4") in scope["headers"] else []
        await respond(send, b"x" * 100_000, headers=own)

    found = order(app, "u=3", "u=4")
    assert found == sorted(found, reverse=True)


def test_the_exchange_of_a_stream_that_is_gone_is_deaf():
    gate = Gate()
    exchanges = []

    async def app(scope, receive, send):
        await gate.wait()
        await respond(send, b"too late")

    one = peer(app)
    one.send(one.headers(1, end=True))
    exchanges.append(one.port.protocol.engine.streams[1])
    one.send(RstStreamFrame(1, error_code=8))
    one.frames.clear()
    [exchange] = exchanges
    stream = object()
    exchange.respond(stream, 200, [], b"x", True, False)
    exchange.body(stream, b"x", True)
    exchange.inform(stream, 103, [])
    exchange.trailers(stream, [])
    exchange.tunnel(stream, [])
    exchange.consumed(stream, 1)
    exchange.push(stream, b"/", [])
    exchange.reset(stream)
    gate.open()
    one.read()
    assert one.frames == []
    assert "H2Exchange 1" in repr(exchange)
