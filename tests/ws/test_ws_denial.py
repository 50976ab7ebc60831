"""A response instead of an accept: `websocket.http.response`, with all that a response may be."""

from __future__ import annotations

import queue

import pytest

from nonecorn.testing import Gate
from tests.ws.client import RawClient, request

PATIENCE = 20
START = "websocket.http.response.start"
BODY = "websocket.http.response.body"


def denier(*messages, heard=None):
    async def app(scope, receive, send):
        assert "websocket.http.response" in scope["extensions"]
        await receive()
        for message in messages:
            await send(message)
        if heard is not None:
            heard.put(await receive())

    return app


def refused(server, **more):
    with RawClient(server.address, request(**more)) as client:
        return client.refused()


def test_status_headers_and_body_are_the_applications(serve):
    headers = [(b"x-why", b"because"), (b"content-type", b"text/plain"), (b"set-cookie", b"a=b")]
    server = serve(
        denier(
            {"type": START, "status": 401, "headers": headers},
            {"type": BODY, "body": b"who are you?"},
        )
    )
    answer = refused(server)
    assert (answer.status, answer.body) == (401, b"who are you?")
    for name, value in headers:
        assert answer.values(name) == [value]
    assert answer.values(b"sec-websocket-accept") == []
    assert answer.values(b"upgrade") == []
    assert answer.delimited


@pytest.mark.parametrize("sized", [True, False], ids=["with a length", "without one"])
def test_a_body_may_come_in_pieces(serve, sized):
    pieces = [bytes([number]) * 1000 for number in range(100)]
    headers = [(b"content-length", b"100000")] if sized else []
    server = serve(
        denier(
            {"type": START, "status": 403, "headers": headers},
            *({"type": BODY, "body": piece, "more_body": True} for piece in pieces),
            {"type": BODY},
        )
    )
    answer = refused(server)
    assert answer.body == b"".join(pieces)
    assert answer.values(b"content-length") == ([b"100000"] if sized else [])


def test_a_piece_is_sent_when_the_application_sends_it(serve):
    gate = Gate()

    async def app(scope, receive, send):
        await receive()
        await send({"type": START, "status": 503, "headers": [(b"content-length", b"6")]})
        await send({"type": BODY, "body": b"one", "more_body": True})
        await gate.wait()
        await send({"type": BODY, "body": b"two"})

    server = serve(app)
    with RawClient(server.address, request()) as client:
        assert client.head().status == 503
        assert client._read(3) == b"one"
        gate.open()
        assert client._read(3) == b"two"


def test_a_status_and_nothing_else_is_enough(serve):
    for status in (204, 304, 404, 200, 599):
        server = serve(denier({"type": START, "status": status}, {"type": BODY}))
        answer = refused(server)
        assert (answer.status, answer.body) == (status, b"")


def test_the_application_hears_that_it_is_over(serve):
    heard = queue.SimpleQueue()
    app = denier({"type": START, "status": 404, "headers": []}, {"type": BODY}, heard=heard)
    assert refused(serve(app)).status == 404
    message = heard.get(timeout=PATIENCE)
    assert message["type"] == "websocket.disconnect"


def test_a_client_that_leaves_within_a_long_denial_ends_the_sending(serve):
    heard = queue.SimpleQueue()

    async def app(scope, receive, send):
        await receive()
        await send({"type": START, "status": 400, "headers": []})
        try:
            while True:
                await send({"type": BODY, "body": bytes(65536), "more_body": True})
        except OSError as error:
            heard.put(error)

    server = serve(app)
    with RawClient(server.address, request()) as client:
        assert client.head().status == 400
    assert isinstance(heard.get(timeout=PATIENCE), OSError)


def test_frames_that_the_client_sent_ahead_are_no_request(serve):
    app = denier({"type": START, "status": 404, "headers": []}, {"type": BODY, "body": b"no"})
    server = serve(app)
    with RawClient(server.address, request() + b"GET / HTTP/1.1\r\nhost: test\r\n\r\n") as client:
        answer = client.refused()  # one response, and the end
    assert (answer.status, answer.body) == (404, b"no")


WRONG = {
    "an accept after it": ([START], {"type": "websocket.accept"}),
    "a send after it": ([START], {"type": "websocket.send", "text": "x"}),
    "a close after it": ([START], {"type": "websocket.close"}),
    "a second start": ([START], {"type": START, "status": 200}),
    "an unknown message": ([START], {"type": "nonesuch"}),
}


@pytest.mark.parametrize(("before", "wrong"), WRONG.values(), ids=WRONG)
def test_nothing_but_a_body_may_follow_the_start(serve, before, wrong):
    heard = queue.SimpleQueue()

    async def app(scope, receive, send):
        await receive()
        for kind in before:
            await send({"type": kind, "status": 403, "headers": []})
        try:
            await send(wrong)
        except Exception as error:
            heard.put(error)
            raise

    answer = refused(serve(app))
    assert answer.status == 500
    assert not isinstance(heard.get(timeout=PATIENCE), OSError)


@pytest.mark.parametrize(
    "start",
    [
        {"status": 101},
        {"status": 99},
        {"status": 1000},
        {"status": "404"},
        {"status": 404, "headers": [(b"x", b"a\r\nb: c")]},
        {"status": 404, "headers": [(b"a b", b"c")]},
        {"status": 404, "headers": [(b"content-length", b"x")]},
    ],
    ids=repr,
)
def test_a_head_that_may_not_be_sent_is_500(serve, start):
    server = serve(denier({"type": START, **start}, {"type": BODY, "body": b"x"}))
    assert refused(server).status == 500


def test_a_body_shorter_than_its_length_is_not_passed_off_as_whole(serve):
    server = serve(
        denier(
            {"type": START, "status": 404, "headers": [(b"content-length", b"10")]},
            {"type": BODY, "body": b"five!", "more_body": True},
            {"type": BODY},
        )
    )
    with RawClient(server.address, request()) as client:
        assert client.head().status == 404
        assert client._read(5) == b"five!"
        assert client.ended()


# Every feature of a response ----------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "why.txt"
    path.write_bytes(bytes(range(256)) * 1000)
    return path


def test_a_file_may_be_the_body(serve, file):
    size = b"%d" % file.stat().st_size
    start = {"type": START, "status": 403, "headers": [(b"content-length", size)]}
    server = serve(denier(start, {"type": "websocket.http.response.pathsend", "path": str(file)}))
    answer = refused(server)
    assert (answer.status, answer.body) == (403, file.read_bytes())


def test_a_part_of_an_open_file_may_be_the_body(serve, file):
    async def app(scope, receive, send):
        assert "websocket.http.response.zerocopysend" in scope["extensions"]
        await receive()
        await send({"type": START, "status": 403, "headers": [(b"content-length", b"503")]})
        await send({"type": BODY, "body": b"abc", "more_body": True})
        with file.open("rb") as opened:
            await send({
                "type": "websocket.http.response.zerocopysend",
                "file": opened.fileno(), "offset": 10, "count": 500,
            })  # fmt: skip

    answer = refused(serve(app))
    assert answer.body == b"abc" + file.read_bytes()[10:510]


def test_trailers_may_follow_the_body(serve):
    server = serve(
        denier(
            {"type": START, "status": 403, "headers": [(b"trailer", b"x-sum")], "trailers": True},
            {"type": BODY, "body": b"no"},
            {"type": "websocket.http.response.trailers", "headers": [(b"x-sum", b"2")]},
        )
    )
    answer = refused(server, te="trailers", connection="Upgrade, TE")
    assert (answer.body, answer.trailers) == (b"no", [(b"x-sum", b"2")])


def test_hints_may_come_before_it(serve):
    link = b"</style.css>; rel=preload"
    server = serve(
        denier(
            {"type": "websocket.http.response.early_hint", "links": [link]},
            {"type": START, "status": 403, "headers": []},
            {"type": BODY, "body": b"no"},
        )
    )
    answer = refused(server)
    assert (answer.interim, answer.status, answer.body) == ((103,), 403, b"no")
