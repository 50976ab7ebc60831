"""What a client of HTTP/3 may not do (RFC 9114, RFC 9204, RFC 9218, RFC 9220, RFC 9297), and what
it must cost: its stream, or its connection, and never anything else.

The well-known suite of HTTP/3 error cases is in here, as far as it is about HTTP/3. The tables are
for tests of any server, in memory or over sockets.
"""

from __future__ import annotations

from nonecorn.spi import Header, Headers
from nonecorn.testing.clients.h3_frames import (
    DECODER,
    ENCODER,
    GET,
    data,
    frame,
    integer,
    settings,
)

NO_ERROR, STREAM_CREATION, CLOSED_CRITICAL, UNEXPECTED, FRAME = 0x100, 0x103, 0x104, 0x105, 0x106
EXCESSIVE, ID, SETTINGS, MISSING, REJECTED, CANCELLED = 0x107, 0x108, 0x109, 0x10A, 0x10B, 0x10C
INCOMPLETE, MESSAGE, DATAGRAM = 0x10D, 0x10E, 0x33
QPACK, QPACK_ENCODER, QPACK_DECODER = 0x200, 0x201, 0x202

PRIORITY_REQUEST, PRIORITY_PUSH = 0xF0700, 0xF0701


def encoded(fields: Headers) -> bytes:
    """HEADERS; every literal plain, so that any byte can stand in it."""
    block = b"\0\0"
    for name, value in fields:
        block += _string(name, 3, 0x20) + _string(value, 7, 0)
    return frame(1, block)


def _string(text: bytes, bits: int, first: int) -> bytes:
    limit = (1 << bits) - 1
    if len(text) < limit:
        return bytes((first | len(text),)) + text
    rest = len(text) - limit
    octets = bytearray((first | limit,))
    while rest >= 128:
        octets.append(rest & 127 | 128)
        rest >>= 7
    octets.append(rest)
    return bytes(octets) + text


def fields(*more: Header, **pseudo: bytes | None) -> Headers:
    """A GET's fields with some replaced (None: left out), and more behind them."""
    found: dict[str, bytes | None] = {name[1:].decode(): value for name, value in GET}
    found |= pseudo
    return [
        *((b":" + name.encode(), value) for name, value in found.items() if value is not None),
        *more,
    ]  # fmt: skip


STREAM_ERRORS: dict[str, tuple[Headers, int]] = {
    # RFC 9114 sections 4.1.2, 4.2 and 4.3: malformed
    "no method": (fields(method=None), MESSAGE),
    "no scheme": (fields(scheme=None), MESSAGE),
    "no path": (fields(path=None), MESSAGE),
    "an empty path": (fields(path=b""), MESSAGE),
    "a path of another form": (fields(path=b"https://test/"), MESSAGE),
    "a pseudo-header field of responses": (fields((b":status", b"200")), MESSAGE),
    "an unknown pseudo-header field": (fields((b":foo", b"bar")), MESSAGE),
    "a repeated pseudo-header field": (fields((b":method", b"GET")), MESSAGE),
    "a late pseudo-header field": ([*fields(path=None), (b"x", b"y"), (b":path", b"/")], MESSAGE),
    "upper case": (fields((b"X-Upper", b"y")), MESSAGE),
    "an empty name": (fields((b"", b"y")), MESSAGE),
    "a name with a space": (fields((b"x y", b"z")), MESSAGE),
    "a name of other bytes": (fields((b"x\xe9", b"z")), MESSAGE),
    "CR in a value": (fields((b"x", b"a\rb")), MESSAGE),
    "LF in a value": (fields((b"x", b"a\nb")), MESSAGE),
    "NUL in a value": (fields((b"x", b"a\0b")), MESSAGE),
    "a value that begins with a space": (fields((b"x", b" a")), MESSAGE),
    "connection": (fields((b"connection", b"close")), MESSAGE),
    "keep-alive": (fields((b"keep-alive", b"1")), MESSAGE),
    "proxy-connection": (fields((b"proxy-connection", b"x")), MESSAGE),
    "transfer-encoding": (fields((b"transfer-encoding", b"chunked")), MESSAGE),
    "upgrade": (fields((b"upgrade", b"h2c")), MESSAGE),
    "te of more than trailers": (fields((b"te", b"gzip")), MESSAGE),
    "two hosts": (fields((b"host", b"a"), (b"host", b"a")), MESSAGE),
    "a host that differs": (fields((b"host", b"other")), MESSAGE),
    "a length that is none": (fields((b"content-length", b"-1")), MESSAGE),
    "two lengths": (fields((b"content-length", b"1"), (b"content-length", b"1")), MESSAGE),
    "a length and no body": (fields((b"content-length", b"5")), MESSAGE),
    "CONNECT with a path": (fields(method=b"CONNECT"), MESSAGE),
    "CONNECT without an authority": ([(b":method", b"CONNECT")], MESSAGE),
    "a protocol without CONNECT": (fields(protocol=b"websocket"), MESSAGE),
    "a protocol that was not offered": (fields(method=b"CONNECT", protocol=b"x"), MESSAGE),
    "no fields at all": ([], MESSAGE),
}
"""Fields of a request, and the code with which its stream is given up."""

ANSWERED: dict[str, tuple[Headers, int]] = {
    # D2: none of these ends more than itself.
    "CONNECT": ([(b":method", b"CONNECT"), (b":authority", b"a:1")], 501),
    "a path that is not ASCII": (fields(path=b"/\xc3\xa9"), 400),
    "a path with a byte that is nothing": (fields(path=b"/\xff"), 400),
    "a path with a space": (fields(path=b"/a b"), 400),
    "a fragment": (fields(path=b"/a#b"), 400),
    "no authority": (fields(authority=None), 400),
    "an empty authority": (fields(authority=b""), 400),
    "userinfo": (fields(authority=b"me@test"), 400),
    "an authority that is not ASCII": (fields(authority=b"\xff"), 400),
    "another scheme": (fields(scheme=b"ftp"), 400),
    "a method in lower case": (fields(method=b"get"), 501),
    "an expectation": (fields((b"expect", b"tea")), 417),
    "a long path": (fields(path=b"/" + b"x" * 9000), 414),
    "many fields": (fields(*[(b"x", b"y")] * 200), 431),
    "a large head": (fields((b"x", b"y" * 60000), (b"y", b"x" * 60000)), 431),
}
"""Fields of a request, and the status that it is answered with."""

BODIES: dict[str, tuple[list[bytes], bool, int]] = {
    "a body longer than it said": ([data(b"x" * 6)], False, MESSAGE),
    "a body shorter than it said": ([data(b"x" * 4)], True, MESSAGE),
    "no body where it said one": ([], True, MESSAGE),
    "trailers too early": ([data(b"xy"), encoded([(b"x", b"y")])], True, MESSAGE),
    "a pseudo-header field in trailers": (
        [data(b"12345"), encoded([(b":path", b"/")])], True, MESSAGE,
    ),
    "framing in trailers": (
        [data(b"12345"), encoded([(b"content-length", b"5")])], True, MESSAGE,
    ),
    "upper case in trailers": ([data(b"12345"), encoded([(b"X", b"y")])], True, MESSAGE),
    "too many trailers": (
        [data(b"12345"), encoded([(b"x", b"y")] * 200)], True, EXCESSIVE,
    ),
}  # fmt: skip
"""What follows the head of a POST with `content-length: 5`, whether that ends it, and the code with
which its stream is given up.
"""

REQUEST_STREAM: dict[str, tuple[bytes, bool, int]] = {
    # What a request's stream may not carry: (bytes, ended, code)
    "DATA first": (data(b"x"), False, UNEXPECTED),
    "DATA after trailers": (
        encoded(fields(method=b"POST")) + encoded([(b"x", b"y")]) + data(b"z"),
        False,
        UNEXPECTED,
    ),
    "HEADERS after trailers": (
        encoded(fields(method=b"POST")) + encoded([(b"x", b"y")]) * 2,
        False,
        UNEXPECTED,
    ),
    "CANCEL_PUSH": (frame(3, b"\0"), False, UNEXPECTED),
    "SETTINGS": (settings(), False, UNEXPECTED),
    "SETTINGS after HEADERS": (encoded(GET) + settings(), False, UNEXPECTED),
    "PUSH_PROMISE": (frame(5, b"\0\0\0"), False, UNEXPECTED),
    "GOAWAY": (frame(7, b"\0"), False, UNEXPECTED),
    "MAX_PUSH_ID": (frame(0xD, b"\0"), False, UNEXPECTED),
    "PRIORITY_UPDATE": (frame(PRIORITY_REQUEST, b"\0u=1"), False, UNEXPECTED),
    "PRIORITY of HTTP/2": (frame(2, b"\0" * 5), False, UNEXPECTED),
    "PING of HTTP/2": (frame(6, b"\0" * 8), False, UNEXPECTED),
    "WINDOW_UPDATE of HTTP/2": (frame(8, b"\0" * 4), False, UNEXPECTED),
    "CONTINUATION of HTTP/2": (frame(9), False, UNEXPECTED),
    "HEADERS that end early": (encoded(GET)[:-3], True, FRAME),
    "DATA that ends early": (encoded(fields(method=b"POST")) + data(b"abc")[:-1], True, FRAME),
    "a frame head that ends early": (encoded(GET) + b"\x40", True, FRAME),
    "an unknown frame that ends early": (encoded(GET) + frame(0x21, b"abc")[:-1], True, FRAME),
    "an empty field section": (frame(1), False, QPACK),
    "a field section that is none": (frame(1, b"\xff" * 20), False, QPACK),
    "an index beyond the static table": (frame(1, b"\0\0\xff\x40"), False, QPACK),
    "a reference to a table that is empty": (frame(1, b"\0\0\x80"), False, QPACK),
    "a string that is not Huffman code": (frame(1, b"\0\0\x51\x84\xff\xff\xff\xff"), False, QPACK),
    "a string longer than its section": (frame(1, b"\0\0\x51\x7fabc"), False, QPACK),
}
"""Bytes of a request's stream, whether they end it, and the code that closes the connection."""

CONTROL_STREAM: dict[str, tuple[bytes, int]] = {
    "a second SETTINGS": (settings(), UNEXPECTED),
    "DATA": (data(b"x"), UNEXPECTED),
    "HEADERS": (encoded(GET), UNEXPECTED),
    "PUSH_PROMISE": (frame(5, b"\0\0\0"), UNEXPECTED),
    "PRIORITY of HTTP/2": (frame(2, b"\0" * 5), UNEXPECTED),
    "PING of HTTP/2": (frame(6, b"\0" * 8), UNEXPECTED),
    "WINDOW_UPDATE of HTTP/2": (frame(8, b"\0" * 4), UNEXPECTED),
    "CONTINUATION of HTTP/2": (frame(9), UNEXPECTED),
    "CANCEL_PUSH of a push that never was": (frame(3, b"\5"), ID),
    "an empty CANCEL_PUSH": (frame(3), FRAME),
    "a long CANCEL_PUSH": (frame(3, b"\0\0"), FRAME),
    "MAX_PUSH_ID that shrinks": (frame(0xD, b"\5") + frame(0xD, b"\4"), ID),
    "an empty MAX_PUSH_ID": (frame(0xD), FRAME),
    "a long MAX_PUSH_ID": (frame(0xD, b"\0\0"), FRAME),
    "GOAWAY that grows": (frame(7, b"\4") + frame(7, b"\5"), ID),
    "an empty GOAWAY": (frame(7), FRAME),
    "an empty PRIORITY_UPDATE": (frame(PRIORITY_REQUEST), FRAME),
    "PRIORITY_UPDATE of no request": (frame(PRIORITY_REQUEST, b"\1u=1"), ID),
    "PRIORITY_UPDATE of a push that never was": (frame(PRIORITY_PUSH, b"\0u=1"), ID),
    "PRIORITY_UPDATE without end": (integer(PRIORITY_REQUEST) + integer(1 << 40), EXCESSIVE),
}
"""Bytes of the control stream behind its SETTINGS, and the code that closes the connection."""

FIRST_ON_CONTROL: dict[str, tuple[bytes, int]] = {
    "GOAWAY": (frame(7, b"\0"), MISSING),
    "MAX_PUSH_ID": (frame(0xD, b"\0"), MISSING),
    "an unknown frame": (frame(0x21), MISSING),
    "DATA": (data(b"x"), MISSING),
    "SETTINGS without a value": (frame(4, b"\6"), FRAME),
    "SETTINGS that end within a value": (frame(4, b"\6\x40"), FRAME),
    "SETTINGS with a setting twice": (settings((6, 1), (6, 1)), SETTINGS),
    "SETTINGS with ENABLE_PUSH of HTTP/2": (settings((2, 0)), SETTINGS),
    "SETTINGS with MAX_CONCURRENT_STREAMS": (settings((3, 1)), SETTINGS),
    "SETTINGS with INITIAL_WINDOW_SIZE": (settings((4, 1)), SETTINGS),
    "SETTINGS with MAX_FRAME_SIZE": (settings((5, 1)), SETTINGS),
    "SETTINGS with the setting that is reserved": (settings((0, 0)), SETTINGS),
    "SETTINGS with datagrams of another kind": (settings((0x33, 2)), SETTINGS),
    "SETTINGS with CONNECT of another kind": (settings((8, 2)), SETTINGS),
    "SETTINGS without end": (integer(4) + integer(1 << 40), EXCESSIVE),
}
"""The same in place of SETTINGS."""

UNIDIRECTIONAL: dict[str, tuple[bytes, int]] = {
    "a second control stream": (b"\0" + settings(), STREAM_CREATION),
    "a push stream": (b"\1\0", STREAM_CREATION),
    "a second encoder stream": (b"\2", STREAM_CREATION),
    "a second decoder stream": (b"\3", STREAM_CREATION),
}
"""Bytes of a further unidirectional stream, and the code that closes the connection."""

QPACK_STREAMS: dict[str, tuple[int, bytes, int]] = {
    "a table larger than was offered": (ENCODER, b"\x3f\xe1\x7f", QPACK_ENCODER),
    "an entry larger than the table": (
        ENCODER, b"\x3f\xe1\x1f" + b"\x41a" + b"\x7f\xff\xff\x7f", QPACK_ENCODER,
    ),
    "a copy of no entry": (ENCODER, b"\x3f\xe1\x1f\x05", QPACK_ENCODER),
    "a name of no entry": (ENCODER, b"\x3f\xe1\x1f\x85\x01a", QPACK_ENCODER),
    "a name beyond the static table": (ENCODER, b"\x3f\xe1\x1f\xff\x7f\x01a", QPACK_ENCODER),
    "an acknowledgement of nothing": (DECODER, b"\x80", QPACK_DECODER),
    "a long acknowledgement of nothing": (DECODER, b"\xff\x7f", QPACK_DECODER),
    "an increment of nothing": (DECODER, b"\x01", QPACK_DECODER),
    "an increment of zero": (DECODER, b"\x00", QPACK_DECODER),
}  # fmt: skip
"""Which stream of the field compression, bytes, and the code that closes the connection."""
