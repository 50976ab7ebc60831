"""What surrounds an application: context variables, tasks, libraries; the same on every worker."""

from __future__ import annotations

import json

from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get, reset, responses, settled


def body(response):
    return json.loads(response.body)


def test_requests_of_one_connection_share_no_context_variables(server):
    with connect(server.address, 20) as sock:
        for value in ("one", "two", "three"):
            assert body(ask(sock, get(f"/mark?{value}"))) == {"before": "unset", "after": value}


def test_pipelined_requests_share_no_context_variables(server):
    with connect(server.address, 20) as sock:
        sock.sendall(b"".join(get(f"/mark?{number}") for number in range(20)))
        found = [body(response) for response in responses(sock, 20)]
    assert found == [{"before": "unset", "after": str(number)} for number in range(20)]


def test_a_request_after_another_was_broken_off_has_clean_context_variables(server):
    with connect(server.address, 20) as sock:
        sock.sendall(get("/mark?lost"))
        reset(sock)
    with connect(server.address, 20) as sock:
        assert body(ask(sock, get("/mark?next"))) == {"before": "unset", "after": "next"}


def test_the_libraries_work_that_applications_are_written_with(server):
    with connect(server.address, 20) as sock:
        found = body(ask(sock, get("/libraries")))
    assert found == {
        "sniffio": "trio" if "trio" in server.command else "asyncio",
        "anyio cancels": True,
        "anyio children": [1, 2],
        "anyio task": True,
        "anyio thread": 42,
        "timeout": True,
        "task": True,
    }


def test_disconnects_leave_no_task(server):
    with connect(server.address, 20) as observer:
        ask(observer, get("/libraries"))  # has anyio's threads and ours started
        before = body(ask(observer, get("/tasks")))
        for path in ("/wait", "/echo", "/") * 10:
            sock = connect(server.address, 20)
            sock.sendall(get(path))
            reset(sock)
        # A connection may be reset before the server has seen it; each answer is a step of it.
        after = settled(lambda: body(ask(observer, get("/tasks"))), before)
    assert after == before


def test_an_idle_connection_has_no_task(server):
    with connect(server.address, 20) as observer, connect(server.address, 20) as idle:
        ask(idle, get())

        def look():
            names = body(ask(observer, get("/tasks")))
            return names.count("HTTPStream.run") + names.count("nonecorn.job")

        # The request that looks; on trio the lifespan's task has the same name.
        expected = 2 if "trio" in server.command else 1
        assert settled(look, expected) == expected
