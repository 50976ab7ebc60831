"""How workers end and are replaced, on each worker class: no request is lost by it."""

import os
import signal
import socket
import threading
import time

import httpx
import pytest

from tests.gunicorn.conftest import (
    CLASSES,
    PATIENCE,
    clear_client,
    finish_request,
    get,
    open_request,
)


def test_sigterm_lets_requests_finish_and_ends_the_application(gunicorn, worker_class):
    server = gunicorn("-k", worker_class, "--graceful-timeout", "20")
    sock = open_request(server)
    get(server)
    server.signal(signal.SIGTERM)
    server.line("requests have")  # `stopping: 1 requests have … to finish`
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
    with sock:
        answer = finish_request(sock)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"body": "tea time"' in answer
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert server.wait() == 0
    assert "application ended in" in server.said
    assert "exited with code" not in server.said
    assert "Traceback" not in server.said


# The arbiter gets it, and sends SIGQUIT to its workers in both cases.
@pytest.mark.parametrize(
    ("name", "number"),
    [*((name, signal.SIGQUIT) for name in CLASSES), ("UvloopWorker", signal.SIGINT)],
)
def test_a_quick_end_cuts_requests_off_and_ends_the_application(gunicorn, name, number, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(
        "def worker_int(worker):\n    worker.log.info('interrupted %s', worker.alive)\n"
    )
    server = gunicorn("-k", f"nonecorn_gunicorn.{name}", "--graceful-timeout", "20")
    with open_request(server) as sock:
        get(server)
        began = time.monotonic()
        server.signal(number)
        assert sock.recv(1000).startswith(b"HTTP/1.1 503 ")
        assert server.wait() == 0
    assert time.monotonic() - began < 8
    assert "interrupted False" in server.said
    assert "application ended in" in server.said
    assert "Traceback" not in server.said


def test_requests_that_take_too_long_are_cut_off_before_the_arbiter_kills(gunicorn):
    server = gunicorn("--graceful-timeout", "4")
    with open_request(server):
        get(server)
        assert server.end() == 0
    assert "1 requests and 1 connections were cut off" in server.said
    assert "application ended in" in server.said
    assert "SIGKILL" not in server.said


PAUSE = 0.004
"""Seconds between an answer and a visitor's next request, in which workers start."""


class Visitors(threading.Thread):
    """Ask again and again, over one connection as long as it lasts and over a new one each time."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.processes = []
        self.troubles = []
        self.ended = threading.Event()
        self.seen = threading.Condition()
        self.start()

    def run(self):
        with clear_client(base_url=self.server.url) as client:
            while not self.ended.wait(PAUSE):
                try:
                    self.note(client.get("/").raise_for_status().json())
                    self.note(get(self.server))
                except httpx.HTTPError as error:
                    self.troubles.append(repr(error))
                    self.ended.set()

    def note(self, facts):
        with self.seen:
            self.processes.append(facts["pid"])
            self.seen.notify_all()

    def wait_for_others_than(self, *processes):
        with self.seen:
            assert self.seen.wait_for(
                lambda: self.troubles or self.processes[-1:] not in [[each] for each in processes],
                PATIENCE,
            )

    def stop(self):
        self.ended.set()
        self.join(PATIENCE)
        assert not self.troubles


# How many there are is the arbiter's business: two of one class show it.
@pytest.mark.parametrize(
    ("name", "count"), [("AsyncioWorker", 2), ("UvloopWorker", 1), ("TrioWorker", 1)]
)
def test_a_reload_loses_no_request(gunicorn, name, count):
    server = gunicorn("-k", f"nonecorn_gunicorn.{name}", "-w", str(count))
    visitors = Visitors(server)
    try:
        for turn in range(1, 4):
            server.workers(count * turn)
            server.signal(signal.SIGHUP)
            server.workers(count * (turn + 1))
        # The last ones are left, once the others have gone.
        server.line("Worker exiting", nth=3 * count)
        last = server.workers(4 * count)[-count:]
        visitors.wait_for_others_than(*server.workers(4 * count)[:-count])
    finally:
        visitors.stop()
    assert get(server)["pid"] in last
    assert len(set(visitors.processes)) > 2
    assert "Traceback" not in server.said


def test_a_worker_is_replaced_after_max_requests_and_loses_none(gunicorn, worker_class):
    server = gunicorn("-k", worker_class, "--max-requests", "7", "--max-requests-jitter", "3")
    visitors = Visitors(server)
    try:
        server.workers(3)
    finally:
        visitors.stop()
    assert len(set(visitors.processes)) >= 2
    assert "max_requests is reached" in server.said
    assert "Traceback" not in server.said


def test_a_worker_that_is_killed_is_replaced(gunicorn):
    server = gunicorn()  # of one class: none has a say
    first = get(server)["pid"]
    os.kill(first, signal.SIGKILL)
    second = server.workers(2)[1]
    assert get(server)["pid"] == second != first


def test_a_worker_whose_arbiter_is_killed_ends(gunicorn):
    server = gunicorn()
    worker = get(server)["pid"]
    server.signal(signal.SIGKILL)
    server.line("the arbiter has gone")
    server.line(f"application ended in {worker}")
