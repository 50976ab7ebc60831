"""The end of a server process: what finishes, what is cut off, and what is left behind."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys

import pytest

from nonecorn.testing.wire import connect
from tests.e2e.conftest import HERE, WORKERS, options, probe
from tests.e2e.raw import ask, get, responses

UPLOAD = b"POST /digest HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda each: each.name)
def test_an_idle_server_stops_at_once_and_exits_0(worker, number):
    with probe(worker) as server, connect(server.address, 20) as idle:
        ask(idle, get())
        server.send_signal(number)
        assert idle.recv(100) == b""
        assert server.wait() == 0
    assert server.output == "lifespan startup\nlifespan shutdown\n"


def test_a_request_under_way_is_finished_while_new_clients_are_refused(worker):
    with probe(worker) as server, connect(server.address, 20) as sock:
        sock.sendall(UPLOAD + b"01234")
        server.wait_for_line("digest begun")
        server.terminate()
        server.wait_for_line("stopping: 1 requests")
        with pytest.raises(ConnectionRefusedError):
            connect(server.address)
        assert server.exit_code is None
        assert "lifespan shutdown" not in server.output
        sock.sendall(b"56789")
        [response] = responses(sock)
        assert response.status == 200
        assert response.values(b"connection") == [b"close"]
        assert sock.recv(1) == b""
        assert server.wait() == 0
    assert server.output.endswith("lifespan shutdown\n")


def test_the_next_request_of_a_connection_is_not_served_any_more(worker):
    with probe(worker) as server, connect(server.address, 20) as sock:
        sock.sendall(UPLOAD + b"01234")
        server.wait_for_line("digest begun")
        server.terminate()
        server.wait_for_line("stopping")
        sock.sendall(b"56789" + get("/wait"))
        [response] = responses(sock)
        assert response.values(b"connection") == [b"close"]
        sock.close()
        assert server.wait() == 0
    assert "wait begun" not in server.output


def test_a_request_that_does_not_end_is_cut_off_and_the_exit_code_is_1(worker):
    args = ["--graceful-timeout", "0.2"]
    with probe(worker, "h11", *args, clean=False) as server, connect(server.address, 20) as sock:
        sock.sendall(get("/stuck"))
        server.wait_for_line("stuck begun")
        server.terminate()
        [response] = responses(sock)
        assert response.status == 503
        assert server.wait() == 1
    assert server.output.endswith("stuck begun\nstuck cancelled\nlifespan shutdown\n")
    assert "1 requests and 1 connections were cut off" in server.errors
    assert "Traceback" not in server.errors


def test_an_event_stream_is_told_and_ends_whole(worker):
    args = ["--graceful-timeout", "600"]
    with probe(worker, "h11", *args) as server, connect(server.address, 20) as sock:
        sock.sendall(get("/events"))
        server.wait_for_line("events begun")
        server.terminate()
        [response] = responses(sock)
        assert response.body == b"data: 1\n\ndata: bye\n\n"
        assert server.wait() == 0
    assert server.output.endswith("events told\nlifespan shutdown\n")


def test_drain_wait_gives_event_streams_no_notice(worker):
    args = ["--graceful-timeout", "0.2", "--drain", "wait"]
    with probe(worker, "h11", *args, clean=False) as server, connect(server.address, 20) as sock:
        sock.sendall(get("/events"))
        server.wait_for_line("events begun")
        server.terminate()
        [response] = responses(sock)
        assert response.body == b"data: 1\n\n"
        assert server.wait() == 1
    assert "events told" not in server.output


def test_a_second_signal_does_not_wait_for_requests(worker):
    args = ["--graceful-timeout", "600"]
    with probe(worker, "h11", *args, clean=False) as server, connect(server.address, 20) as sock:
        sock.sendall(get("/stuck"))
        server.wait_for_line("stuck begun")
        server.terminate()
        server.wait_for_line("stopping")
        assert server.exit_code is None
        server.interrupt()
        assert server.wait() == 1
    assert server.output.endswith("stuck cancelled\nlifespan shutdown\n")


def test_a_connection_without_a_request_does_not_hold_up_the_end(worker):
    args = ["--graceful-timeout", "600"]
    with probe(worker, "h11", *args) as server, connect(server.address, 20) as silent:
        with connect(server.address, 20) as other:
            ask(other, get())  # accepted after the silent one
            server.terminate()
            assert server.wait() == 0
        assert silent.recv(1) == b""


def test_half_a_request_head_does_not_hold_up_the_end_beyond_the_time_for_it():
    args = ["--graceful-timeout", "600", "--limits-head-timeout", "0.1"]
    with probe("asyncio", "h11", *args) as server, connect(server.address, 20) as sock:
        with connect(server.address, 20) as other:
            sock.sendall(b"GET / HTT")
            ask(other, get())
        server.terminate()
        [response] = responses(sock)
        assert response.status == 408
        sock.close()
        assert server.wait() == 0


@pytest.mark.slow
def test_a_thread_that_nobody_can_cancel_does_not_keep_the_process(tmp_path):
    with contextlib.ExitStack() as stack:
        servers = []
        for worker in WORKERS:
            args = ["--graceful-timeout", "0.2", "--pid", str(tmp_path / worker)]
            server = stack.enter_context(probe(worker, "h11", *args, clean=False))
            sock = stack.enter_context(connect(server.address, 20))
            sock.sendall(get("/thread"))
            server.wait_for_line("thread begun")
            servers.append(server)
        for server in servers:
            server.terminate()
        for server in servers:
            assert server.wait() == 1, server.errors
            assert "the application does not end; leaving it (threads:" in server.errors
            assert "lifespan shutdown" in server.output or "trio" in server.command
    assert list(tmp_path.iterdir()) == []


# Files --------------------------------------------------------------------------------------------


def test_the_pid_file_is_there_while_it_serves(worker, tmp_path):
    path = tmp_path / "pid"
    with probe(worker, "h11", "--pid", str(path)) as server:
        assert path.read_text() == f"{server.pid}\n"
        server.terminate()
        server.wait()
        assert not path.exists()


def test_a_server_that_cannot_bind_leaves_the_pid_file_of_the_one_that_serves(tmp_path):
    path = tmp_path / "pid"
    with probe("asyncio", "h11", "--pid", str(path)) as server:
        bind = "{}:{}".format(*server.address)
        second = run("--pid", str(path), "--bind", bind)
        assert second.returncode == 3
        assert path.read_text() == f"{server.pid}\n"


def test_a_unix_socket_is_removed_at_the_end(worker, tmp_path):
    path = tmp_path / "socket"
    with probe(worker, "h11", "--bind", f"unix:{path}") as server:
        with connect(str(path), 20) as sock:
            assert ask(sock, get()).body == b"hello"
        server.terminate()
        server.wait()
        assert not path.exists()


def test_a_unix_socket_that_another_server_has_replaced_stays(tmp_path):
    path = tmp_path / "socket"
    with probe("asyncio", "h11", "--bind", f"unix:{path}") as server:
        path.unlink()
        with socket.socket(socket.AF_UNIX) as replacement:
            replacement.bind(str(path))
            server.terminate()
            assert server.wait() == 0
            assert path.exists()


# Start-up and shutdown of the application ---------------------------------------------------------

SLOW_START = """
from probe import forever, say

async def app(scope, receive, send):
    await receive()
    say("starting")
    try:
        await forever()
    finally:
        say("given up")
"""

SLOW_END = """
from probe import forever, say

async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say("ending")
    await forever()
"""


def start(*args):
    command = [sys.executable, "-m", "nonecorn", "serve", "--bind", "127.0.0.1:0", *args]
    return subprocess.Popen(
        command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(*args):
    with start(*args, "probe:app") as process:
        output, errors = process.communicate(timeout=30)
    return subprocess.CompletedProcess(args, process.returncode, output, errors)


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_a_signal_during_start_up_gives_it_up(worker, mode, write):
    app = write("slow_start.py", SLOW_START)
    with start(*options(worker, "h11"), "--lifespan", mode, str(app)) as process:
        assert process.stdout.readline() == "starting\n"
        process.terminate()
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "given up\n"), errors
    assert "Traceback" not in errors
    assert "serving on" not in errors


def test_a_second_signal_does_not_wait_for_the_applications_shutdown(worker, write):
    app = write("slow_end.py", SLOW_END)
    with start(*options(worker, "h11"), str(app)) as process:
        for line in process.stderr:
            if "to stop" in line:
                break
        process.terminate()
        assert process.stdout.readline() == "ending\n"
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" not in errors


def test_a_shutdown_that_takes_too_long_is_logged_and_given_up(worker, write):
    app = write("slow_end.py", SLOW_END)
    args = [*options(worker, "h11"), "--shutdown-timeout", "0.1", str(app)]
    with start(*args) as process:
        for line in process.stderr:
            if "to stop" in line:
                break
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "lifespan shutdown took longer than 0.1 s" in errors
