"""What streams do to their clients over HTTP/3, seen by aioquic's HTTP/3 as the client."""

from __future__ import annotations

import pytest

from nonecorn.spi import Limits, LocalProtocolError, TLSInfo
from nonecorn.testing import Gate, MemoryRuntime, bytewise, make_context, randomly, whole
from nonecorn.testing.apps import (
    Chunks,
    EarlyHints,
    IgnoresDisconnect,
    PathSend,
    Recorder,
    Trailers,
    ZeroCopySend,
    crash_after_start,
    crash_before_start,
    echo,
    hello,
    respond,
)
from nonecorn.testing.clients.h3 import H3Client
from nonecorn.testing.clients.h3_frames import GET, POST, H3Frames, data
from nonecorn_h3._http._connection import H3Connection


def pair(app, *, eager=False, split=whole, port=None, **context) -> H3Client:
    runtime = MemoryRuntime(eager=eager)
    made = make_context(app, runtime, **{"scheme": "https", **context})
    return H3Client(lambda port: H3Connection(made, port), runtime, split=split, **(port or {}))


def peer(app, *, eager=False, port=None, **context) -> H3Frames:
    runtime = MemoryRuntime(eager=eager)
    made = make_context(app, runtime, **{"scheme": "https", **context})
    found = H3Frames(lambda port: H3Connection(made, port), runtime, **(port or {}))
    found.greet()
    return found


def answer(app, method: str = "GET", headers=(), **context):
    client = pair(app, **context)
    response = client.request(method, "/", headers)
    client.pump()
    assert client.error is None
    return response


# Requests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("split", [whole, bytewise, randomly(1), randomly(2, longest=3)])
def test_input_may_be_cut_anywhere(eager, split):
    client = pair(echo, eager=eager, split=split)
    posted = client.post("/", b"x" * 3000)
    got = client.get("/")
    client.pump()
    assert (posted.status, posted.body, posted.complete) == (200, b"x" * 3000, True)
    assert (got.status, got.body, got.complete) == (200, b"", True)


def test_a_request_reaches_the_application_as_it_was():
    app = Recorder()
    facts = TLSInfo(alpn=b"h3", server_name="me", extension={"tls_version": 0x0304})
    client = pair(app, port={"tls": facts})
    client.request(
        "POST", "/a%20b?c=d", [(":authority", "me:1"), ("cookie", "a=1"), ("cookie", "b=2")],
        b"body", trailers=[("x-t", "1")],
    )  # fmt: skip
    client.pump()
    [request] = app.requests
    scope = request.scope
    assert (scope["type"], scope["http_version"], scope["scheme"]) == ("http", "3", "https")
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("POST", "/a b", b"/a%20b")
    assert scope["query_string"] == b"c=d"
    assert scope["headers"] == [(b"host", b"me:1"), (b"cookie", b"a=1; b=2")]
    assert (scope["client"], scope["server"]) == (("127.0.0.1", 50000), ("127.0.0.1", 8000))
    assert scope["extensions"]["tls"] == {"tls_version": 0x0304}
    assert {"http.response.early_hint", "http.response.trailers", "http.response.pathsend"} <= set(
        scope["extensions"]
    )
    assert (request.body, request.trailers) == (b"body", [(b"x-t", b"1")])


def test_the_same_head_again_is_the_same_request_and_shares_nothing():
    seen = []

    async def app(scope, receive, send):
        seen.append(list(scope["headers"]))
        scope["headers"].append((b"mine", b"1"))
        await respond(send, b"")

    client = pair(app)
    for _ in range(5):
        client.get("/", [("x-a", "1")])
        client.pump()
    assert seen == [[(b"host", b"test"), (b"x-a", b"1")]] * 5


def test_a_client_that_waits_for_100_gets_it_when_the_body_is_wanted():
    client = pair(echo)
    response = client.request("POST", "/", [("expect", "100-continue")], end=False)
    client.pump()
    assert [status for status, _ in response.interim] == [100]
    client.send(response, b"now", end=True)
    client.pump()
    assert response.body == b"now"


def test_a_request_that_is_refused_is_answered_and_recorded():
    records = []
    runtime = MemoryRuntime()
    context = make_context(hello, runtime)
    context.observers.request_finished = (records.append,)
    client = H3Client(lambda port: H3Connection(context, port), runtime)
    response = client.request("GET", "/", [(":authority", "a@b")])
    client.pump()
    assert (response.status, response.complete) == (400, True)
    assert [(record.status, record.reason) for record in records] == [(400, "bad-host")]


def test_a_large_head_is_answered_and_the_next_request_served():
    client = pair(hello, limits=Limits(head_size=2000))
    unfolded = client.get("/", [("x", "y" * 2100)])
    compressed = client.get("/", [("x", "\xff" * 3000)])
    small = client.get("/")
    client.pump()
    assert (unfolded.status, compressed.status, small.status) == (431, 431, 200)


def test_too_many_fields_are_answered_and_the_next_request_served():
    client = pair(hello, limits=Limits(head_fields=10))
    many = client.get("/", [(f"x-{number}", "1") for number in range(11)])
    more = client.get("/", [(f"x-{number}", "v" * 20) for number in range(500)])
    small = client.get("/")
    client.pump()
    assert (many.status, more.status, small.status) == (431, 431, 200)


def test_a_body_over_the_limit_is_answered_413():
    client = pair(Recorder(), limits=Limits(body_size=10))
    announced = client.post("/", b"x" * 11)
    not_announced = client.request("POST", "/", body=b"x" * 11)
    client.pump()
    assert (announced.status, not_announced.status) == (413, 413)


def test_early_data_is_served_where_it_may_be_replayed():
    client = pair(echo, port={"early": True})
    safe = client.get("/")
    unsafe = client.post("/", b"transfer")
    client.pump()
    client.port.early = False
    later = client.post("/", b"transfer")
    client.pump()
    assert (safe.status, unsafe.status, later.status) == (200, 425, 200)


# Responses ----------------------------------------------------------------------------------------


def test_a_response_arrives_in_one_write():
    one = peer(hello, eager=True)
    written = []
    write = one.port.write

    def recording(stream, data, end):
        written.append((stream, end))
        write(stream, data, end)

    one.port.write = recording
    stream = one.get()
    assert written == [(stream, True)]


def test_a_response_without_a_body_has_no_data():
    one = peer(hello)
    head = one.open(one.headers([(b":method", b"HEAD"), *GET[1:]]), end=True)
    assert [kind for kind, _ in one.frames(head)] == [1]
    assert one.complete(head)

    async def nothing(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"ignored"})

    one = peer(nothing)
    stream = one.get()
    assert ([kind for kind, _ in one.frames(stream)], one.complete(stream)) == ([1], True)


def test_an_empty_body_is_no_frame():
    async def empty(scope, receive, send):
        await respond(send, b"")

    one = peer(empty)
    stream = one.get()
    assert ([kind for kind, _ in one.frames(stream)], one.complete(stream)) == ([1], True)


def test_parts_of_a_body_arrive_as_they_are_sent():
    response = answer(Chunks([b"one", b"two", b"", b"three"]))
    assert (response.body, response.complete) == (b"onetwothree", True)


def test_hints_come_before_the_response():
    response = answer(EarlyHints([b"</a.css>; rel=preload"]))
    assert response.interim == [(103, [(b"link", b"</a.css>; rel=preload")])]
    assert response.status == 200


def test_trailers_follow_the_body():
    response = answer(Trailers((b"x-sum", b"1")), headers=[("te", "trailers")])
    assert (response.trailers, response.complete) == ([(b"x-sum", b"1")], True)


def test_files_arrive_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)
    whole_file = answer(PathSend(path))
    assert (whole_file.body, whole_file.complete) == (path.read_bytes(), True)
    part = answer(ZeroCopySend(path, (10, 100)))
    assert (part.body, part.complete) == (path.read_bytes()[10:110], True)


def test_what_the_listener_adds_is_added():
    headers = ((b"server", b"us"), (b"alt-svc", b'h3=":443"'))
    client = pair(hello, headers=headers, date_header=True)
    response = client.get("/")
    client.pump()
    fields = dict(response.headers)
    assert (fields[b"server"], fields[b"alt-svc"]) == (b"us", b'h3=":443"')
    assert b"date" in fields


def test_connection_fields_of_an_application_are_left_out():
    async def app(scope, receive, send):
        headers = [(b"Connection", b"close"), (b"Transfer-Encoding", b"chunked"), (b"X-Y", b"z")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x"})

    assert answer(app).headers == [(b"x-y", b"z")]


def test_secrets_are_not_to_be_indexed_by_others():
    async def app(scope, receive, send):
        headers = [(b"a", b"1"), (b"set-cookie", b"s=" + b"v" * 200), (b"z", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    one = peer(app)
    stream = one.get()
    [(_, block)] = one.frames(stream)
    assert b"\x7e\x7f\x4bs=vvv" in block  # N bit, name 14 of the static table
    assert one.fields(stream) == [
        [(b":status", b"200"), (b"a", b"1"), (b"set-cookie", b"s=" + b"v" * 200), (b"z", b"2")]
    ]


@pytest.mark.parametrize(
    "header",
    [(b"bad name", b"x"), (b"x", b"a\r\nb"), (b"", b"x"), (b":status", b"200"), ("x", "y"), 7],
    ids=repr,
)
def test_headers_that_may_not_stand_there_are_refused(header):
    errors = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [header]})
        try:
            await send({"type": "http.response.body", "body": b"x"})
        except LocalProtocolError as error:
            errors.append(error)
            await respond(send, b"instead")

    assert answer(app).body == b"instead"
    assert len(errors) == 1


def test_a_body_of_another_length_is_refused():
    async def app(scope, receive, send):
        headers = [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        with pytest.raises(LocalProtocolError):
            await send({"type": "http.response.body", "body": b"abc"})
        await send({"type": "http.response.body", "body": b"de"})

    assert answer(app).body == b"abcde"


def test_a_failing_application_is_answered_for():
    response = answer(crash_before_start)
    assert (response.status, response.complete) == (500, True)


def test_a_broken_response_looks_broken():
    one = peer(crash_after_start)
    stream = one.get()
    assert not one.complete(stream)
    assert one.port.streams[stream].reset == 0x102


# Bodies and credit --------------------------------------------------------------------------------


async def never_responds_nor_receives(scope, receive, send):
    await Gate().wait()


def test_a_large_upload_is_credited_as_it_is_received():
    client = pair(echo)
    response = client.post("/", b"u" * 1_000_000)
    client.pump()
    assert (len(response.body), client.port.owed) == (1_000_000, 0)


def test_an_unread_upload_uses_up_its_own_credit_only():
    client = pair(never_responds_nor_receives)
    stuck = client.request("POST", "/", body=b"u" * 1_000_000, end=False)
    client.pump()
    assert client.port.credit(stuck.stream) == 0
    others = [client.post("/", b"x" * 1000) for _ in range(3)]
    client.pump()
    assert [each.complete for each in others] == [False] * 3  # nobody reads these either
    assert all(client.port.credit(each.stream) > 0 for each in others)


def test_an_upload_that_nobody_reads_holds_up_nobody():
    gate = Gate()

    async def app(scope, receive, send):
        if scope["path"] == "/stuck":
            await gate.wait()
        await respond(send, b"served")

    client = pair(app)
    client.request("POST", "/stuck", body=b"u" * 1_000_000)
    client.pump()
    other = client.get("/")
    client.pump()
    assert other.body == b"served"


def test_an_early_response_stops_the_upload_without_an_error():
    async def app(scope, receive, send):
        await respond(send, b"enough")

    one = peer(app)
    stream = one.open(one.headers(POST), data(b"x" * 1000))
    assert (one.body(stream), one.complete(stream)) == (b"enough", True)
    assert one.port.streams[stream].stopped == 0x100
    assert one.port.owed == 0
    one.send(stream, data(b"late"), end=True)
    assert one.port.protocol.exchanges == {}


def test_an_application_waits_while_its_client_takes_nothing():
    runtime = MemoryRuntime()
    context = make_context(Chunks([b"y" * 4096] * 256), runtime, limits=Limits(send_buffer=16384))
    one = H3Frames(lambda port: H3Connection(context, port), runtime, send_buffer=16384)
    one.greet()
    one.port.block()
    stream = one.get()
    assert one.port.buffered(stream) <= 16384 + 2 * 4096
    assert runtime.jobs
    other = one.get()
    one.port.drain(other)
    one.run()
    assert one.complete(other)
    assert not one.complete(stream)
    one.port.drain(stream)
    one.run()
    assert one.body(stream) == b"y" * 4096 * 256


# Ends ---------------------------------------------------------------------------------------------


async def waits(scope, receive, send):
    while (await receive())["type"] != "http.disconnect":
        pass
    scope["state"]["seen"].append("disconnect")
    try:
        await respond(send, b"too late")
    except OSError:
        scope["state"]["seen"].append("OSError")
        raise


@pytest.mark.parametrize("how", ["reset", "stop", "both"])
@pytest.mark.parametrize("ended", [False, True])
def test_an_application_hears_that_its_client_has_gone(how, ended):
    seen = []
    one = peer(waits, state={"seen": seen})
    stream = one.open(one.headers(POST), data(b"x"), end=ended)
    if how in ("reset", "both") and not ended:
        one.reset(stream)
    if how in ("stop", "both") or ended:
        one.stop(stream)
    assert seen == ["disconnect", "OSError"]
    assert one.port.protocol.exchanges == {}
    assert one.port.owed == 0
    later = one.get()
    one.stop(later)
    assert not one.port.closed


@pytest.mark.parametrize("code", [0x10C, 0x0, 0x3FFFFFFF])
def test_writes_after_a_reset_end_nothing_else(code):
    app = IgnoresDisconnect(count=20)
    one = peer(app)
    one.port.block()
    stream = one.get()
    one.stop(stream, code)
    other = one.get()
    one.port.drain()
    one.run()
    assert one.status(other) == 200
    assert not one.port.closed


def test_a_reset_before_anything_else_leaves_nothing():
    one = peer(hello)
    one.reset(0)
    one.reset(8)
    assert one.port.streams[0].reset == 0x10C
    assert not one.port.closed
    assert one.port.protocol.exchanges == {}


def test_a_lost_connection_ends_its_applications():
    seen = []
    one = peer(waits, state={"seen": seen})
    one.open(one.headers(POST))
    one.open(one.headers(POST), data(b"x"))
    one.port.lose(ConnectionResetError())
    one.run()
    assert seen == ["disconnect", "OSError"] * 2
    assert not one.runtime.jobs


def test_many_requests_leave_nothing_behind():
    one = peer(echo)
    for number in range(300):
        stream = one.open(one.headers(POST), data(b"x" * 5000), end=True)
        assert one.complete(stream)
        if number % 3 == 0:
            one.reset(one.open(one.headers(POST), data(b"y")))
    one.runtime.advance(3)
    connection = one.port.protocol
    assert connection.exchanges == {}
    assert len(connection.streams) == 5  # two of ours, three of the client's
    assert not connection._unsent
    assert len(connection._ghosts) == 0
    assert one.port.owed == 0


def test_objects_say_what_they_are():
    one = peer(never_responds_nor_receives)
    one.open(one.headers(POST))
    connection = one.port.protocol
    things = [
        connection, *connection.streams.values(), connection.decoder, connection.pushes,
        connection.sessions, connection.datagrams, connection._unsent, connection._ghosts,
        connection.writer, connection.budget, one.port, *one.port.streams.values(),
    ]  # fmt: skip
    for thing in things:
        assert " object at 0x" not in repr(thing)
