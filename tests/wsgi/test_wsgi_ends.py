"""How requests end otherwise than well: clients that go, clients that are slow, applications that
fail, servers that stop.
"""

from __future__ import annotations

import http.client
import queue
import re
import socket
import threading

import httpx
import pytest

from nonecorn.spi import ClientDisconnectedError
from nonecorn.testing import raw_exchange
from tests.wsgi.conftest import CLEAR
from tests.wsgi.wsgiprobe import BLOCK, TEXT

PATIENCE = 20


def connected(server, *, small=False):
    sock = socket.socket()
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(PATIENCE)
    sock.connect(server.address)
    return sock


def answer(sock):
    """The next response, read whole."""
    response = http.client.HTTPResponse(sock)
    response.begin()
    return response.status, response.read()


class Endless:
    """Goes on until it is closed."""

    def __init__(self, environ, start_response):
        self.closed = environ["test.closed"]
        start_response("200 OK", TEXT)

    def __iter__(self):
        return self

    def __next__(self):
        return BLOCK

    def close(self):
        self.closed.set()


def test_a_client_that_goes_ends_the_iteration(serve):
    closed = threading.Event()

    def app(environ, start_response):
        environ["test.closed"] = closed
        return Endless(environ, start_response)

    server = serve(app)
    with connected(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        assert not closed.is_set()
    assert closed.wait(PATIENCE)


def test_write_raises_once_the_client_has_gone(serve):
    raised = queue.Queue()

    def app(environ, start_response):
        write = start_response("200 OK", TEXT)
        try:
            while True:
                write(BLOCK)
        except OSError as error:
            raised.put(error)
            raise

    server = serve(app)
    with connected(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
    assert isinstance(raised.get(timeout=PATIENCE), ClientDisconnectedError)


@pytest.mark.parametrize("framing", [b"Content-Length: 1000000", b"Transfer-Encoding: chunked"])
def test_read_raises_where_the_client_goes_before_its_request_is_complete(serve, framing):
    raised = queue.Queue()
    reading = threading.Event()

    def app(environ, start_response):
        stream = environ["wsgi.input"]
        assert stream.read(5) == b"hello"
        reading.set()
        try:
            stream.read()
        except OSError as error:
            raised.put(error)
            raise

    server = serve(app)
    body = b"5\r\nhello\r\n" if b"chunked" in framing else b"hello"
    with connected(server) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n" + body)
        assert reading.wait(PATIENCE)
    assert isinstance(raised.get(timeout=PATIENCE), ClientDisconnectedError)


def test_a_slow_client_holds_its_thread_and_nothing_else(serve):
    made = []

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        if environ["PATH_INFO"] == "/made":
            return [b"%d" % len(made)]
        return slow()

    def slow():
        for _ in range(1024):
            made.append(1)
            yield BLOCK

    server = serve(app)
    with (
        connected(server, small=True) as client,
        httpx.Client(trust_env=False, verify=CLEAR) as other,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        counts = [0, 1]
        # Others are served meanwhile; so many of them that the count would not stand still for all.
        while len(counts) < 30 or counts[-20] != counts[-1]:
            counts.append(int(other.get(f"{server.url}/made").text))
        assert counts[-1] * len(BLOCK) < 16 * 2**20
        size = 0
        while data := client.recv(2**20):
            size += len(data)
        assert size > 1024 * len(BLOCK)
    assert len(made) == 1024


def test_so_many_requests_at_once_and_no_more(serve):
    running, go, most = [], threading.Event(), []
    lock = threading.Lock()

    def app(environ, start_response):
        with lock:
            running.append(1)
            most.append(len(running))
        if len(most) >= 3:
            go.set()
        assert go.wait(PATIENCE)
        with lock:
            running.pop()
        start_response("200 OK", TEXT)
        return [b"done"]

    server = serve(app, wsgi={"threads": 3})
    answers = in_threads(
        8, lambda: httpx.get(server.url, trust_env=False, verify=CLEAR, timeout=PATIENCE).text
    )
    assert [answers.get(timeout=PATIENCE) for _ in range(8)] == ["done"] * 8
    assert max(most) == 3


def in_threads(count, function):
    results = queue.Queue()
    for _ in range(count):
        threading.Thread(target=lambda: results.put(function()), daemon=True).start()
    return results


def test_what_does_not_fit_in_the_queue_is_a_503(serve):
    go = threading.Event()

    def app(environ, start_response):
        assert go.wait(PATIENCE)
        start_response("200 OK", TEXT)
        return [b"done"]

    server = serve(app, wsgi={"threads": 1, "queue_size": 1})
    answers = in_threads(
        3, lambda: httpx.get(server.url, trust_env=False, verify=CLEAR, timeout=PATIENCE)
    )
    first = answers.get(timeout=PATIENCE)
    assert (first.status_code, first.headers["retry-after"]) == (503, "1")
    go.set()
    assert [answers.get(timeout=PATIENCE).status_code for _ in range(2)] == [200, 200]


def test_a_slow_upload_takes_no_thread(serve):
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        return [environ["wsgi.input"].read()]

    server = serve(app, wsgi={"threads": 1})
    with connected(server) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        assert httpx.get(server.url, trust_env=False, verify=CLEAR).status_code == 200
        slow.sendall(b"world")
        assert answer(slow) == (200, b"helloworld")


def test_a_client_that_waits_to_be_asked_is_asked_when_the_application_reads(serve):
    def app(environ, start_response):
        if environ["PATH_INFO"] == "/refused":
            start_response("403 Forbidden", TEXT)
            return [b"no"]
        data = environ["wsgi.input"].read()
        start_response("200 OK", TEXT)
        return [data]

    server = serve(app)
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    with connected(server) as client:
        client.sendall(head % b"/")
        assert client.recv(4096).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"hello")
        assert client.recv(4096).endswith(b"hello")
    with connected(server) as client:
        client.sendall(head % b"/refused")
        assert client.recv(4096).startswith(b"HTTP/1.1 403 ")


def test_a_body_over_the_limit_is_a_413(serve):
    called = []

    def app(environ, start_response):
        called.append(environ["PATH_INFO"])
        try:
            data = environ["wsgi.input"].read()
        except OSError:
            if environ["PATH_INFO"] == "/raises":
                raise
            data = b"caught"
        start_response("200 OK", TEXT)
        return [data]

    server = serve(app, wsgi={"body_size": "100KiB"})
    exact, over = b"x" * 102400, b"x" * 102401
    with httpx.Client(base_url=server.url, trust_env=False, verify=CLEAR) as client:
        assert client.post("/", content=exact).content == exact
        assert client.post("/", content=iter([exact])).content == exact
        called.clear()
        assert client.post("/", content=over).status_code == 413
        assert called == []
        assert client.post("/caught", content=iter([over])).status_code == 413
        response = client.post("/raises", content=iter([over]))
        assert response.status_code == 413


def test_early_hints_go_ahead_of_the_response(serve):
    def app(environ, start_response):
        environ["wsgi.early_hints"]([("Link", "</a.css>; rel=preload"), ("Other", "no")])
        write = start_response("200 OK", TEXT)
        write(b"o")
        environ["wsgi.early_hints"]([("Link", "</too-late.css>")])
        return [b"k"]

    server = serve(app)
    answer = raw_exchange(
        server.address, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    ).data
    assert re.match(
        rb"HTTP/1.1 103 [^\r]*\r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 ", answer
    )
    assert b"too-late" not in answer
    assert b"Other" not in answer


def test_a_stop_waits_for_the_thread_and_its_close(serve):
    entered, go, closed = threading.Event(), threading.Event(), threading.Event()

    class Body:
        def __iter__(self):
            yield b"o"
            entered.set()
            assert go.wait(PATIENCE)
            yield b"k"

        def close(self):
            closed.set()

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        return Body()

    server = serve(app)
    with connected(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert entered.wait(PATIENCE)
        server.request_stop()
        go.set()
        assert answer(client) == (200, b"ok")
    assert server.stop() == 0
    assert closed.is_set()


def test_a_thread_that_is_left_behind_finds_that_nothing_arrives(serve):
    entered, go, closed = threading.Event(), threading.Event(), threading.Event()
    wrote = queue.Queue()

    class Body:
        def __init__(self, write):
            self.write = write

        def __iter__(self):
            entered.set()
            assert go.wait(PATIENCE)
            yield b"k"

        def close(self):
            try:
                while True:  # the answer leaves a moment before the request is given up
                    self.write(b"x")
            except OSError as error:
                wrote.put(type(error))
            closed.set()

    def app(environ, start_response):
        return Body(start_response("200 OK", TEXT))

    server = serve(app, limits={"app_timeout": 0.1})
    with connected(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert entered.wait(PATIENCE)
        assert answer(client)[0] == 504
    go.set()
    assert closed.wait(PATIENCE)
    assert wrote.get(timeout=PATIENCE) is ClientDisconnectedError


def test_a_websocket_is_refused(serve):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    def app(environ, start_response):
        raise AssertionError

    server = serve(app, plugin=["ws"])
    with pytest.raises(InvalidStatus) as refused:
        connect(server.url.replace("http", "ws", 1), proxy=None)
    assert refused.value.response.status_code == 403


def test_lifespan_is_declined(serve):
    from nonecorn.spi import LifespanError

    def app(environ, start_response):
        raise AssertionError

    with pytest.raises(LifespanError, match="does not support lifespan"):
        serve(app, lifespan="on")
