"""Splitters, the wire pair, the reader of raw responses, the gate."""

from __future__ import annotations

import asyncio
import socket
import threading

import h11
import pytest
import trio
from hypothesis import given

from nonecorn.spi import NEVER
from nonecorn.testing import (
    SPLITTERS,
    BadResponseError,
    Gate,
    MemoryRuntime,
    WirePair,
    bytewise,
    raw_exchange,
    read_responses,
    splits,
)
from nonecorn.testing.clients.h11 import H11Client

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


# Splitters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPLITTERS)
@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 40])
def test_pieces_make_up_the_whole_and_none_is_empty(name: str, data: bytes) -> None:
    pieces = list(SPLITTERS[name](data))
    assert b"".join(pieces) == data
    assert all(pieces)


@given(splits(b"0123456789"))
def test_every_strategic_split_makes_up_the_whole(pieces: list[bytes]) -> None:
    assert b"".join(pieces) == b"0123456789"
    assert all(pieces)


# Pair ---------------------------------------------------------------------------------------------


class Canned:
    """Answers each request head with the same bytes."""

    deadline = NEVER

    def __init__(self, port, answer: bytes) -> None:
        self.port = port
        self.answer = answer
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            self.received = self.received.partition(b"\r\n\r\n")[2]
            self.port.write(self.answer)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def sweep(self) -> None: ...
    def shutdown(self) -> None: ...


def canned(answer: bytes, **options) -> WirePair[H11Client]:
    runtime = MemoryRuntime()
    return WirePair(lambda port: Canned(port, answer), H11Client(), runtime=runtime, **options)


def test_requests_follow_each_other_byte_by_byte() -> None:
    pair = canned(b"HTTP/1.1 103 \r\nLink: a\r\n\r\n" + OK, to_server=bytewise, to_client=bytewise)
    responses = [pair.client.get(f"/{n}") for n in range(3)]
    pair.pump()
    assert [(r.status, r.body, r.complete) for r in responses] == [(200, b"ok", True)] * 3
    assert responses[0].interim == [(103, [(b"link", b"a")])]
    assert bytes(pair.requested).count(b"GET /") == 3


def test_a_server_that_breaks_the_protocol_is_told_on() -> None:
    pair = canned(b"HTTP/1.1 two hundred\r\n\r\n")
    pair.client.get("/")
    with pytest.raises(h11.RemoteProtocolError):
        pair.pump()


def test_an_answer_to_nothing_is_told_on() -> None:
    pair = canned(OK + OK)
    pair.client.get("/")
    with pytest.raises(h11.RemoteProtocolError, match="nothing was asked"):
        pair.pump()


# Raw responses ------------------------------------------------------------------------------------


def test_responses_are_taken_apart() -> None:
    data = (
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK
        + b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n"
        + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n"
        + b"HTTP/1.1 204 \r\n\r\n"
        + b"HTTP/1.0 200 OK\r\n\r\nto the end"
    )  # fmt: skip
    responses = read_responses(data, ["GET", "HEAD"])
    assert [(r.status, r.body) for r in responses] == [
        (200, b"ok"), (200, b""), (200, b"ab"), (204, b""), (200, b"to the end"),
    ]  # fmt: skip
    assert responses[0].interim == (100,)
    assert responses[2].trailers == [(b"x", b"y")]
    assert [r.delimited for r in responses] == [True, True, True, True, False]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\x00\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nstray",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/2 200\r\n\r\n",
    ],
)
def test_a_malformed_response_is_an_error(data: bytes) -> None:
    with pytest.raises(BadResponseError):
        read_responses(data)


def test_a_response_without_length_cannot_keep_a_connection() -> None:
    with pytest.raises(BadResponseError, match="without length"):
        read_responses(b"HTTP/1.1 200 OK\r\n\r\n", closed=False)


def test_raw_exchange_returns_what_came_and_how_it_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"got " + connection.recv(100))

        thread = threading.Thread(target=serve)
        thread.start()
        answer = raw_exchange(listener.getsockname(), b"this")
        thread.join()
    assert (answer.data, answer.closed, answer.reset) == (b"got this", True, False)


def test_raw_exchange_gives_up_on_a_silent_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer = raw_exchange(listener.getsockname(), [b"a", b"b"], timeout=0.05)
    assert (answer.data, answer.closed) == (b"", False)


# Gate ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run", [asyncio.run, lambda main: trio.run(lambda: main)], ids=["asyncio", "trio"]
)
def test_a_gate_is_opened_from_another_thread(run) -> None:
    gate = Gate()

    async def main() -> None:
        await gate.wait()
        await gate.wait()

    def opener() -> None:
        gate.wait_for_arrival()
        gate.open()

    thread = threading.Thread(target=opener)
    thread.start()
    run(main())
    thread.join()
    assert gate.is_open


def test_a_gate_holds_tasks_in_memory() -> None:
    runtime, gate = MemoryRuntime(), Gate()
    jobs = [runtime.spawn(gate.wait) for _ in range(2)]
    runtime.run_until_idle()
    assert not any(job.done for job in jobs)
    gate.open()
    runtime.run_until_idle()
    assert all(job.done for job in jobs)


def test_a_gate_waits_with_the_waiter_it_was_given() -> None:
    runtime = MemoryRuntime()
    gate = Gate(waiter=runtime.waiter)
    job = runtime.spawn(gate.wait)
    runtime.run_until_idle()
    gate.open()
    runtime.run_until_idle()
    assert job.done
