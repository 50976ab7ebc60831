"""The layer `compress`: which responses, how, and what their fields say then."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nonecorn.spi import ASGIApp, ConfigError, Headers, Message, Receive, Scope, Send
from nonecorn.testing import Gate, MemoryRuntime, make_app_context
from nonecorn.testing.apps import hello
from nonecorn.testing.asgi import Call, call, make_scope
from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.middleware import MiddlewareConformance
from nonecorn_compress import Compress
from nonecorn_compress._middleware import check, compress

brotli = pytest.importorskip("brotli")
zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

TEXT = b"the quick brown fox jumps over the lazy dog; " * 100

DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
}
every_coding = pytest.mark.parametrize("coding", DECODERS)


class TestDescriptor(DescriptorConformance):
    module = "nonecorn_compress.plugin"
    name = "compress"


class TestConformance(MiddlewareConformance):
    middleware = staticmethod(compress)
    options: ClassVar[dict[str, Any]] = {"minimum_size": 0}
    scope: ClassVar[Scope] = {"headers": [(b"host", b"test"), (b"accept-encoding", b"gzip")]}


def head(kind: bytes) -> Message:
    """The start of a response."""
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]}


def answering(
    *pieces: bytes,
    kind: bytes = b"text/plain",
    status: int = 200,
    headers: Headers | None = None,
    **start: Any,
) -> ASGIApp:
    """An application that sends these pieces."""
    fields = [(b"content-type", kind), *(headers or [])]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": fields, **start})
        for index, piece in enumerate(pieces):
            more = index + 1 < len(pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": more})

    return app


def accepting(coding: str = "gzip", method: str = "GET", **more: Any) -> Scope:
    headers = [(b"host", b"test"), (b"accept-encoding", coding.encode()), *more.pop("headers", [])]
    return make_scope(method=method, headers=headers, **more)


def fields(response: Call) -> dict[bytes, bytes]:
    found = dict(response.headers)
    assert len(found) == len(response.headers), "a field came twice"
    return found


# Bodies -------------------------------------------------------------------------------------------


@every_coding
def test_a_whole_body_is_compressed_and_has_its_length(coding: str) -> None:
    response = call(Compress(answering(TEXT)), accepting(coding))
    assert DECODERS[coding](response.content) == TEXT
    assert len(response.content) < len(TEXT) / 5
    assert fields(response) == {
        b"content-type": b"text/plain",
        b"content-encoding": coding.encode(),
        b"content-length": b"%d" % len(response.content),
        b"vary": b"accept-encoding",
    }


@every_coding
def test_a_body_in_pieces_is_compressed_as_one(coding: str) -> None:
    length = [(b"content-length", b"%d" % (3 * len(TEXT)))]
    app = Compress(answering(TEXT, b"", TEXT, TEXT, b"", headers=length))
    response = call(app, accepting(coding))
    assert DECODERS[coding](response.content) == TEXT * 3
    assert b"content-length" not in fields(response)


@every_coding
def test_each_piece_can_be_read_when_it_was_sent(coding: str) -> None:
    gate = Gate()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await gate.wait()
        await send({"type": "http.response.body", "body": b"data: 2\n\n"})

    stream = Call(Compress(app, types=["text/event-stream"]), accepting(coding)).body()
    decoders: dict[str, Callable[[bytes], bytes]] = {
        "gzip": zlib.decompressobj(31).decompress,
        "br": brotli.Decompressor().process,
        "zstd": zstd.ZstdDecompressor().decompress,
    }
    decode = decoders[coding]
    first = stream.content
    assert decode(first) == b"data: 1\n\n"
    gate.open()
    assert decode(stream.step().content[len(first) :]) == b"data: 2\n\n"


@every_coding
def test_a_large_body_leaves_in_slices_from_threads(coding: str) -> None:
    runtime = MemoryRuntime()
    data = os.urandom(1000) * 1000
    response = call(Compress(answering(data)), accepting(coding), runtime=runtime)
    assert DECODERS[coding](response.content) == data
    bodies = [each for each in response.sent if each["type"] == "http.response.body"]
    assert len(bodies) == 4
    assert len(runtime.threads) == 4


def test_small_bodies_stay_on_the_loop() -> None:
    runtime = MemoryRuntime()
    call(Compress(answering(TEXT)), accepting(), runtime=runtime)
    assert not runtime.threads


@pytest.mark.parametrize(
    "data", [b"short", b"", os.urandom(2000)], ids=["short", "empty", "random"]
)
def test_what_becomes_no_smaller_stays_as_it_is(data: bytes) -> None:
    response = call(Compress(answering(data)), accepting())
    assert response.content == data
    assert fields(response) == {b"content-type": b"text/plain", b"vary": b"accept-encoding"}


def test_the_client_slows_the_application() -> None:
    # Each piece is awaited before the application goes on.
    sent, gate, released = [], Gate(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(b"text/plain"))
        for _ in range(3):
            await send({"type": "http.response.body", "body": TEXT, "more_body": True})
            released.append(1)

    async def server(scope: Scope, receive: Receive, send: Send) -> None:
        async def slow(message: Message) -> None:
            sent.append(message)
            if len(sent) == 2:
                await gate.wait()

        await Compress(app)(scope, receive, slow)

    under_way = Call(server, accepting()).body()
    assert (len(sent), len(released)) == (2, 0)
    gate.open()
    under_way.step()
    assert len(released) == 3


# What is left alone -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [b"image/png", b"text/event-stream", b"font/woff2", b"video/mp4", b"application/zip", b""],
)
def test_types_that_gain_nothing_stay_as_they_are(kind: bytes) -> None:
    response = call(Compress(answering(TEXT, kind=kind)), accepting())
    assert response.content == TEXT
    assert fields(response) == {b"content-type": kind}


@pytest.mark.parametrize(
    "kind",
    [b"text/html; charset=utf-8", b"TEXT/CSS", b"application/problem+json", b"image/svg+xml"],
)
def test_types_that_gain_are_compressed(kind: bytes) -> None:
    assert b"content-encoding" in fields(call(Compress(answering(TEXT, kind=kind)), accepting()))


@pytest.mark.parametrize(
    ("status", "header"),
    [
        (200, (b"content-encoding", b"br")),
        (200, (b"cache-control", b"public, No-Transform")),
        (206, (b"content-range", b"bytes 0-99/200")),
        (200, (b"Content-Range", b"bytes 0-99/200")),
        (204, (b"x-a", b"b")),
        (200, (b"content-length", b"100")),
    ],
)
def test_responses_that_must_not_be_are_not_compressed(
    status: int, header: tuple[bytes, bytes]
) -> None:
    app = Compress(answering(TEXT, status=status, headers=[header]))
    response = call(app, accepting())
    assert response.content == TEXT
    assert response.headers == [(b"content-type", b"text/plain"), header]


def test_a_client_that_asks_for_nothing_gets_it_as_it_is_and_caches_hear_of_it() -> None:
    app = Compress(answering(TEXT, headers=[(b"etag", b'"a"')]))
    for scope in (make_scope(), accepting("identity"), accepting("gzip;q=0"), accepting("@")):
        response = call(app, scope)
        assert response.content == TEXT
        assert fields(response)[b"vary"] == b"accept-encoding"
        assert fields(response)[b"etag"] == b'"a"'


# Fields -------------------------------------------------------------------------------------------


def test_validators_become_weak_and_what_is_wrong_now_goes() -> None:
    headers = [
        (b"ETag", b'"a"'),
        (b"Content-Length", b"%d" % len(TEXT)),
        (b"accept-ranges", b"bytes"),
        (b"content-digest", b"sha-256=:AAAA:"),
        (b"vary", b"cookie"),
        (b"last-modified", b"Sun, 06 Nov 1994 08:49:37 GMT"),
    ]
    found = call(Compress(answering(TEXT, headers=headers)), accepting()).headers
    names = [name.lower() for name, _ in found]
    assert (b"ETag", b'W/"a"') in found
    assert not {b"accept-ranges", b"content-digest"} & set(names)
    assert names.count(b"content-length") == 1
    assert [value for name, value in found if name == b"vary"] == [b"cookie", b"accept-encoding"]
    assert b"last-modified" in names


@pytest.mark.parametrize("vary", [b"*", b"Accept-Encoding", b"cookie, accept-encoding"])
def test_a_vary_that_says_so_already_is_enough(vary: bytes) -> None:
    found = call(Compress(answering(TEXT, headers=[(b"vary", vary)])), accepting()).headers
    assert [value for name, value in found if name == b"vary"] == [vary]


def test_head_says_what_get_would() -> None:
    headers = [(b"content-length", b"%d" % len(TEXT)), (b"etag", b'"a"')]
    get = fields(call(Compress(answering(TEXT, headers=headers)), accepting()))
    response = call(Compress(answering(b"", headers=headers)), accepting(method="HEAD"))
    assert response.content == b""
    del get[b"content-length"]  # not known without compressing
    assert fields(response) == get


def test_a_304_has_the_validator_that_the_client_knows() -> None:
    app = Compress(answering(b"", status=304, headers=[(b"etag", b'"a"')]))
    response = call(app, accepting(headers=[(b"if-none-match", b'W/"a"')]))
    assert fields(response)[b"etag"] == b'W/"a"'
    assert fields(response)[b"vary"] == b"accept-encoding"
    plain = call(app, accepting(headers=[(b"if-none-match", b'"a"')]))
    assert fields(plain)[b"etag"] == b'"a"'


def test_trailers_and_hints_pass() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.early_hint", "links": [b"</a>"]})
        await answering(TEXT, trailers=True)(scope, receive, send)
        await send({"type": "http.response.trailers", "headers": [(b"x", b"y")]})

    response = call(Compress(app), accepting())
    assert [each["type"].rpartition(".")[2] for each in response.sent] == [
        "early_hint", "start", "body", "trailers",
    ]  # fmt: skip
    assert response.sent[1]["trailers"] is True
    assert gzip.decompress(response.content) == TEXT


def test_an_application_that_starts_anew_is_heard() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(b"text/html"))
        await answering(b"no", status=500)(scope, receive, send)

    response = call(Compress(app), accepting())
    assert (response.status, response.content) == (500, b"no")


def test_a_start_without_a_body_is_the_servers_to_judge() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(b"text/html"))

    assert call(Compress(app), accepting()).status == 200


# Files --------------------------------------------------------------------------------------------


def sending(*messages: Message, kind: bytes = b"text/plain") -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(kind))
        for message in messages:
            await send(message)

    return app


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.txt"
    path.write_bytes(TEXT * 100)
    return path


@every_coding
def test_a_path_is_read_and_compressed(file: Path, coding: str) -> None:
    app = Compress(sending({"type": "http.response.pathsend", "path": str(file)}))
    response = call(app, accepting(coding))
    assert DECODERS[coding](response.content) == TEXT * 100
    assert b"content-length" not in fields(response)


@every_coding
def test_parts_of_open_files_are_read_and_compressed(file: Path, coding: str) -> None:
    with file.open("rb") as opened:
        opened.seek(10)
        app = Compress(
            sending(
                {
                    "type": "http.response.zerocopysend",
                    "file": opened,
                    "count": 300_000,
                    "more_body": True,
                },
                {"type": "http.response.body", "body": b"between", "more_body": True},
                {
                    "type": "http.response.zerocopysend",
                    "file": opened.fileno(),
                    "offset": 0,
                    "count": 5,
                },
            )
        )
        response = call(app, accepting(coding))
        assert opened.tell() == 300_010
    expected = (TEXT * 100)[10:300_010] + b"between" + TEXT[:5]
    assert DECODERS[coding](response.content) == expected


def test_files_of_other_types_pass_untouched(file: Path) -> None:
    message = {"type": "http.response.pathsend", "path": str(file)}
    response = call(Compress(sending(message, kind=b"image/png")), accepting())
    assert response.sent[1] == message


def test_small_files_pass(tmp_path: Path) -> None:
    path = tmp_path / "small.txt"
    path.write_bytes(b"small")
    message = {"type": "http.response.pathsend", "path": str(path)}
    response = call(Compress(sending(message)), accepting())
    assert response.sent[1] == message
    assert fields(response)[b"vary"] == b"accept-encoding"


@pytest.mark.parametrize("kind", ["pathsend", "zerocopysend"])
def test_head_of_a_file_reads_none_of_it(file: Path, kind: str) -> None:
    with file.open("rb") as opened:
        message = {"type": f"http.response.{kind}", "path": str(file), "file": opened}
        response = call(Compress(sending(message)), accepting(method="HEAD"))
    assert response.content == b""
    assert response.sent[-1]["type"] == "http.response.body"


def test_a_missing_file_leaves_the_application_its_answer(tmp_path: Path) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await sending({"type": "http.response.pathsend", "path": str(tmp_path / "gone")})(
                scope, receive, send
            )
        except FileNotFoundError:
            await answering(b"gone", status=404)(scope, receive, send)

    response = call(Compress(app), accepting())
    assert (response.status, response.content) == (404, b"gone")


def test_an_empty_part_of_a_file_ends_the_body(file: Path) -> None:
    with file.open("rb") as opened:
        part = {"type": "http.response.zerocopysend", "file": opened, "offset": 0, "count": 0}
        app = Compress(
            sending({"type": "http.response.body", "body": TEXT, "more_body": True}, part)
        )
        response = call(app, accepting())
    assert gzip.decompress(response.content) == TEXT


# Options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codings": ["deflate"]}, "none of zstd, br, gzip"),
        ({"types": ["html"]}, "is no type"),
        ({"minimum_size": "1KB"}, "is no size"),
        ({"gzip_level": 10}, "at most 9"),
        ({"brotli_quality": -1}, "too small"),
        ({"level": 3}, "unknown option 'level'"),
    ],
)
def test_a_bad_option_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check(options, make_app_context())
    [line] = str(caught.value).splitlines()
    assert line.startswith("middleware compress: ")


def test_a_missing_library_is_one_line_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("brotli", "brotlicffi", "backports.zstd", "compression.zstd"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    for coding, extra in (("br", "brotli"), ("zstd", "zstd")):
        with pytest.raises(ConfigError, match=rf"nonecorn-compress\[{extra}\]") as caught:
            check({"codings": [coding]}, make_app_context())
        assert len(str(caught.value).splitlines()) == 1
    assert repr(Compress(hello)) == "<Compress gzip over 1024 bytes>"


def test_the_order_of_codings_decides_between_equals() -> None:
    for order, chosen in ((["gzip", "br"], b"gzip"), (["br", "gzip"], b"br"), ([], b"zstd")):
        app = Compress(answering(TEXT), codings=order)
        response = call(app, accepting("gzip, br, zstd"))
        assert fields(response)[b"content-encoding"] == chosen
