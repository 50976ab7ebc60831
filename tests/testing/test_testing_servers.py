"""Real servers for tests: in a thread on each worker, and as a process."""

from __future__ import annotations

import signal
import socket
import sys
import textwrap
from pathlib import Path

import pytest

from nonecorn.spi import BindError, LifespanError
from nonecorn.testing import (
    Gate,
    ServeExitedError,
    ServeProcess,
    raw_exchange,
    read_responses,
    serve_in_thread,
)
from nonecorn.testing.address import address_of
from nonecorn.testing.apps import Gated, LifespanRecorder, hello

WORKERS = ["asyncio", "uvloop", "trio"]
GET = b"GET / HTTP/1.0\r\n\r\n"


@pytest.mark.parametrize("worker", WORKERS)
def test_a_server_in_a_thread_serves_and_stops(worker: str) -> None:
    app = LifespanRecorder()
    with serve_in_thread(app, worker=worker) as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        (response,) = read_responses(raw_exchange(server.address, GET).data)
        assert (response.status, response.body) == (200, b"Hello, world!")
        assert repr(server) == f"<ThreadedServer {worker} serving {server.url}>"
    assert app.events == ["startup", "request", "shutdown"]
    assert server.exit_code == 0
    assert server.stop() == 0, "stopping twice is harmless"


@pytest.mark.parametrize("worker", WORKERS)
def test_a_gate_holds_an_application_of_a_server_in_a_thread(worker: str) -> None:
    gate = Gate()
    app = Gated(gate)
    with (
        serve_in_thread(app, worker=worker, lifespan="off") as server,
        socket.create_connection(server.address, 5) as client,
    ):
        client.sendall(GET)
        gate.wait_for_arrival()
        assert app.finished == 0
        gate.open()
        assert b"at last" in b"".join(iter(lambda: client.recv(4096), b""))
    assert app.finished == 1


def test_what_keeps_a_server_from_starting_is_raised() -> None:
    with pytest.raises(LifespanError, match="no database"):
        serve_in_thread(LifespanRecorder(fail_startup="no database")).start()


def test_an_address_in_use_is_raised() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BindError, match=address):
            serve_in_thread(hello, bind=address).start()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("https://[::1]:8443", ("::1", 8443)),
        ("unix:/run/app.sock", "/run/app.sock"),
    ],
)
def test_addresses_are_taken_apart(url: str, address: object) -> None:
    assert address_of(url) == address


@pytest.fixture
def application(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(
        textwrap.dedent(
            """
            from nonecorn.testing.apps import hello as app
            print("imported", flush=True)
            """
        )
    )
    return path


# On one worker: nothing here depends on which, and the tests of all others take each.
def test_a_process_serves_and_ends_by_signal(application: Path) -> None:
    with ServeProcess("app:app", ["--worker", "trio"], cwd=application.parent) as server:
        (response,) = read_responses(raw_exchange(server.address, GET).data)
        assert response.body == b"Hello, world!"
        assert server.wait_for_line("imported") == "imported\n"
        assert server.exit_code is None
        server.terminate()
        assert server.wait() == 0
    assert "serving on" in server.errors
    assert server.output == "imported\n"


def test_a_process_that_does_not_start_is_an_error_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(ServeExitedError, match="nowhere") as raised:
        ServeProcess("nowhere:app", cwd=tmp_path).start()
    assert raised.value.exit_code == 3
    assert "Traceback" not in raised.value.errors


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_process_tells_its_signal(application: Path) -> None:
    with ServeProcess("app:app", cwd=application.parent) as server:
        server.kill()
        assert server.wait() == -signal.SIGKILL
    assert repr(server) == f"<ServeProcess {server.pid} exited -9>"
