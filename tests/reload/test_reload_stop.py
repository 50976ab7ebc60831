"""Ctrl+C ends everything at once and with 0, whatever is under way."""

import signal
import sys
import time

import pytest

from nonecorn.testing import ServeExitedError
from nonecorn.testing.wire import connect
from tests.e2e.raw import PATIENCE, ask, get, settled
from tests.reload.conftest import Reloading, app, runs
from tests.reload.test_reload_requests import GATED
from tests.supervisor.waiting import until

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX signal")
NOW = 4.0
"""Seconds: a worker's own time to clean up, on a machine with other things to do."""


def assert_ends(server: Reloading, *processes: int) -> None:
    begun = time.monotonic()
    assert server.wait() == 0, server.errors
    assert time.monotonic() - begun < NOW
    for process in processes:
        assert not runs(process)


def test_while_it_serves_and_requests_are_under_way(reloading, worker):
    with (
        reloading("-k", worker) as server,
        connect(server.address, PATIENCE) as idle,
        connect(server.address, PATIENCE) as sock,
    ):
        ask(idle, get())
        process = int(server.text("/process"))
        sock.sendall(get("/never"))
        server.wait_for_line("never begun")
        server.interrupt()
        assert_ends(server, process)


@posix
def test_by_sigterm(reloading):
    with reloading() as server:
        process = int(server.text("/process"))
        server.send_signal(signal.SIGTERM)
        assert_ends(server, process)


def test_while_it_waits_for_a_change(reloading):
    with reloading(broken=True) as server:
        server.write("app.py", "def broken(:\n")
        server.wait_for_line("waiting for a change")
        assert server.get().status == 503
        server.interrupt()
        assert_ends(server)


def test_while_the_application_is_imported(reloading, tmp_path):
    with reloading() as server:
        server.write("app.py", "import os; open('pid', 'w').write(str(os.getpid()))\n" + GATED)
        server.wait_for_line("importing")
        process = int((tmp_path / "pid").read_text())
        server.interrupt()
        assert_ends(server, process)


def test_while_it_is_imported_for_the_first_time(tmp_path):
    (tmp_path / "app.py").write_text(GATED)
    server = Reloading(tmp_path)
    with pytest.raises(TimeoutError, match="did not serve"):
        server.start(0.001)
    assert server.exit_code is not None


def test_twice_does_not_wait_for_requests(reloading):
    with reloading() as server, connect(server.address, PATIENCE) as sock:
        sock.sendall(get("/never"))
        server.wait_for_line("never begun")
        server.interrupt()
        server.interrupt()
        assert_ends(server)


def test_three_times_does_not_wait_for_anything(reloading):
    with reloading() as server, connect(server.address, PATIENCE) as sock:
        process = int(server.text("/process"))
        sock.sendall(get("/block"))
        server.wait_for_line("blocking")
        for number in range(1, 4):
            server.interrupt()
            if number == 1:
                server.wait_for_line("stopping")
        assert_ends(server, process)


@posix
def test_a_killed_server_leaves_no_worker(tmp_path):
    (tmp_path / "app.py").write_text(app())
    with Reloading(tmp_path) as server:
        process = int(server.text("/process"))
        server.kill()
        server.wait()
        until(lambda: not runs(process), "end of the worker")


@posix
def test_hup_reads_the_configuration_and_starts_anew(reloading):
    with reloading() as server:
        process = server.text("/process")
        server.send_signal(signal.SIGHUP)
        server.restarted()
        assert server.text("/process") != process


@posix
def test_usr1_opens_log_files_anew(reloading, tmp_path):
    log = tmp_path / "log"
    with reloading("--access-log", "log") as server:
        server.text()
        assert settled(lambda: log.is_file() and log.read_text().count("\n"), 1) == 1
        log.rename(tmp_path / "log.1")
        server.send_signal(signal.SIGUSR1)
        server.wait_for_line("log files were opened anew")
        # The worker is told by then, and may not have heard.
        assert settled(lambda: bool(server.text()) and log.exists(), expected=True)


def test_the_pid_file_names_the_process_that_stays(reloading, tmp_path):
    with reloading("--pid", "pid") as server:
        server.edit("app.py", app(2))
        assert int((tmp_path / "pid").read_text()) == server.pid
    assert not (tmp_path / "pid").exists()


def test_an_address_in_use_ends_it(tmp_path, reloading):
    with reloading() as server:
        other = Reloading(tmp_path, "--bind", f"127.0.0.1:{server.port}")
        with pytest.raises(ServeExitedError) as raised:
            other.start()
        assert raised.value.exit_code == 3
        assert "Traceback" not in raised.value.errors
