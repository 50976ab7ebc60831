"""A server with workers and what is around it: the service manager, a terminal, root's rights."""

from __future__ import annotations

import grp
import os
import pty
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.supervisor.conftest import HERE, Supervised, alive, supervised
from tests.supervisor.load import Load
from tests.supervisor.waiting import until

WITH_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "nonecorn", "serve", *sys.argv[1:]])
"""


class Manager:
    """Plays systemd: what a service has told it."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.settimeout(20)
        self.sock.bind(str(path))

    def wait_for(self, *wanted):
        """The next messages but the watchdog's begin like this."""
        for text in wanted:
            message = "WATCHDOG=1"
            while message == "WATCHDOG=1":
                message = self.sock.recv(4096).decode()
            assert message.startswith(text), (text, message)


@pytest.fixture
def manager(tmp_path):
    manager = Manager(tmp_path / "notify")
    with manager.sock:
        yield manager


def environ(tmp_path, **more):
    return {"NOTIFY_SOCKET": str(tmp_path / "notify"), **more}


def test_the_service_manager_hears_of_start_reload_and_stop(manager, tmp_path):
    config = tmp_path / "nonecorn.toml"
    config.write_text("workers = 2\nbind = '127.0.0.1:0'\n")
    args = ["-c", str(config), "--app-dir", str(HERE)]
    with Supervised("supervised:app", args, env=environ(tmp_path)) as server:
        manager.wait_for("READY=1\nSTATUS=2 workers serve http://127.0.0.1:")
        server.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1\nMONOTONIC_USEC=", "READY=1")
        config.write_text("nonsense\n")  # a reload that fails; the service is ready all the same
        server.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1\nMONOTONIC_USEC=", "READY=1")
        server.terminate()
        manager.wait_for("STOPPING=1")
        assert server.wait() == 0


def test_it_hears_of_the_program_that_takes_over(manager, tmp_path):
    args = ["-w", "1", "--app-dir", str(HERE)]
    with Supervised("supervised:app", args, env=environ(tmp_path)) as server:
        manager.wait_for("READY=1")
        server.send_signal(signal.SIGUSR2)
        line = server.wait_for_line("has taken over")
        new = int(line.split("process ")[1].split()[0])
        try:
            messages = {manager.sock.recv(4096).decode().partition("\n")[0] for _ in range(2)}
            assert messages == {f"MAINPID={new}", "READY=1"}
        finally:
            os.kill(new, signal.SIGTERM)
            until(lambda: not alive(new), "its end")


def test_the_watchdog_is_fed_while_a_worker_responds(manager, tmp_path):
    with supervised(workers=1, clean=False, **environ(tmp_path, WATCHDOG_USEC="600000")) as server:
        fed = 0
        while fed < 5:
            fed += manager.sock.recv(4096) == b"WATCHDOG=1"
        os.kill(server.workers[0], signal.SIGSTOP)
        manager.sock.settimeout(1.5)
        with pytest.raises(TimeoutError):
            [manager.sock.recv(4096) for _ in range(20)]
        os.kill(server.workers[0], signal.SIGCONT)
        manager.sock.settimeout(20)
        assert manager.sock.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize("workers", [0, 1])
def test_it_stops_when_its_terminal_is_closed(workers, tmp_path):
    master, slave = pty.openpty()
    path = tmp_path / "errors"
    with path.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", WITH_TERMINAL, "-w", str(workers), "--bind", "127.0.0.1:0",
             "--app-dir", str(HERE), "supervised:app"],
            stdin=slave, stdout=slave, stderr=errors,
        )  # fmt: skip
    os.close(slave)
    until(lambda: "to stop" in path.read_text(), "banner")
    os.kill(process.pid, signal.SIGHUP)
    until(lambda: "reload" in path.read_text() or "read again" in path.read_text(), "reaction")
    if workers:
        until(lambda: "generation 2 serves" in path.read_text(), "reload")
    os.close(master)
    assert process.wait(30) == 0, path.read_text()


def test_run_is_reloaded_and_replaced_by_the_same_program(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import nonecorn, sys\n"
        "sys.exit(nonecorn.run('supervised:app', workers=2, bind='127.0.0.1:0', "
        f"app_dir={str(HERE)!r}))\n"
    )
    server = Supervised("supervised:app")
    server.command = [sys.executable, str(script)]
    with server:
        assert server.ask()["pid"] in server.workers
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded: generation 2")
        until(lambda: server.ask()["pid"] in server.workers, "answer of the second")
        with Load(server.address) as load:
            server.send_signal(signal.SIGUSR2)
            line = server.wait_for_line("has taken over")
            new = int(line.split("process ")[1].split()[0])
            try:
                until(lambda: server.exit_code is not None, "end of the first")
                load.more(5)
                assert not load.lost
            finally:
                load.end()
                os.kill(new, signal.SIGTERM)
                until(lambda: not alive(new), "its end")
    assert server.exit_code == 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may")
def test_workers_give_up_rights_and_the_supervisor_keeps_them():
    # A group, since another user may not be able to read this interpreter.
    def groups(server):
        return {Path(f"/proc/{pid}").stat().st_gid for pid in server.workers}

    with supervised("asyncio", "--group", "nogroup", workers=1) as server:
        other = grp.getgrnam("nogroup").gr_gid
        assert Path(f"/proc/{server.pid}").stat().st_gid != other
        assert groups(server) == {other}
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded")
        assert groups(server) == {other}
        server.send_signal(signal.SIGTTIN)
        until(lambda: len(server.children() - set(server.workers)) == 1, "second worker")
