"""What becomes of clients while the application is started anew."""

import contextlib
import threading

from nonecorn.testing.wire import connect
from tests.e2e.raw import PATIENCE, ask, get, responses
from tests.reload.conftest import app
from tests.ws import client as ws

GATED = """
import os, sys, time
print("importing", flush=True)
while not os.path.exists("gate"):
    time.sleep(0.01)
"""


CHAT = """
http = app
async def app(scope, receive, send):
    if scope["type"] != "websocket":
        return await http(scope, receive, send)
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
"""
PAUSE = 0.004
"""Seconds between an answer and the client's next request: those of some are always under way, and
leave the processors to the processes that start meanwhile."""


def test_twenty_quick_changes_lose_no_request(reloading, watched):
    worker, watcher = watched
    last = 21
    answered: list[str] = []
    failures: list[str] = []
    seen = threading.Event()

    def client(server) -> None:
        while not seen.wait(PAUSE):
            try:
                response = server.get()
                answered.append(response.body.decode())
                if response.status != 200:
                    failures.append(repr(response))
                if answered[-1] == str(last):
                    seen.set()
            except (OSError, AssertionError) as error:
                failures.append(repr(error))

    with reloading("-k", worker, "--reload-watcher", watcher) as server:
        threads = [threading.Thread(target=client, args=(server,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for version in range(2, last + 1):
            server.write("app.py", app(version))
            if version % 3 == 0:  # sometimes as it starts, and sometimes before it is noticed
                server.wait_for_line("changed: restarting", nth=version // 3)
        assert seen.wait(PATIENCE), server.errors
        for thread in threads:
            thread.join()
        assert not failures, failures[:3]
        assert 6 <= server.errors.count(": restarting") <= last
        assert server.text() == str(last)
    versions = [int(version) for version in answered]
    assert versions[0] == 1


def test_a_request_waits_while_the_application_starts(reloading, write):
    """In the socket, which the supervisor keeps: no worker is there."""
    with reloading() as server:
        server.write("app.py", GATED + app(2))
        server.wait_for_line("importing")
        with connect(server.address, PATIENCE) as sock:
            sock.sendall(get())
            write("gate", "")
            [response] = responses(sock)
        assert (response.status, response.body) == (200, b"2")


def test_a_change_during_the_import_starts_again(reloading):
    with reloading() as server:
        server.write("app.py", GATED + app(2))
        server.wait_for_line("importing")
        server.edit("app.py", app(3))
        assert server.text() == "3"


def test_a_change_during_lifespan_startup_starts_again(reloading, worker):
    endless = """
http = app
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        print("starting up", flush=True)
        await receive()
        await receive()
    await http(scope, receive, send)
"""
    with reloading("-k", worker) as server:
        server.write("app.py", app(2) + endless)
        server.wait_for_line("starting up")
        server.edit("app.py", app(3))
        assert server.text() == "3"


def test_clients_that_stay_are_told_and_do_not_hold_up(reloading, write, worker):
    """An idle connection, an event stream and a WebSocket."""
    write("app.py", app() + CHAT)
    with (
        reloading("-k", worker) as server,
        connect(server.address, PATIENCE) as idle,
        connect(server.address, PATIENCE) as events,
    ):
        assert ask(idle, get()).status == 200
        events.sendall(get("/events"))
        received = b""
        while b"data: 1" not in received:
            received += events.recv(4096)
        with ws.RawClient(server.address, ws.request("/")) as chat:
            chat.opened()
            server.write("app.py", app(2))
            found = chat.frame()
            assert found.opcode == ws.CLOSE
            assert int.from_bytes(found.payload[:2], "big") in (1001, 1012)
            chat.send(ws.closing())
            assert chat.ended()
        server.restarted()
        assert idle.recv(100) == b""
        with contextlib.suppress(ConnectionError):
            while piece := events.recv(4096):
                received += piece
        assert b"data: bye" in received
        assert received.endswith(b"0\r\n\r\n")
        assert server.text() == "2"
        assert "cut off" not in server.errors


def test_what_does_not_end_is_cut_off(reloading, worker):
    with reloading("-k", worker) as server:
        with connect(server.address, PATIENCE) as sock:
            sock.sendall(get("/never"))
            server.wait_for_line("never begun")
            server.edit("app.py", app(2))
            assert server.text() == "2"
            assert "cut off" in server.errors
        with connect(server.address, PATIENCE) as sock:
            sock.sendall(get("/block"))  # the whole event loop
            server.wait_for_line("blocking")
            server.edit("app.py", app(3))
            assert server.text() == "3"
