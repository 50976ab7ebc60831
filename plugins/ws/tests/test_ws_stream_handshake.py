"""The opening handshake: what is refused, what the scope says, and what accepts."""

import pytest

from nonecorn.spi import LocalProtocolError, TLSInfo
from nonecorn.testing import Gate
from nonecorn_ws import _handshake as handshake
from plugins.ws.tests._opened import ACCEPT, HANDSHAKE, Opened

KEY = b"sec-websocket-key"
VERSION = b"sec-websocket-version"
PROTOCOL = b"sec-websocket-protocol"
EXTENSIONS = b"sec-websocket-extensions"


def without(*names):
    return [field for field in HANDSHAKE if field[0] not in names]


async def never(scope, receive, send):
    raise AssertionError("the application was called")


# What is refused


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        (without(VERSION), 426, "websocket-version"),
        ([*without(VERSION), (VERSION, b"8")], 426, "websocket-version"),
        ([*without(VERSION), (VERSION, b"13, 8")], 426, "websocket-version"),
        ([*HANDSHAKE, (VERSION, b"13")], 400, "websocket-version"),
        (without(KEY), 400, "websocket-key"),
        ([*HANDSHAKE, HANDSHAKE[2]], 400, "websocket-key"),
        ([*without(KEY), (KEY, b"")], 400, "websocket-key"),
        ([*without(KEY), (KEY, b"dGhlIHNhbXBsZQ==")], 400, "websocket-key"),
        ([*without(KEY), (KEY, b"!!!!IHNhbXBsZSBub25jZQ==")], 400, "websocket-key"),
        ([*without(KEY), (KEY, b"dGhlIHNhbXBsZSBub25jZQ")], 400, "websocket-key"),
        ([*HANDSHAKE, (PROTOCOL, b"a b")], 400, "websocket-protocol"),
        ([*HANDSHAKE, (PROTOCOL, b"a@b")], 400, "websocket-protocol"),
        ([*HANDSHAKE, (EXTENSIONS, b"a; =")], 400, "websocket-extensions"),
        ([*HANDSHAKE, (EXTENSIONS, b'a; b="')], 400, "websocket-extensions"),
        ([*HANDSHAKE, (PROTOCOL, b"\x80\xff")], 400, "non-ascii-header"),
        ([*HANDSHAKE, (b"cookie", b"a=\xff")], 400, "non-ascii-header"),
    ],
)
def test_what_is_no_handshake_is_refused(headers, status, reason):
    opened = Opened(never, headers=headers)
    assert (opened.exchange.status, opened.exchange.ended) == (status, True)
    [record] = opened.records
    assert (record.status, record.reason, opened.started) == (status, reason, [])
    version = [value for name, value in opened.exchange.headers if name == VERSION]
    assert version == ([b"13"] if reason == "websocket-version" else [])
    assert ((b"upgrade", b"websocket") in opened.exchange.headers) == (status == 426)


def test_another_method_is_refused():
    assert Opened(never, method="POST").exchange.status == 400


@pytest.mark.parametrize("version", ["2", "3"])
def test_extended_connect_has_neither_key_nor_upgrade(version):
    opened = Opened(headers=without(KEY), version=version, method="CONNECT")
    assert opened.exchange.tunnelled
    assert not [name for name, _ in opened.exchange.headers if name.startswith(b"sec-")]
    assert opened.started[0]["http_version"] == version
    opened.client_closes()
    assert opened.records[0].status == 200


def test_a_wrong_version_is_no_upgrade_in_http_2():
    opened = Opened(never, headers=without(KEY, VERSION), version="2", method="CONNECT")
    assert opened.exchange.status == 400
    assert (b"upgrade", b"websocket") not in opened.exchange.headers


# Scope


def test_the_scope_is_that_of_the_specification():
    tls = TLSInfo(alpn=None, server_name=None, extension={"tls_version": 0x304})
    subprotocols = [(PROTOCOL, b"chat, superchat"), (PROTOCOL, b", v2.x ,")]
    opened = Opened(path=b"/a%20%C3%A9", headers=[*HANDSHAKE, *subprotocols])
    opened.stream.scope["extensions"].pop("x", None)
    [scope] = opened.started
    extensions = scope.pop("extensions")
    assert scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/a é",
        "raw_path": b"/a%20%C3%A9",
        "query_string": b"q=1",
        "root_path": "",
        "headers": [*HANDSHAKE, *subprotocols],
        "client": opened.exchange._port.client,
        "server": opened.exchange._port.server,
        "subprotocols": ["chat", "superchat", "v2.x"],
    }
    assert {"websocket.http.response", "websocket.multiframe"} <= set(extensions)
    assert "tls" not in extensions
    secure = Opened(port={"tls": tls})
    assert secure.started[0]["extensions"]["tls"] is tls.extension


def test_over_tls_the_scheme_is_wss():
    opened = Opened()
    opened.context.scheme = "https"
    again = Opened(context=opened.context)
    assert again.stream.scope["scheme"] == "wss"


# Accepting


def test_accepting_answers_the_key():
    # The example of RFC 6455 section 1.3.
    opened = Opened()
    assert opened.exchange.headers == [(b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")]


def test_accepting_has_subprotocol_and_headers():
    accept = {**ACCEPT, "subprotocol": "b", "headers": [(b"set-cookie", b"c=1")]}

    async def app(scope, receive, send):
        await send(accept)
        await receive()
        await receive()

    opened = Opened(app, headers=[*HANDSHAKE, (PROTOCOL, b"a, b")])
    assert opened.exchange.headers[1:] == [(PROTOCOL, b"b"), (b"set-cookie", b"c=1")]
    opened.client_closes()
    assert opened.records[0].headers == opened.exchange.headers


@pytest.mark.parametrize(
    "more",
    [
        {"subprotocol": "c"},
        {"headers": [(PROTOCOL, b"a")]},
        {"headers": [(b"Sec-WebSocket-Accept", b"a")]},
        {"headers": [(b":status", b"200")]},
    ],
)
def test_accepting_with_what_is_not_the_applications_fails_and_may_be_done_anew(more):
    raised = []

    async def app(scope, receive, send):
        try:
            await send({**ACCEPT, **more})
        except LocalProtocolError as error:
            raised.append(error)
        await send(ACCEPT)
        await receive()
        await receive()

    opened = Opened(app, headers=[*HANDSHAKE, (PROTOCOL, b"a, b")])
    assert len(raised) == 1
    assert opened.exchange.tunnelled


def test_what_comes_before_accepting_is_delivered_in_order():
    gate = Gate()
    received = []

    async def app(scope, receive, send):
        await gate.wait()
        await send(ACCEPT)
        await receive()
        received.extend([await receive() for _ in range(3)])

    opened = Opened(app)
    opened.feed("one", b"two")
    assert opened.exchange.consumed_bytes == 0
    gate.open()
    opened.feed("three")
    assert received == [
        {"type": "websocket.receive", "text": "one"},
        {"type": "websocket.receive", "bytes": b"two"},
        {"type": "websocket.receive", "text": "three"},
    ]
    assert opened.exchange.consumed_bytes == opened.stream._received


def test_refusing_is_403():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.close"})
        assert (await receive())["type"] == "websocket.disconnect"

    opened = Opened(app)
    assert (opened.exchange.status, opened.exchange.ended) == (403, True)
    assert (opened.records[0].status, opened.records[0].reason) == (403, "")


# Extensions


@pytest.mark.parametrize(
    ("value", "offers"),
    [
        (b"", ()),
        (b"a", ((b"a", ()),)),
        (b"a , ,B;c", ((b"a", ()), (b"b", ((b"c", None),)))),
        (b'a; x=1; y = "2" ;z', ((b"a", ((b"x", b"1"), (b"y", b"2"), (b"z", None))),)),
    ],
)
def test_offers_are_read(value, offers):
    assert handshake.read("1.1", "GET", [*HANDSHAKE, (EXTENSIONS, value)]).offers == offers


def test_reading_a_long_list_of_parameters_is_linear():
    value = b"permessage-deflate" + b";a" * 30000 + b"="
    with pytest.raises(Exception, match="websocket-extensions"):
        handshake.read("1.1", "GET", [*HANDSHAKE, (EXTENSIONS, value)])
