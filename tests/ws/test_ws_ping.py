"""Pings of the server's own, deadlines of their answers, and pings handed to the application."""

from __future__ import annotations

import queue

import pytest

from tests.ws.client import PING, PONG, TEXT, Frame, closing, frame, opened, text

PATIENCE = 20
ACCEPT = {"type": "websocket.accept"}


@pytest.fixture
def heard():
    return queue.SimpleQueue()


def listener(heard):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        while True:
            message = await receive()
            heard.put(message)
            if message["type"] == "websocket.disconnect":
                return

    return app


# The server's own ---------------------------------------------------------------------------------


def test_an_idle_client_is_pinged_again_and_again_while_it_answers(serve, heard):
    server = serve(listener(heard), ws={"ping_interval": 0.05, "ping_timeout": 0.5})
    seen = set()
    with opened(server.address) as client:
        for _ in range(5):
            ping = client.frame()
            assert ping.opcode == PING
            seen.add(ping.payload)
            client.send(frame(PONG, ping.payload))
        client.send(closing())
        while client.frame().opcode == PING:
            pass
    assert heard.get(timeout=PATIENCE)["code"] == 1000  # and not one of those pongs


def test_a_client_that_does_not_answer_is_closed_with_1011(serve, heard):
    settings = {"ping_interval": 0.05, "ping_timeout": 0.1, "close_timeout": 0.1}
    server = serve(listener(heard), ws=settings)
    with opened(server.address) as client:
        found = client.frame()
        while found.opcode == PING:
            found = client.frame()
        assert found.payload[:2] == (1011).to_bytes(2, "big")
        assert client.ended()
    message = heard.get(timeout=PATIENCE)
    assert (message["type"], message["code"]) == ("websocket.disconnect", 1011)


def test_a_client_whose_pong_is_another_one_but_who_talks_is_kept(serve, heard):
    """Silence is what ends a socket: any frame shows that the client is there."""
    server = serve(listener(heard), ws={"ping_interval": 0.05, "ping_timeout": 0.3})
    with opened(server.address) as client:
        for number in range(20):
            assert client.frame().opcode == PING
            client.send(text(str(number)))
        assert [heard.get(timeout=PATIENCE)["text"] for _ in range(20)] == [
            str(number) for number in range(20)
        ]


@pytest.mark.parametrize("half", [frame(TEXT, bytes(100))[:50], frame(TEXT, b"x", fin=False)])
def test_a_client_that_falls_silent_within_a_message_is_closed(serve, heard, half):
    settings = {"ping_interval": 0.05, "ping_timeout": 0.1, "close_timeout": 0.1}
    server = serve(listener(heard), ws=settings)
    with opened(server.address) as client:
        client.send(half)
        found = client.frame()
        while found.opcode == PING:
            found = client.frame()
        assert found.payload[:2] == (1011).to_bytes(2, "big")
        assert client.ended()


def test_no_pings_where_the_interval_is_zero(serve, heard):
    server = serve(listener(heard), ws={"ping_interval": 0})
    with opened(server.address) as client:
        client.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.frame()


def test_no_deadline_where_the_timeout_is_zero(serve, heard):
    server = serve(listener(heard), ws={"ping_interval": 0.05, "ping_timeout": 0})
    with opened(server.address) as client:
        for _ in range(8):
            assert client.frame().opcode == PING  # never answered
        client.send(text("still here"))
        assert heard.get(timeout=PATIENCE)["text"] == "still here"


def test_the_deadlines_of_requests_do_not_hold_for_a_socket(serve, heard):
    limits = {"body_timeout": 0.2, "keep_alive_timeout": 0.2, "head_timeout": 0.2}
    server = serve(listener(heard), ws={"ping_interval": 0.2}, limits=limits)
    with opened(server.address) as client:
        for _ in range(12):
            ping = client.frame()
            assert ping.opcode == PING
            client.send(frame(PONG, ping.payload))
        client.send(text("awake"))
        assert heard.get(timeout=PATIENCE)["text"] == "awake"


def test_a_close_ends_the_pings(serve):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        await send({"type": "websocket.close"})

    server = serve(app, ws={"ping_interval": 0.02, "close_timeout": 0.3})
    with opened(server.address) as client:
        found = client.frame()
        while found.opcode == PING:
            found = client.frame()
        assert found.payload == (1000).to_bytes(2, "big")
        assert client.ended()  # and not another ping


# The application's --------------------------------------------------------------------------------


def test_pings_and_pongs_go_to_the_application_where_it_asks_for_them(serve, heard):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        while True:
            message = await receive()
            heard.put(message)
            if message["type"] == "websocket.ping":
                await send({"type": "websocket.pong", "data": b"re: " + message["data"]})
            elif message["type"] == "websocket.disconnect":
                return

    server = serve(app, ws={"pass_ping": True, "ping_interval": 0})
    with opened(server.address) as client:
        client.send(frame(PING, b"one"))
        assert client.frame() == Frame(PONG, b"re: one")  # and no other answer
        client.send(frame(PONG, b"two"), text("three"))
        client.goodbye()
    found = [heard.get(timeout=PATIENCE) for _ in range(4)]
    assert found[0] == {"type": "websocket.ping", "data": b"one"}
    assert found[1] == {"type": "websocket.pong", "data": b"two"}
    assert found[2]["text"] == "three"
    assert found[3]["type"] == "websocket.disconnect"


def test_an_application_may_ping(serve, heard):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        await send({"type": "websocket.ping", "data": b"are you there?"})
        heard.put(await receive())

    server = serve(app, ws={"pass_ping": True, "ping_interval": 0})
    with opened(server.address) as client:
        assert client.frame() == Frame(PING, b"are you there?")
        client.send(frame(PONG, b"are you there?"))
        assert heard.get(timeout=PATIENCE) == {"type": "websocket.pong", "data": b"are you there?"}


@pytest.mark.parametrize("data", [bytes(126), "text", None], ids=["too long", "text", "None"])
def test_a_ping_that_may_not_be_sent_is_the_applications_error(serve, heard, data):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        try:
            await send({"type": "websocket.ping", "data": data})
        except Exception as error:
            heard.put(error)
            raise

    server = serve(app, ws={"pass_ping": True, "ping_interval": 0})
    with opened(server.address) as client:
        assert client.closed()[0] == 1011
    assert not isinstance(heard.get(timeout=PATIENCE), OSError)


# Messages in several frames -----------------------------------------------------------------------


def test_a_message_may_be_sent_in_parts(serve):
    async def app(scope, receive, send):
        assert "websocket.multiframe" in scope["extensions"]
        await receive()
        await send(ACCEPT)
        for part in ("one ", "two "):
            await send({"type": "websocket.send", "text": part, "message_finished": False})
        await send({"type": "websocket.send", "text": "three"})
        await send({"type": "websocket.send", "bytes": b"a", "message_finished": False})
        await send({"type": "websocket.send", "bytes": b"", "message_finished": True})
        await receive()

    server = serve(app, ws={"ping_interval": 0})
    with opened(server.address) as client:
        assert [client.frame() for _ in range(3)] == [
            Frame(TEXT, b"one ", fin=False),
            Frame(0, b"two ", fin=False),
            Frame(0, b"three"),
        ]
        assert client.message() == Frame(2, b"a")
        client.goodbye()


def test_the_parts_of_a_message_are_all_text_or_all_bytes(serve, heard):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        await send({"type": "websocket.send", "text": "one", "message_finished": False})
        try:
            await send({"type": "websocket.send", "bytes": b"two"})
        except Exception as error:
            heard.put(error)
            raise

    server = serve(app)
    with opened(server.address) as client:
        assert client.frame() == Frame(TEXT, b"one", fin=False)
        assert client.closed()[0] == 1011
    assert not isinstance(heard.get(timeout=PATIENCE), OSError)


def test_a_ping_is_answered_between_the_parts_of_the_applications_message(serve):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        await send({"type": "websocket.send", "text": "one", "message_finished": False})
        await receive()
        await send({"type": "websocket.send", "text": "two"})
        await receive()

    server = serve(app)
    with opened(server.address) as client:
        assert client.frame() == Frame(TEXT, b"one", fin=False)
        client.send(frame(PING, b"between"), text("go on"))
        assert client.frame() == Frame(PONG, b"between")
        assert client.frame() == Frame(0, b"two")
        client.goodbye()
