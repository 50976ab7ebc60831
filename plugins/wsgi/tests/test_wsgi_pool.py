"""The threads: how many there are, in which order they work, and that they end."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading

import pytest

from nonecorn_wsgi import _pool
from nonecorn_wsgi._pool import ThreadPool

PATIENCE = 20


@pytest.fixture
def blocked():
    """Jobs that wait until the test's end."""
    go = threading.Event()
    yield go.wait
    go.set()


def test_jobs_run_in_order_where_there_is_one_thread():
    pool, done = ThreadPool(1, 1000), queue.Queue()
    for number in range(500):
        assert pool.submit(
            lambda number=number: done.put((number, threading.current_thread().name))
        )
    found = [done.get(timeout=PATIENCE) for _ in range(500)]
    assert [number for number, _ in found] == list(range(500))
    assert {name for _, name in found} == {"nonecorn-wsgi-1"}


def test_jobs_that_block_get_a_thread_each():
    pool, barrier, done = ThreadPool(8, 100), threading.Barrier(8), queue.Queue()
    for _ in range(8):
        pool.submit(lambda: done.put(barrier.wait(PATIENCE)))
    assert sorted(done.get(timeout=PATIENCE) for _ in range(8)) == list(range(8))
    # Once more, by threads that slept meanwhile.
    for _ in range(8):
        pool.submit(lambda: done.put(barrier.wait(PATIENCE)))
    assert sorted(done.get(timeout=PATIENCE) for _ in range(8)) == list(range(8))
    assert "threads=8/8" in repr(pool)


def test_no_more_threads_than_allowed():
    pool, lock, done = ThreadPool(3, 1000), threading.Lock(), queue.Queue()
    now, most = [], []

    def job():
        with lock:
            now.append(1)
            most.append(len(now))
        done.put(None)
        with lock:
            now.pop()

    for _ in range(300):
        pool.submit(job)
    for _ in range(300):
        done.get(timeout=PATIENCE)
    assert max(most) <= 3


def test_a_full_queue_refuses(blocked):
    pool, started = ThreadPool(1, 2), threading.Event()
    pool.submit(lambda: (started.set(), blocked()))
    assert started.wait(PATIENCE)
    assert pool.submit(blocked)
    assert pool.submit(blocked)
    assert not pool.submit(blocked)
    assert pool.submit(blocked, always=True)
    assert "waiting=3/2" in repr(pool)


def test_a_job_that_raises_ends_no_thread(caplog):
    pool, done = ThreadPool(1, 10), queue.Queue()

    def bad():
        raise SystemExit

    with caplog.at_level(logging.ERROR, "nonecorn.error"):
        pool.submit(bad)
        pool.submit(lambda: done.put(threading.current_thread().name))
        assert done.get(timeout=PATIENCE) == "nonecorn-wsgi-1"
    assert "let an error out" in caplog.text


def test_threads_without_work_end(monkeypatch):
    monkeypatch.setattr(_pool, "_IDLE", 0.01)
    pool, threads = ThreadPool(2, 10), queue.Queue()
    for _ in range(3):
        pool.submit(lambda: threads.put(threading.current_thread()))
        thread = threads.get(timeout=PATIENCE)
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert repr(pool) == "<ThreadPool threads=0/2 idle=0 waiting=0/10>"


def test_no_job_is_lost_among_threads_that_come_and_go(monkeypatch):
    monkeypatch.setattr(_pool, "_IDLE", 0.0001)
    pool, done = ThreadPool(4, 100000), queue.Queue()
    for number in range(3000):
        assert pool.submit(lambda number=number: done.put(number))
        if number % 7 == 0:
            done.get(timeout=PATIENCE)
    for _ in range(3000 - 429):
        done.get(timeout=PATIENCE)


def test_a_system_without_threads_refuses(monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    pool, done = ThreadPool(2, 10), queue.Queue()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        assert not pool.submit(lambda: done.put(1))
        assert repr(pool) == "<ThreadPool threads=0/2 idle=0 waiting=0/10>"
    assert pool.submit(lambda: done.put(2))
    assert done.get(timeout=PATIENCE) == 2
    with contextlib.suppress(queue.Empty):
        assert done.get_nowait() is None
