"""HTTP in HTTP/2: malformed messages, and push from the wrong side (section 8)."""

from __future__ import annotations

import struct

from tests.h2 import frames as f
from tests.h2.cases.outcome import case, connection_error, malformed, stream_error

GET = f.request()
POSTED = f.headers(1, f.request(b"/digest", method=b"POST"), end=False)


def get(*more: tuple[bytes, bytes]) -> bytes:
    return f.headers(1, f.request(b"/", *more))


def lacks(name: bytes) -> bytes:
    return f.headers(1, f.without(name))


def repeats(name: bytes) -> bytes:
    [value] = [value for found, value in GET if found == name]
    return f.headers(1, [(name, value), *GET])


def replaced(name: bytes, value: bytes) -> bytes:
    return f.headers(1, [(k, value if k == name else v) for k, v in GET])


def posted(length: bytes, *pieces: bytes) -> bytes:
    fields = f.request(b"/digest", (b"content-length", length), method=b"POST")
    made = f.headers(1, fields, end=False)
    for number, piece in enumerate(pieces, 1):
        made += f.data(1, piece, end=number == len(pieces))
    return made


# fmt: off
CASES = [
    case("8.1", "a second HEADERS without END_STREAM",
         POSTED + f.headers(1, [(b"x-sum", b"1")], end=False), malformed()),
    case("8.1", "DATA after the trailers",
         POSTED + f.headers(1, [(b"x-sum", b"1")]) + f.data(1, b"test"),
         stream_error(f.STREAM_CLOSED)),
    case("8.2.1", "a name in upper case", get((b"X-TEST", b"ok")), malformed()),
    case("8.3", "an unknown pseudo-header field", get((b":test", b"ok")), malformed()),
    case("8.3", "an unknown pseudo-header field at its place",
         f.headers(1, [(b":test", b"ok"), *GET]), malformed()),
    case("8.3", "a response's pseudo-header field",
         f.headers(1, [(b":status", b"200"), *GET]), malformed()),
    case("8.3", "a pseudo-header field in the trailers",
         POSTED + f.data(1, b"test") + f.headers(1, [(b":method", b"GET")]), malformed()),
    case("8.3", "a pseudo-header field after a regular one",
         f.headers(1, [(b"x-test", b"ok"), *GET]), malformed()),
    *[case("8.2.2", f"a connection-specific field: {name.decode()}", get((name, b"keep-alive")),
           malformed())
      for name in (b"connection", b"proxy-connection", b"keep-alive", b"upgrade",
                   b"transfer-encoding")],
    case("8.2.2", "TE with anything but trailers", get((b"te", b"trailers, deflate")),
         malformed()),
    case("8.3.1", "an empty :path", replaced(b":path", b""), malformed()),
    case("8.3.1", "no :method", lacks(b":method"), malformed()),
    case("8.3.1", "no :scheme", lacks(b":scheme"), malformed()),
    case("8.3.1", "no :path", lacks(b":path"), malformed()),
    case("8.3.1", "two :method", repeats(b":method"), malformed()),
    case("8.3.1", "two :scheme", repeats(b":scheme"), malformed()),
    case("8.3.1", "two :path", repeats(b":path"), malformed()),
    case("8.3.1", "two :authority", repeats(b":authority"), malformed()),
    case("8.1.1", "a Content-Length that is too small", posted(b"1", b"test"), malformed()),
    case("8.1.1", "a Content-Length that is too large", posted(b"5", b"test"), malformed()),
    case("8.1.1", "a Content-Length that several DATA exceed", posted(b"1", b"te", b"st"),
         malformed()),
    case("8.1.1", "a Content-Length without a body", get((b"content-length", b"4")),
         malformed()),
    case("8.4", "PUSH_PROMISE from a client",
         POSTED + f.frame(f.PUSH_PROMISE, f.END_HEADERS, 1, struct.pack(">I", 2) + f.block(GET)),
         connection_error(f.PROTOCOL_ERROR)),
]
