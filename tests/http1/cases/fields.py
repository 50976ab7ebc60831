"""Header fields: names, values, line ends, Host, how many and how large (RFC 9112 sections 3.2 and 5)."""

# ruff: noqa: E501  # a table is read along its rows

from __future__ import annotations

from tests.http1.cases.case import Seen, get, refused, served

_VALUE_CONTROLS = [byte for byte in (*range(0x01, 0x20), 0x7F) if byte not in (0x09, 0x0A, 0x0D)]

NAMES_AND_VALUES = [
    served("names are lowered, order and repeats are kept", get(b"X-B: 1", b"x-a: 2", b"X-b: 3"),
           Seen(headers=((b"host", b"a"), (b"x-b", b"1"), (b"x-a", b"2"), (b"x-b", b"3"))), ref="ASGI HTTP scope"),
    served("white space around a value is no part of it", get(b"X: \t a b \t "), Seen(has=((b"x", b"a b"),)), ref="RFC 9112 5.1"),
    served("a value needs no space before it", get(b"X:v"), Seen(has=((b"x", b"v"),)), ref="RFC 9112 5.1"),
    served("a value may be empty", get(b"X:", b"Y: "), Seen(has=((b"x", b""), (b"y", b""))), ref="RFC 9112 5"),
    served("a value may hold a tab", get(b"X: a\tb"), Seen(has=((b"x", b"a\tb"),)), ref="RFC 9110 5.5"),
    served("a value may hold colons and quotes", get(b'X: "a: b", c:d'), Seen(has=((b"x", b'"a: b", c:d'),)), ref="RFC 9110 5.5"),
    served("obs-text in a value is passed on as it is", get(b"X: \x80\xe9\xff"), Seen(has=((b"x", b"\x80\xe9\xff"),)), ref="RFC 9110 5.5"),
    served("0x85 does not end a value", get(b"X: a\x85b"), Seen(has=((b"x", b"a\x85b"),)), ref="CVE-2026-44546"),
    served("every token character may stand in a name", get(b"!#$%&'*+-.^_`|~9z: v"),
           Seen(has=((b"!#$%&'*+-.^_`|~9z", b"v"),)), ref="RFC 9110 5.6.2"),
    served("a name with an underscore is a name of its own", get(b"Content_Length: 5", b"Transfer_Encoding: chunked"),
           Seen(has=((b"content_length", b"5"), (b"transfer_encoding", b"chunked")), body=b""), ref="RFC 9110 5.1"),
    served("cookies stay apart", get(b"Cookie: a=1", b"Cookie: b=2"), Seen(has=((b"cookie", b"a=1"), (b"cookie", b"b=2"))),
           ref="ASGI HTTP scope"),
    served("an agent with a quote is passed on as it is", get(b'User-Agent: a" 200 "b'),
           Seen(has=((b"user-agent", b'a" 200 "b'),)), ref="D5"),
    *(
        refused(f"0x{byte:02x} in a value is refused", get(b"X: a" + bytes([byte]) + b"b"), ref="RFC 9110 5.5; CVE-2026-44546")
        for byte in _VALUE_CONTROLS
    ),
    refused("NUL in a value is refused", get(b"X: a\0b"), ref="RFC 9110 5.5"),
    refused("a control byte at the end of a value is refused", get(b"X: a\x0b"), ref="RFC 9110 5.5; CVE-2019-16789"),
    refused("a control byte before a value is refused", get(b"X: \x0ca"), ref="RFC 9110 5.5; CVE-2019-16789"),
    refused("a bare LF in a value is refused", get(b"X: a\nY: b"), ref="RFC 9112 2.2; CVE-2019-16785"),
    refused("a bare CR in a value is refused", get(b"X: a\rY: b"), ref="RFC 9112 2.2"),
    refused("a CR at the end of a value is refused", get(b"X: a\r"), ref="RFC 9112 2.2"),
    refused("a line that ends in LF is refused", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", ref="RFC 9112 2.2; performance 2.3"),
    refused("a head that ends in LF is refused", b"GET / HTTP/1.1\r\nHost: a\r\n\n", ref="RFC 9112 2.2"),
    refused("a head that ends in LF after LF is refused", b"GET / HTTP/1.1\r\nHost: a\n\n", ref="RFC 9112 2.2"),
    refused("a folded line is refused", get(b"X: a", b" b"), ref="RFC 9112 5.2; performance 2.3"),
    refused("a line folded with a tab is refused", get(b"X: a", b"\tb"), ref="RFC 9112 5.2"),
    refused("a folded empty line is refused", get(b"X: a", b" "), ref="RFC 9112 5.2"),
    refused("white space before the first field is refused", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", ref="RFC 9112 2.2"),
    refused("a space before the colon is refused", get(b"X : a"), ref="RFC 9112 5.1"),
    refused("a tab before the colon is refused", get(b"X\t: a"), ref="RFC 9112 5.1"),
    refused("a space before the colon of Transfer-Encoding is refused", get(b"Transfer-Encoding : chunked"), ref="RFC 9112 5.1"),
    refused("a field without a colon is refused", get(b"X"), ref="RFC 9112 5"),
    refused("an empty name is refused", get(b": a"), ref="RFC 9110 5.1"),
    *(
        refused(f"a name with {bad.decode('latin-1')!r} is refused", get(b"X" + bad + b"Y: a"), ref="RFC 9110 5.1")
        for bad in (b" ", b"(", b")", b"/", b"[", b"\\", b'"', b"@", b",", b";", b"=", b"{", b"\x01", b"\0", b"\x7f", b"\x80", b"\xe9", b"\r")
    ),
]  # fmt: skip

HOST = [
    *(
        served(f"Host {host.decode()!r} is valid", get(b"Host: " + host), Seen(headers=((b"host", host),)), ref="RFC 9110 7.2")
        for host in (
            b"", b"example.com", b"example.com.", b"example.com:8000", b"example.com:", b"127.0.0.1:1", b"[::1]", b"[::1]:8000",
            b"my_app", b"EXAMPLE.com", b"a%41", b"xn--nxasmq6b",
        )
    ),
    *(
        refused(f"Host {host.decode('latin-1')!r} is refused", get(b"Host: " + host), ref="RFC 9112 3.2; D13")
        for host in (
            b"a/b@c", b"a@b", b"a/b", b"a?b", b"a#b", b"a b", b"a, b", b"a:b", b"a:80:90", b"a:-1", b"[::1", b"::1", b"[::1]x",
            b"http://a", b"a\\b", b"<a>", b'"a"', b"a%", b"a%zz", b"\xc3\xa9", b"a\tb", b"a^b", b"{a}",
        )
    ),
    refused("HTTP/1.1 without Host is refused", b"GET / HTTP/1.1\r\n\r\n", ref="RFC 9112 3.2"),
    refused("HTTP/1.1 with other fields and without Host is refused", b"GET / HTTP/1.1\r\nX: a\r\n\r\n", ref="RFC 9112 3.2"),
    refused("two Hosts are refused", get(b"Host: a", b"Host: b"), ref="RFC 9112 3.2; CVE-2026-34525"),
    refused("the same Host twice is refused", get(b"Host: a", b"X: y", b"host: a"), ref="RFC 9112 3.2; CVE-2026-34525"),
    refused("two Hosts are refused in HTTP/1.0 too", get(b"Host: a", b"Host: a", version=b"HTTP/1.0"), ref="RFC 9112 3.2"),
    refused("a bad Host is refused in HTTP/1.0 too", get(b"Host: a/b@c", version=b"HTTP/1.0"), ref="RFC 9112 3.2"),
    served("HTTP/1.0 may have a Host", get(b"Host: a", version=b"HTTP/1.0"), Seen(headers=((b"host", b"a"),)), closed=True,
           ref="RFC 9112 3.2"),
]  # fmt: skip

SIZES = [
    served("128 fields are served", get(*[b"X: y"] * 127), Seen(path="/"), ref="DESIGN 5"),
    refused("129 fields are refused", get(*[b"X: y"] * 128), 431, ref="RFC 6585 5; D14"),
    refused("20000 fields are refused", get(*[b"X: y"] * 20_000), 431, ref="performance 2.3; CVE-2024-37890"),
    served("a head of 60 KiB is served", get(b"X: " + b"a" * 61_440), Seen(has=((b"x", b"a" * 61_440),)), ref="DESIGN 5"),
    refused("a head beyond 64 KiB is refused", get(b"X: " + b"a" * 65_536), 431, ref="RFC 6585 5; D14"),
    refused("a head beyond 64 KiB in many fields is refused", get(*[b"X: " + b"a" * 1000] * 70), 431, ref="RFC 6585 5; D14"),
    refused("a head of 200 KB is refused", get(b"X: " + b"a" * 200_000), 431, ref="performance 2.3"),
    refused("a head without an end is refused at 64 KiB", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70_000, 431, ref="RFC 6585 5"),
    refused("a head of many lines without an end is refused at 64 KiB", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 12_000, 431,
            ref="RFC 6585 5"),
    refused("a name of 70 KB is refused", get(b"a" * 70_000 + b": b"), 431, ref="RFC 6585 5"),
    served("a field of 60 KiB of separators is served quickly", get(b"X: " + b" ,;=\t" * 12_000 + b"."), Seen(path="/"), ref="CVE-2020-5236"),
]  # fmt: skip
