"""The arbiter notices a worker whose event loop is blocked, and leaves others alone."""

import signal
import threading

import httpx

from tests.gunicorn.conftest import PATIENCE, clear_client, finish_request, get, open_request


def ask(server, path, answers):
    with clear_client(base_url=server.url) as client:
        try:
            answers.append(client.get(path).status_code)
        except httpx.HTTPError as error:
            answers.append(error)


def block(server, path):
    answers = []
    thread = threading.Thread(target=ask, args=(server, path, answers))
    thread.start()
    return thread, answers


def test_a_blocked_worker_says_where_and_is_replaced(gunicorn, worker_class, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(
        "def worker_abort(worker):\n    worker.log.info('aborted at my request')\n"
    )
    server = gunicorn("-k", worker_class, "--timeout", "2")
    thread, answers = block(server, "/block")
    server.line("WORKER TIMEOUT")
    server.line("the event loop has been blocked for 2 s")
    server.line("time.sleep(60)")
    server.line("aborted at my request")
    first, second = server.workers(2)
    thread.join(PATIENCE)
    assert answers == [500]
    assert get(server)["pid"] == second != first
    assert "Perhaps out of memory" not in server.said  # it was not killed


def test_a_worker_that_does_not_end_then_is_killed(gunicorn):
    server = gunicorn("--timeout", "2")
    thread, answers = block(server, "/stubborn")
    server.line("was sent SIGKILL")
    thread.join(PATIENCE)
    assert isinstance(answers[0], httpx.RemoteProtocolError | httpx.ReadError)
    assert get(server)["pid"] == server.workers(2)[1]


def test_a_worker_that_has_nothing_to_do_outlives_its_timeout(gunicorn, worker_class):
    server = gunicorn("-k", worker_class, "--timeout", "1")
    first = get(server)["pid"]
    assert not server.says("WORKER TIMEOUT", within=3.5)
    assert get(server)["pid"] == first


def test_a_worker_that_waits_for_requests_to_finish_outlives_its_timeout(gunicorn):
    server = gunicorn("--timeout", "1", "--graceful-timeout", "20")
    first = get(server)["pid"]
    with open_request(server) as sock:
        server.signal(signal.SIGHUP)
        server.workers(2)
        assert not server.says("WORKER TIMEOUT", within=3.5)
        assert f'"pid": {first}'.encode() in finish_request(sock)
    server.line(f"Worker exiting (pid: {first})")


def test_a_worker_whose_application_takes_its_time_to_start_outlives_its_timeout(gunicorn):
    server = gunicorn("--timeout", "1", env={"GUNI_SLOW": "3.5"})
    assert get(server)["pid"] == server.workers(1)[0]
    assert "WORKER TIMEOUT" not in server.said
