"""SIGTTIN and SIGTTOU: more and fewer workers, under load."""

from __future__ import annotations

import signal

import pytest

from tests.supervisor.conftest import supervised
from tests.supervisor.load import Load
from tests.supervisor.waiting import until


def scaled(server, number, count):
    server.send_signal(number)
    server.wait_for_line(f"{count} workers from now on")
    until(lambda: len(server.children()) == count, f"number of workers {count}")


def test_workers_come_and_go_and_no_request_is_lost(worker):
    with supervised(worker) as server, Load(server.address, kept=1, fresh=3) as load:
        first = server.workers
        scaled(server, signal.SIGTTIN, 3)
        [third] = server.children() - set(first)
        load.seen(third)
        scaled(server, signal.SIGTTOU, 2)
        load.more(5)
        scaled(server, signal.SIGTTOU, 1)
        load.more(10)
        [last] = server.children()
        load.seen(last)
        assert not load.lost
        scaled(server, signal.SIGTTIN, 2)
        load.more(10)
        assert not load.lost


@pytest.mark.parametrize("worker", ["asyncio"])
def test_a_shared_socket_needs_no_successor(worker):
    with supervised(worker, "--reuse-port", "off") as server, Load(server.address) as load:
        first = server.workers
        scaled(server, signal.SIGTTOU, 1)
        load.more(5)
        assert not load.lost
        assert server.children() == {first[0]}


@pytest.mark.parametrize("worker", ["uvloop"])
def test_there_is_always_one_and_a_reload_keeps_the_number(worker):
    with supervised(worker) as server:
        scaled(server, signal.SIGTTOU, 1)
        server.send_signal(signal.SIGTTOU)
        server.wait_for_line("there is one worker, and one there must be")
        assert len(server.children()) == 1
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded")
        assert len(server.workers) == 1
        until(lambda: server.children() == set(server.workers), "end of the old one")
        scaled(server, signal.SIGTTIN, 2)
