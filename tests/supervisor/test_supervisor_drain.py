"""Open responses when the server ends, and a start that does not."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys

import pytest

from nonecorn.testing import ServeExitedError
from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get, responses
from tests.supervisor.conftest import HERE, Supervised, supervised


@pytest.mark.slow
def test_a_response_of_five_seconds_is_completed_and_event_streams_are_told_and_end_whole(worker):
    """At once: they do not wait for it, nor for the graceful timeout."""
    with supervised(worker, "--graceful-timeout", "600") as server, contextlib.ExitStack() as stack:
        slow, *streams = [stack.enter_context(connect(server.address, 20)) for _ in range(5)]
        for number, sock in enumerate((*streams, slow), 1):
            sock.sendall(get("/slow" if sock is slow else "/events"))
            server.wait_for_line("stream begun", nth=number)
        server.terminate()
        assert {responses(sock)[0].body for sock in streams} == {b"0end"}
        [response] = responses(slow)
        assert response.body == b"0123456789end"
        assert slow.recv(1) == b""
        assert server.wait() == 0
    assert server.output.count("lifespan shutdown") == 2


def test_a_worker_that_is_never_ready_ends_the_server_with_3(worker):
    args = ["-k", worker, "-w", "1", "--app-dir", str(HERE), "--startup-timeout", "0.5"]
    server = Supervised("supervised:app", args, env={"FAIL": "never"})
    with pytest.raises(ServeExitedError) as raised, server:
        pass
    assert raised.value.exit_code == 3
    assert raised.value.errors.splitlines()[-1] == (
        "nonecorn: error: the application's lifespan start-up took longer than 0.5 s"
    )


def test_an_application_may_start_processes_through_multiprocessing(worker):
    with supervised(worker, workers=1) as server:
        assert server.ask("/spawn")["code"] == 5


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_interruption_before_anything_was_served_exits_130(workers, tmp_path):
    config = tmp_path / "config.py"
    config.write_text("import time\nprint('reading', flush=True)\ntime.sleep(600)\n")
    command = [sys.executable, "-m", "nonecorn", "serve", "-c", str(config), "-w", workers]
    with subprocess.Popen(
        [*command, "supervised:app"], cwd=HERE, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stdout.readline() == "reading\n"
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_requests_end_at_the_graceful_timeout_at_the_latest_and_the_exit_code_is_1(worker):
    with (
        supervised(worker, "--graceful-timeout", "0.2", clean=False) as server,
        connect(server.address, 20) as slow,
        connect(server.address, 20) as upload,
        connect(server.address, 20) as idle,
    ):
        ask(idle, get())
        slow.sendall(get("/slow"))
        server.wait_for_line("stream begun")
        upload.sendall(b"POST /upload HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab")
        server.wait_for_line("upload begun")
        server.terminate()
        assert server.wait(4) == 1
        assert idle.recv(1) == b""
    assert "exited with 1" in server.errors
