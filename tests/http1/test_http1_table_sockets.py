"""Every row of the HTTP/1.1 table over real sockets, on every worker, with both engines."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from nonecorn.testing import (
    RawAnswer,
    ThreadedServer,
    read_responses,
    read_until_closed,
    serve_in_thread,
)
from nonecorn.testing.apps import RecordedRequest
from nonecorn.testing.wire import connect
from tests.http1.cases import CASES, Case
from tests.http1.outcome import AFTER, Outcome, TableApp, check

ROWS = [case for case in CASES if not case.wait and not case.limits]
"""Rows that need the manual clock, or limits of their own, are for the test in memory."""

TIMEOUT = 10.0


@pytest.fixture(scope="module")
def app() -> TableApp:
    return TableApp()


@pytest.fixture(scope="module", params=["asyncio", "uvloop", "trio"])
def worker(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", params=["h11", "httptools"])
def server(request: pytest.FixtureRequest, worker: str, app: TableApp) -> Iterator[ThreadedServer]:
    other = {"h11": "httptools", "httptools": "h11"}[request.param]
    # HTTP/1.1 alone: the table has what is answered where nobody serves what is asked for.
    settings = {"plugin": (request.param,), "no_plugin": (other, "h2", "ws")}
    with serve_in_thread(app, worker=worker, lifespan="off", **settings) as running:
        yield running


def play(case: Case, server: ThreadedServer, app: TableApp) -> Outcome:
    """Send one row on a connection of its own."""
    app.reset(case.app)
    deadline = time.monotonic() + TIMEOUT
    with connect(server.address, TIMEOUT) as sock:
        answer = b""
        client = sock.getsockname()
        # A server may refuse, and close, before it has read everything.
        with contextlib.suppress(ConnectionError):
            for index, step in enumerate(case.send):
                sock.sendall(step)
                if index + 1 < len(case.send):
                    answer += sock.recv(65536)
            if case.eof:
                sock.shutdown(socket.SHUT_WR)
            elif not case.closed:
                # What is open must serve on; this also ends the connection.
                sock.sendall(AFTER)
        rest = read_until_closed(sock, deadline)
    app.wait_until_idle(TIMEOUT)
    # An application of the row before may have been called late: it had another client.
    seen = [request for request in app.requests if tuple(request.scope["client"]) == client]
    return _outcome(case, answer, rest, seen)


def _outcome(
    case: Case, answer: bytes, rest: RawAnswer, requests: list[RecordedRequest]
) -> Outcome:
    assert rest.closed, f"neither closed nor served on: {answer + rest.data!r}"
    methods = case.methods + ("GET",) * (len(case.status) - len(case.methods))
    responses = read_responses(answer + rest.data, methods)
    served_on = [request for request in requests if request.scope["path"] == "/after"]
    if served_on:
        requests.remove(served_on[0])
        responses.pop()
    return Outcome(responses=responses, closed=not served_on, requests=requests)


@pytest.mark.parametrize("case", ROWS, ids=str)
def test_row_has_its_outcome_on_a_socket(case: Case, server: ThreadedServer, app: TableApp) -> None:
    check(case, play(case, server, app))
