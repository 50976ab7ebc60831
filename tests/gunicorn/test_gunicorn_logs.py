"""Gunicorn's logs, statistics and hooks, written and called as its own workers do."""

import signal
import socket

from tests.gunicorn.conftest import PATIENCE, clear_client, get

HOOKS = """
def on_starting(server): server.log.info("hook on_starting")
def when_ready(server): server.log.info("hook when_ready")
def post_fork(server, worker): server.log.info("hook post_fork")
def post_worker_init(worker): worker.log.info("hook post_worker_init %s", worker.app.wsgi())
def pre_request(worker, req):
    req.mark = req.path
    worker.log.info("hook pre_request %s %s", req.method, req.uri)
def post_request(worker, req, environ, resp):
    peer = environ["REMOTE_ADDR"]
    worker.log.info("hook post_request %s %s %s %s", req.mark, peer, resp.status, resp.sent)
def worker_exit(server, worker): server.log.info("hook worker_exit")
def on_exit(server): server.log.info("hook on_exit")
"""


def test_the_access_log_is_gunicorns_and_hooks_are_called_in_their_places(
    gunicorn, worker_class, tmp_path
):
    (tmp_path / "gunicorn.conf.py").write_text(HOOKS)
    form = "%(h)s %(m)s %(U)s?%(q)s %(H)s %(s)s %(B)s %({x-tea}i)s %({content-type}o)s"
    server = gunicorn("-k", worker_class, "--access-logfile", "access", "--access-logformat", form)
    with clear_client() as client:
        answer = client.get(f"{server.url}/tea%20b?c=d", headers={"x-tea": "oolong"})
    length = len(answer.content)
    assert server.end() == 0
    line = f"127.0.0.1 GET /tea%20b?c=d HTTP/1.1 200 {length} oolong application/json\n"
    assert (tmp_path / "access").read_text() == line
    said = [
        line.partition("hook ")[2].strip() for line in server.said.splitlines() if "hook" in line
    ]
    assert said[:3] == ["on_starting", "when_ready", "post_fork"]
    assert said[3].startswith("post_worker_init <function app")
    assert said[4:] == [
        "pre_request GET /tea%20b?c=d",
        f"post_request /tea%20b 127.0.0.1 200 OK {length}",
        "worker_exit",
        "on_exit",
    ]


def test_a_client_that_leaves_is_logged_as_one(gunicorn, tmp_path):
    server = gunicorn("--access-logfile", "access", "--access-logformat", "%(s)s %(U)s")
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as sock:
        sock.sendall(b"POST /left HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\ntea")
        get(server)  # the other request has come by now
    assert server.end() == 0
    assert "499 /left\n" in (tmp_path / "access").read_text()


def test_log_files_that_were_moved_are_opened_anew(gunicorn, worker_class, tmp_path):
    files = ("--access-logfile", "access", "--error-logfile", "error")
    server = gunicorn("-k", worker_class, *files, serves=False)
    error, access = tmp_path / "error", tmp_path / "access"
    url = server.address_in(error)
    with clear_client() as client:
        client.get(url)
    for file in (error, access):
        file.rename(file.with_suffix(".1"))
    server.signal(signal.SIGUSR1)
    # The arbiter opens them too: a line of the worker's is what to wait for.
    server.until(lambda: error.exists() and access.exists())
    with clear_client() as client:
        while "GET /again" not in access.read_text():
            client.get(f"{url}/again")
    assert server.end() == 0
    assert "Shutting down" in error.read_text()
    assert "GET / HTTP" in access.with_suffix(".1").read_text()
    assert "nonecorn" in error.with_suffix(".1").read_text()


def test_statsd_hears_of_requests(gunicorn):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(PATIENCE)
        server = gunicorn("--statsd-host", f"127.0.0.1:{listener.getsockname()[1]}")
        get(server)
        found = set()
        while not {b"gunicorn.requests:1", b"gunicorn.request.status.200:1"} <= found:
            found.add(listener.recv(1000).partition(b"|")[0])


def test_a_hook_that_raises_is_logged_and_the_request_served(gunicorn, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(
        "def pre_request(worker, req):\n    raise ValueError('before')\n"
        "def post_request(worker, req):\n    raise ValueError('after')\n"
    )
    server = gunicorn()
    for _ in range(2):
        assert get(server)["greeting"] == "hello"
    server.line("ValueError: after", nth=2)
    server.line("ValueError: before", nth=2)


def test_the_level_and_a_logger_class_are_gunicorns(gunicorn, tmp_path):
    (tmp_path / "shouting.py").write_text(
        "from gunicorn.glogging import Logger\n"
        "class Shouting(Logger):\n"
        "    def info(self, msg, *args, **kwargs):\n"
        "        super().info(str(msg % args if args else msg).upper())\n"
    )
    server = gunicorn(
        "--logger-class", "shouting.Shouting", env={"PYTHONPATH": str(tmp_path)}, serves=False
    )
    server.line("NONECORN 1.")


def test_quiet_is_quiet(gunicorn):
    server = gunicorn("--log-level", "error", serves=False)
    assert not server.says("INFO", within=2)
    assert server.end() == 0
    assert server.said == "" or "application ended in" in server.said
