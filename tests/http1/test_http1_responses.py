"""What applications send, and what of it may reach the wire; both engines, in memory."""

from __future__ import annotations

import logging

import pytest

from nonecorn.spi import ASGIApp, Receive, Scope, Send
from nonecorn.testing import MemoryPort, MemoryRuntime, RawResponse, make_context, read_responses
from nonecorn.testing.apps import Chunks, EarlyHints, Trailers, crash_after_start, hello
from nonecorn_http1._settings import Http1Settings
from tests.http1.test_http1_table import ENGINES

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(params=ENGINES)
def connect(request: pytest.FixtureRequest):
    factory = ENGINES[request.param].load()

    def connect(app: ASGIApp, **options) -> MemoryPort:
        runtime = MemoryRuntime()
        context = make_context(app, runtime, settings=[Http1Settings()], **options)
        return runtime.connect(lambda port: factory(context, port))

    return connect


def answer(port: MemoryPort, request: bytes = GET, method: str = "GET") -> RawResponse:
    data = port.exchange(request)
    (response,) = read_responses(data, [method], closed=port.eof_sent or port.closed)
    return response


def sends(*messages) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(dict(message))

    return app


def start(*headers: tuple[bytes, bytes], status: int = 200, **more):
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(data: bytes = b"", **more):
    return {"type": "http.response.body", "body": data, **more}


BAD_FIELDS = {
    "CRLF in a value": (b"location", b"/\r\nset-cookie: a=b"),  # CVE-2020-7695
    "LF in a value": (b"x", b"a\nb: c"),
    "CR in a value": (b"x", b"a\rb"),
    "NUL in a value": (b"x", b"a\0b"),
    "CRLF in a name": (b"x\r\ny", b"a"),
    "a space in a name": (b"x y", b"a"),  # CVE-2026-42545
    "a colon in a name": (b"x:y", b"a"),
    "an empty name": (b"", b"a"),
    "a pseudo-header": (b":status", b"200"),
    "obs-text in a name": (b"x\xe9", b"a"),
    "a control byte in a value": (b"x", b"a\x0bb"),
    "a bad length": (b"content-length", b"5, 5"),
    "a negative length": (b"content-length", b"-1"),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_a_bad_field_of_the_application_never_reaches_the_wire(connect, name: str) -> None:
    response = answer(connect(sends(start((b"x-good", b"1"), BAD_FIELDS[name]), body(b"ok"))))
    assert response.status == 500
    assert not response.values(b"x-good")
    assert not response.values(b"set-cookie")


def test_two_lengths_of_the_application_never_reach_the_wire(connect) -> None:
    response = answer(
        connect(sends(start((b"content-length", b"2"), (b"content-length", b"2")), body(b"ok")))
    )
    assert response.status == 500 or response.values(b"content-length") == [b"2"]


def test_a_bad_link_of_early_hints_never_reaches_the_wire(
    connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "nonecorn.error")
    port = connect(EarlyHints([b"</a>\r\nx: y"]))
    assert b"x: y" not in port.exchange(GET)


def test_a_body_of_one_message_has_a_length(connect) -> None:
    response = answer(connect(sends(start(), body(b"hello"))))
    assert response.values(b"content-length") == [b"5"]
    assert response.body == b"hello"


def test_a_body_of_many_messages_is_chunked(connect) -> None:
    response = answer(connect(Chunks([b"a", b"", b"bc"])))
    assert response.values(b"transfer-encoding") == [b"chunked"]
    assert response.body == b"abc"


def test_a_body_of_many_messages_may_have_a_length(connect) -> None:
    response = answer(connect(Chunks([b"a", b"bc"], [(b"content-length", b"3")])))
    assert response.values(b"transfer-encoding") == []
    assert response.body == b"abc"


def test_to_http_1_0_a_body_without_length_ends_with_the_connection(connect) -> None:
    port = connect(Chunks([b"a", b"bc"]))
    response = answer(port, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (response.delimited, response.body) == (False, b"abc")
    assert port.eof_sent or port.closed


@pytest.mark.parametrize("status", [204, 304])
def test_some_responses_have_no_body(connect, status: int) -> None:
    port = connect(sends(start(status=status), body(b"ignored")))
    response = answer(port)
    assert (response.status, response.body) == (status, b"")
    assert not response.values(b"transfer-encoding")


def test_head_has_the_head_of_get(connect) -> None:
    port = connect(sends(start((b"content-length", b"5")), body(b"hello")))
    response = answer(port, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD")
    assert (response.values(b"content-length"), response.body) == ([b"5"], b"")


@pytest.mark.parametrize(
    "field",
    [
        (b"transfer-encoding", b"chunked"),
        (b"transfer-encoding", b"gzip"),
        (b"connection", b"keep-alive"),
        (b"keep-alive", b"timeout=5"),
        (b"upgrade", b"foo"),
    ],
)
def test_framing_fields_of_the_application_are_ours(connect, field: tuple[bytes, bytes]) -> None:
    response = answer(connect(sends(start(field), body(b"hello"))))
    assert (response.status, response.body) == (200, b"hello")
    assert field not in response.headers


def test_connection_close_of_the_application_closes(connect) -> None:
    port = connect(sends(start((b"connection", b"close")), body(b"hello")))
    assert answer(port).values(b"connection") == [b"close"]
    assert port.eof_sent or port.closed


def test_a_body_longer_than_its_length_never_reaches_the_wire(connect) -> None:
    port = connect(sends(start((b"content-length", b"2")), body(b"hello")))
    assert answer(port).status == 500


def test_a_body_that_grows_beyond_its_length_ends_the_connection(connect) -> None:
    port = connect(Chunks([b"ab", b"cdef"], [(b"content-length", b"3")]))
    assert b"cdef" not in port.exchange(GET)
    assert port.closed


def test_a_body_shorter_than_its_length_ends_the_connection(connect) -> None:
    port = connect(Chunks([b"ab"], [(b"content-length", b"3")]))
    port.exchange(GET)
    assert port.closed


def test_a_response_that_breaks_off_has_no_last_chunk(connect) -> None:
    port = connect(crash_after_start)
    data = port.exchange(GET)
    assert b"half" in data
    assert not data.endswith(b"0\r\n\r\n")
    assert port.closed


def test_early_hints_come_before_the_response(connect) -> None:
    port = connect(EarlyHints([b"</a>; rel=preload", b"</b>"], [b"</c>"]))
    data = port.exchange(GET)
    assert data.count(b"HTTP/1.1 103 ") == 2
    assert data.index(b"</b>") < data.index(b"</c>") < data.index(b"HTTP/1.1 200")
    (response,) = read_responses(data, closed=False)
    assert (response.interim, response.body) == ((103, 103), b"hinted")


def test_early_hints_are_not_for_http_1_0(connect) -> None:
    response = answer(connect(EarlyHints()), b"GET / HTTP/1.0\r\n\r\n")
    assert (response.interim, response.status) == ((), 200)


def test_trailers_go_to_who_takes_them(connect) -> None:
    app = Trailers((b"x-a", b"1"), (b"x-b", b"2"))
    port = connect(app)
    with_te = b"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n"
    assert answer(port, with_te).trailers == [(b"x-a", b"1"), (b"x-b", b"2")]
    without = answer(port)
    assert (without.trailers, without.body) == ([], b"body")


def test_the_date_is_sent_unless_switched_off_or_the_applications(connect) -> None:
    port = connect(hello, date_header=True)
    assert answer(port).values(b"date") == [b"Sun, 06 Nov 1994 08:49:37 GMT"]
    own = connect(sends(start((b"date", b"mine")), body()), date_header=True)
    assert answer(own).values(b"date") == [b"mine"]
    assert answer(connect(hello, date_header=False)).values(b"date") == []


def test_configured_fields_are_added_unless_the_applications(connect) -> None:
    fields = ((b"server", b"nonecorn"),)
    assert answer(connect(hello, headers=fields)).values(b"server") == [b"nonecorn"]
    own = connect(sends(start((b"server", b"mine")), body()), headers=fields)
    assert answer(own).values(b"server") == [b"mine"]


def test_head_and_first_body_leave_in_one_write(connect) -> None:
    port = connect(sends(start(), body(b"hello")))
    writes: list[bytes] = []
    write = port.write

    def keep(data: bytes) -> None:
        writes.append(bytes(data))
        write(data)

    port.write = keep
    port.protocol._write = keep
    port.exchange(GET)
    assert len(writes) == 1
