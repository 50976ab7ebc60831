"""Where a message ends: Content-Length and Transfer-Encoding (RFC 9112 section 6)."""

# ruff: noqa: E501  # a table is read along its rows

from __future__ import annotations

from tests.http1.cases.case import Seen, chunked, get, post, refused, served

LENGTH = [
    served("a body has the length that was said", post(b"hello", b"Content-Length: 5"), Seen(method="POST", body=b"hello"), ref="RFC 9112 6.2"),
    served("a body may be empty", post(b"", b"Content-Length: 0"), Seen(body=b""), ref="RFC 9112 6.2"),
    served("a request without length has no body", post(b""), Seen(body=b""), ref="RFC 9112 6.3"),
    served("GET may have a body", post(b"hello", b"Content-Length: 5", method=b"GET"), Seen(method="GET", body=b"hello"), ref="RFC 9110 9.3.1"),
    served("DELETE may have a body", post(b"hello", b"Content-Length: 5", method=b"DELETE"), Seen(body=b"hello"), ref="RFC 9110 9.3.5"),
    served("HEAD may have a body", post(b"hello", b"Content-Length: 5", method=b"HEAD"), Seen(body=b"hello"), methods=("HEAD",),
           ref="RFC 9112 6.3"),
    served("a body may look like a request", post(get(target=b"/inner"), b"Content-Length: %d" % len(get(target=b"/inner"))),
           Seen(body=get(target=b"/inner")), ref="RFC 9112 6.2"),
    served("leading zeros are digits", post(b"hello", b"Content-Length: 0005"), Seen(body=b"hello"), ref="RFC 9112 6.2"),
    served("white space around a length is no part of it", post(b"hello", b"Content-Length: \t5 \t"), Seen(body=b"hello"), ref="RFC 9112 5.1"),
    served("a large body arrives whole", post(b"x" * 200_000, b"Content-Length: 200000"), Seen(body=b"x" * 200_000), ref="RFC 9112 6.2"),
    served("HTTP/1.0 may have a body", b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", Seen(version="1.0", body=b"hello"), closed=True,
           ref="RFC 9112 6.2"),
    refused("two lengths that differ are refused", post(b"hello", b"Content-Length: 5", b"Content-Length: 6"), ref="RFC 9112 6.3"),
    refused("two equal lengths are refused", post(b"hello", b"Content-Length: 5", b"Content-Length: 5"), ref="DESIGN 5; CVE-2019-16792"),
    refused("two lengths apart are refused", post(b"", b"Content-Length: 0", b"X: y", b"content-length: 0"), ref="DESIGN 5; CVE-2019-16792"),
    *(
        refused(f"length {length.decode('latin-1')!r} is refused", post(b"hello", b"Content-Length: " + length), ref=ref)
        for length, ref in (
            (b"5, 5", "RFC 9112 6.3; performance 2.3"),
            (b"5,5", "RFC 9112 6.3; gunicorn 26"),
            (b"+5", "RFC 9112 6.2; CVE-2022-24761"),
            (b"-5", "RFC 9112 6.2"),
            (b"-0", "RFC 9112 6.2"),
            (b"0x5", "RFC 9112 6.2; CVE-2022-24761"),
            (b"0_5", "RFC 9112 6.2; CVE-2022-24761"),
            (b"5 5", "RFC 9112 6.2"),
            (b"5.0", "RFC 9112 6.2"),
            (b"5;", "RFC 9112 6.2"),
            (b"5h", "RFC 9112 6.2"),
            (b"", "RFC 9112 6.2"),
            (b"five", "RFC 9112 6.2"),
            (b"1e1", "RFC 9112 6.2"),
            (b"\x0b5", "RFC 9110 5.5; CVE-2019-16786"),
            (b"5\x0c", "RFC 9110 5.5; CVE-2019-16786"),
            (b"\xb2", "RFC 9112 6.2"),
            (b"\xd9\xa5", "RFC 9112 6.2"),
            (b'"5"', "RFC 9112 6.2"),
        )
    ),
    refused("a length of 29 digits is refused", post(b"hello", b"Content-Length: " + b"1" * 29), 400, 413, ref="RFC 9112 6.2; hypercorn 3.10"),
    refused("a length of 5000 digits is refused", post(b"hello", b"Content-Length: " + b"1" * 5000), 400, 413, ref="RFC 9112 6.2"),
]  # fmt: skip

CODING = [
    served("a chunked body is put together", chunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), Seen(body=b"abcde"), ref="RFC 9112 7.1"),
    served("chunked is compared without case", post(b"3\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: ChUnKeD"), Seen(body=b"abc"), ref="RFC 9112 7"),
    served("white space around chunked is no part of it", post(b"3\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: \t chunked \t"), Seen(body=b"abc"),
           ref="RFC 9112 5.1"),
    served("GET may have a chunked body", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
           Seen(method="GET", body=b"abc"), ref="RFC 9112 6.1"),
    refused("a length and a coding are refused", post(b"3\r\nabc\r\n0\r\n\r\n", b"Content-Length: 13", b"Transfer-Encoding: chunked"),
            ref="RFC 9112 6.1; D6; CVE-2024-1135"),
    refused("a coding and a length are refused", post(b"0\r\n\r\n", b"Transfer-Encoding: chunked", b"Content-Length: 4"),
            ref="RFC 9112 6.1; D6"),
    refused("a length of nothing and a coding are refused", post(b"0\r\n\r\n", b"Content-Length: 0", b"Transfer-Encoding: chunked"),
            ref="RFC 9112 6.1; D6"),
    refused("a length and an unknown coding are refused", post(b"hello", b"Content-Length: 5", b"Transfer-Encoding: identity"), 400, 501,
            ref="RFC 9112 6.1; CVE-2024-1135"),
    *(
        refused(f"coding {coding.decode('latin-1')!r} is refused", post(b"3\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: " + coding), 400, 501,
                ref=ref)
        for coding, ref in (
            (b"gzip", "RFC 9112 6.3"),
            (b"identity", "RFC 9112 7; CVE-2024-1135"),
            (b"xchunked", "RFC 9112 6.1; CVE-2024-6827"),
            (b"chunkedx", "RFC 9112 6.1; CVE-2024-6827"),
            (b"gzip, chunked", "RFC 9112 6.1; performance 2.3"),
            (b"chunked, gzip", "RFC 9112 6.3"),
            (b"chunked, identity", "RFC 9112 6.3; CVE-2024-1135; CVE-2024-52304"),
            (b"identity, chunked", "RFC 9112 6.1"),
            (b"chunked, chunked", "RFC 9112 6.1"),
            (b"chunked,", "RFC 9112 6.1"),
            (b", chunked", "RFC 9112 6.1"),
            (b"chunked;q=1", "RFC 9112 7.1"),
            (b'"chunked"', "RFC 9112 7"),
            (b"", "RFC 9112 6.1"),
            (b"chunked chunked", "RFC 9112 6.1"),
            (b"\x0bchunked", "RFC 9110 5.5; CVE-2019-16786"),
            (b"chunked\x0c", "RFC 9110 5.5; CVE-2019-16786"),
            (b"chunked\x1c", "RFC 9110 5.5; CVE-2026-44546"),
            (b"\xa0chunked", "RFC 9112 7"),
            (b"chun\xe7ked", "RFC 9112 7"),
        )
    ),
    refused("two codings in two fields are refused",
            post(b"3\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400, 501, ref="RFC 9112 6.1; CVE-2024-1135"),
    refused("chunked and identity in two fields are refused",
            post(b"3\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"), 400, 501,
            ref="RFC 9112 6.1; CVE-2024-1135"),
    refused("identity and chunked in two fields are refused",
            post(b"3\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"), 400, 501,
            ref="RFC 9112 6.1; CVE-2024-1135"),
    refused("a coding in HTTP/1.0 is refused", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            ref="RFC 9112 6.1; performance 2.3"),
    refused("an unknown coding in HTTP/1.0 is refused", b"POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n", 400, 501, ref="RFC 9112 6.1"),
]  # fmt: skip

SIZES = [
    served("a body of just the limit is served", post(b"x" * 10, b"Content-Length: 10"), Seen(body=b"x" * 10), limits={"body_size": 10},
           ref="DESIGN 5"),
    refused("a length beyond the limit is refused", post(b"x" * 11, b"Content-Length: 11"), 413, limits={"body_size": 10},
            ref="RFC 9110 15.5.14"),
    served("chunks of just the limit are served", chunked(b"5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n"), Seen(body=b"abcde" * 2),
           limits={"body_size": 10}, ref="DESIGN 5"),
    refused("chunks beyond the limit are refused", chunked(b"5\r\nabcde\r\n6\r\nabcdef\r\n0\r\n\r\n"), 413, limits={"body_size": 10},
            seen=(Seen(complete=False),), ref="RFC 9110 15.5.14"),
]  # fmt: skip
