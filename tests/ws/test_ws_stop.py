"""The end of the server, and clients that vanish: open sockets hold up nobody."""

from __future__ import annotations

import random
import signal

import pytest

from nonecorn.testing.wire import connect
from tests.e2e.raw import reset
from tests.ws.client import (
    BINARY,
    PING,
    TEXT,
    Frame,
    RawClient,
    closing,
    frame,
    opened,
    request,
    text,
)
from tests.ws.conftest import probe

# Stopping -----------------------------------------------------------------------------------------


def test_open_sockets_get_1012_and_the_server_ends_with_0(worker):
    with probe(worker) as server:
        clients = [opened(server.address) for _ in range(5)]
        server.terminate()
        for client in clients:
            with client:
                assert client.closed()[0] == 1012
                client.send(closing(1012))
                assert client.ended()
        assert server.wait() == 0
    assert server.output.count("disconnect 1012") == 5


def test_the_code_is_a_setting(worker):
    with probe(worker, "httptools", "--ws-drain-code", "1001") as server:
        with opened(server.address) as client:
            server.terminate()
            assert client.closed()[0] == 1001
            client.send(closing(1001))
            assert client.ended()
        assert server.wait() == 0


def test_a_client_that_does_not_answer_the_close_does_not_hold_up_the_end(worker):
    args = ["--graceful-timeout", "600", "--ws-close-timeout", "0.2"]
    with probe(worker, "httptools", *args) as server:
        with opened(server.address) as client:
            server.terminate()
            assert client.closed()[0] == 1012
            assert client.ended()
        assert server.wait() == 0


def test_an_application_that_does_not_receive_is_cut_after_the_graceful_timeout(worker):
    with probe(worker, "httptools", "--graceful-timeout", "0.5", clean=False) as server:
        with opened(server.address, "/deaf") as client:
            server.wait_for_line("deaf")
            server.terminate()
            assert client.closed()[0] == 1012
        assert server.wait() in (0, 1)
    assert "Traceback" not in server.errors


def test_a_client_that_does_not_read_does_not_hold_up_the_end(worker):
    args = ["--graceful-timeout", "1", "--ws-close-timeout", "0.2"]
    with probe(worker, "httptools", *args, clean=False) as server:
        hello = request("/flood")
        with RawClient(server.address, hello, receive_buffer=4096) as client:
            client.opened()
            server.wait_for_line("sent 2")
            server.terminate()
            assert server.wait() in (0, 1)
    assert "Traceback" not in server.errors


def test_a_handshake_that_the_application_holds_ends_with_the_server(worker):
    with (
        probe(worker, "httptools", "--graceful-timeout", "0.5", clean=False) as server,
        RawClient(server.address, request("/hold")) as client,
    ):
        server.wait_for_line("held")
        server.terminate()
        assert server.wait() in (0, 1)
        assert client.refused().status in (500, 503)
    assert "Traceback" not in server.errors


def test_a_second_signal_does_not_wait(worker):
    with (
        probe(worker, "httptools", "--graceful-timeout", "600", clean=False) as server,
        opened(server.address, "/deaf") as client,
    ):
        server.wait_for_line("deaf")
        server.send_signal(signal.SIGTERM)
        assert client.closed()[0] == 1012
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 1


def test_messages_under_way_when_it_stops_are_not_lost(worker):
    with probe(worker) as server, opened(server.address) as client:
        client.send(*(text(str(number)) for number in range(100)))
        assert client.frame() == Frame(TEXT, b"0")
        server.terminate()
        found = [client.frame() for _ in range(99)]
        assert [each.payload for each in found] == [b"%d" % number for number in range(1, 100)]
        assert client.closed()[0] == 1012
        client.send(closing(1012))
        assert server.wait() == 0


# Vanishing ----------------------------------------------------------------------------------------

CONVERSATION = (
    request("/echo", "Sec-WebSocket-Extensions: permessage-deflate"),
    text("hello"),
    frame(TEXT, b"in ", fin=False),
    frame(PING, b"x"),
    frame(0, b"pieces"),
    frame(BINARY, bytes(300)),
    closing(1000, "bye"),
)


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_client_may_vanish_at_any_moment(worker, how):
    """After every single byte of a conversation."""
    whole = b"".join(CONVERSATION)
    with probe(worker) as server:
        for length in range(1, len(whole), 3):
            sock = connect(server.address, 20)
            sock.sendall(whole[:length])
            if how == "rst":
                reset(sock)
            else:
                sock.close()
        with opened(server.address) as client:
            assert client.send(text("on")).frame() == Frame(TEXT, b"on")
            client.goodbye()
    assert "Error" not in server.errors


def test_a_client_that_vanishes_while_much_is_sent_to_it(worker):
    with probe(worker) as server:
        for _ in range(10):
            client = opened(server.address, "/flood")
            client.message()
            reset(client.sock)
        server.wait_for_line("flood over")
        with opened(server.address) as client:
            assert client.send(text("on")).frame() == Frame(TEXT, b"on")
            client.goodbye()
    assert server.output.count("flood over") == 10


def test_noise_after_the_handshake_ends_that_connection_only(server):
    noise = random.Random(3)
    for _ in range(100):
        with RawClient(server.address, request()) as client:
            client.opened()
            try:
                client.send(noise.randbytes(noise.randrange(1, 2000)))
                client.sock.shutdown(1)
                while client.sock.recv(65536):
                    pass
            except ConnectionError:
                pass
    with opened(server.address) as client:
        assert client.send(text("on")).frame() == Frame(TEXT, b"on")
        client.goodbye()


def test_a_client_that_ends_only_its_own_direction_is_gone(worker):
    """There is no half a WebSocket: without a close it is 1006."""
    with probe(worker) as server:
        with opened(server.address) as client:
            client.sock.shutdown(1)
            while client.sock.recv(100):
                pass
        server.wait_for_line("disconnect 1006")
