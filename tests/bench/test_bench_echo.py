"""The benchmark's WebSocket client, against a server of ours and against ones that are wrong."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("the benchmark reads Linux's /proc", allow_module_level=True)

from bench import echo
from bench.app import app
from bench.errors import BenchError
from nonecorn.testing import serve_in_thread
from tests.ws.client import accept_of


def test_messages_go_there_and_back_until_the_time_is_over():
    with serve_in_thread(app, plugin=["ws"]) as server:
        load = echo.run_echo(server.port, seconds=0.2, connections=4)
    assert load.requests > 4
    assert load.size == load.requests * len(echo.ANSWER)
    assert load.errors == 0
    assert load.seconds >= 0.2
    assert 0 < load.client_busy <= 1.1


def test_a_mask_is_on_what_is_sent_and_not_on_what_must_come_back():
    head, mask, masked = echo.ASK[:2], echo.ASK[2:6], echo.ASK[6:]
    assert head == bytes([0x82, 0x80 | 125])
    assert bytes(b ^ mask[n % 4] for n, b in enumerate(masked)) == echo.MESSAGE
    assert echo.ANSWER == b"\x82\x7d" + echo.MESSAGE


@contextlib.contextmanager
def scripted(*answers):
    """A server that accepts one socket and answers each thing it reads with the next of these."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run():
            connection, _ = listener.accept()
            with connection:
                for answer in answers:
                    if not connection.recv(65536):
                        return
                    connection.sendall(answer)

        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(20)


SWITCH = b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: %b\r\n\r\n" % accept_of(
    "AAAAAAAAAAAAAAAAAAAAAA=="
)


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([b"HTTP/1.1 200 OK\r\n\r\n"], "unexpected answer"),
        ([b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: no\r\n\r\n"], "unexpected answer"),
        ([SWITCH, echo.ANSWER[:-1] + b"!"], "unexpected frame"),
        ([SWITCH], "closed the connection"),
        ([SWITCH, echo.ANSWER, echo.ANSWER[:9] + b"!"], "unexpected frame"),
        ([SWITCH, echo.ANSWER, echo.ANSWER[:9]], "closed the connection"),
    ],
    ids=["no switch", "wrong key", "wrong echo", "gone", "wrong echo later", "gone within a frame"],
)
def test_a_wrong_answer_is_an_error_and_no_result(answers, problem):
    with scripted(*answers) as port, pytest.raises(BenchError, match=problem):
        echo.run_echo(port, seconds=0.1, connections=1)
