"""`health_bind` of a server with workers: its supervisor answers, whatever they do."""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from nonecorn.testing import raw_exchange, read_responses
from nonecorn.testing.wire import connect
from tests.e2e.forked import ForkedServe
from tests.e2e.raw import get, responses
from tests.health.probing import PATIENCE, ask, details, listens, says, until, value

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="driven by POSIX signals")

APP = """
import json, os, socket

HELD = []

def gate():
    # Waits with the whole event loop until the test lets go.
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(os.environ["GATE"])
    sock.sendall(b"%d" % os.getpid())
    sock.recv(1)
    sock.close()

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        if os.environ.get("SLOW_START"):
            gate()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/hang":
        gate()
    body = json.dumps({"pid": os.getpid()}).encode()
    fields = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})
"""


class Gate:
    """Where the application waits, in whatever process it runs."""

    def __init__(self, path):
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(path)
        self._listening.listen()
        self._listening.settimeout(PATIENCE)

    @contextlib.contextmanager
    def held(self):
        """Somebody waits there, until the context is left; who it is."""
        with self._listening.accept()[0] as sock:
            yield int(sock.recv(20))

    def close(self):
        self._listening.close()


@pytest.fixture
def gate(tmp_path):
    made = Gate(str(tmp_path / "gate"))
    yield made
    made.close()


@pytest.fixture
def health(tmp_path):
    return str(tmp_path / "health")


@pytest.fixture(params=["asyncio", "trio"])
def serve(request, tmp_path, gate, health):
    (tmp_path / "app.py").write_text(APP)

    def serve(*args, **environ):
        arguments = ("-k", request.param, "-w", "2", "--health-bind", f"unix:{health}")
        env = {"GATE": str(tmp_path / "gate"), **environ}
        return ForkedServe("app:app", (*arguments, *args), cwd=tmp_path, env=env)

    return serve


ONE_LOOP = pytest.mark.parametrize("serve", ["asyncio"], indirect=True)
"""For what the supervisor does: it has no event loop. What it hears of the workers, and when, is
tested with several kinds of them.
"""


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    """Where a server answers, for tests that leave it as it was."""
    directory = tmp_path_factory.mktemp("answering")
    (directory / "app.py").write_text(APP)
    address = str(directory / "health")
    arguments = ("-k", "asyncio", "-w", "1", "--health-bind", f"unix:{address}")
    with ForkedServe("app:app", arguments, cwd=directory):
        yield address


def pid_of(server) -> int:
    """Whoever serves the next connection."""
    answer = raw_exchange(server.address, get("/", "connection: close"), 20)
    [response] = read_responses(answer.data)
    return json.loads(response.body)["pid"]


def states(health):
    return sorted(worker["state"] for worker in details(health)["workers"])


def test_it_is_ready_when_all_workers_have_started(serve, gate, health):
    server = serve(SLOW_START="1")
    starting = threading.Thread(target=server.start)
    starting.start()
    try:
        with gate.held():
            assert says(health) == (503, "not ready: starting\n")
            assert says(health, "/livez") == (200, "live\n")
        with gate.held():
            until(lambda: states(health), ["ready", "starting"])
            assert says(health) == (503, "not ready: starting\n")
        starting.join()
        assert says(health) == (200, "ready\n")
        assert states(health) == ["ready", "ready"]
        assert value(health, "nonecorn_workers", state="ready") == 2
    finally:
        starting.join()
        server.__exit__(None, None, None)
    assert server.exit_code == 0


def test_what_workers_do_is_added_up(serve, health):
    with serve() as server:
        for _ in range(5):
            pid_of(server)
        assert value(health, "nonecorn_requests_total", **{"class": "2xx"}) == 5
        with connect(server.address), connect(server.address):
            until(lambda: value(health, "nonecorn_connections"), 2)
        until(lambda: value(health, "nonecorn_connections"), 0)


def test_a_hung_worker_keeps_no_answer_back(serve, gate, health):
    with serve() as server, connect(server.address, 20) as sock:
        sock.sendall(get("/hang"))
        with gate.held() as hung:
            until(lambda: value(health, "nonecorn_worker_silence_seconds") > 0.5, True)
            assert says(health) == (200, "ready\n")
            assert says(health, "/livez") == (200, "live\n")
            [silent] = [worker for worker in details(health)["workers"] if worker["silent"]]
            assert silent["process"] == hung
        responses(sock)
        until(lambda: value(health, "nonecorn_worker_silence_seconds"), 0)


@pytest.mark.slow
@ONE_LOOP
def test_a_worker_that_stays_silent_is_a_reason_to_restart_the_server(serve, health):
    with serve() as server:
        stopped = pid_of(server)
        os.kill(stopped, signal.SIGSTOP)
        try:
            until(lambda: says(health, "/livez")[0], 503, patience=50)
            assert f"(process {stopped}) has not responded for 3" in says(health, "/livez")[1]
        finally:
            os.kill(stopped, signal.SIGCONT)
        until(lambda: says(health, "/livez"), (200, "live\n"))


@ONE_LOOP
def test_a_worker_that_dies_is_counted_and_what_it_did_stays_so(serve, health):
    with serve() as server:
        for _ in range(3):
            pid_of(server)
        before = value(health, "nonecorn_requests_total", **{"class": "2xx"})
        os.kill(pid_of(server), signal.SIGKILL)
        until(lambda: value(health, "nonecorn_worker_restarts_total"), 1)
        until(lambda: states(health), ["ready", "ready"])
        assert value(health, "nonecorn_requests_total", **{"class": "2xx"}) >= before == 3


@ONE_LOOP
def test_the_delay_is_the_whole_servers(serve, health):
    with serve("--drain-delay", "1m") as server:
        with connect(server.address, 20) as early:
            early.sendall(get("/"))
            responses(early)
            server.terminate()
            server.wait_for_line("not ready any more; serving on for 60 s")
            assert says(health) == (503, "not ready: draining\n")
            assert says(health, "/livez") == (200, "live\n")
            pid = pid_of(server)
            early.sendall(get("/"))
            assert responses(early)[0].values(b"connection") == []
        # Nothing has changed for the workers: one that dies is replaced.
        os.kill(pid, signal.SIGKILL)
        until(lambda: value(health, "nonecorn_worker_restarts_total"), 1)
        until(lambda: states(health), ["ready", "ready"])
        server.terminate()
        assert server.wait(20) == 0


@ONE_LOOP
def test_the_delay_passes_and_an_application_bound_to_a_file_is_there_till_then(
    serve, health, tmp_path
):
    path = tmp_path / "app.sock"
    with serve("--bind", f"unix:{path}", "--drain-delay", "1s") as server:
        server.terminate()
        server.wait_for_line("not ready any more")
        answer = raw_exchange(str(path), get("/", "connection: close"))
        assert read_responses(answer.data)[0].status == 200
        assert server.wait(20) == 0
        assert not path.exists()
        assert not Path(health).exists()


class Asker(threading.Thread):
    """Asks again and again, a little time apart, and keeps every answer."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self._address = address
        self._over = threading.Event()
        self.answers = []
        self.start()

    def run(self):
        while not self._over.wait(0.01):
            try:
                self.answers.append(says(self._address))
            except Exception as error:
                self.answers.append(repr(error))

    def end(self):
        self._over.set()
        self.join()
        return self.answers


@ONE_LOOP
def test_a_reload_is_not_noticed(serve, health):
    with serve() as server:
        for _ in range(3):
            pid_of(server)
        asker = Asker(health)
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded: generation 2")
        for _ in range(3):
            pid_of(server)
        assert set(asker.end()) == {(200, "ready\n")}
        assert value(health, "nonecorn_requests_total", **{"class": "2xx"}) == 6
        assert value(health, "nonecorn_worker_restarts_total") == 0


@ONE_LOOP
def test_an_upgrade_is_not_noticed(serve, health, tmp_path):
    pid_file = tmp_path / "pid"
    with serve("--pid", str(pid_file)) as server:
        asker = Asker(health)
        old = server.pid
        server.send_signal(signal.SIGUSR2)
        until(lambda: server.exit_code, 0)  # the other has its output: there is no end of it
        new = int(pid_file.read_text())
        try:
            assert new != old
            assert set(asker.end()) == {(200, "ready\n")}
            assert listens(health)
        finally:
            os.kill(new, signal.SIGTERM)
            until(lambda: Path(health).exists(), False)


def test_idle_connections_keep_nobody_out(answering):
    with contextlib.ExitStack() as stack:
        for _ in range(80):
            stack.enter_context(connect(answering)).sendall(b"GET /")
        assert says(answering) == (200, "ready\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /livez HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", 404),
        (b"\x16\x03\x01\r\n\r\n", 400),
        (b"x" * 100_000, 431),
    ],
)
def test_what_is_wrong_is_told(answering, data, status):
    answer = raw_exchange(answering, data, half_close=True)
    [response] = read_responses(answer.data)
    assert response.status == status


def test_a_client_that_has_ended_its_direction_gets_its_answer(answering):
    for target in ("/livez", "/readyz?verbose", "/metrics"):
        head = get(target)
        answer = raw_exchange(answering, [head[:5], head[5:]], half_close=True)
        assert read_responses(answer.data)[0].status == 200
    assert ask(answering, "/livez", "HEAD").status == 200
