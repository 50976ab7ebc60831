"""Request lines: method, target, version (RFC 9112 section 3)."""

# ruff: noqa: E501  # a table is read along its rows

from __future__ import annotations

from tests.http1.cases.case import Seen, get, refused, served

METHODS = [
    *(
        served(f"method {method} is served", get(method=method.encode()), Seen(method=method, path="/"), ref="RFC 9110 9")
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY")
    ),
    served(
        "an extension method is passed on as it is",
        get(method=b"PURGE-All"), Seen(method="PURGE-All"), ref="RFC 9110 9.1 and 16.1.1",
    ),
    served("every token character may stand in a method", get(method=b"M!#$%&'*+-.^_`|~9"),
           Seen(method="M!#$%&'*+-.^_`|~9"), ref="RFC 9110 5.6.2"),
    served("HEAD is answered without a body", get(method=b"HEAD"), Seen(method="HEAD"),
           methods=("HEAD",), ref="RFC 9110 9.3.2"),
    refused("lower-case get is not GET", get(method=b"get"), 501, ref="RFC 9110 9.1; hypercorn 3.10"),
    refused("mixed-case Post is not POST", get(method=b"Post"), 501, ref="RFC 9110 9.1"),
    refused("CONNECT is not implemented", b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 501,
            ref="RFC 9110 9.3.6; D13"),
    refused("CONNECT with a path is refused", get(method=b"CONNECT"), 400, 501, ref="RFC 9112 3.2.3"),
    refused("a method with a separator is refused", get(method=b"GE(T"), ref="RFC 9110 5.6.2"),
    refused("a method with a control byte is refused", get(method=b"GE\x01T"), ref="RFC 9110 5.6.2"),
    refused("a method with obs-text is refused", get(method=b"G\xc9T"), ref="RFC 9110 5.6.2"),
    refused("an empty method is refused", get(method=b""), ref="RFC 9112 3"),
    refused("a method without an end is refused", get(method=b"A" * 300), 400, 501, ref="RFC 9112 3"),
]  # fmt: skip

VERSIONS = [
    served("HTTP/1.0 needs no Host", b"GET / HTTP/1.0\r\n\r\n", Seen(version="1.0", headers=()), closed=True,
           ref="RFC 9112 3.2"),
    served("HTTP/1.1 is reported as 1.1", get(), Seen(version="1.1"), ref="ASGI HTTP scope"),
    *(
        refused(f"{version.decode()} is a version nobody defined", get(version=version), 505, ref="RFC 9110 15.6.6; D13")
        for version in (b"HTTP/1.2", b"HTTP/1.9")
    ),
    *(
        refused(f"version {version.decode()!r} is refused", get(version=version), ref="RFC 9112 2.3; D13")
        for version in (
            b"HTTP/2.0", b"HTTP/3.0", b"HTTP/0.9", b"HTTP/9.9", b"HTTP/1.10", b"HTTP/11", b"HTTP/1", b"HTTP/1.",
            b"HTTP/.1", b"HTTP/1,1", b"http/1.1", b"Http/1.1", b"HTTP /1.1", b"HTTP/1.1x", b"HTTP/ 1.1",
            b"HTTP/+1.1", b"ICY/1.1", b"HTTPS/1.1", b"HTTP/1.1\t", b"HTTP/1.1 ", b"",
        )
    ),
    refused("a line of HTTP/0.9 is refused", b"GET /\r\n\r\n", ref="RFC 9112 2.3"),
    refused("the preface of HTTP/2 is refused where nobody serves HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505,
            ref="RFC 9113 3.4"),
    refused("a TLS ClientHello is refused", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", ref="RFC 8446 5.1"),
]  # fmt: skip

LINES = [
    served("an empty line before a request is ignored", b"\r\n" + get(), Seen(path="/"), ref="RFC 9112 2.2"),
    served("two empty lines before a request are ignored", b"\r\n\r\n" + get(), Seen(path="/"), ref="RFC 9112 2.2"),
    served("an empty line between requests is ignored", get(target=b"/1") + b"\r\n" + get(target=b"/2"),
           Seen(path="/1"), Seen(path="/2"), ref="RFC 9112 2.2"),
    refused("empty lines without end are refused", b"\r\n" * 20 + get(), ref="RFC 9112 2.2"),
    refused("a bare LF before a request is refused", b"\n" + get(), ref="RFC 9112 2.2"),
    refused("a bare CR before a request is refused", b"\r" + get(), ref="RFC 9112 2.2"),
    refused("a space before a request line is refused", b" " + get(), ref="RFC 9112 3"),
    refused("two spaces after the method are refused", get(target=b" /"), ref="RFC 9112 3"),
    refused("two spaces before the version are refused", get(target=b"/ "), ref="RFC 9112 3"),
    refused("a tab between method and target is refused", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", ref="RFC 9112 3"),
    refused("a request line that ends in LF is refused", b"GET / HTTP/1.1\nHost: a\r\n\r\n", ref="RFC 9112 2.2; performance 2.3"),
    refused("a head that ends in LF alone is refused", b"GET / HTTP/1.1\nHost: a\n\n", ref="RFC 9112 2.2; CVE-2019-16785"),
    refused("a CR within the request line is refused", b"GET /\rx HTTP/1.1\r\nHost: a\r\n\r\n", ref="RFC 9112 2.2"),
    refused("a NUL in the request line is refused", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", ref="RFC 9110 5.5"),
    refused("garbage is refused", b"\x00\x01\x02\x03garbage\r\n\r\n", ref="RFC 9112 2.2"),
    refused("a response is no request", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ref="RFC 9112 2.1"),
]  # fmt: skip

TARGETS = [
    served("path and query are parted at the first question mark", get(target=b"/a/b?c=d?e"),
           Seen(path="/a/b", raw_path=b"/a/b", query=b"c=d?e"), ref="RFC 3986 3.4"),
    served("an empty query is empty", get(target=b"/a?"), Seen(path="/a", raw_path=b"/a", query=b""), ref="RFC 3986 3.4"),
    served("escapes are decoded in path and kept in raw_path", get(target=b"/a%2Fb%20c?x=%2F"),
           Seen(path="/a/b c", raw_path=b"/a%2Fb%20c", query=b"x=%2F"), ref="ASGI HTTP scope"),
    served("escaped UTF-8 is decoded", get(target=b"/%C3%A9"), Seen(path="/\xe9", raw_path=b"/%C3%A9"), ref="ASGI HTTP scope"),
    served("escapes that are not UTF-8 do no harm", get(target=b"/%ff"), Seen(raw_path=b"/%ff"), ref="hypercorn 3.10"),
    served("a percent sign that escapes nothing stays", get(target=b"/%zz"), Seen(path="/%zz", raw_path=b"/%zz"), ref="RFC 3986 2.4"),
    served("escaped controls reach the application decoded", get(target=b"/%0a%1b%5b31m"),
           Seen(path="/\n\x1b[31m", raw_path=b"/%0a%1b%5b31m"), ref="CVE-2020-7694; D5"),
    served("dot segments are the application's business", get(target=b"/a/../b/./c"), Seen(path="/a/../b/./c"), ref="RFC 3986 6.2.2.3"),
    served("two slashes begin a path, not an authority", get(target=b"//evil.example/x"),
           Seen(path="//evil.example/x", has=((b"host", b"a"),)), ref="RFC 9112 3.2.1"),
    served("a path may hold a colon and an at sign", get(target=b"/a:b@c;d=e,f"), Seen(path="/a:b@c;d=e,f"), ref="RFC 3986 3.3"),
    served("absolute-form is taken apart, its authority is the host",
           get(b"Host: other", target=b"http://example.com:8080/p?q=1"),
           Seen(path="/p", raw_path=b"/p", query=b"q=1", headers=((b"host", b"example.com:8080"),)),
           ref="RFC 9112 3.2.2; D13"),
    served("absolute-form without a path means the root", get(target=b"http://example.com"),
           Seen(path="/", raw_path=b"/", query=b"", has=((b"host", b"example.com"),)), ref="RFC 9112 3.2.2"),
    served("absolute-form without a path may have a query", get(target=b"http://example.com?q"),
           Seen(path="/", raw_path=b"/", query=b"q"), ref="RFC 9112 3.2.2"),
    served("a scheme is compared without case", get(target=b"HTTP://example.com/"), Seen(path="/"), ref="RFC 9110 4.2.3"),
    served("absolute-form works in HTTP/1.0", b"GET http://example.com/p HTTP/1.0\r\n\r\n",
           Seen(path="/p", version="1.0", headers=((b"host", b"example.com"),)), closed=True, ref="RFC 9112 3.2.2"),
    refused("absolute-form without Host is refused in HTTP/1.1", b"GET http://example.com/ HTTP/1.1\r\n\r\n", ref="RFC 9112 3.2"),
    refused("absolute-form does not excuse a bad Host", get(b"Host: a/b@c", target=b"http://example.com/"), ref="RFC 9112 3.2"),
    refused("absolute-form with userinfo is refused", get(target=b"http://u:p@example.com/"), ref="RFC 9110 4.2.4"),
    refused("absolute-form without an authority is refused", get(target=b"http:///x"), ref="RFC 9110 4.2.1"),
    refused("absolute-form with a bad port is refused", get(target=b"http://example.com:80x/"), ref="RFC 9110 4.2.1"),
    refused("a scheme that is not ours is refused", get(target=b"ftp://example.com/"), ref="RFC 9112 3.2.2"),
    served("OPTIONS * asks about the server", get(method=b"OPTIONS", target=b"*"),
           Seen(method="OPTIONS", path="*", raw_path=b"*", query=b""), ref="RFC 9112 3.2.4"),
    refused("the asterisk is for OPTIONS only", get(target=b"*"), ref="RFC 9112 3.2.4; gunicorn 26"),
    refused("an asterisk with more is refused", get(method=b"OPTIONS", target=b"*/x"), ref="RFC 9112 3.2.4"),
    refused("authority-form is for CONNECT only", get(target=b"example.com:80"), ref="RFC 9112 3.2.3; gunicorn 26"),
    refused("a relative target is refused", get(target=b"path"), ref="RFC 9112 3.2; gunicorn 26"),
    refused("a target that is only a query is refused", get(target=b"?q"), ref="RFC 9112 3.2"),
    refused("a fragment is refused", get(target=b"/a#b"), ref="RFC 9112 3.2.1"),
    refused("a byte beyond ASCII in a target is refused", get(target=b"/\xc3\xa9"), ref="RFC 3986 2; D2"),
    refused("0xFF in a target is refused", get(target=b"/\xff"), ref="RFC 3986 2; performance 2.3"),
    refused("DEL in a target is refused", get(target=b"/\x7f"), ref="RFC 3986 2; performance 2.3"),
    refused("a control byte in a target is refused", get(target=b"/\x1b[0m"), ref="RFC 3986 2; D5"),
    refused("a space in a target is refused", get(target=b"/a b"), ref="RFC 9112 3.2"),
    refused("a tab in a target is refused", get(target=b"/a\tb"), ref="RFC 9112 3.2"),
    served("a target of 8 KiB is served", get(target=b"/" + b"a" * 8191), Seen(path="/" + "a" * 8191), ref="DESIGN 5"),
    refused("a target beyond 8 KiB is refused", get(target=b"/" + b"a" * 8192), 414, ref="RFC 9110 15.5.15; D14"),
    refused("a target beyond 8 KiB is refused before it ends", b"GET /" + b"a" * 9000, 414, ref="RFC 9110 15.5.15; DESIGN 5"),
    refused("a target of 200 KB is refused", get(target=b"/" + b"a" * 200_000), 414, 431, ref="D14"),
]  # fmt: skip
