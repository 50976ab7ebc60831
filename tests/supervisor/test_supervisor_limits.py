"""What a server with workers bears, and what it does not gather over time."""

from __future__ import annotations

import contextlib
import signal
import sys

import pytest

from nonecorn.supervisor.memory import resident
from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get, responses
from tests.supervisor.conftest import HERE, Supervised, descriptors, supervised
from tests.supervisor.load import Load
from tests.supervisor.waiting import until

LIMIT = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
sys.argv = ["nonecorn", *sys.argv[1:]]
runpy.run_module("nonecorn", run_name="__main__", alter_sys=True)
"""


def served(server):
    with contextlib.suppress(ConnectionError), connect(server.address, 20) as sock:
        return ask(sock, get()).status == 200
    return False


def test_without_descriptors_workers_serve_on_and_recover(worker, tmp_path):
    args = ["-k", worker, "-w", "2", "--app-dir", str(HERE), "--bind", "127.0.0.1:0"]
    script = tmp_path / "limited.py"
    script.write_text(LIMIT.format(limit=48))
    server = Supervised("supervised:app")
    server.command = [sys.executable, str(script), "serve", *args, "supervised:app"]
    with server, contextlib.ExitStack() as stack:
        kept = stack.enter_context(connect(server.address, 20))
        assert ask(kept, get()).status == 200
        crowd = [stack.enter_context(connect(server.address, 20)) for _ in range(150)]
        if worker != "uvloop":  # libuv closes what it has no descriptor for, and says nothing
            server.wait_for_line("cannot accept connections")
        until(lambda: any(descriptors(pid) >= 47 for pid in server.workers), "last descriptor")
        assert ask(kept, get()).status == 200
        for sock in crowd:
            sock.close()
        until(lambda: served(server), "answer")
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded")
        until(lambda: server.ask()["pid"] in server.workers, "answer of the new ones")
    assert server.exit_code == 0
    assert "Traceback" not in server.errors


def test_reloads_leave_no_descriptor_and_no_process_behind():
    with supervised() as server:
        for times in range(1, 4):
            server.send_signal(signal.SIGHUP)
            server.wait_for_line("reloaded", nth=times)
            until(lambda: server.children() == set(server.workers), "end of the old ones")
            if times == 1:
                first = descriptors(server.pid)
        assert descriptors(server.pid) == first


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_requests_and_reloads_leave_no_memory_behind(worker):
    with supervised(worker) as server, Load(server.address, kept=4, fresh=0) as load:
        for times in range(1, 21):
            load.more(100)
            server.send_signal(signal.SIGHUP)
            server.wait_for_line("reloaded", nth=times)
            if times == 5:
                before = resident(server.pid)
        assert not load.lost
        assert resident(server.pid) - before < 2 << 20


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_requests_leave_no_memory_in_a_worker(worker):
    burst = get() * 50

    def rounds(sock, count):
        for _ in range(count):
            sock.sendall(burst)
            assert {response.status for response in responses(sock, 50)} == {200}
        return resident(server.workers[0])

    with supervised(worker, workers=1) as server, connect(server.address, 20) as sock:
        before = rounds(sock, 400)
        assert rounds(sock, 1200) - before < 2 << 20
