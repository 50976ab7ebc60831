"""What the application may do with a socket, and what it may not (ASGI WebSocket 2.5)."""

from __future__ import annotations

import queue

import pytest

from nonecorn.spi import ClientDisconnectedError
from nonecorn.testing import Gate
from tests.e2e.raw import settled
from tests.ws.client import (
    BINARY,
    TEXT,
    Frame,
    RawClient,
    closing,
    frame,
    opened,
    request,
    stuck,
    text,
)
from tests.ws.conftest import probe

PATIENCE = 20
ACCEPT = {"type": "websocket.accept"}


@pytest.fixture
def heard():
    return queue.SimpleQueue()


def get(heard):
    return heard.get(timeout=PATIENCE)


# Before it accepts --------------------------------------------------------------------------------


def test_the_handshake_waits_for_the_application(serve):
    gate = Gate()

    async def app(scope, receive, send):
        assert await receive() == {"type": "websocket.connect"}
        await gate.wait()
        await send(ACCEPT)
        await receive()

    server = serve(app)
    with RawClient(server.address, request()) as client:
        gate.wait_for_arrival()
        client.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.sock.recv(1)
        client.sock.settimeout(PATIENCE)
        gate.open()
        client.opened()
        client.goodbye()


def test_messages_that_come_before_the_accept_are_received_in_order_after_it(serve, heard):
    gate = Gate()

    async def app(scope, receive, send):
        await receive()
        await gate.wait()
        await send(ACCEPT)
        for _ in range(4):
            heard.put(await receive())

    server = serve(app)
    hello = request() + text("one") + frame(BINARY, b"two")
    with RawClient(server.address, hello) as client:
        gate.wait_for_arrival()
        client.send(text("three"), closing(4000))
        gate.open()
        client.opened()
        assert client.closed()[0] == 4000
    found = [get(heard) for _ in range(4)]
    assert [each.get("text") for each in found] == ["one", None, "three", None]
    assert found[1]["bytes"] == b"two"
    assert found[3]["type"] == "websocket.disconnect"


def test_what_comes_before_the_accept_is_bounded_by_the_clients_own_socket(serve):
    """The server reads no more than its buffer: the rest stays with the client."""
    gate = Gate()

    async def app(scope, receive, send):
        await receive()
        await gate.wait()
        await send(ACCEPT)
        await receive()

    server = serve(app)
    with RawClient(server.address, request()) as client:
        gate.wait_for_arrival()
        # The kernel holds some of it for both of us; nobody takes message after message.
        assert stuck(client, frame(BINARY, bytes(1 << 20))) < 32 << 20
        gate.open()


def test_a_close_instead_of_an_accept_is_403(serve):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.close", "code": 4000, "reason": "no"})

    server = serve(app)
    with RawClient(server.address, request()) as client:
        answer = client.refused()
    assert answer.status == 403


def test_an_application_that_raises_before_it_accepts_is_500_and_the_worker_lives(worker):
    with probe(worker, "httptools", clean=False) as server:
        with RawClient(server.address, request("/crash-before")) as client:
            assert client.refused().status == 500
        with opened(server.address) as client:
            assert client.send(text("on")).frame() == Frame(TEXT, b"on")
            client.goodbye()
    assert server.exit_code == 0
    assert server.errors.count("RuntimeError: crashed before it accepted") == 1


def test_an_application_that_raises_after_it_accepted_closes_with_1011(worker):
    with probe(worker, "httptools", clean=False) as server:
        with opened(server.address, "/crash-after") as client:
            client.send(text("go"))
            assert client.closed()[0] == 1011
            client.send(closing(1011))
            assert client.ended()
        with opened(server.address) as client:
            assert client.send(text("on")).frame() == Frame(TEXT, b"on")
            client.goodbye()
    assert server.exit_code == 0
    assert server.errors.count("RuntimeError: crashed after it accepted") == 1


def test_an_application_that_returns_before_it_answers_is_500(server):
    with RawClient(server.address, request("/return-before")) as client:
        assert client.refused().status == 500


def test_an_application_that_returns_after_it_accepted_closes_with_1000_or_1011(server):
    with opened(server.address, "/return-after") as client:
        assert client.closed()[0] in (1000, 1011)
        client.send(closing(1000))
        assert client.ended()


def test_a_client_that_goes_before_the_accept_is_a_disconnect(worker):
    with probe(worker) as server:
        client = RawClient(server.address, request("/hold"))
        server.wait_for_line("held")
        client.sock.close()
        server.wait_for_line("websocket.disconnect 1006")


# The lifespan's state -----------------------------------------------------------------------------


def test_each_socket_has_its_own_copy_of_the_lifespans_state(serve, heard):
    shared = []

    async def app(scope, receive, send):
        await receive()
        if scope["type"] == "lifespan":
            scope["state"].update(name="one", shared=shared)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        heard.put(dict(scope["state"]))
        scope["state"]["name"] = "changed"
        scope["state"]["shared"].append(1)
        await send({"type": "websocket.close"})

    server = serve(app, lifespan="on")
    for length in range(3):
        with RawClient(server.address, request()) as client:
            assert client.refused().status == 403
        found = get(heard)
        assert found["name"] == "one"
        assert found["shared"] is shared
        assert len(shared) == length + 1 or settled(lambda: len(shared), length + 1) == length + 1


# Messages of the application ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"text": "t"}, Frame(TEXT, b"t")),
        ({"bytes": b"b"}, Frame(BINARY, b"b")),
        ({"text": "t", "bytes": None}, Frame(TEXT, b"t")),
        ({"text": None, "bytes": b"b"}, Frame(BINARY, b"b")),
        ({"text": ""}, Frame(TEXT, b"")),
        ({"bytes": b""}, Frame(BINARY, b"")),
        ({"text": "€😀"}, Frame(TEXT, "€😀".encode())),
        ({"bytes": bytearray(b"array")}, Frame(BINARY, b"array")),
        ({"bytes": memoryview(b"view")}, Frame(BINARY, b"view")),
    ],
)
def test_what_the_application_sends_arrives(serve, message, expected):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        await send({"type": "websocket.send", **message})
        await receive()

    server = serve(app)
    with opened(server.address) as client:
        assert client.frame() == expected
        client.goodbye()


def test_a_received_message_has_the_one_of_text_and_bytes_that_it_is(serve, heard):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        for _ in range(4):
            heard.put(await receive())

    server = serve(app)
    with opened(server.address) as client:
        client.send(text("t"), frame(BINARY, b"b"), text(""), frame(BINARY))
        for kind, value in (("text", "t"), ("bytes", b"b"), ("text", ""), ("bytes", b"")):
            found = get(heard)
            assert found["type"] == "websocket.receive"
            assert found[kind] == value
            assert type(found[kind]) is type(value)
            assert found.get({"text": "bytes", "bytes": "text"}[kind]) is None


WRONG = {
    "a send before the accept": [{"type": "websocket.send", "text": "x"}],
    "an unknown message": [{"type": "websocket.nonesuch"}],
    "an http response": [{"type": "http.response.start", "status": 200, "headers": []}],
    "a body without a start": [{"type": "websocket.http.response.body", "body": b"x"}],
    "a subprotocol that is not text": [{**ACCEPT, "subprotocol": 5}],
    "a subprotocol of two": [{**ACCEPT, "subprotocol": "a, b"}],
    "a subprotocol with a line end": [{**ACCEPT, "subprotocol": "a\r\nx: y"}],
    "a header with a line end": [{**ACCEPT, "headers": [(b"x", b"a\r\nb: c")]}],
    "a header name with a blank": [{**ACCEPT, "headers": [(b"x y", b"a")]}],
    "a subprotocol as a header": [{**ACCEPT, "headers": [(b"sec-websocket-protocol", b"a")]}],
    "a pseudo-header": [{**ACCEPT, "headers": [(b":status", b"200")]}],
}


@pytest.mark.parametrize("messages", WRONG.values(), ids=WRONG)
def test_a_wrong_message_instead_of_an_accept_is_the_applications_error_and_500(
    serve, heard, messages
):
    async def app(scope, receive, send):
        await receive()
        try:
            for message in messages:
                await send(message)
        except Exception as error:
            heard.put(error)
            raise

    server = serve(app)
    with RawClient(server.address, request()) as client:
        answer = client.refused()
    assert answer.status == 500
    assert not isinstance(get(heard), OSError)


WRONG_LATER = {
    "a second accept": ACCEPT,
    "neither text nor bytes": {"type": "websocket.send"},
    "neither of the two": {"type": "websocket.send", "text": None, "bytes": None},
    "both": {"type": "websocket.send", "text": "a", "bytes": b"b"},
    "text that is bytes": {"type": "websocket.send", "text": b"a"},
    "bytes that are text": {"type": "websocket.send", "bytes": "a"},
    "text that is no unicode": {"type": "websocket.send", "text": "\ud800"},
    "a denial": {"type": "websocket.http.response.start", "status": 400, "headers": []},
    "an unknown message": {"type": "websocket.nonesuch"},
    "no type": {"text": "a"},
}


@pytest.mark.parametrize("message", WRONG_LATER.values(), ids=WRONG_LATER)
def test_a_wrong_message_after_the_accept_is_the_applications_error_and_1011(serve, heard, message):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        try:
            await send(message)
        except Exception as error:
            heard.put(error)
            raise

    server = serve(app)
    with opened(server.address) as client:
        assert client.closed()[0] == 1011
    assert not isinstance(get(heard), OSError)


def test_a_subprotocol_that_the_client_did_not_offer_is_the_applications_error(serve, heard):
    """RFC 6455 section 4.2.2: the client would fail the connection. Never silence."""

    async def app(scope, receive, send):
        await receive()
        try:
            await send({**ACCEPT, "subprotocol": "other"})
        except Exception as error:
            heard.put(error)
            raise

    server = serve(app)
    for hello in (request(), request("/echo", "Sec-WebSocket-Protocol: chat")):
        with RawClient(server.address, hello) as client:
            assert client.refused().status == 500
        assert "other" in str(get(heard))


# After the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "vanish"])
def test_a_send_after_the_client_has_gone_is_an_oserror(serve, heard, how):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        heard.put((await receive())["type"])
        for message in ({"text": "late"}, {"bytes": b"late"}):
            try:
                await send({"type": "websocket.send", **message})
            except OSError as error:
                heard.put(error)
        await send({"type": "websocket.send", "text": "one that it does not catch"})

    server = serve(app)
    with opened(server.address) as client:
        if how == "close":
            client.goodbye()
    assert get(heard) == "websocket.disconnect"
    assert isinstance(get(heard), ClientDisconnectedError)
    assert isinstance(get(heard), OSError)


def test_an_oserror_of_a_late_send_that_the_application_lets_out_is_no_error(worker, write):
    app = """
        from wsprobe import say

        async def app(scope, receive, send):
            if scope["type"] != "websocket":
                raise RuntimeError("no lifespan")
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
            say("sending")
            await send({"type": "websocket.send", "text": "late"})
    """
    path = write("late.py", app)
    with probe(worker, "httptools", "--lifespan", "off", app=str(path)) as server:
        with opened(server.address) as client:
            client.goodbye()
        server.wait_for_line("sending")


def test_a_send_after_its_own_close_is_an_error(serve, heard):
    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        await send({"type": "websocket.close"})
        for message in ({"type": "websocket.send", "text": "late"}, {"type": "websocket.close"}):
            try:
                await send(message)
            except Exception as error:
                heard.put(type(error).__name__)
            else:
                heard.put(None)

    server = serve(app)
    with opened(server.address) as client:
        assert client.goodbye() == (1000, "")
    assert get(heard) is not None


def test_an_application_that_closes_after_the_client_has_is_not_told_off(serve, heard):
    """Frameworks close in their clean-up; that the client was first is not their fault."""

    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        heard.put((await receive())["type"])
        try:
            await send({"type": "websocket.close"})
        except OSError:
            heard.put("oserror")
        else:
            heard.put("fine")

    server = serve(app)
    with opened(server.address) as client:
        client.goodbye()
    assert get(heard) == "websocket.disconnect"
    assert get(heard) in ("oserror", "fine")


def test_a_task_that_sends_and_one_that_receives_do_not_disturb_each_other(serve):
    import anyio

    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)

        async def talk(name):
            for number in range(200):
                await send({"type": "websocket.send", "text": f"{name}{number}"})
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as group:
            group.start_soon(talk, "a")
            group.start_soon(talk, "b")
            for _ in range(200):
                await receive()
        await send({"type": "websocket.close"})

    server = serve(app)
    with opened(server.address) as client:
        client.send(*(text(str(number)) for number in range(200)))
        found = [client.frame().payload.decode() for _ in range(400)]
        assert client.closed() == (1000, "")
    for name in "ab":
        assert [each for each in found if each[0] == name] == [f"{name}{n}" for n in range(200)]


def test_many_sockets_at_once_do_not_mix(server):
    clients = [opened(server.address) for _ in range(100)]
    try:
        for number, client in enumerate(clients):
            client.send(text(f"mine {number}"), text("second"))
        for number, client in enumerate(clients):
            assert client.frame() == Frame(TEXT, b"mine %d" % number)
            assert client.frame() == Frame(TEXT, b"second")
            client.goodbye()
    finally:
        for client in clients:
            client.sock.close()
