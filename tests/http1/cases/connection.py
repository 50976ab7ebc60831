"""The life of a connection: keep-alive, pipelining, Expect, Upgrade, bodies nobody reads, ends and deadlines."""

# ruff: noqa: E501  # a table is read along its rows

from __future__ import annotations

from tests.http1.cases.case import HEAD, SMUGGLED, Case, Seen, chunked, get, post, refused, served

CLOSE = b"Connection: close"

KEEP_ALIVE = [
    served("HTTP/1.1 keeps the connection", HEAD, Seen(path="/"), ref="RFC 9112 9.3"),
    served("close closes, and what follows is not served", get(CLOSE) + SMUGGLED, Seen(path="/"), closed=True, keeps=((b"connection", b"close"),),
           ref="RFC 9112 9.6"),
    served("close is compared without case", get(b"Connection: CLOSE"), Seen(path="/"), closed=True, ref="RFC 9110 7.6.1"),
    served("close may stand in a list", get(b"Connection: x-a,close , x-b"), Seen(path="/"), closed=True, ref="RFC 9110 7.6.1"),
    served("close may stand in the second field", get(b"Connection: x-a", b"Connection: close"), Seen(path="/"), closed=True, ref="RFC 9110 7.6.1"),
    served("close outweighs keep-alive", get(b"Connection: keep-alive, close"), Seen(path="/"), closed=True, ref="RFC 9112 9.3"),
    served("closed is not close", get(b"Connection: closed, xclose"), Seen(path="/"), ref="RFC 9110 7.6.1"),
    served("HTTP/1.0 is closed, and what follows is not served", b"GET / HTTP/1.0\r\n\r\n" + SMUGGLED, Seen(path="/"), closed=True, ref="RFC 9112 9.3"),
    served("HTTP/1.0 may ask to keep the connection", b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", Seen(path="/"),
           keeps=((b"connection", b"keep-alive"),), ref="RFC 9112 9.3"),
    served("HTTP/1.0 and 1.1 may alternate", b"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get(target=b"/2"), Seen(path="/1", version="1.0"),
           Seen(path="/2", version="1.1"), ref="RFC 9112 9.3"),
    served("HTTP/1.0 with keep-alive and close is closed", b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", Seen(path="/"), closed=True,
           ref="RFC 9112 9.3"),
    served("the last request a connection may make closes it", HEAD + HEAD + SMUGGLED, Seen(path="/"), Seen(path="/"), closed=True,
           limits={"requests_per_connection": 2}, keeps=(None, (b"connection", b"close")), ref="DESIGN 5"),
]  # fmt: skip

PIPELINING = [
    served("pipelined requests are answered in order", get(target=b"/1") + get(target=b"/2") + get(target=b"/3"), Seen(path="/1"), Seen(path="/2"),
           Seen(path="/3"), ref="RFC 9112 9.3.2; CVE-2024-41671"),
    served("40 pipelined requests are answered in order", b"".join(get(target=b"/%d" % n) for n in range(40)), *(Seen(path=f"/{n}") for n in range(40)),
           ref="RFC 9112 9.3.2"),
    served("bodies and requests follow each other", post(b"abc", b"Content-Length: 3", target=b"/1") + get(target=b"/2")
           + chunked(b"2\r\nde\r\n0\r\n\r\n") + get(target=b"/4"), Seen(path="/1", body=b"abc"), Seen(path="/2", body=b""), Seen(path="/", body=b"de"),
           Seen(path="/4"), ref="RFC 9112 9.3.2"),
    served("HEAD and GET follow each other", get(method=b"HEAD") + get(), Seen(method="HEAD"), Seen(method="GET"), methods=("HEAD", "GET"),
           ref="RFC 9112 6.3"),
    served("a close in the middle ends the pipeline", get(target=b"/1") + get(CLOSE, target=b"/2") + SMUGGLED, Seen(path="/1"), Seen(path="/2"),
           closed=True, ref="RFC 9112 9.6"),
    refused("a good request before a bad one is answered", HEAD + b"BAD\r\n\r\n", seen=(Seen(path="/"),), ref="RFC 9112 9.3.2; CVE-2024-49768"),
    refused("after a bad request nothing is served", HEAD + get(b"X : y"), seen=(Seen(path="/"),), ref="RFC 9112 11.2; CVE-2024-49768"),
    refused("after two lengths nothing is served", HEAD + post(b"abc", b"Content-Length: 3", b"Content-Length: 3"), seen=(Seen(path="/"),),
            ref="RFC 9112 11.2; D6"),
    refused("after a bad chunk nothing is served", HEAD + chunked(b"3\r\nabcXX"), seen=(Seen(path="/"), Seen(complete=False)), ref="RFC 9112 11.2; CVE-2025-43859"),
]  # fmt: skip

EXPECT = [
    Case(name="100 Continue is sent when the application reads", send=(get(b"Content-Length: 3", b"Expect: 100-continue", method=b"POST"), b"abc"),
         status=(200,), interim=((100,),), closed=False, seen=(Seen(body=b"abc"),), ref="RFC 9110 10.1.1"),
    Case(name="100 Continue is sent for a chunked body", send=(get(b"Transfer-Encoding: chunked", b"Expect: 100-continue", method=b"POST"),
         b"3\r\nabc\r\n0\r\n\r\n"), status=(200,), interim=((100,),), closed=False, seen=(Seen(body=b"abc"),), ref="RFC 9110 10.1.1"),
    Case(name="100-continue is compared without case", send=(get(b"Content-Length: 3", b"Expect: 100-Continue", method=b"POST"), b"abc"),
         status=(200,), interim=((100,),), closed=False, seen=(Seen(body=b"abc"),), ref="RFC 9110 10.1.1"),
    Case(name="100 Continue is not sent where the application does not read", send=(get(b"Content-Length: 3", b"Expect: 100-continue", method=b"POST"),),
         app="unread", status=(200,), interim=((),), closed=True, seen=(Seen(complete=False),), ref="RFC 9110 10.1.1"),
    served("no 100 Continue without a body", get(b"Expect: 100-continue"), Seen(path="/"), interim=((),), ref="RFC 9110 10.1.1"),
    served("no 100 Continue for HTTP/1.0", b"POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc", Seen(body=b"abc"), closed=True,
           interim=((),), ref="RFC 9110 10.1.1"),
    Case(name="another expectation fails", send=(get(b"Expect: 200-ok"),), status=(417,), closed=None, seen=(), ref="RFC 9110 10.1.1"),
    refused("another expectation with a body fails, and the body is no request", post(SMUGGLED, b"Content-Length: %d" % len(SMUGGLED), b"Expect: tea"), 417,
            ref="RFC 9110 10.1.1"),
]  # fmt: skip

UPGRADE = [
    served("an upgrade that nobody serves is ignored", get(b"Connection: Upgrade", b"Upgrade: foo/2"), Seen(has=((b"upgrade", b"foo/2"),)),
           ref="RFC 9110 7.8"),
    served("a request after an ignored upgrade is served", get(b"Connection: Upgrade", b"Upgrade: foo") + get(target=b"/2"), Seen(path="/"), Seen(path="/2"),
           ref="RFC 9110 7.8"),
    served("a body after an ignored upgrade is read", post(b"abc", b"Connection: Upgrade", b"Upgrade: foo", b"Content-Length: 3") + get(target=b"/2"),
           Seen(body=b"abc"), Seen(path="/2"), ref="RFC 9110 7.8"),
    served("h2c is ignored where nobody serves it", get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__")
           + get(target=b"/2"), Seen(path="/"), Seen(path="/2"), ref="RFC 9113 3.1"),
    served("websocket is ignored where nobody serves it", get(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==") + get(target=b"/2"), Seen(path="/"), Seen(path="/2"), ref="RFC 9110 7.8"),
    served("an upgrade in HTTP/1.0 is ignored", b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n", Seen(path="/"), closed=True,
           ref="RFC 9110 7.8"),
]  # fmt: skip

UNREAD = [
    Case(name="a body nobody reads is passed over", send=(post(SMUGGLED, b"Content-Length: %d" % len(SMUGGLED)) + get(target=b"/2"),), app="unread",
         status=(200, 200), closed=False, seen=(Seen(complete=False), Seen(path="/2", complete=False)), ref="RFC 9112 9.3"),
    Case(name="a chunked body nobody reads is passed over", send=(chunked(b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n") + get(target=b"/2"),),
         app="unread", status=(200, 200), closed=False, seen=(Seen(complete=False), Seen(path="/2", complete=False)), ref="RFC 9112 9.3"),
    Case(name="a bad chunk in a body nobody reads ends the connection", send=(chunked(b"3\r\nabc"), b"XX0\r\n\r\n" + SMUGGLED),
         app="unread",
         status=(200,), closed=True, seen=(Seen(complete=False),), ref="RFC 9112 9.3; CVE-2025-43859"),
    Case(name="a large body nobody reads ends the connection", send=(post(b"x" * 1_000_000, b"Content-Length: 10000000"),), app="unread",
         status=(200,), closed=True, seen=(Seen(complete=False),), ref="RFC 9112 9.3"),
]  # fmt: skip

ENDS = [
    served("a client that ends its direction still gets its answer", HEAD, Seen(path="/"), eof=True, closed=True, ref="RFC 9112 9.6"),
    served("a client that ends its direction gets all its answers", get(target=b"/1") + get(target=b"/2"), Seen(path="/1"), Seen(path="/2"), eof=True,
           closed=True, ref="RFC 9112 9.6"),
    served("a body may be followed by the end", post(b"abc", b"Content-Length: 3"), Seen(body=b"abc"), eof=True, closed=True, ref="RFC 9112 9.6"),
    Case(name="a client that says nothing is closed", send=(), status=(), eof=True, closed=True, seen=(), ref="RFC 9112 9.5"),
    Case(name="a head cut short is not served", send=(b"GET / HTTP/1.1\r\nHost: a\r\n",), status=(), eof=True, closed=True, seen=(), ref="RFC 9112 8"),
    Case(name="a body cut short is reported as a disconnect", send=(post(b"abc", b"Content-Length: 5"),), status=(), eof=True, closed=True,
         seen=(Seen(body=b"abc", complete=False),), ref="RFC 9112 8"),
    Case(name="chunks cut short are reported as a disconnect", send=(chunked(b"3\r\nabc\r\n"),), status=(), eof=True, closed=True,
         seen=(Seen(body=b"abc", complete=False),), ref="RFC 9112 8"),
]  # fmt: skip

DEADLINES = [
    Case(name="a head that does not come to its end is answered 408", send=(b"GET / HTTP/1.1\r\nHost:",), wait=11.5, status=(408,), closed=True, seen=(),
         ref="RFC 9110 15.5.9; D15"),
    Case(name="a client that says nothing is closed in silence", send=(), wait=11.5, status=(), closed=True, seen=(), ref="DESIGN 5"),
    Case(name="an idle connection is closed in silence", send=(HEAD,), wait=6.5, status=(200,), closed=True, seen=(Seen(path="/"),), ref="DESIGN 5; D15"),
    Case(name="an idle connection is kept for a while", send=(HEAD,), wait=3.5, status=(200,), closed=False, seen=(Seen(path="/"),), ref="DESIGN 5"),
    Case(name="a second head that does not come to its end is answered 408", send=(HEAD + b"GET",), wait=11.5, status=(200, 408), closed=True,
         seen=(Seen(path="/"),), ref="RFC 9110 15.5.9"),
    Case(name="a body that falls silent is answered 408", send=(post(b"abc", b"Content-Length: 5"),), wait=31.5, status=(408,), closed=True,
         seen=(Seen(body=b"abc", complete=False),), ref="RFC 9110 15.5.9; D15"),
    Case(name="chunks that fall silent are answered 408", send=(chunked(b"3\r\nab"),), wait=31.5, status=(408,), closed=True, seen=(Seen(complete=False),),
         ref="RFC 9110 15.5.9; D15"),
]  # fmt: skip
