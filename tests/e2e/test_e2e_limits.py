"""Limits over real sockets, on every worker: slow, silent, greedy and too many clients."""

from __future__ import annotations

import concurrent.futures
import select
import time

import pytest

from nonecorn.testing import read_responses, read_until_closed
from nonecorn.testing.wire import connect
from tests.e2e.conftest import WORKERS, probe
from tests.e2e.raw import ask, get, responses

PATIENCE = 20.0

TIMEOUTS = [
    f"--{name}=0.2"
    for name in (
        "limits-head-timeout",
        "keep-alive-timeout",
        "limits-body-timeout",
        "limits-write-timeout",
    )
]


def play(address, *steps):
    """Send each step after the response to the one before; read what comes after the last."""
    with connect(address, PATIENCE) as sock:
        for step in steps[:-1]:
            ask(sock, step)
        sock.sendall(steps[-1])
        return read_until_closed(sock, time.monotonic() + PATIENCE)


SCENARIOS = {
    "half a head": lambda address: play(address, b"GET / HT"),
    "nothing": lambda address: play(address, b""),
    "idle": lambda address: play(address, get(), b""),
    "idle after more": lambda address: play(address, get(), get("/tag?1"), b""),
    "half a body": lambda address: play(
        address, b"POST /digest HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\nhalf"
    ),
    "many fields": lambda address: play(address, get("/", *(f"x-{n}: y" for n in range(200)))),
    "large head": lambda address: play(address, get("/", *(["x: " + "y" * 1000] * 70))),
    "long target": lambda address: play(address, get("/" + "x" * 9000)),
}


@pytest.fixture(scope="module", params=WORKERS)
def server(request):
    engine = "httptools" if request.param == "uvloop" else "h11"
    with probe(request.param, engine, *TIMEOUTS) as running:
        yield running


@pytest.fixture(scope="module")
def ends(server):
    """How each scenario ends; they wait for their ends at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(SCENARIOS)) as pool:
        yield {name: pool.submit(play, server.address) for name, play in SCENARIOS.items()}


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("half a head", 408),
        ("half a body", 408),
        ("many fields", 431),
        ("large head", 431),
        ("long target", 414),
    ],
)
def test_the_client_is_told_and_the_connection_closed(name, status, ends):
    answer = ends[name].result(PATIENCE)
    assert answer.closed
    assert not answer.reset
    [response] = read_responses(answer.data)
    assert response.status == status
    assert response.values(b"connection") == [b"close"]


@pytest.mark.parametrize("name", ["nothing", "idle", "idle after more"])
def test_an_idle_connection_is_closed_without_a_word(name, ends):
    answer = ends[name].result(PATIENCE)
    assert answer.closed
    assert not answer.reset
    assert answer.data == b""


def test_a_client_that_does_not_read_is_cut_off_and_the_application_told(server):
    with connect(server.address, PATIENCE) as sock:
        sock.sendall(get("/firehose"))
        server.wait_for_line("firehose over: ClientDisconnectedError")
        assert read_until_closed(sock, time.monotonic() + PATIENCE).closed


def test_an_application_that_takes_too_long_is_a_504(worker):
    args = ["--limits-app-timeout", "0.2"]
    with probe(worker, "h11", *args) as server, connect(server.address, PATIENCE) as sock:
        assert ask(sock, get("/stuck")).status == 504
        server.wait_for_line("stuck cancelled")
        assert ask(sock, get()).body == b"hello"


def test_connections_beyond_the_limit_wait_until_others_end(worker):
    with probe(worker, "h11", "--limits-connections", "2") as server:
        first, second = connect(server.address, PATIENCE), connect(server.address, PATIENCE)
        for sock in (first, second):
            ask(sock, get())
        third = connect(server.address, PATIENCE)
        with second, third:
            third.sendall(get("/tag?third"))
            for _ in range(10):
                ask(second, get())
            assert select.select([third], [], [], 0)[0] == []
            first.close()
            [response] = responses(third)
            assert response.body == b"third"
        # The limit holds again, and again lets go.
        for number in range(10):
            with connect(server.address, PATIENCE) as sock:
                assert ask(sock, get(f"/tag?{number}")).body == b"%d" % number
    assert server.errors.count("connections are open (limits.connections)") == 1


def test_of_a_crowd_beyond_the_limit_nobody_is_lost(worker):
    def visit(number):
        with connect(server.address, PATIENCE) as sock:
            return ask(sock, get(f"/tag?{number}")).body

    args = ["--limits-connections", "3"]
    with probe(worker, "h11", *args) as server, concurrent.futures.ThreadPoolExecutor(30) as pool:
        assert list(pool.map(visit, range(300))) == [b"%d" % number for number in range(300)]


def test_requests_beyond_the_limit_wait_for_a_place_or_get_503(worker):
    args = ["--limits-concurrency", "1", "--limits-queue-timeout", "0.2"]
    with probe(worker, "h11", *args) as server, connect(server.address, PATIENCE) as first:
        first.sendall(b"POST /digest HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\n\r\n1")
        server.wait_for_line("digest begun")
        with connect(server.address, PATIENCE) as other:
            refused = ask(other, get())
            assert (refused.status, refused.values(b"retry-after")) == (503, [b"1"])
            other.sendall(get())
            first.sendall(b"2")
            assert responses(first)[0].status == 200
            assert responses(other)[0].body == b"hello"
