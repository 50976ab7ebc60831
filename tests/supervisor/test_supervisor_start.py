"""Start and stop of a server with workers: the banner, the exit codes, who imports what."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nonecorn
from nonecorn.spi import ConfigError
from nonecorn.testing import ServeExitedError, ServeProcess
from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get, responses
from tests.supervisor.conftest import HERE, WORKERS, Supervised, alive, supervised
from tests.supervisor.waiting import until

UPLOAD = b"POST /upload HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab"
BROKEN = "raise RuntimeError('no such luck')\n"
LEAVING = "import sys\nsys.exit(7)\n"
DYING = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
# In one write each: where PYTHONUNBUFFERED is set, print() makes two, which those of another worker
# may come between.
STARTING = """
import asyncio, os

async def app(scope, receive, send):
    os.write(1, b"starting\\n")
    await asyncio.sleep(3600)
"""
IMPORTING = "import os, time\nos.write(1, b'importing\\n')\ntime.sleep(3600)\n"


def failing(*args, app="broken:app", **env):
    """A server that does not get as far as to serve: its exit code and what it said."""
    with pytest.raises(ServeExitedError) as raised, Supervised(app, ["-w", "2", *args], env=env):
        pass
    return raised.value.exit_code, raised.value.errors


# Start --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=WORKERS)
def standing(request):
    """A server that each test leaves as it was."""
    with supervised(request.param) as server:
        yield server


def test_there_is_one_banner_and_it_names_all(standing):
    assert standing.errors.count(f"worker {standing.worker}") == 1
    assert standing.errors.count("serving on") == 1
    assert standing.children() == set(standing.workers)
    assert int(re.search(r"process (\d+); press", standing.errors)[1]) == standing.pid
    assert {standing.ask()["parent"] for _ in range(5)} == {standing.pid}


def test_all_workers_serve(standing):
    seen = set()
    until(lambda: seen.add(standing.ask()["pid"]) or len(seen) == 2, "answer of both")
    assert seen == set(standing.workers)


def test_a_worker_imports_what_the_plan_names_and_no_more(standing):
    modules = set(standing.ask("/modules")["modules"])
    assert not modules & {"pluggy", "click", "importlib.metadata", "multiprocessing"}
    assert not {name for name in modules if name.startswith("nonecorn.config.")} - {
        "nonecorn.config.schema"
    }
    others = {"asyncio": "trio", "uvloop": "trio", "trio": "uvloop"}
    assert others[standing.worker] not in modules


def test_the_supervisor_has_no_event_loop_and_no_ssl(worker):
    """In a process of its own: those that are forked for other tests have imported it all."""
    args = ["-k", worker, "-w", "1", "--app-dir", str(HERE)]
    with ServeProcess("supervised:app", args) as server:
        mapped = Path(f"/proc/{server.pid}/maps").read_text()
    assert "_socket" in mapped or "libpython" in mapped or "python" in mapped
    for name in ("_ssl", "libssl", "_asyncio", "uvloop", "httptools"):
        assert name not in mapped, name


def test_processes_of_the_application_inherit_no_socket_of_ours(standing):
    assert not [name for name in standing.ask("/child")["open"] if "socket" in name]


def test_without_a_limit_nobody_counts(standing):
    assert "nonecorn.control" in standing.ask("/threads")["threads"]
    before = standing.children()
    with connect(standing.address, 20) as sock:
        for _ in range(100):
            assert ask(sock, get()).status == 200
    assert standing.children() == before


def test_signals_that_reach_a_worker_by_mistake_do_nothing(standing):
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2, signal.SIGTTIN):
        for pid in standing.workers:
            os.kill(pid, number)
    assert standing.ask()["pid"] in standing.workers
    assert standing.children() == set(standing.workers)


@pytest.mark.parametrize("standing", ["uvloop"], indirect=True)
def test_an_address_in_use_exits_3_before_any_worker(standing, tmp_path):
    (tmp_path / "broken.py").write_text("print('imported', flush=True)\n")
    bind = "{}:{}".format(*standing.address)
    code, errors = failing("--app-dir", str(tmp_path), "--bind", bind)
    assert code == 3
    assert f"cannot bind {bind}" in errors.splitlines()[-1]
    assert "nonecorn.supervisor" not in errors


async def application(scope, receive, send):
    raise AssertionError


def test_run_refuses_an_application_object_with_workers():
    with pytest.raises(ConfigError, match="import string, 'module:attribute', instead of"):
        nonecorn.run(application, workers=2, bind="127.0.0.1:0")


def test_serve_refuses_workers():
    with pytest.raises(ConfigError, match="workers: nonecorn"):
        asyncio.run(nonecorn.serve(application, workers=2, bind="127.0.0.1:0"))


# Failure to start ---------------------------------------------------------------------------------


@pytest.mark.parametrize("worker", ["asyncio"])
def test_an_application_that_cannot_be_imported_is_shown_and_exits_3(worker, tmp_path):
    (tmp_path / "broken.py").write_text(BROKEN)
    code, errors = failing("-k", worker, "--app-dir", str(tmp_path))
    assert code == 3
    assert errors.splitlines()[-1] == (
        "nonecorn: error: 'broken:app' cannot be imported: RuntimeError: no such luck"
    )
    assert 'broken.py", line 1' in errors


@pytest.mark.parametrize("worker", ["trio"])
def test_a_lifespan_that_fails_exits_3(worker):
    args = ["-k", worker, "-w", "1", "--app-dir", str(HERE)]
    code, errors = failing(*args, app="supervised:app", FAIL="startup")
    assert code == 3
    assert errors.splitlines()[-1] == (
        "nonecorn: error: the application's lifespan start-up failed: no database"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LEAVING, "the application exited with 7"),
        (DYING, "was killed by SIGKILL, perhaps for want of memory"),
    ],
    ids=["exit", "killed"],
)
def test_a_worker_that_ends_before_it_is_ready_ends_the_server_with_3(text, said, tmp_path):
    (tmp_path / "broken.py").write_text(text)
    code, errors = failing("-w", "1", "--app-dir", str(tmp_path))
    assert code == 3
    assert said in errors.splitlines()[-1]


def test_a_wrong_number_of_workers_exits_2():
    code, _ = failing("--workers", "-1")
    assert code == 2


def test_a_bad_certificate_is_one_line_and_exits_3(tmp_path):
    (tmp_path / "cert.pem").write_text("no certificate")
    args = ["--app-dir", str(HERE), "--certfile", str(tmp_path / "cert.pem")]
    code, errors = failing(*args, app="supervised:app")
    assert code == 3
    assert "cert.pem" in errors.splitlines()[-1]


# Stop ---------------------------------------------------------------------------------------------


def test_a_stop_ends_what_is_idle_finishes_what_is_under_way_and_refuses_who_is_new(worker):
    with (
        supervised(worker) as server,
        connect(server.address, 20) as sock,
        connect(server.address, 20) as idle,
    ):
        ask(idle, get())
        sock.sendall(UPLOAD)
        server.wait_for_line("upload begun")
        server.terminate()
        server.wait_for_line("stopping: 1 requests")
        assert idle.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            until(lambda: connect(server.address).close(), "refusal")
        sock.sendall(b"cd")
        [response] = responses(sock)
        assert response.status == 200
        assert response.values(b"connection") == [b"close"]
        assert server.wait() == 0
    assert server.output.count("lifespan shutdown") == 2


def stopped_as_a_group(worker, number):
    """Send it to all processes at once; a request that is under way is finished."""
    with supervised(worker) as server, connect(server.address, 20) as sock:
        sock.sendall(UPLOAD)
        server.wait_for_line("upload begun")
        for pid in (server.pid, *server.workers):
            os.kill(pid, number)
        server.wait_for_line("stopping: 1 requests")
        sock.sendall(b"cd")
        assert responses(sock)[0].status == 200
        assert server.wait() == 0


# What workers of each kind make of a SIGINT: `test_signals_that_reach_a_worker_by_mistake…`.
@pytest.mark.parametrize("worker", ["asyncio"])
def test_ctrl_c_in_a_terminal_reaches_the_whole_group_and_stops_gracefully(worker):
    stopped_as_a_group(worker, signal.SIGINT)


def test_systemd_terminates_the_whole_group_and_it_stops_gracefully(worker):
    stopped_as_a_group(worker, signal.SIGTERM)


@pytest.mark.parametrize("worker", ["uvloop"])
def test_a_second_signal_does_not_wait_for_requests(worker):
    args = ["--graceful-timeout", "600"]
    with (
        supervised(worker, *args, clean=False) as server,
        connect(server.address, 20) as sock,
    ):
        sock.sendall(UPLOAD)
        server.wait_for_line("upload begun")
        server.terminate()
        server.wait_for_line("stopping: 1 requests")
        assert server.exit_code is None
        server.interrupt()
        assert server.wait() == 1


@pytest.mark.parametrize(("text", "line"), [(STARTING, "starting"), (IMPORTING, "importing")])
def test_a_stop_during_the_start_gives_it_up(text, line, tmp_path):
    path = tmp_path / "slow.py"
    path.write_text(text)
    command = [sys.executable, "-m", "nonecorn", "serve", "-k", "asyncio", "-w", "2"]
    with subprocess.Popen(
        [*command, "--bind", "127.0.0.1:0", str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert [process.stdout.readline() for _ in range(2)] == [f"{line}\n"] * 2
            process.terminate()
            _, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "serving on" not in errors


def test_files_are_there_while_it_serves_and_gone_then(tmp_path):
    pid, path = tmp_path / "pid", tmp_path / "socket"
    with supervised("asyncio", "--pid", str(pid), "--bind", f"unix:{path}") as server:
        assert pid.read_text() == f"{server.pid}\n"
        with connect(str(path), 20) as sock:
            assert ask(sock, get()).status == 200
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded")
        assert pid.read_text() == f"{server.pid}\n"
        with connect(str(path), 20) as sock:
            assert ask(sock, get()).status == 200
    assert not list(tmp_path.iterdir())
    assert not alive(server.pid)
