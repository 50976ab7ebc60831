"""What has no end of its own is given one: old workers, processes that hang, programs that wait."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from nonecorn.supervisor import child as children
from nonecorn.supervisor.channel import Channel
from nonecorn.supervisor.child import Child
from nonecorn.supervisor.loop import Loop
from nonecorn.supervisor.messages import Ready, encode
from nonecorn.supervisor.pool import LEAVING
from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get, responses
from tests.supervisor.conftest import HERE, Supervised, alive, supervised
from tests.supervisor.waiting import until

UPLOAD = b"POST /upload HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab"


# Reloads ------------------------------------------------------------------------------------------


def test_the_old_workers_are_told_nothing_until_the_new_ones_serve(tmp_path):
    path, go = tmp_path / "slow.py", tmp_path / "go"
    path.write_text("from supervised import app\n")
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    args = ["--app-dir", str(tmp_path)]
    with (
        supervised("asyncio", *args, workers=1, app="slow:app", PYTHONPATH=str(HERE)) as server,
        connect(server.address, 20) as kept,
    ):
        [old] = server.workers
        path.write_text(f"print('importing', flush=True)\n{wait}from supervised import app\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("importing")
        response = ask(kept, get())
        assert response.status == 200
        assert response.values(b"connection") == []
        assert server.ask()["pid"] == old
        go.touch()
        server.wait_for_line("reloaded: generation 2")
        assert server.workers != [old]


@pytest.mark.timeout(150)
def test_reloads_wait_for_old_workers_once_there_are_many_and_are_one_then():
    args = ["--graceful-timeout", "600", "--keep-alive-timeout", "600"]
    with supervised("asyncio", *args, workers=1) as server, contextlib.ExitStack() as stack:
        busy: list[socket.socket] = []
        begun = 0
        while len(busy) < LEAVING:
            sock = stack.enter_context(connect(server.address, 20))
            sock.sendall(UPLOAD)
            begun += 1
            line = server.wait_for_line("upload begun", nth=begun)
            if int(line.split()[-1]) not in server.workers:
                sock.close()  # an old worker accepts until it hears that it is to leave
                continue
            busy.append(sock)
            server.send_signal(signal.SIGHUP)
            server.wait_for_line("reloaded: generation", nth=len(busy))
        for times in range(1, 4):
            server.send_signal(signal.SIGHUP)
            server.wait_for_line(
                f"{LEAVING} replaced workers still finish requests: another reload follows",
                nth=times,
            )
        assert len(server.children()) == LEAVING + 1
        busy[0].sendall(b"cd")  # whose worker has nothing else to do
        server.wait_for_line("reloaded: generation", nth=LEAVING + 1)
        for sock in busy[1:]:
            sock.sendall(b"cd")
            assert responses(sock)[0].status == 200
        until(lambda: server.children() == set(server.workers), "end of the old ones")
        assert server.ask()["pid"] in server.workers
    assert server.errors.count("reloaded: generation") == LEAVING + 1


# Workers ------------------------------------------------------------------------------------------


class Owner:
    def __init__(self):
        self.gone = []

    def child_ready(self, child):
        pass

    def child_retiring(self, child, reason):
        raise AssertionError(reason)

    def child_gone(self, child):
        self.gone.append(child)


@pytest.fixture
def dull(monkeypatch):
    """A worker that does nothing at all, and the other end of its channel."""
    for name in ("_IMPORTING", "_ENDING", "_SILENT"):
        monkeypatch.setattr(children, name, 0.0)
    owner = Owner()
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([shutil.which("sleep"), "600"])
    with Loop() as loop, theirs, ours:
        child = Child(
            loop, owner, number=1, process=process, channel=Channel(ours), lanes=(),
            startup_timeout=0.1, ending_timeouts=0.2,
        )  # fmt: skip
        loop.on_signal(signal.SIGCHLD, child.reap)
        try:
            yield loop, child, theirs
            loop.run(lambda: bool(owner.gone))
            assert child.code == -signal.SIGKILL
        finally:
            process.kill()
            process.wait()


def test_a_worker_that_is_not_ready_in_time_is_killed(dull):
    loop, child, _ = dull
    loop.run(lambda: bool(child.forced))
    assert child.forced == "it did not start within 0.1 s"


def test_a_worker_that_does_not_end_in_time_is_killed(dull):
    loop, child, theirs = dull
    theirs.sendall(_frame(Ready()))
    loop.run(lambda: child.ready_at is not None)
    child.stop()
    loop.run(lambda: bool(child.forced))
    assert child.forced == "it did not end within 0.2 s"


def test_a_worker_that_closes_its_channel_and_goes_on_is_killed(dull):
    loop, child, theirs = dull
    theirs.sendall(_frame(Ready()))
    loop.run(lambda: child.ready_at is not None)
    theirs.close()
    loop.run(lambda: bool(child.forced))
    assert child.forced == "it closed its channel and went on"


def _frame(message):
    """As it goes over the wire."""
    one, other = socket.socketpair()
    with one, other:
        Channel(one).send(encode(message))
        return other.recv(4096)


def test_a_third_signal_ends_a_worker_that_hangs():
    args = ["--graceful-timeout", "600"]
    with (
        supervised("asyncio", *args, workers=1, clean=False) as server,
        connect(server.address, 20) as sock,
    ):
        sock.sendall(get("/hang"))
        server.wait_for_line("hang begun")
        server.terminate()
        server.wait_for_line("stopping")
        server.terminate()
        server.interrupt()  # another signal: two of a kind may be one
        assert server.wait() == 1
    assert "(it was not to be waited for)" in server.errors


# Another program ----------------------------------------------------------------------------------

IMPATIENT = """
import runpy, sys
import nonecorn.supervisor.upgrade
nonecorn.supervisor.upgrade._STARTING = -19.8  # of the 20 s that the application has
sys.argv = ["nonecorn", *sys.argv[1:]]
runpy.run_module("nonecorn", run_name="__main__", alter_sys=True)
"""
CONFIG = """
import pathlib, time
while pathlib.Path({late!r}).exists(): time.sleep(0.01)
workers, bind, startup_timeout = 1, "127.0.0.1:0", 20
"""


def test_a_program_that_is_not_ready_in_time_is_ended_and_this_one_goes_on(tmp_path):
    script, config, late = tmp_path / "serve.py", tmp_path / "config.py", tmp_path / "late"
    script.write_text(IMPATIENT)
    config.write_text(CONFIG.format(late=str(late)))
    server = Supervised("supervised:app", ["-c", str(config)])
    args = ["serve", "-c", str(config), "--app-dir", str(HERE), "supervised:app"]
    server.command = [sys.executable, str(script), *args]
    with server:
        late.touch()
        server.send_signal(signal.SIGUSR2)
        server.wait_for_line("not replaced, this program goes on: it was not ready within 0.2 s")
        assert server.children() == set(server.workers)
        assert server.ask()["pid"] in server.workers
        late.unlink()
        server.send_signal(signal.SIGHUP)  # nothing is in its way
        server.wait_for_line("reloaded: generation 2")
    assert server.exit_code == 0


PLUGIN = """
from nonecorn.spi import Observer, ObserverSpec, Ref, hookimpl

PLUGIN_API = 1

class Late(Observer):
    def worker_started(self, runtime):
        print("the new plugin is there", flush=True)

def make(context):
    return Late()

@hookimpl
def nonecorn_observers():
    return [ObserverSpec(name="late", observer=Ref("late_plugin:make"))]
"""


def test_a_new_program_has_the_plugins_that_are_installed_by_then(tmp_path):
    with Supervised(
        "supervised:app",
        ["-w", "1", "--app-dir", str(HERE)],
        env={"PYTHONPATH": str(tmp_path)},
    ) as server:
        (tmp_path / "late_plugin.py").write_text(PLUGIN)
        info = tmp_path / "nonecorn_late-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nonecorn-late\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[nonecorn.plugins]\nlate = late_plugin\n")
        server.send_signal(signal.SIGUSR2)
        line = server.wait_for_line("has taken over")
        new = int(line.split("process ")[1].split()[0])
        try:
            server.wait_for_line("the new plugin is there")
            until(lambda: server.exit_code == 0, "end of the first program")
            assert server.ask()["parent"] == new
        finally:
            os.kill(new, signal.SIGTERM)
            until(lambda: not alive(new), "end of the second program")
    assert server.output.count("the new plugin is there") == 1
