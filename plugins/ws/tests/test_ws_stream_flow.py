"""Back-pressure, both ways, and what it bounds."""

import time
import tracemalloc

import pytest

from nonecorn.spi import ClientDisconnectedError, Limits
from nonecorn.testing import Gate
from nonecorn_ws.testing import client_frame, client_message, deflated
from plugins.ws.tests._opened import CLOSE, HANDSHAKE, PONG, Opened, run

OFFER = [*HANDSHAKE, (b"sec-websocket-extensions", b"permessage-deflate")]


def slow(received):
    """An application that receives one message each time its gate is opened anew, and the gates."""
    gates = [Gate() for _ in range(100)]

    async def receiving(receive, send):
        for gate in gates:
            await gate.wait()
            received.append(await receive())
            if received[-1]["type"] == "websocket.disconnect":
                return

    return run(receiving), iter(gates)


# Receiving


def test_what_waits_gives_no_credit_until_it_is_received():
    received = []
    app, gates = slow(received)
    opened = Opened(app)
    opened.feed("a" * 100, "b" * 200)
    assert opened.exchange.consumed_bytes == 0
    next(gates).open()
    opened.runtime.run_until_idle()
    assert opened.exchange.consumed_bytes == 100
    next(gates).open()
    opened.runtime.run_until_idle()
    assert opened.exchange.consumed_bytes == opened.stream._received


def test_a_long_message_gets_credit_as_it_comes():
    received = []
    app, gates = slow(received)
    opened = Opened(app, limits=Limits(receive_buffer=1024))
    wire = client_message(b"x" * 100000, 3)
    for index in range(0, len(wire), 512):
        opened.feed(raw=wire[index : index + 512])
        if index + 512 < len(wire):
            assert opened.exchange.consumed_bytes == index + 512
    next(gates).open()
    opened.runtime.run_until_idle()
    assert received == [{"type": "websocket.receive", "bytes": b"x" * 100000}]
    assert opened.exchange.consumed_bytes == len(wire)


def test_what_few_compressed_bytes_become_waits_for_the_application():
    # Each message is 1 MiB of zeros in about 1 KiB; hundreds of them come at once.
    received = []
    app, gates = slow(received)
    opened = Opened(app, headers=OFFER)
    wire = b"".join(
        client_frame(2, packed, rsv=0x40) for packed in deflated(*[bytes(1 << 20)] * 60)
    )
    tracemalloc.start()
    opened.feed(raw=wire)
    assert len(opened.stream._queue) == 1
    for _ in range(5):
        next(gates).open()
        opened.runtime.run_until_idle()
    received.clear()
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    for gate in gates:
        gate.open()
        opened.runtime.run_until_idle()
    assert [len(message["bytes"]) for message in received] == [1 << 20] * 55
    assert opened.exchange.consumed_bytes == len(wire)


def test_a_close_behind_what_waits_is_found_even_after_the_end():
    received = []
    app, gates = slow(received)
    opened = Opened(app, limits=Limits(receive_buffer=1024))
    names = [f"{index:03}" + "x" * 200 for index in range(20)]
    opened.feed(*names, raw=client_frame(8, b"\x0f\xa0"), end=True)
    assert opened.frames == []
    for gate in gates:
        gate.open()
        opened.runtime.run_until_idle()
    assert [message.get("text") for message in received] == [*names, None]
    assert received[-1]["code"] == 4000
    assert opened.frames == [(CLOSE, b"\x0f\xa0")]


def test_an_end_without_a_close_behind_what_waits_is_found_too():
    received = []
    app, gates = slow(received)
    opened = Opened(app, limits=Limits(receive_buffer=1024))
    opened.feed(*["x" * 200] * 20, end=True)
    for gate in gates:
        gate.open()
        opened.runtime.run_until_idle()
    assert (len(received), received[-1]["code"]) == (21, 1006)


def test_a_million_fragments_take_linear_time_and_little_memory():
    def takes(count):
        opened = Opened(max_fragments=count + 1)
        one = client_frame(0, b"x", fin=False)
        piece = one * 1000
        began = time.process_time()
        opened.feed(raw=client_frame(2, b"", fin=False))
        for _ in range(count // 1000):
            opened.stream.feed(piece, False)
        took = time.process_time() - began
        opened.stream.disconnect()
        opened.runtime.run_until_idle()
        return took

    takes(1000)
    few = min(takes(5000) for _ in range(3))
    many = min(takes(50000) for _ in range(2))
    assert many < few * 20


def test_more_fragments_than_allowed_are_1009():
    opened = Opened(max_fragments=10)
    opened.feed(raw=client_frame(1, b"a", fin=False) + client_frame(0, b"b", fin=False) * 10)
    assert opened.frames[0][1][:2] == b"\x03\xf1"


# Sending


def test_send_waits_while_the_client_takes_nothing():
    sent = []

    async def sending(receive, send):
        for index in range(3):
            await send({"type": "websocket.send", "text": str(index)})
            sent.append(index)

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        opened.block()
        await sending(receive, send)

    opened = Opened(app, spawn=False)
    opened.spawn()
    assert sent == []
    assert opened.frames == [(0x81, b"0")]
    opened.unblock()
    assert sent == [0, 1, 2]


def test_a_socket_that_ends_wakes_who_waits_to_send():
    raised = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        opened.block()

        async def one():
            try:
                await send({"type": "websocket.send", "text": "a"})
            except ClientDisconnectedError as error:
                raised.append(error)

        opened.runtime.spawn(one)
        opened.runtime.spawn(one)
        await one()

    opened = Opened(app, spawn=False)
    opened.spawn()
    opened.client_closes()
    assert len(raised) == 3


def test_pongs_do_not_pile_up_for_a_client_that_does_not_read():
    opened = Opened(ping_interval=0)
    opened.block()
    for index in range(1000):
        opened.feed(raw=client_frame(9, b"%d" % index))
    assert opened.frames == []
    opened.unblock()
    opened.runtime.advance(2)
    assert opened.frames == [(PONG, b"999")]
    assert opened.stream._heart._count == 0


def test_more_pings_at_once_than_there_is_room_for_messages_are_all_answered():
    opened = Opened(limits=Limits(receive_buffer=1024))
    opened.feed(raw=b"".join(client_frame(9, b"%d" % index) for index in range(1000)))
    opened.feed("after")
    assert opened.frames == [(PONG, b"%d" % index) for index in range(1000)]
    assert [message["text"] for message in opened.received] == ["after"]
    assert opened.exchange.consumed_bytes == opened.stream._received


def test_a_socket_that_sends_without_end_lets_others_have_their_turn():
    turns = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        opened.runtime.spawn(other)
        while not turns:
            await send({"type": "websocket.send", "bytes": b"x" * 4096})

    async def other():
        turns.append(True)

    opened = Opened(app, spawn=False)
    opened.spawn()
    assert turns


@pytest.mark.parametrize("size", [1, 100])
def test_bytes_before_accepting_are_not_credited(size):
    async def app(scope, receive, send):
        await Gate().wait()

    opened = Opened(app)
    opened.feed("a" * size)
    assert opened.exchange.consumed_bytes == 0
    opened.stream.disconnect()
    assert opened.exchange.consumed_bytes == opened.stream._received
