"""Workers that have served long enough: replaced one at a time, and nobody notices."""

from __future__ import annotations

import pytest

from nonecorn.testing import ServeExitedError, ServeProcess
from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get
from tests.supervisor.conftest import HERE, supervised
from tests.supervisor.load import Load
from tests.supervisor.waiting import until


def replaced(server, times):
    server.wait_for_line("in the place of worker", nth=times)


def test_workers_are_replaced_after_their_requests_and_none_is_lost(worker):
    args = ["--max-requests", "60", "--max-requests-jitter", "20"]
    with supervised(worker, *args) as server, Load(server.address) as load:
        replaced(server, 4)
        load.more(5)
        assert not load.lost
        assert len(load.pids) >= 5
    assert ": max_requests" in server.errors


@pytest.mark.parametrize("worker", ["trio"])
def test_workers_are_replaced_after_their_lifetime_one_at_a_time(worker):
    args = ["--max-worker-lifetime", "0.5", "--max-worker-lifetime-jitter", "0.2"]
    with supervised(worker, *args) as server, Load(server.address) as load:
        most = 0

        def look():
            nonlocal most
            most = max(most, len(server.children()))
            return server.errors.count("in the place of worker") >= 3

        until(look, "third successor")
        assert most == 3  # two serve, and one is to
        load.more(5)
        assert not load.lost
    assert "it has served for max_worker_lifetime, 500ms" in server.errors


@pytest.mark.parametrize("worker", ["uvloop"])
def test_a_worker_that_has_grown_is_replaced(worker):
    args = ["--max-worker-memory", "90MiB"]
    with supervised(worker, *args, workers=1) as server:
        [old] = server.workers
        assert server.ask("/grow")["pid"] == old
        line = server.wait_for_line("in the place of worker")
        assert "is over max_worker_memory" in line
        until(lambda: server.children() and old not in server.children(), "end of the old one")
        assert server.ask()["pid"] != old


# Without workers ----------------------------------------------------------------------------------


def test_without_workers_the_server_ends_after_its_requests(worker):
    args = ["-k", worker, "--max-requests", "3", "--app-dir", str(HERE)]
    with ServeProcess("supervised:app", args) as server, connect(server.address, 20) as sock:
        answers = [ask(sock, get())]
        while answers[-1].values(b"connection") != [b"close"]:
            answers.append(ask(sock, get()))
        assert {answer.status for answer in answers} == {200}
        assert 3 <= len(answers) <= 5  # the drain begins as the third is on its way
        assert server.wait() == 0
    assert "max_requests is reached: stopping" in server.errors


@pytest.mark.parametrize(
    "args", [["--max-worker-lifetime", "1"], ["--max-worker-memory", "1MiB"],
             ["--worker-hang-timeout", "1"], ["-w", "1", "--max-requests-jitter", "5"]],
    ids=lambda args: args[-2],
)  # fmt: skip
def test_settings_that_mean_nothing_here_are_refused(args):
    with pytest.raises(ServeExitedError) as raised, ServeProcess("supervised:app", args):
        pass
    assert raised.value.exit_code == 2
