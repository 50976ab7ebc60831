"""Which requests are malformed, which refused, what the others become (RFC 9113 section 8)."""

from __future__ import annotations

import pytest

from nonecorn.spi import Limits, RemoteProtocolError
from nonecorn_h2._errors import StreamFault
from nonecorn_h2._rules import Head, read_head, read_trailers

GET = {":method": "GET", ":scheme": "http", ":authority": "a", ":path": "/"}


def fields(pseudo: dict[str, str | None] | None = None, *regular: tuple[str, str]):
    merged = {**GET, **(pseudo or {})}
    pairs = [*((name, value) for name, value in merged.items() if value is not None), *regular]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


def head(pseudo=None, *regular, limits: Limits | None = None, connect: bool = True) -> Head:
    return read_head(fields(pseudo, *regular), limits or Limits(), connect_protocol=connect)


MALFORMED = {
    "no method": ({":method": None},),
    "no scheme": ({":scheme": None},),
    "no path": ({":path": None},),
    "an empty path": ({":path": ""},),
    "an absolute path": ({":path": "http://a/"},),
    "a path that begins elsewhere": ({":path": "x"},),
    "an asterisk without OPTIONS": ({":path": "*"},),
    "an unknown pseudo-field": ({":x": "y"},),
    "a pseudo-field of responses": ({":status": "200"},),
    "a pseudo-field after others": ({}, ("x", "y"), (":path", "/")),
    "an empty method": ({":method": ""},),
    "a method that is no token": ({":method": "G T"},),
    "upper case": ({}, ("X-Upper", "y")),
    "an empty name": ({}, ("", "y")),
    "a space in a name": ({}, ("x y", "z")),
    "a colon in a name": ({}, ("x:y", "z")),
    "bytes in a name": ({}, ("\xe9", "z")),
    "CR in a value": ({}, ("x", "a\rb")),
    "LF in a value": ({}, ("x", "a\nb")),
    "NUL in a value": ({}, ("x", "a\0b")),
    "DEL in a value": ({}, ("x", "a\x7fb")),
    "CR in a path": ({":path": "/\r"},),
    "a space before a value": ({}, ("x", " a")),
    "a tab after a value": ({}, ("x", "a\t")),
    "connection": ({}, ("connection", "close")),
    "proxy-connection": ({}, ("proxy-connection", "close")),
    "keep-alive": ({}, ("keep-alive", "timeout=1")),
    "transfer-encoding": ({}, ("transfer-encoding", "chunked")),
    "upgrade": ({}, ("upgrade", "x")),
    "te of more than trailers": ({}, ("te", "trailers, deflate")),
    "two hosts": ({}, ("host", "a"), ("host", "a")),
    "a host that differs": ({}, ("host", "b")),
    "a host of another port": ({}, ("host", "a:81")),
    "two lengths": ({}, ("content-length", "1"), ("content-length", "1")),
    "a length that is none": ({}, ("content-length", "-1")),
    "a length of two": ({}, ("content-length", "1, 1")),
    "a length that overflows": ({}, ("content-length", "9" * 19)),
    "CONNECT with a path": ({":method": "CONNECT", ":scheme": None},),
    "CONNECT without an authority": (
        {":method": "CONNECT", ":scheme": None, ":path": None, ":authority": None},
    ),
    "a protocol without CONNECT": ({":protocol": "websocket"},),
    "a protocol with CONNECT and no path": (
        {":method": "CONNECT", ":protocol": "websocket", ":path": None},
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed(case):
    pseudo, *regular = MALFORMED[case]
    with pytest.raises(StreamFault, match="PROTOCOL_ERROR"):
        head(pseudo, *regular)


def test_a_repeated_pseudo_field_is_malformed():
    with pytest.raises(StreamFault):
        read_head([*fields()[:1], *fields()], Limits(), connect_protocol=True)


def test_a_protocol_is_malformed_where_the_setting_was_not_sent():
    with pytest.raises(StreamFault):
        head({":method": "CONNECT", ":protocol": "websocket"}, connect=False)


REFUSED = {
    "no authority at all": (400, {":authority": None}),
    "an empty authority": (400, {":authority": ""}),
    "userinfo": (400, {":authority": "me@a"}),
    "a host that is none": (400, {":authority": None}, ("host", "a/b")),
    "a foreign scheme": (400, {":scheme": "ftp"}),
    "a space in a path": (400, {":path": "/a b"}),
    "a fragment": (400, {":path": "/a#b"}),
    "bytes in a path": (400, {":path": "/\xe9"}),
    "an expectation": (417, {}, ("expect", "the unexpected")),
    "a known method in other letters": (501, {":method": "get"}),
    "CONNECT": (501, {":method": "CONNECT", ":scheme": None, ":path": None}),
    "a long path": (414, {":path": "/" + "x" * 100}),
    "many fields": (431, {}, *[("x", "y")] * 5),
    "a large body": (413, {}, ("content-length", "11")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    status, pseudo, *regular = REFUSED[case]
    limits = Limits(target_size=100, head_fields=4, body_size=10)
    with pytest.raises(RemoteProtocolError) as caught:
        head(pseudo, *regular, limits=limits)
    assert caught.value.status == status


def test_a_plain_request():
    found = head({":path": "/p%20q?x=1?2"}, ("accept", "*/*"), ("x-a", ""), ("x-a", "2"))
    assert (found.method, found.path, found.query) == ("GET", b"/p%20q", b"x=1?2")
    assert found.headers == [
        (b"host", b"a"), (b"accept", b"*/*"), (b"x-a", b""), (b"x-a", b"2"),
    ]  # fmt: skip
    assert (found.length, found.protocol, found.expects, found.priority) == (-1, b"", False, None)


def test_the_authority_replaces_a_host_that_agrees():
    found = head({":authority": "A:80"}, ("x", "y"), ("host", "a"))
    assert found.headers == [(b"host", b"A:80"), (b"x", b"y")]


def test_a_host_stands_where_it_stood_if_there_is_no_authority():
    found = head({":authority": None}, ("x", "y"), ("host", "b"))
    assert found.headers == [(b"x", b"y"), (b"host", b"b")]


def test_cookie_crumbs_are_joined():
    found = head({}, ("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3"))
    assert found.headers[1:] == [(b"cookie", b"a=1; b=2; c=3"), (b"x", b"y")]


def test_what_is_known_of_a_body_and_its_order():
    found = head({}, ("content-length", "7"), ("expect", "100-Continue"), ("priority", "u=1, i"))
    assert (found.length, found.expects, found.priority) == (7, True, (1, True))


def test_extended_connect():
    found = head({":method": "CONNECT", ":protocol": "WebSocket"})
    assert (found.method, found.protocol, found.path) == ("CONNECT", b"websocket", b"/")


def test_an_asterisk_of_options():
    assert head({":method": "OPTIONS", ":path": "*"}).path == b"*"


def test_te_trailers_is_passed_on():
    assert (b"te", b"trailers") in head({}, ("te", "trailers")).headers


@pytest.mark.parametrize(
    "field", [(":path", "/"), ("Upper", "x"), ("host", "a"), ("content-length", "1"), ("x", "\n")]
)
def test_trailers_that_are_malformed(field):
    name, value = field
    with pytest.raises(StreamFault):
        read_trailers([(name.encode(), value.encode())], Limits())


def test_trailers():
    assert read_trailers([(b"grpc-status", b"0")], Limits()) == [(b"grpc-status", b"0")]
    with pytest.raises(StreamFault):
        read_trailers([(b"x", b"y")] * 3, Limits(head_fields=2))
