"""What becomes of clients while the application is started anew."""

import contextlib
import threading

import pytest

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


@pytest.mark.parametrize("watcher", ["watchfiles", "polling"])
def test_twenty_quick_changes_lose_no_request(reloading, worker, watcher):
    last = 21
    answered: list[str] = []
    failures: list[str] = []
    seen = threading.Event()

    def client(server) -> None:
        while not seen.is_set():
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


def test_a_request_waits_while_the_application_starts(reloading, write, worker):
    with reloading("-k", worker) as server:
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


def test_an_idle_connection_ends_and_does_not_hold_up(reloading, worker):
    with reloading("-k", worker) as server, connect(server.address, PATIENCE) as idle:
        assert ask(idle, get()).status == 200
        server.edit("app.py", app(2))
        assert idle.recv(100) == b""


def test_an_event_stream_is_told_and_does_not_hold_up(reloading, worker):
    with reloading("-k", worker) as server, connect(server.address, PATIENCE) as sock:
        sock.sendall(get("/events"))
        received = b""
        while b"data: 1" not in received:
            received += sock.recv(4096)
        server.edit("app.py", app(2))
        with contextlib.suppress(ConnectionError):
            while piece := sock.recv(4096):
                received += piece
        assert b"data: bye" in received
        assert received.endswith(b"0\r\n\r\n")


def test_a_websocket_is_told_and_does_not_hold_up(reloading, worker):
    chat = """
http = app
async def app(scope, receive, send):
    if scope["type"] != "websocket":
        return await http(scope, receive, send)
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
"""
    with reloading("-k", worker) as server:
        server.edit("app.py", app(2) + chat)
        with ws.RawClient(server.address, ws.request("/")) as client:
            client.opened()
            server.write("app.py", app(3))
            found = client.frame()
            assert found.opcode == ws.CLOSE
            assert int.from_bytes(found.payload[:2], "big") in (1001, 1012)
            client.send(ws.closing())
        server.restarted()
        assert server.text() == "3"


def test_a_request_that_does_not_end_is_cut_off(reloading, worker):
    with reloading("-k", worker) as server, connect(server.address, PATIENCE) as sock:
        sock.sendall(get("/never"))
        server.wait_for_line("never begun")
        server.edit("app.py", app(2))
        assert server.text() == "2"
        assert "cut off" in server.errors


def test_an_application_that_blocks_its_event_loop_is_ended(reloading, worker):
    with reloading("-k", worker) as server, connect(server.address, PATIENCE) as sock:
        sock.sendall(get("/block"))
        server.wait_for_line("blocking")
        server.edit("app.py", app(2))
        assert server.text() == "2"
