"""Observers hear of each request once, however it ends, and of what was refused."""

from __future__ import annotations

import pytest

from nonecorn.serving.observers import compile_observers
from nonecorn.spi import Observer, ObserverSpec, Ref
from nonecorn.testing import make_app_context
from nonecorn.testing.apps import (
    Chunks,
    crash_after_start,
    crash_before_start,
    echo,
    hello,
    never_receives,
    never_responds,
    returns_early,
)
from tests.builtin.http.server import GET, Held, chunked, get, post


@pytest.mark.parametrize(
    ("app", "request_bytes", "wanted"),
    [
        (hello, GET, (200, "", 13, 0)),
        (hello, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", (200, "", 0, 0)),
        (echo, post(b"abcd"), (200, "", 4, 4)),
        (echo, chunked(b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), (200, "", 3, 3)),
        (Chunks([b"ab", b"c"]), GET, (200, "", 3, 0)),
        (crash_before_start, GET, (500, "app-error", 21, 0)),
        (crash_after_start, GET, (200, "app-error", 4, 0)),
        (returns_early, GET, (500, "app-error", 21, 0)),
    ],
)
def test_an_end_that_the_application_makes(serve, app, request_bytes, wanted, caplog) -> None:
    server = serve(app)
    server.connect().exchange(request_bytes)
    (record,) = server.records
    assert (record.status, record.reason, record.sent, record.received) == wanted
    assert server.started == [record.scope]
    assert record.duration == 0


REFUSED = {
    "bad-host": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "missing-host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "request-line": (b"GET\r\n\r\n", 400),
    "target-too-long": (get(b"/" + b"x" * 9000), 414),
    "too-many-fields": (get(b"/", *[b"X: 1"] * 200), 431),
    "version": (get(version=b"HTTP/1.7"), 505),
    "method": (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501),
    "body-too-large": (post(b"", length=10_000), 413),
    "expectation": (get(b"/", b"Expect: tea"), 417),
    "transfer-encoding": (get(b"/", b"Transfer-Encoding: gzip"), 501),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_refused_is_recorded_though_it_never_began(serve, reason: str) -> None:
    request_bytes, status = REFUSED[reason]
    server = serve(hello, limits={"body_size": 1000}, scheme="https")
    port = server.connect(client=("192.0.2.1", 5))
    assert port.exchange(request_bytes).startswith(b"HTTP/1.1 %d " % status)
    assert server.started == []
    (record,) = server.records
    assert (record.status, record.reason, record.sent, record.received) == (status, reason, 0, 0)
    assert record.headers == []
    scope = record.scope
    assert (scope["type"], scope["scheme"], scope["client"], scope["server"]) == (
        "http",
        "https",
        ("192.0.2.1", 5),
        ("127.0.0.1", 8000),
    )
    assert {"method", "path", "headers", "http_version", "raw_path", "query_string"} <= set(scope)


def test_chunks_beyond_the_limit_are_refused_once_they_are(serve) -> None:
    server = serve(never_responds, limits={"body_size": 5})
    port = server.connect()
    port.exchange(chunked(b"5\r\nabcde\r\n"))
    assert server.records == []
    assert port.exchange(b"1\r\nf\r\n").startswith(b"HTTP/1.1 413 ")
    (record,) = server.records
    assert (record.status, record.reason, record.received) == (413, "body-too-large", 5)


def test_a_bad_chunk_within_a_request_is_its_end(serve) -> None:
    server = serve(never_responds)
    port = server.connect()
    port.exchange(chunked(b"1\r\na\r\n"))
    assert port.exchange(b"X\r\n").startswith(b"HTTP/1.1 400 ")
    assert [(record.status, record.reason) for record in server.records] == [(400, "chunk-size")]
    assert not server.runtime.jobs


def test_a_bad_chunk_after_the_answer_changes_nothing(serve) -> None:
    server = serve(never_receives)
    port = server.connect()
    port.exchange(chunked(b"1\r\na\r\n"))
    assert port.exchange(b"X\r\n") == b""
    assert port.eof_sent
    assert server.reasons == [""]


@pytest.mark.parametrize("when", ["before", "within"])
def test_a_client_that_leaves(serve, when: str) -> None:
    server = serve(never_responds if when == "before" else echo)
    port = server.connect()
    port.exchange(post(b"abc", length=5))
    port.lose()
    server.run()
    (record,) = server.records
    assert record.status == (None if when == "before" else 200)
    assert (record.reason, record.received) == ("client-gone", 3)


def test_a_client_that_leaves_between_requests_is_nobodys_request(serve) -> None:
    server = serve(hello)
    for sent in (b"", b"GET / HT", GET):
        port = server.connect()
        port.exchange(sent)
        port.lose()
        server.run()
    assert server.reasons == [""]


def test_a_request_that_waits_behind_another_was_never_one(serve) -> None:
    app = Held()
    server = serve(app)
    port = server.connect()
    port.exchange(get(b"/0") + get(b"/1"))
    port.lose()
    server.run()
    assert [scope["path"] for scope in server.started] == ["/0"]
    assert server.reasons == ["client-gone"]


def test_durations_are_measured_to_the_end(serve) -> None:
    app = Held()
    server = serve(app)
    server.connect().exchange(GET)
    server.runtime.clock.advance(1.25)
    app.gates[0].open()
    server.run()
    assert server.records[0].duration == 1.25


class Raises(Observer):
    """Fails at everything."""

    def __init__(self, context) -> None:
        pass

    def request_started(self, scope) -> None:
        raise LookupError("start")

    def request_finished(self, record) -> None:
        raise LookupError("end")


def test_an_observer_that_fails_harms_no_request(serve, caplog: pytest.LogCaptureFixture) -> None:
    spec = ObserverSpec(name="raises", observer=Ref(f"{__name__}:Raises"))
    server = serve(hello, observers=compile_observers([spec], make_app_context()))
    for _ in range(3):
        assert server.ask().status == 200
    assert server.connect().exchange(b"BAD\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    told = [record.exc_info[1].args for record in caplog.records]
    assert told[0] == ("start",)
    assert len(set(told)) == len(told), "once"
