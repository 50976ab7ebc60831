"""What is remembered to save work never reaches another request."""

from __future__ import annotations

import pytest

from nonecorn.testing import read_responses
from nonecorn.testing.apps import Recorder, hello
from tests.builtin.http.opened import Script, body, start
from tests.builtin.http.server import GET, chunked, get, post

FIELDS = b"Host: a\r\nX-Token: secret\r\nAccept: */*\r\nCookie: a=1\r\n\r\n"


class Mutating(Recorder):
    """Does to its scope's headers what a careless application could."""

    async def __call__(self, scope, receive, send) -> None:
        before = list(scope["headers"])
        scope["headers"].append((b"x-leak", b"1"))
        scope["headers"].reverse()
        scope["headers"][0] = (b"host", b"evil")
        scope["extensions"].clear()
        await hello(scope, receive, send)
        scope["headers"].clear()
        self.requests.append(before)


def test_headers_an_application_changes_are_its_own(serve) -> None:
    app = Mutating()
    server = serve(app)
    ports = [server.connect(), server.connect()]
    for n in range(10):
        assert server.ask(b"GET /%d HTTP/1.1\r\n" % n + FIELDS, port=ports[n % 2]).status == 200
    wanted = [(b"host", b"a"), (b"x-token", b"secret"), (b"accept", b"*/*"), (b"cookie", b"a=1")]
    assert app.requests == [wanted] * 10


def test_each_request_has_its_own_line_with_the_same_fields(serve) -> None:
    app = Recorder()
    server = serve(app)
    port = server.connect()
    lines = [b"GET /a?x", b"HEAD /b", b"DELETE /c?y=1", b"GET /a?x", b"OPTIONS *", b"PURGE /d"]
    for line in lines:
        port.exchange(line + b" HTTP/1.1\r\n" + FIELDS)
    seen = [
        b"%b %b%b"
        % (
            s["method"].encode(),
            s["raw_path"],
            b"?" + s["query_string"] if s["query_string"] else b"",
        )
        for s in (request.scope for request in app.requests)
    ]
    assert seen == lines
    lists = [request.scope["headers"] for request in app.requests]
    assert len({id(headers) for headers in lists}) == len(lists)


@pytest.mark.parametrize("first", [b"1.1", b"1.0"])
def test_the_version_decides_although_the_fields_are_the_same(serve, first: bytes) -> None:
    server = serve(hello)
    second = b"1.0" if first == b"1.1" else b"1.1"
    fields = b"Connection: keep-alive\r\n" + FIELDS
    port = server.connect()
    for version in (first, second, first):
        response = server.ask(b"GET / HTTP/%b\r\n" % version + fields, port=port)
        assert response.values(b"connection") == ([b"keep-alive"] if version == b"1.0" else [])
    old = server.connect()
    server.ask(b"GET / HTTP/1.1\r\n" + FIELDS, port=old)
    (response,) = read_responses(old.exchange(b"GET / HTTP/1.0\r\n" + FIELDS))
    assert response.values(b"connection") == [b"close"]


def test_an_authority_in_the_target_is_that_requests_alone(serve) -> None:
    app = Recorder()
    server = serve(app)
    port = server.connect()
    for target in (b"/1", b"http://other:81/2", b"/3", b"http://third/4", b"/5"):
        port.exchange(b"GET %b HTTP/1.1\r\n" % target + FIELDS)
    hosts = [dict(request.scope["headers"])[b"host"] for request in app.requests]
    assert hosts == [b"a", b"other:81", b"a", b"third", b"a"]
    assert [request.scope["path"] for request in app.requests] == ["/1", "/2", "/3", "/4", "/5"]


def test_fields_that_announce_a_body_announce_it_each_time(serve) -> None:
    app = Recorder()
    server = serve(app)
    port = server.connect()
    for body_bytes in (b"abc", b"def", b""):
        assert server.ask(post(body_bytes), port=port).status == 200
        assert server.ask(chunked(b"2\r\nxy\r\n0\r\n\r\n"), port=port).status == 200
        assert server.ask(port=port).status == 200
    bodies = [request.body for request in app.requests]
    assert bodies == [b"abc", b"xy", b"", b"def", b"xy", b"", b"", b"xy", b""]


def test_fields_that_close_close_each_connection_they_are_sent_on(serve) -> None:
    server = serve(hello)
    request = get(b"/", b"Connection: close")
    for _ in range(3):
        port = server.connect()
        assert server.ask(port=port).values(b"connection") == []
        (response,) = read_responses(port.exchange(request))
        assert response.values(b"connection") == [b"close"]


def test_a_bad_target_is_refused_although_the_fields_are_known(serve) -> None:
    server = serve(hello)
    for line in (b"GET /a b", b"GET x", b"get /", b"GET /" + b"x" * 9000):
        port = server.connect()
        server.ask(b"GET / HTTP/1.1\r\n" + FIELDS, port=port)
        (response,) = read_responses(port.exchange(line + b" HTTP/1.1\r\n" + FIELDS))
        assert response.status in (400, 414, 501)
        assert port.eof_sent


def test_the_fields_of_one_client_are_not_anothers(serve) -> None:
    """Lines of well-known names are remembered for all: by all of their bytes, not by the name."""
    app = Recorder()
    server = serve(app)
    for n in range(2000):
        server.connect().exchange(
            get(b"/", b"User-Agent: %d" % n, b"Accept: x/%d" % (n % 3), b"Cookie: %d" % n)
        )
    for n, request in enumerate(app.requests):
        fields = dict(request.scope["headers"])
        assert fields[b"user-agent"] == fields[b"cookie"] == b"%d" % n
        assert fields[b"accept"] == b"x/%d" % (n % 3)


def test_a_known_line_is_no_pass_for_another(serve) -> None:
    server = serve(hello)
    server.ask(get(b"/", b"Connection: close"), port=server.connect())
    assert server.ask(GET).status == 200
    two_hosts = b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"
    for _ in range(2):
        (response,) = read_responses(server.connect().exchange(two_hosts))
        assert response.status == 400


def test_limits_are_of_the_listener(serve) -> None:
    strict = serve(hello, limits={"head_fields": 2, "body_size": 3})
    loose = serve(hello)
    many = get(b"/", b"Accept: a", b"Via: b")
    for _ in range(2):
        assert loose.ask(many).status == 200
        assert strict.ask(many).status == 431
        assert loose.ask(post(b"1234")).status == 200
        assert strict.ask(post(b"1234")).status == 413
        assert strict.ask(post(b"123")).status == 200


# Responses ----------------------------------------------------------------------------------------


def test_a_head_that_is_sent_again_is_the_same_and_no_other(serve) -> None:
    server = serve(None)
    port = server.connect()
    for n in list(range(600)) * 2:
        server.app = Script(start(200 + n % 2, [(b"x", b"%d" % n)]), body(b"%d" % n))
        response = server.ask(port=port)
        assert (response.status, response.values(b"x"), response.body) == (
            200 + n % 2,
            [b"%d" % n],
            b"%d" % n,
        )


def test_a_list_that_the_application_changes_is_looked_at_again(serve) -> None:
    headers = [(b"x", b"1")]
    server = serve(None)
    for wanted in ([b"1"], [b"1", b"2"], [b"2"], [b"2"]):
        server.app = Script(start(200, headers), body())
        assert server.ask().values(b"x") == wanted
        if len(headers) == 1 and wanted == [b"1"]:
            headers.append((b"x", b"2"))
        elif len(headers) == 2:
            del headers[0]


def test_what_closes_one_connection_is_not_remembered_for_others(serve) -> None:
    server = serve(Script(start(200, [(b"connection", b"close")]), body()))
    for _ in range(2):
        (response,) = read_responses(server.connect().exchange(GET))
        assert response.values(b"connection") == [b"close"]
    server.app = Script(start(200, []), body())
    assert server.ask().values(b"connection") == []


def test_the_framing_of_one_response_is_not_the_nexts(serve) -> None:
    server = serve(None)
    port = server.connect()
    head = [(b"x", b"1")]
    kinds = [
        ([start(200, head), body(b"ab")], "length"),
        ([start(200, head), body(b"a", more_body=True), body(b"b")], "chunks"),
        (
            [
                start(200, [*head, (b"content-length", b"2")]),
                body(b"a", more_body=True),
                body(b"b"),
            ],
            "length",
        ),
        ([start(204, head), body(b"ab")], "nothing"),
        ([start(200, head), body()], "length"),
    ]
    for n in range(40):
        messages, kind = kinds[n * n % len(kinds)]
        server.app = Script(*messages)
        method = "HEAD" if n % 7 == 3 else "GET"
        response = server.ask(b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % method.encode(), method, port)
        if method == "GET":
            assert bool(response.values(b"transfer-encoding")) == (kind == "chunks")
            assert bool(response.values(b"content-length")) == (kind == "length")
            assert response.body == (b"" if kind == "nothing" or messages == kinds[4][0] else b"ab")


def test_an_idle_connection_holds_no_large_head(serve) -> None:
    server = serve(hello)
    port = server.connect()
    large = get(b"/", b"X: " + b"x" * 20_000)
    for _ in range(2):
        assert server.ask(large, port=port).status == 200
        assert len(port.protocol._fields_block) < 10_000
    assert server.ask(port=port).status == 200
    assert port.protocol._fields_block.startswith(b"\r\nHost: a")


def test_the_size_of_a_head_counts_with_remembered_fields_too(serve) -> None:
    server = serve(hello, limits={"head_size": 1024})
    port = server.connect()
    fields = b"Host: a\r\nX-Long: " + b"x" * 900 + b"\r\n\r\n"
    assert server.ask(b"GET / HTTP/1.1\r\n" + fields, port=port).status == 200
    assert server.ask(b"GET /" + b"y" * 500 + b" HTTP/1.1\r\n" + fields, port=port).status == 431
