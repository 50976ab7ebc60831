"""The end of a socket: codes and reasons both ways, handshake, deadline (RFC 6455 section 7)."""

from __future__ import annotations

import queue
import struct

import pytest

from tests.e2e.raw import reset
from tests.ws.client import BINARY, CLOSE, TEXT, Frame, closing, frame, opened, text

PATIENCE = 20


def listener(heard, after=()):
    """An application that tells what it receives, and then sends `after`."""

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            heard.put(message)
            if message["type"] == "websocket.disconnect":
                break
        for message in after:
            await send(message)

    return app


@pytest.fixture
def heard():
    return queue.SimpleQueue()


@pytest.fixture
def listening(serve, heard):
    return serve(listener(heard))


# From the client ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1000, ""), (1000, "done"), (1001, "going away"), (1002, ""), (1003, ""), (1007, ""),
        (1008, "policy"), (1009, ""), (1010, ""), (1011, ""), (1012, "restart"), (1013, ""),
        (1014, ""), (3000, "library"), (3999, ""), (4000, "own"), (4999, "x" * 123),
        (1000, "größer als 😀"),
    ],
)  # fmt: skip
def test_code_and_reason_reach_the_application_and_the_code_is_echoed(
    listening, heard, code, reason
):
    with opened(listening.address) as client:
        answer, _ = client.goodbye(code, reason)
    assert answer == code
    assert heard.get(timeout=PATIENCE) == {
        "type": "websocket.disconnect", "code": code, "reason": reason
    }  # fmt: skip


def test_a_close_without_a_code_is_1005_and_answered_without_one_or_with_1000(listening, heard):
    with opened(listening.address) as client:
        assert client.goodbye(None)[0] in (None, 1000)
    assert heard.get(timeout=PATIENCE) == {
        "type": "websocket.disconnect", "code": 1005, "reason": ""
    }  # fmt: skip


@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_client_that_is_gone_without_a_close_is_1006(listening, heard, how):
    client = opened(listening.address)
    client.send(text("hello"))
    assert heard.get(timeout=PATIENCE)["text"] == "hello"
    if how == "reset":
        reset(client.sock)
    else:
        client.sock.close()
    assert heard.get(timeout=PATIENCE) == {
        "type": "websocket.disconnect", "code": 1006, "reason": ""
    }  # fmt: skip


BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


@pytest.mark.parametrize("code", BAD_CODES)
def test_a_code_that_must_not_be_sent_fails_the_connection(listening, heard, code):
    """RFC 6455 section 7.4: reserved ones, and numbers that nobody gave out."""
    with opened(listening.address) as client:
        assert client.goodbye(code)[0] == 1002
    assert heard.get(timeout=PATIENCE)["code"] in (1002, 1006)


def test_half_a_code_fails_the_connection(listening, heard):
    with opened(listening.address) as client:
        client.send(frame(CLOSE, b"\x03"))
        assert client.failed() == 1002
    assert heard.get(timeout=PATIENCE)["type"] == "websocket.disconnect"


def test_nothing_after_a_close_is_served(listening, heard):
    with opened(listening.address) as client:
        client.send(closing(1000), text("too late"), frame(9, b"ping"))
        assert client.closed() == (1000, "")
        assert client.ended()
    assert heard.get(timeout=PATIENCE)["type"] == "websocket.disconnect"
    assert heard.empty()


def test_messages_before_a_close_in_one_packet_are_received_first(listening, heard):
    with opened(listening.address) as client:
        client.send(text("one"), text("two"), closing(4001, "bye"))
        assert client.closed()[0] == 4001
    assert [heard.get(timeout=PATIENCE).get("text") for _ in range(2)] == ["one", "two"]
    assert heard.get(timeout=PATIENCE) == {
        "type": "websocket.disconnect", "code": 4001, "reason": "bye"
    }  # fmt: skip


def test_a_protocol_error_is_what_the_application_hears_of(listening, heard):
    with opened(listening.address) as client:
        client.send(frame(TEXT, b"\xff"))
        assert client.failed() == 1007
    message = heard.get(timeout=PATIENCE)
    assert (message["type"], message["code"]) == ("websocket.disconnect", 1007)


def test_disconnect_is_said_again_to_whoever_asks_again(serve, heard):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(3):
            heard.put(await receive())

    server = serve(app)
    with opened(server.address) as client:
        client.goodbye(4000, "x")
    assert {heard.get(timeout=PATIENCE)["code"] for _ in range(3)} == {4000}


# From the application -----------------------------------------------------------------------------


def closer(heard, **close):
    """An application that closes, and tells what it receives then."""

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", **close})
        heard.put(await receive())

    return app


@pytest.mark.parametrize(
    ("close", "expected"),
    [
        ({}, (1000, "")),
        ({"code": 1000}, (1000, "")),
        ({"code": 1001, "reason": "bye"}, (1001, "bye")),
        ({"code": 3000, "reason": "größer 😀"}, (3000, "größer 😀")),
        ({"code": 4999, "reason": None}, (4999, "")),
        ({"reason": "only that"}, (1000, "only that")),
        ({"code": 4000, "reason": "x" * 123}, (4000, "x" * 123)),
    ],
)
def test_the_applications_code_and_reason_reach_the_client(serve, heard, close, expected):
    server = serve(closer(heard, **close))
    with opened(server.address) as client:
        assert client.closed() == expected
        client.send(closing(expected[0]))
        assert client.ended()
    message = heard.get(timeout=PATIENCE)
    assert message["type"] == "websocket.disconnect"


def test_a_reason_too_long_for_a_frame_is_cut_between_characters_or_refused(serve, heard):
    errors = queue.SimpleQueue()

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        try:
            await send({"type": "websocket.close", "code": 4000, "reason": "ä" * 100})
        except Exception as error:
            errors.put(error)
            raise

    server = serve(app)
    with opened(server.address) as client:
        code, reason = client.closed()
    if errors.empty():
        assert (code, reason) == (4000, "ä" * 61)  # 122 bytes: one more would cut a character
    else:
        assert code == 1011


@pytest.mark.parametrize("code", [0, 999, 1005, 1006, 1015, 5000, 70000])
def test_a_code_that_must_not_be_sent_is_the_applications_error(serve, code):
    errors = queue.SimpleQueue()

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        try:
            await send({"type": "websocket.close", "code": code})
        except Exception as error:
            errors.put(error)
            raise

    server = serve(app)
    with opened(server.address) as client:
        assert client.closed()[0] == 1011
    assert not isinstance(errors.get(timeout=PATIENCE), OSError)


def test_a_client_that_does_not_answer_a_close_is_cut_off(serve, heard):
    server = serve(closer(heard), ws={"close_timeout": 0.1})
    with opened(server.address) as client:
        assert client.closed() == (1000, "")
        assert client.ended()


def test_a_client_that_goes_on_talking_instead_of_closing_is_cut_off(serve, heard):
    server = serve(closer(heard), ws={"close_timeout": 0.1})
    with opened(server.address) as client:
        assert client.closed() == (1000, "")
        many = frame(BINARY, bytes(65536)) * 1600  # more than all buffers between us
        with pytest.raises(ConnectionError):
            client.send(many)


def test_messages_that_cross_a_close_are_not_received(serve, heard):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
        heard.put(await receive())

    server = serve(app)
    with opened(server.address) as client:
        assert client.closed() == (1000, "")
        client.send(text("crossing"), closing(1000))
        assert client.ended()
    assert heard.get(timeout=PATIENCE)["type"] == "websocket.disconnect"


def test_the_connection_ends_with_fin_and_not_reset(listening):
    with opened(listening.address) as client:
        client.send(closing(1000))
        assert client.closed() == (1000, "")
        assert client.sock.recv(1) == b""


def test_a_close_frame_holds_code_and_reason_as_the_rfc_has_them(serve, heard):
    server = serve(closer(heard, code=3456, reason="ok"))
    with opened(server.address) as client:
        assert client.frame() == Frame(CLOSE, struct.pack("!H", 3456) + b"ok")
