"""Workers that die, one way or another, and a supervisor that does."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get, responses
from tests.supervisor.conftest import GONE, HERE, Supervised, alive, supervised
from tests.supervisor.load import Load
from tests.supervisor.waiting import held_up, until

UPLOAD = b"POST /upload HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab"


def connected_to(server, pid):
    """A connection that this worker serves; requests on it are answered."""
    while True:
        sock = connect(server.address, 20)
        if f'"pid": {pid},'.encode() in ask(sock, get()).body:
            return sock
        sock.close()


class Busy:
    """Asks without pause on one connection; a request that is not answered is a failure."""

    def __init__(self, sock) -> None:
        self.answers = 0
        self.failures = []
        self._sock = sock
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                assert ask(self._sock, get()).status == 200
                self.answers += 1
        except (OSError, AssertionError) as error:
            self.failures.append(error)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()


def test_one_of_two_workers_is_killed_and_the_other_serves_on(worker):
    with supervised(worker, clean=False) as server:
        victim, other = server.workers
        with (
            connected_to(server, other) as kept,
            connected_to(server, victim) as lost,
            connected_to(server, other) as asked,
            Busy(asked) as busy,
        ):
            kept.sendall(UPLOAD)
            server.wait_for_line(f"upload begun {other}")
            before = busy.answers
            waited = held_up(server.pid)
            begun = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            assert lost.recv(1) == b""
            server.wait_for_line("worker 1 (process", nth=2)
            line = server.wait_for_line("serves")
            took = time.monotonic() - begun
            assert f"process {victim}" not in line
            successor = int(line.partition("(process ")[2].partition(")")[0])
            assert server.children() == {other, successor}
            assert took - held_up(successor) - (held_up(server.pid) - waited) < 2
            kept.sendall(b"cd")
            assert responses(kept)[0].status == 200
            assert ask(kept, get()).status == 200
            until(lambda: busy.answers > before + 10 or busy.failures, "answer")
        assert not busy.failures
        line = server.wait_for_line("was killed by SIGKILL, perhaps for want of memory")
        assert f"worker 1 (process {victim})" in line
    assert server.exit_code == 0


@pytest.mark.parametrize("worker", ["asyncio"])
def test_what_waits_for_a_dead_worker_is_served_by_the_next(worker):
    with supervised(worker, clean=False, workers=1) as server:
        [victim] = server.workers
        os.kill(victim, signal.SIGSTOP)
        with connect(server.address, 20) as sock:
            sock.sendall(get())
            os.kill(victim, signal.SIGKILL)
            assert responses(sock)[0].status == 200
    assert server.exit_code == 0


@pytest.mark.parametrize("worker", ["trio"])
def test_a_worker_that_is_terminated_by_hand_is_replaced_first(worker):
    with supervised(worker) as server, Load(server.address) as load:
        for victim in server.workers:
            os.kill(victim, signal.SIGTERM)
            server.wait_for_line(f"in the place of worker {server.workers.index(victim) + 1} (pr")
            until(lambda victim=victim: not alive(victim), "its end")
        load.more(5)
        assert not load.lost
        until(lambda: len(server.children()) == 2, "end of the others")


def test_a_worker_that_dies_again_and_again_is_started_ever_later_and_said_once():
    with supervised("asyncio", clean=False, workers=1) as server:
        for _ in range(3):
            before = server.children()
            with connect(server.address, 20) as sock:
                sock.sendall(get("/kill"))
                sock.recv(1)
            until(lambda before=before: server.children() - before, "another worker")
        assert server.ask()["pid"] not in server.workers
    assert server.exit_code == 0
    told = [line for line in server.errors.splitlines() if "was killed by SIGKILL" in line]
    assert "starting another now" in told[0]
    assert len(told) == 3  # it had served in between each time


def test_when_no_worker_can_be_started_any_more_the_server_ends_with_1(tmp_path):
    path = tmp_path / "fragile.py"
    path.write_text("from supervised import app\n")
    args = ["-w", "1", "--app-dir", str(tmp_path)]
    with Supervised("fragile:app", args, env={"PYTHONPATH": str(HERE)}) as server:
        path.write_text(GONE)
        os.kill(server.workers[0], signal.SIGKILL)
        assert server.wait() == 1
    last = server.errors.splitlines()[-1]
    assert last.startswith("nonecorn: error: no worker can be started any more: 'fragile:app'")
    told = [line for line in server.errors.splitlines() if "starting another" in line]
    assert len(told) == 2  # the kill, and the import once


def test_while_one_worker_serves_a_place_that_stays_empty_is_no_end(tmp_path):
    path = tmp_path / "fragile.py"
    path.write_text("from supervised import app\n")
    args = ["-w", "2", "--app-dir", str(tmp_path)]
    with Supervised("fragile:app", args, env={"PYTHONPATH": str(HERE)}) as server:
        victim, other = server.workers
        path.write_text(GONE)
        os.kill(victim, signal.SIGKILL)
        server.wait_for_line("'fragile:app' cannot be imported")
        with Load(server.address) as load:
            load.more(10)  # some come to the dead worker's socket
            assert set(load.pids) == {other}
            path.write_text("from supervised import app\n")
            server.wait_for_line(") serves")
            [third] = server.children() - {other}
            load.seen(third)
            load.more(10)
            assert not load.lost
    assert server.exit_code == 0


def test_no_worker_outlives_its_supervisor(worker):
    """Neither the one that is idle nor the one whose event loop is blocked."""
    with Supervised("supervised:app", ["-k", worker, "-w", "2", "--app-dir", str(HERE)]) as server:
        workers = server.workers
        with connect(server.address, 20) as sock:
            sock.sendall(get("/hang"))
            server.wait_for_line("hang begun")
            server.kill()
            took = until(lambda: not any(map(alive, workers)), "end of the workers")
        assert took < 2


def test_a_supervisor_that_dies_while_workers_start_takes_them_along(tmp_path):
    path = tmp_path / "slow.py"
    path.write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(3600)\n")
    server = Supervised("slow:app", ["-w", "1", "--app-dir", str(tmp_path)])
    with pytest.raises(TimeoutError):
        server.start(timeout=5)
    pid = int(server.output)
    until(lambda: not alive(pid), "end of the worker")


def test_a_hung_worker_is_killed_where_that_is_wanted(worker):
    args = ["--worker-hang-timeout", "1"]
    with (
        supervised(worker, *args, workers=1, clean=False) as server,
        connect(server.address, 20) as sock,
    ):
        sock.sendall(get("/hang"))
        pid = int(server.wait_for_line("hang begun").split()[-1])
        assert sock.recv(1) == b""
        server.wait_for_line("its event loop did not respond for 1 s; killing it")
        server.wait_for_line("Fatal Python error: Aborted")
        server.wait_for_line('supervised.py", line')  # where it was
        server.wait_for_line("serves")
        assert not alive(pid)
        assert len(server.children()) == 1
    assert server.exit_code == 0
