"""The opening handshake: RFC 6455 section 4.2 over HTTP/1.1, good ones and bad ones."""

from __future__ import annotations

import json
import socket

import pytest

from tests.ws.client import FIELDS, TEXT, Frame, RawClient, opened, request, text


def lives(server):
    """The worker still serves: a socket, and a page."""
    with opened(server.address) as client:
        assert client.send(text("alive")).frame() == Frame(TEXT, b"alive")
        client.goodbye()
    with RawClient(server.address, b"GET / HTTP/1.0\r\n\r\n") as client:
        assert client.refused().status == 200
    return True


# Good ones ----------------------------------------------------------------------------------------

GOOD = {
    "as browsers send it": request(),
    "another case": request(connection="UPGRADE", upgrade="WebSocket"),
    "a list of connection options": request(connection="keep-alive, Upgrade"),
    "connection options in two lines": request("/echo", "Connection: keep-alive"),
    "a list of protocols to upgrade to": request(upgrade="websocket, h2c"),
    "with an origin and a cookie": request("/echo", "Origin: http://x", "Cookie: a=b"),
    "with a query": request("/echo?a=%20b&c"),
    "an unknown extension": request("/echo", "Sec-WebSocket-Extensions: x-nonesuch; a=1"),
    "an empty body": request("/echo", "Content-Length: 0"),
}


@pytest.mark.parametrize("hello", GOOD.values(), ids=GOOD)
def test_a_good_handshake_is_accepted(either, hello):
    with RawClient(either.address, hello) as client:
        client.opened()
        assert client.response.values(b"sec-websocket-extensions") == []
        assert client.response.values(b"sec-websocket-protocol") == []
        assert client.send(text("hello")).frame() == Frame(TEXT, b"hello")
        assert client.goodbye() == (1000, "")


def test_the_answer_says_no_length_and_has_no_body(either):
    with opened(either.address) as client:
        for name in (b"content-length", b"transfer-encoding"):
            assert client.response.values(name) == []


def test_frames_in_one_packet_with_the_handshake_are_served(either):
    with RawClient(either.address, request() + text("early") + text("bird")) as client:
        client.opened()
        assert [client.frame(), client.frame()] == [Frame(TEXT, b"early"), Frame(TEXT, b"bird")]
        client.goodbye()


def test_a_handshake_byte_by_byte_is_served(either):
    with RawClient(either.address) as client:
        for byte in request() + text("slow"):
            client.send(bytes([byte]))
        assert client.opened().frame() == Frame(TEXT, b"slow")


def test_a_socket_after_other_requests_on_the_connection(either):
    page = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
    with RawClient(either.address) as client:
        for _ in range(3):
            client.send(page)
            head = client.head()
            assert head.status == 200
            client._read(5 if head.values(b"content-length") else len(b"5\r\nhello\r\n0\r\n\r\n"))
        client.send(request(), text("then")).opened()
        assert client.frame() == Frame(TEXT, b"then")


def test_the_scope_says_what_was_asked(either):
    hello = request(
        "/scope?q=%C3%A4",
        "Sec-WebSocket-Protocol: chat, superchat",
        "Sec-WebSocket-Protocol: mega",
        "X-Ctl: caf\t1",
    )
    with RawClient(either.address, hello) as client:
        scope = json.loads(client.opened().message().payload)
    assert scope["type"] == "websocket"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert scope["http_version"] == "1.1"
    assert scope["scheme"] == "ws"
    assert scope["path"] == "/scope"
    assert scope["query_string"] == repr(b"q=%C3%A4")
    assert scope["raw_path"] == repr(b"/scope")
    assert scope["root_path"] == ""
    assert scope["subprotocols"] == ["chat", "superchat", "mega"]
    assert scope["state"] == {"started": "yes"}
    assert "websocket.http.response" in scope["extensions"]
    assert scope["server"] == list(either.address)
    assert scope["client"][0] == "127.0.0.1"
    assert ["host", "test"] in scope["headers"]
    assert ["x-ctl", "caf\t1"] in scope["headers"]
    assert "method" not in scope


def test_a_subprotocol_and_headers_of_the_application_are_in_the_answer(either):
    hello = request("/accept?subprotocol=chat&x-one=1&x-two=2", "Sec-WebSocket-Protocol: a, chat")
    with RawClient(either.address, hello) as client:
        answer = client.opened().response
        assert answer.values(b"sec-websocket-protocol") == [b"chat"]
        assert answer.values(b"x-one") == [b"1"]
        assert answer.values(b"x-two") == [b"2"]
        client.goodbye()


# Bad ones -----------------------------------------------------------------------------------------

BAD = {
    "no key": (400, request(sec_websocket_key=None)),
    "an empty key": (400, request(sec_websocket_key="")),
    "a key that is too short": (400, request(sec_websocket_key="c2hvcnQ=")),
    "a key that is too long": (400, request(sec_websocket_key="A" * 40 + "==")),
    "a key that is no base64": (400, request(sec_websocket_key="!" * 22 + "==")),
    "two keys": (400, request("/echo", f"Sec-WebSocket-Key: {FIELDS['sec-websocket-key']}")),
    "a post": (400, request(method="POST")),
    "a head": (400, request(method="HEAD")),
    "a body": (400, request("/echo", "Content-Length: 5") + b"hello"),
    "a chunked body": (400, request("/echo", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "no version": (426, request(sec_websocket_version=None)),
    "an old version": (426, request(sec_websocket_version="8")),
    "a version to come": (426, request(sec_websocket_version="14")),
    "an odd version": (426, request(sec_websocket_version="thirteen")),
    "two versions": (400, request("/echo", "Sec-WebSocket-Version: 13")),
}


@pytest.mark.parametrize(("status", "hello"), BAD.values(), ids=BAD)
def test_a_bad_handshake_is_refused_and_the_worker_lives(either, status, hello):
    with RawClient(either.address, hello) as client:
        if hello.startswith(b"HEAD"):
            answer = client.head()
            assert client.ended()
        else:
            answer = client.refused()
    assert answer.status == status
    if status == 426:
        # RFC 6455 section 4.4: what would have done; RFC 9110 section 15.5.22.
        assert answer.values(b"sec-websocket-version") == [b"13"]
        assert answer.values(b"upgrade") == [b"websocket"]
    assert lives(either)


NAMES = [
    "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions", "Origin", "Cookie", "User-Agent", "X-Own",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["\x80\xff", "caf\xe9", "a, \xff; b"], ids=ascii)
def test_bytes_beyond_ascii_in_any_field_are_refused_and_the_worker_lives(either, name, value):
    key = name.lower()
    changed = {key.replace("-", "_"): value} if key in FIELDS else {}
    hello = request("/echo", **changed) if changed else request("/echo", f"{name}: {value}")
    with RawClient(either.address, hello) as client:
        assert client.refused().status == 400
    assert lives(either)


@pytest.mark.parametrize("byte", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\0", "\x7f"])
def test_bytes_at_which_others_split_lines_make_no_second_field(either, byte):
    hello = request("/scope", f"X-One: a{byte}X-Two: b")
    with RawClient(either.address, hello) as client:
        assert client.refused().status == 400


@pytest.mark.parametrize(
    "hello",
    [
        request(connection=None),
        request(connection="keep-alive"),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request(upgrade="h3c"),
    ],
    ids=["no connection field", "another option", "HTTP/1.0", "another protocol"],
)
def test_what_asks_for_no_upgrade_is_an_ordinary_request(either, hello):
    """RFC 9110 section 7.8: the option makes it an upgrade, and HTTP/1.0 has none."""
    with RawClient(either.address, hello) as client:
        assert client.head().status == 200


def test_5000_fields_are_refused(either):
    lines = [f"x-{number}: y" for number in range(5000)]
    hello = request("/echo", *lines)
    with RawClient(either.address) as client:
        try:
            client.send(hello)
        except ConnectionError:
            pass  # refused before the last of them; the answer may be lost with it
        else:
            assert client.head().status == 431
    assert lives(either)


def test_a_body_that_comes_later_never_becomes_frames(either):
    hello = request("/echo", "Content-Length: 11")
    with RawClient(either.address, hello) as client:
        assert client.head().status == 400


def test_a_client_that_leaves_within_the_handshake_is_nobodys_trouble(either):
    whole = request()
    for length in range(0, len(whole), 7):
        with RawClient(either.address, whole[:length]) as client:
            client.sock.shutdown(socket.SHUT_WR)
    assert lives(either)
