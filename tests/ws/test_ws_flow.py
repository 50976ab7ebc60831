"""Back-pressure: who does not read holds up the other side, and never fills its memory."""

from __future__ import annotations

import queue

from nonecorn.testing import Gate
from tests.e2e.raw import reset
from tests.ws.client import (
    BINARY,
    PING,
    PONG,
    TEXT,
    Frame,
    RawClient,
    frame,
    opened,
    request,
    stuck,
    text,
)
from tests.ws.conftest import probe
from tests.ws.process import MIB, Peak, needs_proc

NO_GRACE = ["--graceful-timeout", "0"]
"""For applications that never receive, and so never hear that it is over."""


@needs_proc
def test_a_client_that_does_not_read_holds_up_send_and_not_memory(worker):
    with probe(worker, "httptools", "--limits-write-timeout", "1h") as server:
        with opened(server.address, "/flood") as client:  # warms up
            client.message()
        server.wait_for_line("flood over")
        peak = Peak(server)
        client = RawClient(server.address, request("/flood"), receive_buffer=65536)
        with client:
            client.opened()
            count = sent_so_far(server)
            assert count * 65536 < 16 * MIB  # the kernel's buffers hold that
            assert peak.grown < 4 * MIB
            for _ in range(count + 100):  # it goes on once the client reads
                assert len(client.message().payload) == 65536
            reset(client.sock)
        server.wait_for_line("flood over after", timeout=20)


def sent_so_far(server):
    """How many messages the application has sent once it has not sent another for a second."""
    count = 0
    while True:
        try:
            server.wait_for_line(f"sent {count + 1}\n", timeout=1.0)
        except TimeoutError:
            return count
        count += 1


@needs_proc
def test_an_application_that_does_not_receive_blocks_the_clients_socket(worker):
    with probe(worker, "httptools", *NO_GRACE, clean=False) as server:
        peak = Peak(server)
        with opened(server.address, "/deaf") as client:
            server.wait_for_line("deaf")
            sent = stuck(client, frame(BINARY, bytes(1000)) * 100)
            assert sent < 32 * MIB  # the kernel's buffers on both sides, and the server's queue
            assert peak.grown < 4 * MIB
            reset(client.sock)


def test_an_application_that_receives_late_gets_all_of_it_in_order(serve):
    gate = Gate()
    heard = queue.SimpleQueue()

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await gate.wait()
        count = 0
        while (message := await receive())["type"] == "websocket.receive":
            assert message["bytes"] == b"%d" % count + bytes(1000)
            count += 1
        heard.put(count)

    server = serve(app)
    with opened(server.address) as client:
        gate.wait_for_arrival()
        client.send(*(frame(BINARY, b"%d" % number + bytes(1000)) for number in range(50)))
        gate.open()
        client.send(*(frame(BINARY, b"%d" % n + bytes(1000)) for n in range(50, 5000)))
        client.goodbye()
    assert heard.get(timeout=20) == 5000


def test_pings_are_answered_while_the_application_does_not_receive(worker):
    with (
        probe(worker, "httptools", *NO_GRACE, clean=False) as server,
        opened(server.address, "/deaf") as client,
    ):
        client.send(frame(PING, b"are you there?"))
        assert client.frame() == Frame(PONG, b"are you there?")


def test_a_client_that_neither_reads_nor_closes_is_cut_off_in_the_end(worker):
    """The write deadline of every connection holds for sockets too."""
    hello = request("/flood")
    with (
        probe(worker, "httptools", "--limits-write-timeout", "0.5") as server,
        RawClient(server.address, hello, receive_buffer=4096) as client,
    ):
        client.opened()
        server.wait_for_line("flood over")


def test_one_slow_client_does_not_slow_another(worker):
    args = ["--limits-write-timeout", "1h", *NO_GRACE]
    with probe(worker, "httptools", *args, clean=False) as server:
        with RawClient(server.address, request("/flood"), receive_buffer=4096) as slow:
            slow.opened()
            with opened(server.address, "/deaf") as deaf, opened(server.address) as quick:
                stuck(deaf, frame(BINARY, bytes(1000)) * 100)
                for _ in range(100):
                    assert quick.send(text("hello")).frame() == Frame(TEXT, b"hello")
                reset(deaf.sock)
            reset(slow.sock)
        server.wait_for_line("flood over")


def test_large_messages_both_ways_at_once_do_not_lock_up(server):
    """Each side waits for the other to read: somebody must."""
    data = bytes(8 * MIB)
    with opened(server.address) as client:
        for _ in range(2):
            client.send(frame(BINARY, data))
            assert client.message() == Frame(BINARY, data)
        client.goodbye()
