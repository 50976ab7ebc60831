"""What an application may send and receive, and what it may not."""

import pytest

from nonecorn.spi import ClientDisconnectedError, LocalProtocolError
from nonecorn_ws.testing import client_frame
from plugins.ws.tests._opened import ACCEPT, CLOSE, PING, PONG, Opened, run


def sending(*messages):
    """What each message of an open socket raised, and the frames before the close."""
    raised = []

    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        for message in messages:
            try:
                await send(message)
            except Exception as error:
                raised.append(error)

    opened = Opened(app)
    return raised, [frame for frame in opened.frames if frame[0] != CLOSE]


def test_text_and_bytes_become_frames():
    class Text(str):
        __slots__ = ()

    raised, frames = sending(
        {"type": "websocket.send", "text": "é"},
        {"type": "websocket.send", "bytes": b"\xff", "text": None},
        {"type": "websocket.send", "text": "", "bytes": None},
        {"type": "websocket.send", "bytes": bytearray(b"ab")},
        {"type": "websocket.send", "bytes": memoryview(b"cd")},
        {"type": "websocket.send", "text": Text("of a class of its own")},
    )
    assert raised == []
    assert frames == [
        (0x81, "é".encode()),
        (0x82, b"\xff"),
        (0x81, b""),
        (0x82, b"ab"),
        (0x82, b"cd"),
        (0x81, b"of a class of its own"),
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "websocket.send"},
        {"type": "websocket.send", "text": None, "bytes": None},
        {"type": "websocket.send", "text": "a", "bytes": b"a"},
        {"type": "websocket.send", "text": b"a"},
        {"type": "websocket.send", "bytes": "a"},
        {"type": "websocket.send", "text": "\ud800"},
        {"type": "websocket.accept"},
        {"type": "websocket.http.response.start", "status": 400},
        {"type": "websocket.ping", "data": b"a" * 126},
        {"type": "websocket.pong", "data": "a"},
        {"type": "websocket.close", "code": 1005},
        {"type": "websocket.close", "code": 999},
        {"type": "websocket.close", "code": "1000"},
        {"type": "websocket.close", "code": 1000, "reason": "é" * 62},
        {"type": "websocket.close", "code": 1000, "reason": b"a"},
        {"type": "websocket.nothing"},
        {"type": None},
    ],
)
def test_what_cannot_be_sent_raises_and_the_socket_goes_on(message):
    raised, frames = sending(message, {"type": "websocket.send", "text": "after"})
    assert [type(error) for error in raised] == [LocalProtocolError]
    assert frames == [(0x81, b"after")]


def test_a_message_may_be_sent_in_parts():
    raised, frames = sending(
        {"type": "websocket.send", "text": "a", "message_finished": False},
        {"type": "websocket.send", "text": "b", "message_finished": False},
        {"type": "websocket.send", "bytes": b"x"},
        {"type": "websocket.send", "text": "c", "message_finished": True},
    )
    assert [type(error) for error in raised] == [LocalProtocolError]
    assert frames == [(0x01, b"a"), (0x00, b"b"), (0x80, b"c")]


def test_before_accepting_nothing_else_can_be_sent():
    raised = []

    async def app(scope, receive, send):
        for message in ({"type": "websocket.send", "text": "a"}, {"type": "websocket.ping"}):
            try:
                await send(message)
            except LocalProtocolError as error:
                raised.append(str(error))
        await send(ACCEPT)

    Opened(app)
    assert len(raised) == 2
    assert "'websocket.send' cannot be sent while the socket is connecting" in raised[0]


def test_after_the_end_send_raises_but_for_a_close():
    raised = []

    async def app(scope, receive, send):
        await send(ACCEPT)
        await send({"type": "websocket.close"})
        await send({"type": "websocket.close", "code": 3000})
        for kind in ("websocket.send", "websocket.accept", "websocket.http.response.body"):
            try:
                await send({"type": kind, "text": "a"})
            except OSError as error:
                raised.append(type(error))

    opened = Opened(app)
    assert raised == [ClientDisconnectedError] * 3
    assert opened.frames == [(CLOSE, b"\x03\xe8")]


# Pings


def test_a_ping_is_answered_and_not_received():
    opened = Opened()
    opened.feed("a", raw=client_frame(9, b"p"))
    opened.feed(raw=client_frame(10, b"unasked"))
    assert opened.frames == [(PONG, b"p")]
    assert opened.received == [{"type": "websocket.receive", "text": "a"}]


def test_with_pass_ping_pings_and_pongs_are_the_applications():
    async def answer(receive, send):
        for _ in range(3):
            message = await receive()
            seen.append(message)
        await send({"type": "websocket.pong", "data": seen[1]["data"]})
        await send({"type": "websocket.ping"})

    seen = []
    opened = Opened(run(answer), pass_ping=True)
    opened.feed("a", raw=client_frame(9, b"p") + client_frame(10, b"q"))
    assert seen == [
        {"type": "websocket.receive", "text": "a"},
        {"type": "websocket.ping", "data": b"p"},
        {"type": "websocket.pong", "data": b"q"},
    ]
    assert opened.frames[:2] == [(PONG, b"p"), (PING, b"")]
    assert opened.exchange.consumed_bytes == opened.stream._received


# Several tasks


def test_several_tasks_may_receive_and_one_may_be_cancelled():
    opened = Opened()
    runtime = opened.runtime
    received = []

    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)

        async def one():
            received.append((await receive()).get("text"))

        jobs.extend(runtime.spawn(one) for _ in range(3))
        await gate.wait()

    jobs = []
    gate = opened.gate
    opened.context.app = app
    again = Opened(context=opened.context)
    jobs[2].cancel()
    again.feed("a", "b")
    assert sorted(received) == ["a", "b"]
    gate.open()


def test_it_says_what_it_is():
    opened = Opened()
    assert repr(opened.stream) == "<WsprotoStream '/chat' open status=101 waiting=0 held=0>"
    assert repr(opened.stream._codec) == "<WsprotoCodec reading None>"
    assert repr(opened.stream._heart) == "<Heart sockets=1 beating>"
