"""`WSGIMiddleware` in an ASGI application: under nonecorn's runtime and on any other loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest
import trio

from nonecorn.config.schema import ServerSettings
from nonecorn.spi import LocalProtocolError
from nonecorn.testing import make_app_context
from nonecorn.testing.asgi import Call, call, make_scope
from nonecorn_wsgi import WSGIMiddleware
from nonecorn_wsgi._interface import wrap
from nonecorn_wsgi._response import Responder
from nonecorn_wsgi._settings import WSGISettings

word = contextvars.ContextVar("word", default="nothing")


def echo(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield word.get().encode()
    yield environ["wsgi.input"].read()


def chunked(path="/"):
    headers = [(b"host", b"a"), (b"transfer-encoding", b"chunked")]
    return make_scope(path, method="POST", headers=headers)


async def conversation(app, pieces):
    """Call an application as a server would that knows nothing of nonecorn."""
    sent = []
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    await app(chunked(), receive, send)
    return b"".join(message.get("body", b"") for message in sent)


async def twice(app):
    word.set("hello ")
    first = await conversation(app, [b"one", b"two"])
    return first, await conversation(app, [b"three"])


@pytest.mark.parametrize("run", [asyncio.run, None], ids=["asyncio", "trio"])
def test_it_works_on_the_loop_that_runs(run):
    app = WSGIMiddleware(echo, threads=2)
    for _ in range(2):  # another loop each time
        found = trio.run(twice, app) if run is None else run(twice(app))
        assert found == (b"hello onetwo", b"hello three")


def test_on_two_loops_at_once():
    barrier = threading.Barrier(2)

    def app(environ, start_response):
        barrier.wait(20)
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    middleware, answers = WSGIMiddleware(app), []

    def serve(data):
        answers.append(asyncio.run(conversation(middleware, [data])))

    threads = [threading.Thread(target=serve, args=(data,)) for data in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == [b"a", b"b"]


def test_without_any_loop_it_says_so():
    coroutine = conversation(WSGIMiddleware(echo), [])
    with pytest.raises(RuntimeError, match="no running event loop"):
        coroutine.send(None)


def test_a_cancelled_task_leaves_a_thread_that_ends():
    entered, closed = threading.Event(), threading.Event()

    class Body:
        def __iter__(self):
            return self

        def __next__(self):
            entered.set()
            return b"x" * 65536

        def close(self):
            closed.set()

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body()

    async def main():
        async def send(message):
            if message["type"] == "http.response.body":
                await asyncio.Event().wait()  # a client that takes nothing

        async def receive():
            raise AssertionError

        task = asyncio.create_task(WSGIMiddleware(app)(make_scope(), receive, send))
        await asyncio.to_thread(entered.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(closed.wait, 20)

    asyncio.run(main())


def test_a_cancelled_task_whose_thread_reads():
    raised = []
    reading, ended = threading.Event(), threading.Event()

    def app(environ, start_response):
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            raised.append(error)
            raise
        finally:
            ended.set()

    async def main():
        async def receive():
            reading.set()
            await asyncio.Event().wait()

        async def send(message):
            raise AssertionError

        task = asyncio.create_task(WSGIMiddleware(app)(chunked(), receive, send))
        await asyncio.to_thread(reading.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(ended.wait, 20)

    asyncio.run(main())
    assert len(raised) == 1


def test_what_send_raises_comes_out_once_the_thread_has_left():
    closed = []

    class Body(list):
        def close(self):
            closed.append(True)

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body([b"x"])

    async def send(message):
        raise ValueError("no such header here")

    async def receive():
        raise AssertionError

    with pytest.raises(ValueError, match="no such header here"):
        asyncio.run(WSGIMiddleware(app)(make_scope(), receive, send))
    assert closed == [True]


def test_an_application_cannot_end_or_cancel_the_loop():
    def app(environ, start_response):
        raise asyncio.CancelledError

    response = Call(WSGIMiddleware(app), threads=True).body()
    assert isinstance(response.error, RuntimeError)
    assert isinstance(response.error.__cause__, asyncio.CancelledError)


def test_the_traceback_begins_in_the_application():
    def app(environ, start_response):
        raise ValueError("mine")

    error = Call(WSGIMiddleware(app), threads=True).body().error
    traceback = error.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    files = []
    traceback = error.__traceback__
    while traceback is not None:
        files.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    assert files[-1] == __file__
    assert not any(name.endswith(("_response.py", "_pool.py")) for name in files)


@pytest.mark.parametrize("kind", ["lifespan", "webtransport", "x-unknown"])
def test_other_scopes_are_declined_by_raising(kind):
    response = Call(WSGIMiddleware(echo), {**make_scope(), "type": kind}).step()
    assert isinstance(response.error, LocalProtocolError)
    assert kind in str(response.error)
    assert response.sent == []


def test_a_websocket_is_closed():
    response = Call(WSGIMiddleware(echo), {**make_scope(), "type": "websocket"})
    response.feed({"type": "websocket.connect"})
    assert response.sent == [{"type": "websocket.close", "code": 1000, "reason": ""}]


def test_an_iterable_that_raises_is_closed_too():
    closed = []

    class Body:
        def __iter__(self):
            raise ValueError("not today")

        def close(self):
            closed.append(True)

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body()

    response = Call(WSGIMiddleware(app), threads=True).body()
    assert isinstance(response.error, ValueError)
    assert closed == [True]


def test_the_code_after_the_last_yield_runs():
    ended = []

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "2")])
        yield b"ok"
        ended.append(True)

    assert call(WSGIMiddleware(app), threads=True).content == b"ok"
    assert ended == [True]


def test_a_head_request_leaves_the_iterable():
    ended = []

    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            while True:
                yield b"for ever"
        finally:
            ended.append(True)

    response = call(WSGIMiddleware(app), make_scope(method="HEAD"), threads=True)
    assert response.content == b""
    assert ended == [True]


def test_small_responses_cross_to_the_loop_once():
    class Counted(list):
        def __iter__(self):
            return super().__iter__()

    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"hello"]

    response = call(WSGIMiddleware(app), threads=True)
    assert [message["type"] for message in response.sent] == [
        "http.response.start",
        "http.response.body",
    ]
    assert response.sent[1]["more_body"] is False


def test_the_settings_of_a_worker_reach_the_environ():
    seen = []

    def app(environ, start_response):
        seen.append((environ["wsgi.multithread"], environ["wsgi.multiprocess"]))
        start_response("200 OK", [])
        return []

    call(WSGIMiddleware(app, threads=1, multiprocess=False), threads=True)
    call(WSGIMiddleware(app), threads=True)
    assert seen == [(False, False), (True, True)]


@pytest.mark.parametrize(
    ("said", "workers", "expected"),
    [("auto", 0, False), ("auto", 1, False), ("auto", 2, True), ("on", 0, True), ("off", 2, False)],
)
def test_whether_there_are_other_processes_can_be_said(said, workers, expected):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [str(environ["wsgi.multiprocess"]).encode()]

    settings = [WSGISettings(multiprocess=said), ServerSettings(workers=workers)]
    response = call(wrap(app, make_app_context(settings)), threads=True)
    assert response.content == str(expected).encode()


def test_reprs():
    middleware = WSGIMiddleware(echo, threads=3)
    assert "echo" in repr(middleware)
    assert "threads=0/3" in repr(middleware)
    responder = Responder(echo, {"REQUEST_METHOD": "GET", "PATH_INFO": "/a"}, object(), {}, None)
    assert repr(responder) == "<Responder GET '/a' not started>"
