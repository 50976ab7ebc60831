"""Chunks: sizes, extensions, terminators, trailers (RFC 9112 section 7.1)."""

# ruff: noqa: E501  # a table is read along its rows

from __future__ import annotations

from tests.http1.cases.case import Seen, chunked, get, refused, served

CUT = (Seen(complete=False),)
"""The application was called, and told that the client has gone."""

END = b"0\r\n\r\n"

SIZES = [
    served("sizes are hexadecimal in either case", chunked(b"A\r\n0123456789\r\na\r\n0123456789\r\n" + END), Seen(body=b"0123456789" * 2),
           ref="RFC 9112 7.1"),
    served("a size may have leading zeros", chunked(b"0003\r\nabc\r\n" + END), Seen(body=b"abc"), ref="RFC 9112 7.1"),
    served("the last chunk may have several zeros", chunked(b"3\r\nabc\r\n000\r\n\r\n"), Seen(body=b"abc"), ref="RFC 9112 7.1"),
    served("a chunked body may be empty", chunked(END), Seen(body=b""), ref="RFC 9112 7.1"),
    served("many small chunks arrive", chunked(b"1\r\nx\r\n" * 3000 + END), Seen(body=b"x" * 3000), ref="RFC 9112 7.1"),
    served("a chunk may hold what looks like its end", chunked(b"7\r\n\r\n0\r\n\r\n\r\n" + END), Seen(body=b"\r\n0\r\n\r\n"), ref="RFC 9112 7.1"),
    *(
        refused(f"chunk size {size.decode('latin-1')!r} is refused", chunked(size + b"\r\nabc\r\n" + END), seen=CUT, ref=ref)
        for size, ref in (
            (b"0x3", "RFC 9112 7.1; CVE-2022-24761"),
            (b"+3", "RFC 9112 7.1; CVE-2022-24761"),
            (b"-3", "RFC 9112 7.1"),
            (b"0_3", "RFC 9112 7.1; CVE-2022-24761"),
            (b" 3", "RFC 9112 7.1"),
            (b"\t3", "RFC 9112 7.1"),
            (b"3 ", "RFC 9112 7.1"),
            (b"3 3", "RFC 9112 7.1"),
            (b"3h", "RFC 9112 7.1"),
            (b"G", "RFC 9112 7.1"),
            (b"3.0", "RFC 9112 7.1"),
            (b"", "RFC 9112 7.1"),
            (b";x", "RFC 9112 7.1"),
            (b"3\0", "RFC 9112 7.1"),
            (b"3\x0b", "RFC 9112 7.1"),
            (b"\xef\xbc\x93", "RFC 9112 7.1"),
            (b"0" * 30 + b"3", "RFC 9112 7.1"),
        )
    ),
    refused("a size beyond 64 bits is refused", chunked(b"FFFFFFFFFFFFFFFFF\r\nabc\r\n" + END), 400, 413, seen=CUT, ref="RFC 9112 7.1"),
    refused("a size that overflows to a small one is refused", chunked(b"10000000000000003\r\nabc\r\n" + END), 400, 413, seen=CUT,
            ref="RFC 9112 7.1"),
    refused("a size without an end is refused", chunked(b"1" * 2000), 400, 413, 431, seen=CUT, ref="RFC 9112 7.1"),
]  # fmt: skip

LINES = [
    refused("other bytes in place of a chunk's CRLF are refused", chunked(b"3\r\nabcXX" + END), seen=CUT, ref="CVE-2025-43859"),
    refused("a chunk longer than its size is refused", chunked(b"3\r\nabcd\r\n" + END), seen=CUT, ref="RFC 9112 7.1"),
    refused("a chunk that ends in LF is refused", chunked(b"3\r\nabc\n" + END), seen=CUT, ref="RFC 9112 7.1; CVE-2025-43859"),
    refused("a chunk that ends in CR is refused", chunked(b"3\r\nabc\r0\r\n\r\n"), seen=CUT, ref="RFC 9112 7.1"),
    refused("a chunk that ends in LF CR is refused", chunked(b"3\r\nabc\n\r0\r\n\r\n"), seen=CUT, ref="RFC 9112 7.1"),
    refused("a size that ends in LF is refused", chunked(b"3\nabc\r\n" + END), seen=CUT, ref="RFC 9112 7.1; hypercorn 3.10"),
    refused("chunks framed by LF alone are refused", chunked(b"3\nabc\n0\n\n"), seen=CUT, ref="RFC 9112 2.2; hypercorn 3.10"),
    refused("a size that ends in CR is refused", chunked(b"3\rabc\r\n" + END), seen=CUT, ref="RFC 9112 7.1"),
    refused("a size that ends in CR CR LF is refused", chunked(b"3\r\r\nabc\r\n" + END), seen=CUT, ref="RFC 9112 7.1"),
    refused("a last chunk that ends in LF is refused", chunked(b"3\r\nabc\r\n0\n\r\n"), seen=CUT, ref="RFC 9112 7.1"),
    refused("a message that ends in LF is refused", chunked(b"3\r\nabc\r\n0\r\n\n"), seen=CUT, ref="RFC 9112 7.1"),
    refused("an empty line before a size is refused", chunked(b"\r\n3\r\nabc\r\n" + END), seen=CUT, ref="RFC 9112 7.1"),
]  # fmt: skip

EXTENSIONS = [
    served("an extension is ignored", chunked(b"3;a\r\nabc\r\n0;b=c\r\n\r\n"), Seen(body=b"abc"), ref="RFC 9112 7.1.1"),
    served("an extension may have a quoted value", chunked(b'3;a="b;c=\\"d";e=f\r\nabc\r\n' + END), Seen(body=b"abc"), ref="RFC 9112 7.1.1"),
    refused("LF in an extension is refused", chunked(b"3;a=b\nc\r\nabc\r\n" + END), seen=CUT, ref="GHSA-fghv-69vj-qj49; CVE-2024-52304"),
    refused("LF after an extension is refused", chunked(b"3;a\nabc\r\n" + END), seen=CUT, ref="GHSA-fghv-69vj-qj49; CVE-2026-42585"),
    refused("CR in an extension is refused", chunked(b"3;a=b\rc\r\nabc\r\n" + END), seen=CUT, ref="RFC 9112 7.1.1; CVE-2022-24761"),
    refused("CR in a quoted extension is refused", chunked(b'3;a="\r\n"\r\nabc\r\n' + END), seen=CUT, ref="RFC 9112 7.1.1"),
    refused("NUL in an extension is refused", chunked(b"3;a=\0\r\nabc\r\n" + END), seen=CUT, ref="RFC 9112 7.1.1"),
    refused("a control byte in an extension is refused", chunked(b"3;a=\x0b\r\nabc\r\n" + END), seen=CUT, ref="RFC 9112 7.1.1"),
    refused("an extension of 128 KiB is refused", chunked(b"3;a=" + b"b" * 131_072 + b"\r\nabc\r\n" + END), 400, 413, 431, seen=CUT,
            ref="RFC 9112 7.1.1"),
    refused("many extensions that make 180 KB are refused", chunked((b"1;a=" + b"b" * 900 + b"\r\nx\r\n") * 200 + END), 400, 413, 431, seen=CUT,
            ref="RFC 9112 7.1.1"),
]  # fmt: skip

TRAILERS = [
    served("trailers follow the body", chunked(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Other:  two \r\n\r\n"), Seen(body=b"abc"), ref="RFC 9112 7.1.2"),
    served("trailers do not become headers", chunked(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", b"Trailer: X-Sum"),
           Seen(body=b"abc", lacks=(b"x-sum",), trailers=((b"x-sum", b"1"),)),
           ref="RFC 9110 6.5.1"),
    served("a request after trailers is framed well", chunked(b"0\r\nX: 1\r\n\r\n") + get(target=b"/2"), Seen(body=b""), Seen(path="/2"),
           ref="RFC 9112 7.1.2; CVE-2025-53643"),
    *(
        refused(f"trailer {name.decode()} is refused", chunked(b"3\r\nabc\r\n0\r\n" + name + b": 5\r\n\r\n"), seen=CUT, ref="RFC 9110 6.5.1; CVE-2025-53643")
        for name in (b"Content-Length", b"Transfer-Encoding", b"Host", b"Authorization", b"content-LENGTH")
    ),
    refused("a trailer without a colon is refused", chunked(b"0\r\nX\r\n\r\n"), seen=CUT, ref="RFC 9112 5"),
    refused("a trailer with a space before the colon is refused", chunked(b"0\r\nX : a\r\n\r\n"), seen=CUT, ref="RFC 9112 5.1"),
    refused("a trailer with an empty name is refused", chunked(b"0\r\n: a\r\n\r\n"), seen=CUT, ref="RFC 9110 5.1"),
    refused("a folded trailer is refused", chunked(b"0\r\nX: a\r\n b\r\n\r\n"), seen=CUT, ref="RFC 9112 5.2"),
    refused("white space before the first trailer is refused", chunked(b"0\r\n X: a\r\n\r\n"), seen=CUT, ref="RFC 9112 5.2"),
    refused("a trailer with a control byte is refused", chunked(b"0\r\nX: a\0b\r\n\r\n"), seen=CUT, ref="RFC 9110 5.5"),
    refused("a trailer that ends in LF is refused", chunked(b"0\r\nX: a\n\r\n"), seen=CUT, ref="RFC 9112 2.2"),
    refused("a trailer section that ends in LF is refused", chunked(b"0\r\nX: a\r\n\n"), seen=CUT, ref="RFC 9112 2.2"),
    refused("a request in place of trailers is refused", chunked(b"0\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"), seen=CUT,
            ref="CVE-2025-53643; CVE-2025-58068"),
    refused("129 trailers are refused", chunked(b"0\r\n" + b"X: y\r\n" * 129 + b"\r\n"), 400, 431, seen=CUT, ref="DESIGN 5"),
    refused("trailers beyond 64 KiB are refused", chunked(b"0\r\n" + (b"X: " + b"y" * 1000 + b"\r\n") * 70 + b"\r\n"), 400, 431, seen=CUT, ref="DESIGN 5"),
    refused("trailers without an end are refused", chunked(b"0\r\nX: " + b"y" * 70_000), 400, 431, seen=CUT, ref="DESIGN 5"),
]  # fmt: skip
