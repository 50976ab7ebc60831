"""What a server with workers bears, and what it does not gather over time."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys

import pytest

from nonecorn.supervisor.memory import resident
from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get
from tests.supervisor.conftest import HERE, Supervised, descriptors, supervised
from tests.supervisor.exhaustion import few_descriptors
from tests.supervisor.waiting import until

LIMIT = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
sys.argv = ["nonecorn", *sys.argv[1:]]
runpy.run_module("nonecorn", run_name="__main__", alter_sys=True)
"""


def served(server):
    with contextlib.suppress(ConnectionError), connect(server.address, 20) as sock:
        sock.sendall(get())
        return sock.recv(100).startswith(b"HTTP/1.1 200")  # nothing: it was closed
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


def test_a_reload_without_descriptors_changes_nothing_and_the_next_one_does():
    with supervised("asyncio", "--health-bind", "127.0.0.1:0") as server:
        health = server.wait_for_line("health and metrics on").split("http://")[1].split()[0]
        address = health.split(":")[0], int(health.split(":")[1])

        def ready():
            with connect(address, 20) as sock:
                return ask(sock, get("/readyz")).status == 200

        server.send_signal(signal.SIGUSR1)
        server.wait_for_line("log files were opened anew")  # so all that makes it ready is done
        before = descriptors(server.pid)
        for times, left in enumerate((1, 1, 2, 2, 4, 4), 1):
            with few_descriptors(left, server.pid):
                server.send_signal(signal.SIGHUP)
                server.wait_for_line("not reloaded, the old generation goes on", nth=times)
            until(lambda: descriptors(server.pid) == before, "end of what was opened")
            assert server.ask()["pid"] in server.workers
            assert ready()
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded: generation 2")
        until(lambda: server.children() == set(server.workers), "end of the old ones")
        assert descriptors(server.pid) == before
        assert ready()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_200_000_requests_leave_no_memory_behind(worker):
    """Of reloads `test_supervisor_reload` says it, which has twenty of them anyway."""
    h2load = shutil.which("h2load")
    if h2load is None:
        pytest.skip("h2load is not installed")

    def after(count):
        """The worker's memory after so many requests more."""
        command = [h2load, "--h1", "-n", str(count), "-c", "8", f"{server.urls[0]}/little"]
        report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert f"status codes: {count} 2xx" in report, report
        return resident(server.workers[0])

    with supervised(worker, workers=1) as server:
        before = after(40_000)
        assert after(160_000) - before < 2 << 20
