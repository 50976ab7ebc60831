"""SIGUSR2: another program takes over the sockets, or nothing happens at all."""

from __future__ import annotations

import os
import re
import signal

import pytest

from nonecorn.testing.wire import connect
from tests.e2e.raw import responses
from tests.supervisor.conftest import FLEET, GONE, HERE, Supervised, alive
from tests.supervisor.load import Load
from tests.supervisor.waiting import until

UPLOAD = b"POST /upload HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab"


def ended(pid):
    """End a program that is nobody's child any more."""
    os.kill(pid, signal.SIGTERM)
    until(lambda: not alive(pid), f"end of {pid}")


def upgraded(server):
    """Replace the program; the process that has taken over."""
    server.send_signal(signal.SIGUSR2)
    line = server.wait_for_line("has taken over")
    return int(re.search(r"process (\d+) has taken over", line)[1])


def exits(server):
    """The exit code; its output may go on, from the program that has taken over."""
    until(lambda: server.exit_code is not None, "end of the first program")
    return server.exit_code


def server_of(worker, *args, workers=1, app="supervised:app", **env):
    arguments = ["-k", worker, "-w", str(workers), "--app-dir", str(HERE), *args]
    return Supervised(app, arguments, env=env)


def test_another_program_takes_over_and_no_request_is_lost(worker, tmp_path):
    pid = tmp_path / "pid"
    with (
        server_of(worker, "--pid", str(pid), workers=FLEET[worker]) as server,
        Load(server.address) as load,
    ):
        load.more(5)
        new = upgraded(server)
        try:
            server.wait_for_line(f"process {new}; press")
            assert exits(server) == 0
            assert pid.read_text() == f"{new}\n"
            load.more(10)
            assert not load.lost
            assert server.ask()["parent"] == new
        finally:
            load.end()
            ended(new)
    assert not list(tmp_path.iterdir())


def test_socket_files_go_along(tmp_path):
    path = tmp_path / "socket"
    with server_of("asyncio", "--bind", f"unix:{path}") as server, Load(str(path)) as load:
        load.more(3)
        new = upgraded(server)
        try:
            assert exits(server) == 0
            load.more(3)
            assert not load.lost
            assert path.exists()
        finally:
            load.end()
            ended(new)
    assert not path.exists()


@pytest.mark.parametrize("worker", ["uvloop"])
def test_a_request_under_way_is_finished_by_the_old_program(worker):
    with server_of(worker) as server, connect(server.address, 20) as sock:
        sock.sendall(UPLOAD)
        old = int(server.wait_for_line("upload begun").split()[-1])
        new = upgraded(server)
        try:
            sock.sendall(b"cd")
            [response] = responses(sock)
            assert f'"pid": {old},'.encode() in response.body
            assert exits(server) == 0
        finally:
            ended(new)


def test_the_new_program_is_reloaded_and_replaced_like_any_other():
    with server_of("asyncio") as server, Load(server.address) as load:
        new = upgraded(server)
        try:
            assert exits(server) == 0
            server.wait_for_line(f"process {new}; press")
            os.kill(new, signal.SIGHUP)
            server.wait_for_line("reloaded: generation 2")
            os.kill(new, signal.SIGUSR2)
            line = server.wait_for_line("has taken over", nth=2)
            until(lambda: not alive(new), "end of the second program")
            new = int(re.search(r"process (\d+) has taken over", line)[1])
            load.more(10)
            assert not load.lost
        finally:
            load.end()
            ended(new)


@pytest.mark.parametrize("worker", ["trio"])
def test_a_program_that_does_not_start_changes_nothing(worker, tmp_path):
    path = tmp_path / "fragile.py"
    path.write_text("from supervised import app\n")
    pid, sock = tmp_path / "pid", tmp_path / "socket"
    args = ["--app-dir", str(tmp_path), "--pid", str(pid), "--bind", f"unix:{sock}"]
    with (
        server_of(worker, *args, app="fragile:app", PYTHONPATH=str(HERE)) as server,
        Load(str(sock)) as load,
    ):
        workers = server.workers
        path.write_text(GONE)
        server.send_signal(signal.SIGUSR2)
        server.wait_for_line("not replaced, this program goes on: it exited with 3")
        load.more(5)
        assert not load.lost
        assert pid.read_text() == f"{server.pid}\n"
        assert sock.exists()
        assert server.children() == set(workers)
        path.write_text("from supervised import app\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded")
        load.more(5)
    assert server.exit_code == 0


def test_a_program_that_dies_in_the_middle_changes_nothing(tmp_path):
    path = tmp_path / "slow.py"
    path.write_text("from supervised import app\n")
    args = ["--app-dir", str(tmp_path)]
    with server_of("asyncio", *args, app="slow:app", PYTHONPATH=str(HERE)) as server:
        path.write_text("print('importing', flush=True)\nimport time\ntime.sleep(3600)\n")
        server.send_signal(signal.SIGUSR2)
        line = server.wait_for_line("is to replace this one")
        new = int(re.search(r"process (\d+) is", line)[1])
        server.wait_for_line("importing")
        os.kill(new, signal.SIGKILL)
        line = server.wait_for_line("not replaced, this program goes on")
        assert "was killed by SIGKILL" in line
        assert server.ask()["parent"] == server.pid
        until(lambda: server.children() == set(server.workers), "end of the others")
    assert server.exit_code == 0


def test_a_stop_in_the_middle_ends_both(tmp_path):
    path = tmp_path / "slow.py"
    path.write_text("from supervised import app\n")
    args = ["--app-dir", str(tmp_path)]
    with server_of("asyncio", *args, app="slow:app", PYTHONPATH=str(HERE)) as server:
        path.write_text("print('importing', flush=True)\nimport time\ntime.sleep(3600)\n")
        server.send_signal(signal.SIGUSR2)
        line = server.wait_for_line("is to replace this one")
        new = int(re.search(r"process (\d+) is", line)[1])
        server.wait_for_line("importing")
        server.terminate()
        assert server.wait() == 0
        assert not alive(new)


def test_the_old_program_dies_in_the_middle_and_the_new_one_serves(tmp_path):
    path = tmp_path / "slow.py"
    path.write_text("from supervised import app\n")
    pid, go = tmp_path / "pid", tmp_path / "go"
    args = ["--app-dir", str(tmp_path), "--pid", str(pid)]
    with server_of("asyncio", *args, app="slow:app", PYTHONPATH=str(HERE)) as server:
        wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
        path.write_text(f"print('importing', flush=True)\n{wait}from supervised import app\n")
        server.send_signal(signal.SIGUSR2)
        line = server.wait_for_line("is to replace this one")
        new = int(re.search(r"process (\d+) is", line)[1])
        try:
            server.wait_for_line("importing")
            server.kill()
            go.touch()
            server.wait_for_line(f"process {new}; press")
            assert server.ask()["parent"] == new
            assert pid.read_text() == f"{new}\n"
        finally:
            ended(new)
    assert not pid.exists()


def test_one_change_at_a_time():
    with server_of("asyncio") as server:
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("generation 2 starts")
        server.send_signal(signal.SIGUSR2)
        server.send_signal(signal.SIGTTIN)
        server.wait_for_line("a reload is under way: no program is started")
        server.wait_for_line("a reload is under way: the number of workers stays")
        server.wait_for_line("generation 2 serves")
    assert server.exit_code == 0
