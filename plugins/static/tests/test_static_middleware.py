"""The layer `static`: files, and all that HTTP has to say about them."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nonecorn.spi import ConfigError, Headers, Scope
from nonecorn.testing import MemoryRuntime, make_app_context
from nonecorn.testing.apps import hello
from nonecorn.testing.asgi import Call, call, make_scope
from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.middleware import MiddlewareConformance
from nonecorn_static import StaticFiles
from nonecorn_static._middleware import check, static

LONG_AGO = 784111777
LARGE = bytes(range(251)) * 1000


class TestDescriptor(DescriptorConformance):
    module = "nonecorn_static.plugin"
    name = "static"


class TestConformance(MiddlewareConformance):
    middleware = staticmethod(static)
    options: ClassVar[dict[str, Any]] = {"directory": str(Path(__file__).parent)}


class TestConformanceAtTheRoot(TestConformance):
    options: ClassVar[dict[str, Any]] = {"directory": str(Path(__file__).parent), "prefix": "/"}


def write(path: Path, content: bytes, modified: float = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (modified, modified))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    write(root / "a.txt", b"0123456789")
    write(root / "large.bin", LARGE)
    write(root / "index.html", b"<p>root")
    write(root / "docs" / "index.html", b"<p>docs")
    write(root / "docs" / "a b.css", b"p{}")
    write(root / ".env", b"secret")
    write(root / ".well-known" / "security.txt", b"Contact: x")
    (root / "empty").mkdir()
    write(root / "empty.txt", b"")
    write(tmp_path / "outside.txt", b"outside")
    return root


def get(
    app: StaticFiles,
    path: str,
    *headers: tuple[bytes, bytes],
    method: str = "GET",
    runtime: MemoryRuntime | None = None,
    **more: Any,
) -> Call:
    return call(app, make_scope(path, method, list(headers), **more), runtime=runtime)


def fields(response: Call) -> dict[bytes, bytes]:
    found = dict(response.headers)
    assert len(found) == len(response.headers), "a field came twice"
    return found


def site(root: Path, **options: Any) -> StaticFiles:
    return StaticFiles(hello, directory=str(root), **{"prefix": "/", **options})


PASSED = b"Hello, world!"

posix = pytest.mark.skipif(
    os.name == "nt", reason="no pipes and no backslashes in names there, and links take a privilege"
)


# What is served -----------------------------------------------------------------------------------


def test_a_file_is_served_with_what_there_is_to_know(root: Path) -> None:
    response = get(site(root), "/a.txt")
    assert (response.status, response.content) == (200, b"0123456789")
    found = fields(response)
    assert re.fullmatch(rb'"[0-9a-f]+-a"', found.pop(b"etag"))
    assert found == {
        b"content-type": b"text/plain; charset=utf-8",
        b"content-length": b"10",
        b"last-modified": b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"accept-ranges": b"bytes",
        b"cache-control": b"no-cache",
        b"x-content-type-options": b"nosniff",
    }


def test_head_is_get_without_content(root: Path) -> None:
    for path in ("/a.txt", "/large.bin", "/empty.txt"):
        response = get(site(root), path, method="HEAD")
        assert (response.status, response.content) == (200, b"")
        assert response.headers == get(site(root), path).headers


@pytest.mark.parametrize(
    "path", ["/gone", "/a.txt/", "/a.txt/b", "/empty", "/empty/", "/docs/gone"]
)
def test_what_is_not_there_is_the_applications(root: Path, path: str) -> None:
    assert get(site(root), path).content == PASSED
    assert get(site(root, fallthrough=False), path).status == 404


@pytest.mark.parametrize(
    "path", ["/../outside.txt", "/docs/../a.txt", "/./a.txt", "//a.txt", "/docs//index.html",
             "/.env", "/a.txt\0", "/" + "a" * 5000, "/" + "a/" * 3000, "/\ufffd"],
)  # fmt: skip
def test_what_is_no_plain_name_is_not_there(root: Path, path: str) -> None:
    assert get(site(root), path).content == PASSED


def test_dotfiles_are_served_where_they_are_wanted(root: Path) -> None:
    assert get(site(root, dotfiles=True), "/.env").content == b"secret"
    assert get(site(root), "/.well-known/security.txt").status == 200


@posix
def test_links_that_lead_out_are_not_followed(root: Path) -> None:
    (root / "out.txt").symlink_to(root.parent / "outside.txt")
    (root / "up").symlink_to(root.parent)
    (root / "in.txt").symlink_to(root / "a.txt")
    (root / "loop").symlink_to(root / "loop")
    app = site(root)
    assert get(app, "/out.txt").content == PASSED
    assert get(app, "/up/outside.txt").content == PASSED
    assert get(app, "/loop").content == PASSED
    assert get(app, "/in.txt").content == b"0123456789"
    assert get(site(root, symlinks=True), "/out.txt").content == b"outside"


@posix
def test_a_directory_of_a_like_name_is_not_inside(root: Path) -> None:
    write(root.parent / "root2" / "x.txt", b"other")
    (root / "x.txt").symlink_to(root.parent / "root2" / "x.txt")
    assert get(site(root), "/x.txt").content == PASSED


@posix
def test_the_directory_may_be_a_link_itself(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert get(site(tmp_path / "link"), "/a.txt").status == 200


@posix
def test_pipes_are_not_files(root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert get(site(root), "/pipe").content == PASSED


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_forbidden(root: Path) -> None:
    (root / "a.txt").chmod(0)
    (root / "large.bin").chmod(0)
    assert get(site(root), "/a.txt").status == 403
    assert get(site(root), "/large.bin").status == 403


def test_only_paths_below_the_prefix_are_looked_at(root: Path) -> None:
    app = site(root, prefix="/static/")
    assert get(app, "/static/a.txt").content == b"0123456789"
    for path in ("/a.txt", "/statica.txt", "/static2/a.txt", "/"):
        assert get(app, path).content == PASSED
    assert get(app, "/shop/static/a.txt", root_path="/shop").content == b"0123456789"


def test_paths_can_be_left_to_the_application(root: Path) -> None:
    app = site(root, exclude=["/docs"])
    for path in ("/docs", "/docs/", "/docs/index.html"):
        assert get(app, path).content == PASSED
    assert get(app, "/a.txt").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused_where_there_is_a_file(root: Path, method: str) -> None:
    refused = get(site(root), "/a.txt", method=method)
    assert (refused.status, fields(refused)[b"allow"]) == (405, b"GET, HEAD")
    assert get(site(root), "/gone", method=method).content == PASSED


def test_a_directory_is_its_index_behind_a_slash(root: Path) -> None:
    app = site(root)
    assert get(app, "/").content == b"<p>root"
    assert get(app, "/docs/").content == b"<p>docs"
    assert fields(get(app, "/docs/"))[b"content-type"] == b"text/html; charset=utf-8"
    found = get(app, "/docs", query_string=b"a=b")
    assert (found.status, fields(found)[b"location"]) == (307, b"/docs/?a=b")
    mounted = get(site(root, prefix="/static"), "/shop/static", root_path="/shop")
    assert fields(mounted)[b"location"] == b"/shop/static/"
    # The mount itself; and below one that a proxy takes off.
    assert fields(get(site(root), "/shop", root_path="/shop"))[b"location"] == b"/shop/"
    assert fields(get(site(root), "/docs", root_path="/shop"))[b"location"] == b"/shop/docs/"


@posix
def test_a_redirect_stays_on_the_host(root: Path) -> None:
    write(root / "\\evil.example" / "index.html", b"")
    write(root / "é" / "index.html", b"")
    assert fields(get(site(root), "/\\evil.example"))[b"location"] == b"/%5Cevil.example/"
    assert fields(get(site(root), "/é"))[b"location"] == b"/%C3%A9/"
    assert get(site(root), "//evil.example").content == PASSED


def test_a_single_page_application_has_a_page_for_every_path(root: Path) -> None:
    app = site(root, fallback="index.html", exclude=["/api"])
    html = (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")
    assert get(app, "/orders/17", html).content == b"<p>root"
    assert get(app, "/orders/17", html, method="POST").content == PASSED
    assert get(app, "/orders/17", (b"accept", b"application/json")).content == PASSED
    assert get(app, "/api/orders", html).content == PASSED
    tag = fields(get(app, "/orders/17", html))[b"etag"]
    assert get(app, "/orders/18", html, (b"if-none-match", tag)).status == 304


def test_caching_is_as_it_is_set(root: Path) -> None:
    app = site(root, cache_control="max-age=60", immutable=["docs/*", "*.bin"])
    assert fields(get(app, "/a.txt"))[b"cache-control"] == b"max-age=60"
    for path in ("/docs/a b.css", "/large.bin"):
        expected = b"public, max-age=31536000, immutable"
        assert fields(get(app, path))[b"cache-control"] == expected
    assert b"cache-control" not in fields(get(site(root, cache_control=""), "/a.txt"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.js", b"text/javascript; charset=utf-8"),
        ("a.MJS", b"text/javascript; charset=utf-8"),
        ("a.json", b"application/json"),
        ("a.svg", b"image/svg+xml"),
        ("a.woff2", b"font/woff2"),
        ("a.wasm", b"application/wasm"),
        ("a.tar.gz", b"application/gzip"),
        ("a.unknown", b"application/octet-stream"),
        ("README", b"application/octet-stream"),
        ("a.glb", b"model/gltf-binary"),
    ],
)
def test_types_follow_from_names(root: Path, name: str, kind: bytes) -> None:
    write(root / name, b"x")
    response = get(site(root, types=[".glb=model/gltf-binary"]), f"/{name}")
    assert fields(response)[b"content-type"] == kind


# Conditions and ranges ----------------------------------------------------------------------------


def test_who_has_it_is_told_so(root: Path) -> None:
    app = site(root)
    tag = fields(get(app, "/a.txt"))[b"etag"]
    response = get(app, "/a.txt", (b"if-none-match", tag))
    assert (response.status, response.content) == (304, b"")
    assert fields(response) == {b"etag": tag, b"cache-control": b"no-cache"}
    assert get(app, "/a.txt", (b"if-match", b'"other"')).status == 412
    # Conditions come before ranges.
    both = get(app, "/a.txt", (b"if-none-match", tag), (b"range", b"bytes=0-1"))
    assert both.status == 304


def test_a_range_is_a_part(root: Path) -> None:
    response = get(site(root), "/a.txt", (b"range", b"bytes=2-4"))
    assert (response.status, response.content) == (206, b"234")
    found = fields(response)
    assert found[b"content-range"] == b"bytes 2-4/10"
    assert found[b"content-length"] == b"3"
    assert found[b"content-type"] == b"text/plain; charset=utf-8"
    large = get(site(root), "/large.bin", (b"range", b"bytes=-5"))
    assert (large.status, large.content) == (206, LARGE[-5:])


@pytest.mark.parametrize("path", ["/small.bin", "/large.bin"])
def test_ranges_are_parts_with_heads(root: Path, path: str) -> None:
    write(root / "small.bin", LARGE[:5000])
    content = (root / path[1:]).read_bytes()
    response = get(site(root), path, (b"range", b"bytes=10-19,100-109"))
    assert response.status == 206
    found = fields(response)
    kind, _, boundary = found[b"content-type"].partition(b"; boundary=")
    assert kind == b"multipart/byteranges"
    assert found[b"content-length"] == b"%d" % len(response.content)
    assert b"content-range" not in found
    size = len(content)
    assert response.content == b"".join(
        [
            b"--%b\r\ncontent-type: application/octet-stream\r\n" % boundary,
            b"content-range: bytes 10-19/%d\r\n\r\n%b" % (size, content[10:20]),
            b"\r\n--%b\r\ncontent-type: application/octet-stream\r\n" % boundary,
            b"content-range: bytes 100-109/%d\r\n\r\n%b" % (size, content[100:110]),
            b"\r\n--%b--\r\n" % boundary,
        ]
    )


def test_a_range_beyond_the_end_cannot_be_satisfied(root: Path) -> None:
    response = get(site(root), "/a.txt", (b"range", b"bytes=10-"))
    assert (response.status, response.content) == (416, b"")
    assert fields(response)[b"content-range"] == b"bytes */10"


def test_ranges_that_are_no_use_get_the_whole(root: Path) -> None:
    app = site(root)
    tag = fields(get(app, "/a.txt"))[b"etag"]
    for more in (
        [(b"range", b"lines=1-2")],
        [(b"range", b"bytes=" + b"0-0," * 100)],
        [(b"range", b"bytes=0-1"), (b"if-range", b'"other"')],
        [(b"range", b"bytes=0-1"), (b"if-range", b"W/" + tag)],
        [(b"range", b"bytes=0-1"), (b"range", b"bytes=2-3")],
    ):
        response = get(app, "/a.txt", *more)
        assert (response.status, response.content) == (200, b"0123456789")
    assert get(app, "/a.txt", (b"range", b"bytes=0-1"), (b"if-range", tag)).status == 206
    assert get(app, "/a.txt", (b"range", b"bytes=0-1"), method="HEAD").status == 200


def test_the_tag_of_a_file_that_has_just_changed_is_weak(root: Path) -> None:
    write(root / "a.txt", b"0123456789", time.time())
    runtime, app = MemoryRuntime(), site(root)
    assert fields(get(app, "/a.txt", runtime=runtime))[b"etag"].startswith(b"W/")


# Compressed forms ---------------------------------------------------------------------------------


def compressed(root: Path) -> Path:
    write(root / "app.js", b"j" * 1000)
    write(root / "app.js.gz", b"g" * 100)
    write(root / "app.js.br", b"b" * 50)
    return root


@pytest.mark.parametrize(
    ("accepted", "coding", "content"),
    [
        (b"gzip, br", b"br", b"b" * 50),
        (b"gzip", b"gzip", b"g" * 100),
        (b"br;q=0.5, gzip", b"gzip", b"g" * 100),
        (b"*", b"br", b"b" * 50),
        (b"zstd", b"", b"j" * 1000),
        (b"identity, gzip;q=0.5", b"", b"j" * 1000),
        (b"br;q=0, gzip;q=0", b"", b"j" * 1000),
        (b"", b"", b"j" * 1000),
    ],
)
def test_the_form_is_the_one_that_the_client_likes_best(
    root: Path, accepted: bytes, coding: bytes, content: bytes
) -> None:
    response = get(site(compressed(root)), "/app.js", (b"accept-encoding", accepted))
    assert response.content == content
    found = fields(response)
    assert found.get(b"content-encoding", b"") == coding
    assert found[b"content-type"] == b"text/javascript; charset=utf-8"
    assert found[b"vary"] == b"accept-encoding"


def test_forms_have_tags_and_ranges_of_their_own(root: Path) -> None:
    app = site(compressed(root))
    brotli, plain = (b"accept-encoding", b"br"), (b"accept-encoding", b"identity")
    tags = [fields(get(app, "/app.js", each))[b"etag"] for each in (brotli, plain)]
    assert tags[0] != tags[1]
    assert get(app, "/app.js", brotli, (b"if-none-match", tags[1])).status == 200
    same = get(app, "/app.js", brotli, (b"if-none-match", tags[0]))
    assert (same.status, fields(same)[b"vary"]) == (304, b"accept-encoding")
    part = get(app, "/app.js", brotli, (b"range", b"bytes=0-4"))
    assert (part.content, fields(part)[b"content-range"]) == (b"bbbbb", b"bytes 0-4/50")


def test_a_form_that_is_older_than_its_file_is_of_another(root: Path) -> None:
    compressed(root)
    write(root / "app.js", b"new", LONG_AGO + 1)
    response = get(site(root), "/app.js", (b"accept-encoding", b"br"))
    assert response.content == b"new"
    assert b"vary" not in fields(response)


def test_forms_can_be_left_out(root: Path) -> None:
    app = site(compressed(root), precompressed=False)
    assert get(app, "/app.js", (b"accept-encoding", b"br")).content == b"j" * 1000


# How it is sent -----------------------------------------------------------------------------------


def test_a_small_file_is_read_once(root: Path) -> None:
    runtime, app = MemoryRuntime(), site(root)
    for _ in range(3):
        assert get(app, "/a.txt", runtime=runtime).content == b"0123456789"
        assert get(app, "/gone", runtime=runtime).content == PASSED
    assert len(runtime.threads) == 2


def test_a_change_shows_after_a_while(root: Path) -> None:
    runtime, app = MemoryRuntime(), site(root, recheck="2s")
    before = get(app, "/a.txt", runtime=runtime)
    write(root / "a.txt", b"new", LONG_AGO + 5)
    write(root / "gone", b"here")
    get(app, "/gone2", runtime=runtime)
    assert get(app, "/a.txt", runtime=runtime).content == b"0123456789"
    runtime.advance(2.0)
    after = get(app, "/a.txt", runtime=runtime)
    assert after.content == b"new"
    assert fields(after)[b"etag"] != fields(before)[b"etag"]
    (root / "a.txt").unlink()
    runtime.advance(2.0)
    assert get(app, "/a.txt", runtime=runtime).content == PASSED


def test_without_a_while_a_change_shows_at_once(root: Path) -> None:
    app = site(root, recheck=0)
    assert get(app, "/a.txt").status == 200
    write(root / "a.txt", b"new", LONG_AGO + 5)
    assert get(app, "/a.txt").content == b"new"


def test_memory_is_bounded(root: Path) -> None:
    for number in range(20):
        write(root / f"{number}.txt", b"x" * 1000)
    app, runtime = site(root, memory=5500), MemoryRuntime()
    for number in range(20):
        assert get(app, f"/{number}.txt", runtime=runtime).content == b"x" * 1000
    assert repr(app).endswith("<Memory 5 names, 5000 bytes>>")
    without = site(root, memory=0)
    assert get(without, "/0.txt").content == b"x" * 1000
    assert repr(without).endswith("<Memory 0 names, 0 bytes>>")


def test_names_that_clients_invent_are_bounded(root: Path) -> None:
    app, runtime = site(root), MemoryRuntime()
    for number in range(5000):
        get(app, f"/{number}", runtime=runtime)
    assert repr(app).endswith("<Memory 4096 names, 0 bytes>>")


def test_long_names_that_clients_invent_are_not_remembered(root: Path) -> None:
    app, runtime = site(root), MemoryRuntime()
    for number in range(8):
        assert get(app, f"/{number}{'x' * 600}", runtime=runtime).content == PASSED
        assert get(app, f"/{number}{'/x' * 300}", runtime=runtime).content == PASSED
    assert repr(app).endswith("<Memory 0 names, 0 bytes>>")


def large(app: StaticFiles, extensions: dict[str, Any], *headers: tuple[bytes, bytes]) -> Call:
    scope: Scope = make_scope("/large.bin", headers=list(headers), extensions=extensions)
    return call(app, scope)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts in /proc")


@needs_proc
def test_large_files_are_sent_by_the_server_where_it_can(root: Path) -> None:
    before = descriptors()
    response = large(site(root), {"http.response.zerocopysend": {}, "http.response.pathsend": {}})
    message = response.sent[1]
    assert message["type"] == "http.response.zerocopysend"
    assert (message["offset"], message["count"], message["more_body"]) == (0, len(LARGE), False)
    assert descriptors() == before


@needs_proc
def test_or_by_their_path_or_in_pieces(root: Path) -> None:
    before = descriptors()
    by_path = large(site(root), {"http.response.pathsend": {}})
    assert by_path.sent[1] == {
        "type": "http.response.pathsend",
        "path": os.path.realpath(root / "large.bin"),
    }
    part = large(site(root), {"http.response.pathsend": {}}, (b"range", b"bytes=1-2"))
    assert part.content == LARGE[1:3]
    pieces = large(site(root), {})
    assert pieces.content == LARGE
    assert len(pieces.sent) == 3
    assert descriptors() == before


@needs_proc
def test_a_large_file_that_was_replaced_is_sent_as_what_it_is_now(root: Path) -> None:
    before = descriptors()
    runtime, app = MemoryRuntime(), site(root)
    old = fields(get(app, "/large.bin", runtime=runtime))
    write(root / "new", LARGE[:100_000], LONG_AGO + 5)
    (root / "new").replace(root / "large.bin")
    response = get(app, "/large.bin", runtime=runtime)
    assert (response.status, len(response.content)) == (200, 100_000)
    assert fields(response)[b"etag"] != old[b"etag"]
    (root / "large.bin").unlink()
    assert get(app, "/large.bin", runtime=runtime).content == PASSED
    assert descriptors() == before


# Options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"directory": ""}, "give directory"),
        ({"directory": "no/such/place"}, "'no/such/place' does not exist"),
        ({"directory": __file__}, "is no directory"),
        ({"prefix": "static"}, "is no path"),
        ({"exclude": "api"}, "is no path"),
        ({"index": ["../index.html"]}, "is no name of a file"),
        ({"fallback": "gone.html"}, "is no file in"),
        ({"cache_control": "a\r\nb: c"}, "cannot be in a field"),
        ({"types": ["glb=a/b"]}, "write .suffix=type/subtype"),
        ({"recheck": "soon"}, "is no duration"),
        ({"path": "x"}, "unknown option 'path'"),
    ],
)
def test_a_bad_option_is_one_line(root: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        check({"directory": str(root), **options}, make_app_context())
    [line] = str(caught.value).splitlines()
    assert line.startswith("middleware static: ")


def test_headers_are_not_shared_between_responses(root: Path) -> None:
    runtime, app = MemoryRuntime(), site(root)
    for status in (200, 304):
        more: Headers = [] if status == 200 else [(b"if-none-match", b"*")]
        first = get(app, "/a.txt", *more, runtime=runtime)
        first.sent[0]["headers"].append((b"x", b"y"))
        assert b"x" not in fields(get(app, "/a.txt", *more, runtime=runtime))
