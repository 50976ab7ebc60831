"""How responses are framed on HTTP/1.1 and 1.0, and what of an application's never gets there."""

from __future__ import annotations

import logging
import os

import pytest

from nonecorn.spi import LocalProtocolError
from nonecorn.testing import Gate, read_responses
from nonecorn.testing.apps import Chunks, PathSend, Recorder, Trailers, ZeroCopySend, hello
from nonecorn_http1._settings import Http1Settings
from tests.builtin.http.opened import Script, body, start
from tests.builtin.http.server import GET, chunked, get, post

HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
TE = b"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n"


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "nonecorn.error")


def more(data: bytes) -> dict:
    return body(data, more_body=True)


# The body's end -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [[b"ab"], [b"", b"ab"], [b"a", b"", b"b"], [b"a", b"b", b""]])
@pytest.mark.parametrize("length", [None, 2])
@pytest.mark.parametrize("request_bytes", [GET, OLD], ids=["1.1", "1.0"])
def test_a_streamed_body_arrives(serve, pieces, length: int | None, request_bytes: bytes) -> None:
    fields = [] if length is None else [(b"content-length", b"%d" % length)]
    server = serve(Chunks(pieces, fields))
    port = server.connect()
    data = port.exchange(request_bytes)
    closed = port.eof_sent or port.closed
    (response,) = read_responses(data, closed=closed)
    assert response.body == b"ab"
    assert closed == (length is None and request_bytes is OLD)
    assert bool(response.values(b"transfer-encoding")) == (length is None and request_bytes is GET)
    assert server.records[0].sent == 2


LARGE = [bytes([65 + n]) * 20000 for n in range(9)]


@pytest.mark.parametrize("length", [None, 180_000])
@pytest.mark.parametrize(
    "pieces",
    [LARGE, [*LARGE[:3], b"small", *LARGE[3:]], [*LARGE, b""], [bytearray(LARGE[0]), *LARGE[1:]]],
    ids=["large", "mixed", "empty-end", "bytearray"],
)
def test_large_pieces_that_are_gathered_keep_their_order(serve, pieces, length) -> None:
    if length and b"small" in pieces:
        length += 5
    fields = [] if length is None else [(b"content-length", b"%d" % length)]
    (response,) = read_responses(serve(Chunks(pieces, fields)).connect().exchange(GET))
    assert response.body == b"".join(pieces)


def test_a_large_piece_leaves_with_the_tick_in_which_it_was_sent(serve) -> None:
    gate = Gate()

    async def app(scope, receive, send) -> None:
        await send(start(headers=[]))
        await send(more(b"first"))
        await send(more(LARGE[0]))
        await gate.wait()
        await send(body())

    port = serve(app).connect()
    assert port.exchange(GET).endswith(LARGE[0] + b"\r\n")
    gate.open()


def test_what_is_gathered_is_bounded_by_the_send_buffer(serve) -> None:
    sent: list[int] = []

    async def app(scope, receive, send) -> None:
        await send(start(headers=[]))
        for piece in LARGE * 20:
            await send(more(piece))
            sent.append(len(piece))

    server = serve(app)
    port = server.connect()
    port.block()
    port.exchange(GET)
    assert sum(sent) <= server.context.limits.send_buffer + len(LARGE[0])
    assert port.buffered() <= server.context.limits.send_buffer + 2 * len(LARGE[0]) + 1000


def test_what_was_gathered_is_dropped_with_the_connection(serve) -> None:
    async def app(scope, receive, send) -> None:
        await send(start(headers=[]))
        await send(more(b"first"))
        await send(more(LARGE[0]))
        raise ValueError

    port = serve(app).connect()
    assert LARGE[0] not in port.exchange(GET)
    assert port.closed


def test_no_chunk_is_empty_before_the_last(serve) -> None:
    data = serve(Chunks([b"a", b"", b"", b"b"])).connect().exchange(GET)
    assert data.endswith(b"\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "messages",
    [
        [body(b"x")],
        [body()],
        [more(b"x"), more(b"yz"), body(b"!")],
        [more(b""), body(b"yz")],
    ],
    ids=["whole", "empty", "streamed", "late"],
)
@pytest.mark.parametrize("length", [None, b"3"])
def test_a_response_that_has_no_body_has_none(serve, status, method, messages, length) -> None:
    fields = [] if length is None else [(b"content-length", length)]
    app = Script(start(status, fields), *messages)
    server = serve(app)
    port = server.connect()
    request = GET if method == "GET" else HEAD
    assert server.ask(request, method, port).body == b""
    assert app.errors == [None] * (1 + len(messages))
    server.app = hello
    assert server.ask(port=port).body == b"Hello, world!", "the connection goes on"


@pytest.mark.parametrize(
    "messages", [[body(b"12345")], [more(b"12"), more(b"345"), body()], [body()]]
)
@pytest.mark.parametrize("length", [None, b"5"])
def test_head_is_like_get_without_the_body(serve, messages, length) -> None:
    fields = [] if length is None else [(b"content-length", length)]
    app = Script(start(200, fields), *messages)
    server = serve(app)
    port = server.connect()
    response = server.ask(HEAD, "HEAD", port)
    assert (response.status, response.body) == (200, b"")
    assert response.values(b"content-length") == ([] if length is None else [length])
    assert app.errors == [None] * (1 + len(messages))
    server.app = hello
    assert server.ask(port=port).body == b"Hello, world!"


LONG = {
    "whole": [body(b"123456")],
    "streamed": [more(b"123"), more(b"456"), body()],
    "at the end": [more(b"12345"), body(b"6")],
}
SHORT = {
    "whole": [body(b"1234")],
    "empty": [body()],
    "streamed": [more(b"12"), more(b"34"), body()],
    "at the end": [more(b"12"), body(b"34")],
}


@pytest.mark.parametrize("request_bytes", [GET, OLD], ids=["1.1", "1.0"])
@pytest.mark.parametrize(
    "name", [*(("long", name) for name in LONG), *(("short", name) for name in SHORT)]
)
def test_a_body_of_another_length_than_said_is_an_error_and_looks_like_one(
    serve, name: tuple[str, str], request_bytes: bytes
) -> None:
    messages = {"long": LONG, "short": SHORT}[name[0]][name[1]]
    app = Script(start(200, [(b"content-length", b"5")]), *messages, stop=True)
    server = serve(app)
    port = server.connect()
    data = port.exchange(request_bytes)
    assert isinstance(app.error, LocalProtocolError)
    head, _, sent = data.partition(b"\r\n\r\n")
    if name[1] in ("whole", "empty"):
        assert head.startswith(b"HTTP/1.1 500 ")
    else:
        assert head.startswith(b"HTTP/1.1 200 ")
        assert len(sent) <= 5
        assert port.aborted
    assert server.reasons == ["app-error"]


def test_a_message_too_long_may_be_put_right(serve) -> None:
    app = Script(start(200, [(b"content-length", b"5")]), more(b"123"), more(b"4567"), body(b"45"))
    assert serve(app).ask().body == b"12345"


@pytest.mark.parametrize("size", [65535, 65536, 200_000])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_large_body_arrives(serve, size: int, kind: type) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert serve(Script(start(), body(kind(data)))).ask().body == data


@pytest.mark.parametrize("data", ["text", "t" * 70_000, 5, None, [1, 2], {"a": 1}], ids=repr)
def test_a_body_that_is_no_bytes_is_an_error_and_nothing_of_it_is_sent(serve, data) -> None:
    app = Script(start(200, [(b"x", b"1")]), body(data))
    server = serve(app)
    response = server.ask()
    assert response.status == 500
    assert response.values(b"x") == []
    assert app.error is not None


def test_a_second_message_that_is_no_bytes_breaks_the_response_off(serve) -> None:
    app = Script(start(), more(b"good"), body("bad"), stop=True)
    port = serve(app).connect()
    data = port.exchange(GET)
    assert not data.endswith(b"0\r\n\r\n")
    assert port.aborted


# The head -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        lambda: [[b"x-a", b"1"], [b"x-b", b"2"]],
        lambda: ([b"x-a", b"1"], (b"x-b", b"2")),
        lambda: ((name, value) for name, value in [(b"x-a", b"1"), (b"x-b", b"2")]),
        lambda: iter([[b"x-a", b"1"], [b"x-b", b"2"]]),
        lambda: [(b"X-A", b"1"), (b"X-b", b"2")],
    ],
    ids=["lists", "mixed", "generator", "iterator of lists", "letters"],
)
def test_headers_are_pairs_of_any_kind(serve, headers) -> None:
    response = serve(Script(start(200, headers()), body())).ask()
    assert [field for field in response.headers if field[0].startswith(b"x-")] == [
        (b"x-a", b"1"),
        (b"x-b", b"2"),
    ]


@pytest.mark.parametrize(
    "field",
    [
        ("name", b"value"),
        (b"name", "value"),
        (b"name", 5),
        (b"name", None),
        (None, b"value"),
        (b"name",),
        (b"name", b"value", b"more"),
        b"ab",
        "ab",
        5,
        None,
        ([], b"value"),
        (b"name", [b"value"]),
        (bytearray(b"name"), b"value"),
    ],
    ids=repr,
)
def test_a_header_that_is_no_pair_of_bytes_is_an_error(serve, field) -> None:
    app = Script(start(200, [(b"x-good", b"1"), field]), body(b"ok"))
    response = serve(app).ask()
    assert response.status == 500
    assert response.values(b"x-good") == []
    assert isinstance(app.error, LocalProtocolError)


BAD = {
    "CRLF in a value": (b"location", b"/\r\nset-cookie: a=b"),
    "LF in a value": (b"x", b"a\nb: c"),
    "CR in a value": (b"x", b"a\rb"),
    "NUL in a value": (b"x", b"a\0b"),
    "CRLF in a name": (b"x\r\ny", b"a"),
    "a space in a name": (b"x y", b"a"),
    "a space after a name": (b"content-length ", b"0"),
    "an empty name": (b"", b"a"),
    "a pseudo-header": (b":status", b"200"),
    "a length that is none": (b"content-length", b"+5"),
    "a length in hexadecimal": (b"content-length", b"0x5"),
    "a length with an underscore": (b"content-length", b"1_0"),
}


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("where", ["start", "hint", "trailers"])
def test_nothing_smuggled_gets_out(serve, name: str, where: str, as_list: bool) -> None:
    field = list(BAD[name]) if as_list else BAD[name]
    hint = {"type": "http.response.early_hint", "links": [field[1]]}
    trailers = {"type": "http.response.trailers", "headers": [field]}
    messages = {
        "start": [start(200, [field]), body(b"ok")],
        "hint": [hint, start(), body(b"ok")],
        "trailers": [start(trailers=True), body(b"ok"), trailers],
    }[where]
    app = Script(*messages, stop=True)
    server = serve(app)
    port = server.connect()
    data = port.exchange(TE)
    if where == "hint" and not set(field[1]) & set(b"\r\n\0"):
        return  # its value is a fine link
    assert isinstance(app.error, LocalProtocolError)
    assert b"%b: %b\r\n" % tuple(field) not in data
    assert b"set-cookie" not in data
    if where == "trailers":
        assert port.aborted
    else:
        (response,) = read_responses(data, closed=False)
        assert response.status == 500
        assert response.interim == ()


@pytest.mark.parametrize(
    "status",
    [100, 101, 103, 199, 99, 1000, 0, -200, "200", None, 200.5, b"200", [200], 100.0, True],
)
def test_a_status_that_is_none_is_an_error(serve, status) -> None:
    app = Script(start(status), body(b"ok"))
    server = serve(app)
    response = server.ask()
    assert (response.status, response.interim) == (500, ())
    assert app.error is not None
    assert server.records[0].status == 500


@pytest.mark.parametrize(
    ("status", "line"),
    [(299, b"HTTP/1.1 299 \r\n"), (999, b"HTTP/1.1 999 \r\n"), (418, b"HTTP/1.1 418 ")],
)
def test_a_status_without_a_registered_phrase_has_none(serve, status: int, line: bytes) -> None:
    assert serve(Script(start(status), body())).connect().exchange(GET).startswith(line)


def test_a_status_may_be_an_enumeration(serve) -> None:
    from http import HTTPStatus

    assert serve(Script(start(HTTPStatus.CREATED), body())).ask().status == 201
    assert serve(Script(start(HTTPStatus.EARLY_HINTS), body())).ask().status == 500


@pytest.mark.parametrize("version", [GET, OLD], ids=["1.1", "1.0"])
@pytest.mark.parametrize("coding", [b"chunked", b"gzip", b"identity"])
def test_a_transfer_coding_of_the_application_is_ignored(
    serve, version: bytes, coding: bytes
) -> None:
    app = Script(start(200, [(b"Transfer-Encoding", coding)]), more(b"a"), body(b"b"))
    server = serve(app)
    port = server.connect()
    data = port.exchange(version)
    (response,) = read_responses(data, closed=port.eof_sent or port.closed)
    assert response.body == b"ab"
    assert data.lower().count(b"transfer-encoding") == (version is GET)


@pytest.mark.parametrize("name", [b"server", b"Server", b"date", b"DATE"])
@pytest.mark.parametrize("repeat", [1, 3])
def test_what_the_application_sets_itself_is_said_once(serve, name: bytes, repeat: int) -> None:
    server = serve(
        Script(start(200, [(b"x", b"server: y\tdate: z"), (name, b"mine")]), body()),
        headers=((b"server", b"nonecorn"), (b"alt-svc", b"h3")),
        date_header=True,
    )
    port = server.connect()
    for _ in range(repeat):
        response = server.ask(port=port)
        assert response.values(name.lower()) == [b"mine"]
        assert response.values(b"alt-svc") == [b"h3"]
        assert len(response.values(b"date")) == len(response.values(b"server")) == 1


def test_the_date_follows_the_clock_on_remembered_heads_too(serve) -> None:
    server = serve(hello, date_header=True, headers=((b"server", b"s"),))
    first, second = server.connect(), None
    before = server.ask(port=first).values(b"date")
    server.runtime.advance(2)
    second = server.connect()
    after = server.ask(port=second).values(b"date")
    assert (before, after) == (
        [b"Sun, 06 Nov 1994 08:49:37 GMT"],
        [b"Sun, 06 Nov 1994 08:49:39 GMT"],
    )


def test_an_answer_of_the_servers_own_has_the_common_fields(serve) -> None:
    server = serve(hello, headers=((b"server", b"s"),), date_header=True)
    port = server.connect()
    (response,) = read_responses(port.exchange(b"BAD\r\n\r\n"))
    assert response.values(b"server") == [b"s"]
    assert len(response.values(b"date")) == 1
    assert response.values(b"connection") == [b"close"]


# 100 Continue -------------------------------------------------------------------------------------


def test_an_answer_that_did_not_wait_for_the_body_says_close(serve) -> None:
    server = serve(Script(start(401), body(b"no")))
    port = server.connect()
    (response,) = read_responses(port.exchange(post(b"", b"Expect: 100-continue", length=5)))
    assert response.interim == ()
    assert response.values(b"connection") == [b"close"]
    assert port.eof_sent
    assert port.exchange(b"12345" + GET) == b""


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(b"12345", b"Expect: 100-continue"),
        chunked(b"1\r\nx\r\n0\r\n\r\n", b"Expect: 100-continue"),
    ],
)
def test_where_the_body_came_all_the_same_the_connection_goes_on(
    serve, request_bytes: bytes
) -> None:
    server = serve(Script(start(401), body(b"no")))
    port = server.connect()
    port.receive(request_bytes)
    server.run()
    data = port.take()
    if not port.eof_sent:  # eager tasks answer before they see the body
        (response,) = read_responses(data, closed=False)
        assert response.values(b"connection") == []
        assert server.ask(port=port).status == 401


def test_once_100_was_sent_the_connection_goes_on(serve) -> None:
    server = serve(Recorder())
    port = server.connect()
    assert (
        port.exchange(post(b"", b"Expect: 100-continue", length=3))
        == b"HTTP/1.1 100 Continue\r\n\r\n"
    )
    (response,) = read_responses(port.exchange(b"abc"), closed=False)
    assert response.values(b"connection") == []
    assert server.ask(port=port).status == 200


def test_but_not_where_the_client_said_close(serve) -> None:
    server = serve(Recorder())
    port = server.connect()
    port.exchange(post(b"", b"Expect: 100-continue", b"Connection: close", length=3))
    (response,) = read_responses(port.exchange(b"abc"))
    assert response.values(b"connection") == [b"close"]
    server.run()
    assert port.closed


def test_nor_where_the_worker_is_draining(serve) -> None:
    server = serve(Recorder())
    port = server.connect()
    port.exchange(post(b"", b"Expect: 100-continue", length=3))
    port.protocol.shutdown()
    port.exchange(b"abc")
    assert port.closed


# Extensions on the wire ---------------------------------------------------------------------------


def test_trailers_are_on_the_wire_once_and_last(serve) -> None:
    data = serve(Trailers((b"x-a", b"1"), (b"x-b", b"2"))).connect().exchange(TE)
    assert data.endswith(b"\r\n4\r\nbody\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n")


@pytest.mark.parametrize(
    "request_bytes",
    [
        GET,
        b"GET / HTTP/1.0\r\nTE: trailers\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n",
    ],
    ids=["without TE", "1.0", "HEAD"],
)
def test_where_they_cannot_be_they_are_not(serve, request_bytes: bytes) -> None:
    server = serve(Trailers((b"x-sum", b"1")))
    port = server.connect()
    data = port.exchange(request_bytes)
    method = "HEAD" if request_bytes.startswith(b"HEAD") else "GET"
    (response,) = read_responses(data, [method], closed=port.eof_sent or port.closed)
    assert b"x-sum:" not in data
    assert response.body == (b"" if method == "HEAD" else b"body")
    assert server.reasons == [""]


def test_trailers_after_a_body_of_a_given_length_are_left_out(serve) -> None:
    trailers = {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]}
    app = Script(start(200, [(b"content-length", b"2")], trailers=True), body(b"ok"), trailers)
    server = serve(app)
    port = server.connect()
    assert server.ask(TE, port=port).body == b"ok"
    assert app.errors == [None] * 3
    assert server.ask(TE, port=port).body == b"ok"


@pytest.mark.parametrize("name", [b"content-length", b"transfer-encoding", b"connection"])
def test_a_trailer_that_would_frame_the_message_is_refused(serve, name: bytes) -> None:
    port = serve(Trailers((name, b"1"))).connect()
    data = port.exchange(TE)
    assert not data.endswith(b"\r\n\r\n" + b"0\r\n\r\n")
    assert port.aborted


def test_early_hints_may_be_switched_off(serve) -> None:
    hint = {"type": "http.response.early_hint", "links": [b"</a>"]}
    app = Script(hint, start(), body(b"ok"))
    server = serve(app, settings=[Http1Settings(early_hints=False)])
    assert server.ask().interim == ()
    assert app.errors == [None] * 3
    assert serve(app).ask().interim == (103,)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"0123456789" * 20_000)
    return file


@pytest.mark.parametrize("zero_copy", [True, False])
@pytest.mark.parametrize("request_bytes", [GET, OLD, HEAD], ids=["1.1", "1.0", "HEAD"])
def test_a_path_is_on_the_wire(serve, path, zero_copy: bool, request_bytes: bytes) -> None:
    server = serve(PathSend(path))
    port = server.connect(zero_copy=zero_copy)
    method = "HEAD" if request_bytes is HEAD else "GET"
    response = server.ask(request_bytes, method, port)
    assert response.values(b"content-length") == [b"200000"]
    assert response.body == (b"" if method == "HEAD" else path.read_bytes())
    assert not port.closed


@pytest.mark.parametrize("zero_copy", [True, False])
@pytest.mark.parametrize("request_bytes", [GET, OLD], ids=["1.1", "1.0"])
@pytest.mark.parametrize("length", [True, False])
def test_parts_of_a_file_are_framed_like_any_body(
    serve, path, zero_copy: bool, request_bytes: bytes, length: bool
) -> None:
    app = ZeroCopySend(path, (10, 5), (None, 3), (100, None), before=b"<", after=b">")
    wanted = b"<" + b"01234" + b"012" + path.read_bytes()[100:] + b">"
    if length:
        with path.open("rb", buffering=0) as file:
            part = {"type": "http.response.zerocopysend", "file": file, "more_body": True}
            app = Script(
                start(200, [(b"content-length", b"%d" % len(wanted))]),
                more(b"<"),
                {**part, "offset": 10, "count": 5},
                {**part, "count": 3},
                {**part, "offset": 100},
                body(b">"),
            )
            response = self_contained(serve, app, zero_copy, request_bytes)
    else:
        response = self_contained(serve, app, zero_copy, request_bytes)
    assert response.body == wanted


def self_contained(serve, app, zero_copy: bool, request_bytes: bytes):
    server = serve(app)
    return server.ask(request_bytes, port=server.connect(zero_copy=zero_copy))


@pytest.mark.parametrize("zero_copy", [True, False])
@pytest.mark.parametrize("fields", [[], [(b"content-length", b"50")]], ids=["chunks", "length"])
def test_a_file_shorter_than_said_looks_cut_off(serve, path, zero_copy: bool, fields) -> None:
    with path.open("rb", buffering=0) as file:
        part = {"type": "http.response.zerocopysend", "file": file, "offset": 199_990, "count": 50}
        server = serve(Script(start(200, fields), part))
        port = server.connect(zero_copy=zero_copy)
        data = port.exchange(GET)
    assert port.aborted
    assert not data.endswith(b"0\r\n\r\n")
    assert server.reasons == ["app-error"]


def test_a_client_that_goes_within_a_file_ends_it(serve, path) -> None:
    app = PathSend(path)
    server = serve(app)
    port = server.connect(zero_copy=True)
    port.block()
    port.exchange(GET)
    assert server.runtime.jobs
    port.lose(ConnectionResetError())
    server.run()
    assert not server.runtime.jobs
    assert server.reasons == ["client-gone"]


def test_an_application_cancelled_within_a_file_breaks_it_off(serve, path) -> None:
    server = serve(PathSend(path))
    port = server.connect(zero_copy=True)
    port.block()
    port.exchange(GET)
    before = len(os.listdir("/dev/fd"))
    (stream,) = server.context.running
    stream.job.cancel()
    server.run()
    assert port.aborted
    assert len(os.listdir("/dev/fd")) == before - 1
    assert not server.runtime.jobs


# The connection's end -----------------------------------------------------------------------------


def test_the_last_request_a_connection_may_make_is_told_so(serve) -> None:
    server = serve(hello, limits={"requests_per_connection": 3})
    port = server.connect()
    answers = [server.ask(port=port).values(b"connection") for _ in range(3)]
    assert answers == [[], [], [b"close"]]
    server.run()
    assert port.closed


@pytest.mark.parametrize("value", [b"close", b"Close", b"keep-alive, close"])
def test_the_application_may_close_the_connection(serve, value: bytes) -> None:
    server = serve(Script(start(200, [(b"Connection", value)]), body(b"x")))
    port = server.connect()
    (response,) = read_responses(port.exchange(GET + get(b"/2")))
    assert response.values(b"connection") == [b"close"]
    assert port.eof_sent or port.closed


def test_an_unread_rest_within_the_budget_is_passed_over(serve) -> None:
    server = serve(hello, limits={"receive_buffer": 2000})
    port = server.connect()
    port.exchange(post(b"x" * 500, length=2000))
    port.receive(b"x" * 1500 + GET)
    server.run()
    assert len(read_responses(port.take(), closed=False)) == 1


@pytest.mark.parametrize(
    "request_bytes", [post(b"x" * 500, length=5000), chunked(b"5000\r\n" + b"x" * 500)]
)
def test_one_beyond_it_ends_the_connection(serve, request_bytes: bytes) -> None:
    server = serve(hello, limits={"receive_buffer": 2000})
    port = server.connect()
    assert port.exchange(request_bytes).startswith(b"HTTP/1.1 200 ")
    for _ in range(10):
        port.receive(b"x" * 450)
    server.run()
    assert port.eof_sent
    assert port.exchange(GET) == b""


@pytest.mark.parametrize(("left", "said"), [(2000, []), (2001, [b"close"])])
def test_who_sends_one_beyond_it_is_told_with_the_response(serve, left: int, said: list) -> None:
    """Or would send its next request on a connection that is about to be closed."""
    server = serve(hello, limits={"receive_buffer": 2000})
    (response,) = read_responses(server.connect().exchange(post(b"", length=left)), closed=False)
    assert response.values(b"connection") == said
