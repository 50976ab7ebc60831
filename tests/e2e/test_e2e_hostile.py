"""Clients that leave at every step, by the thousand: nothing of them stays behind."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nonecorn.testing.wire import connect
from tests.e2e.conftest import HERE, WORKERS, options, probe
from tests.e2e.raw import ask, get, reset, settled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at the process in /proc")

CHUNKED = b"POST /digest HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n"

STEPS = {
    "nothing": b"",
    "part of the request line": b"GET / HT",
    "part of the head": b"GET / HTTP/1.1\r\nhost: ",
    "a request": get(),
    "pipelined requests": get() * 5,
    "a request and part of the next": get() + b"GET /",
    "a head with a body to come": CHUNKED,
    "part of a body": CHUNKED + b"5\r\nhe",
    "expectation": CHUNKED.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"),
    "a wait": get("/wait"),
    "a long answer": get("/firehose"),
    "an error": b"\0\r\n\r\n",
}

ANSWERED = ("a request", "pipelined requests", "a long answer")
"""Steps at which a client may also leave when it has read something."""


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def cpu(pid: int) -> int:
    """Clock ticks that a process has run."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def leave(address, request: bytes, *, read: bool) -> None:
    sock = connect(address, 20)
    with contextlib.suppress(ConnectionError):
        sock.sendall(request)
        if read:
            sock.recv(100)
    reset(sock)


def test_clients_that_reset_at_every_step_leave_nothing_behind(server):
    def look():
        with connect(server.address, 20) as sock:
            return open_files(server.pid), json.loads(ask(sock, get("/tasks")).body)

    look()
    before = look()
    with concurrent.futures.ThreadPoolExecutor(4) as pool, connect(server.address, 20) as steady:
        resets = [
            pool.submit(leave, server.address, request, read=read)
            for _ in range(10)
            for name, request in STEPS.items()
            for read in {False, name in ANSWERED}
        ]
        while not all(each.done() for each in resets):
            assert ask(steady, get("/tag?steady")).body == b"steady"
        for each in resets:
            each.result()
    after = settled(look, before)
    assert after == before
    assert [line for line in server.errors.splitlines() if " INFO " not in line] == []


def test_five_thousand_connections_leave_no_open_file(worker):
    with probe(worker) as server, connect(server.address, 20) as sock:
        ask(sock, get())
        before = open_files(server.pid)
        for _ in range(25):
            socks = [connect(server.address, 20) for _ in range(200)]
            socks[0].sendall(get())
            for number, each in enumerate(socks):
                each.close() if number % 2 else reset(each)
        ask(sock, get())
        after = settled(lambda: open_files(server.pid), before)
    assert after == before


def test_a_worker_without_connections_uses_no_cpu():
    with contextlib.ExitStack() as stack:
        processes = []
        for worker in WORKERS:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            process = stack.enter_context(start(worker, listening))
            address = listening.getsockname()
            with connect(address, 20) as sock:
                ask(sock, get())
                alone = open_files(process.pid) - 1
            for request in STEPS.values():
                leave(address, request, read=False)
            assert settled(lambda process=process: open_files(process.pid), alone) == alone
            processes.append(process)
        # The clock's last tick comes within a second of the last connection's end.
        quiet = [process.stderr for process in processes]
        assert select.select(quiet, [], [], 1.1)[0] == []
        before = [cpu(process.pid) for process in processes]
        assert select.select(quiet, [], [], 1.5)[0] == []
        assert [cpu(process.pid) for process in processes] == before
        for process in processes:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def start(worker, listening):
    args = [*options(worker, "h11"), "--bind", f"fd://{listening.fileno()}"]
    return subprocess.Popen(
        [sys.executable, "-m", "nonecorn", "serve", *args, "--log-level", "warning", "probe:app"],
        cwd=HERE,
        env={k: v for k, v in os.environ.items() if not k.startswith("NONECORN_")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=[listening.fileno()],
    )
