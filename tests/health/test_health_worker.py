"""`health_bind` of a server without workers, on each kind of event loop."""

import os
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from nonecorn.spi import BindError, ConfigError
from nonecorn.testing import Gate, raw_exchange, read_responses, serve_in_thread
from nonecorn.testing.apps import hello
from nonecorn.testing.thread import ThreadedServer
from nonecorn.testing.wire import connect
from tests.e2e.forked import ForkedServe
from tests.e2e.raw import get, responses
from tests.health.probing import ask, details, listens, metrics, says, until, value
from tests.serving.loops import LOOPS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="watched through unix sockets")
DRAINING = (503, "not ready: draining\n")


class Gated:
    """Waits at gates where a test wants it to."""

    def __init__(self):
        self.startup, self.request, self.shutdown = Gate(), Gate(), Gate()
        self.startup.open()
        self.shutdown.open()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await self.startup.wait()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.shutdown.wait()
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"] == "/wait":
            await self.request.wait()
        await send(
            {
                "type": "http.response.start",
                "status": int(scope["query_string"] or b"200"),
                "headers": [(b"content-length", b"0")],
            }
        )
        await send({"type": "http.response.body"})


@pytest.fixture(params=LOOPS)
def loop(request):
    return request.param


@pytest.fixture
def app():
    return Gated()


@pytest.fixture
def health(tmp_path):
    return str(tmp_path / "health")


@pytest.fixture
def serve(loop, app, health):
    def serve(**settings) -> ThreadedServer:
        return serve_in_thread(app, worker=loop, health_bind=f"unix:{health}", **settings)

    return serve


def test_it_is_alive_from_the_first_and_ready_once_it_serves(serve, app, health):
    app.startup = Gate()
    server = serve()
    starting = threading.Thread(target=server.start)
    starting.start()
    app.startup.wait_for_arrival()
    assert says(health, "/livez") == (200, "live\n")
    assert says(health) == (503, "not ready: starting\n")
    assert details(health)["workers"][0]["state"] == "starting"
    app.startup.open()
    starting.join()
    assert says(health) == (200, "ready\n")
    assert says(health, "/livez") == (200, "live\n")
    assert details(health)["workers"] == [
        {
            "worker": 0,
            "process": os.getpid(),
            "state": "ready",
            "silent": 0.0,
            "connections": 0,
            "requests": 0,
            "waiting": 0,
        }
    ]
    assert server.stop() == 0


def test_health_is_told_until_the_end_of_the_applications_shutdown(serve, app, health):
    app.shutdown = Gate()
    with serve() as server:
        server.request_stop()
        app.shutdown.wait_for_arrival()
        assert says(health) == (503, "not ready: shutting down\n")
        assert says(health, "/livez") == (200, "live\n")
        app.shutdown.open()
        assert server.stop() == 0
    assert not Path(health).exists()


def test_while_requests_finish_new_clients_are_refused_and_health_is_told(serve, app, health):
    with serve() as server, connect(server.address, 20) as sock:
        sock.sendall(get("/wait"))
        app.request.wait_for_arrival()
        server.request_stop()
        until(lambda: says(health), DRAINING)
        until(lambda: _refused(server.address), True)
        assert details(health)["workers"][0]["requests"] == 1
        app.request.open()
        [response] = responses(sock)
        assert response.values(b"connection") == [b"close"]
        assert server.stop() == 0


def _refused(address):
    try:
        connect(address, 20).close()
    except ConnectionRefusedError:
        return True
    except ConnectionError:  # it was in the queue when that was closed
        return False
    return False


def test_a_drain_waits_for_no_probe(serve, health):
    with serve() as server, connect(health) as idle, connect(health) as slow:
        slow.sendall(b"GET /readyz HT")
        assert details(health)["workers"][0]["connections"] == 0
        assert server.stop(timeout=3) == 0
        assert idle.recv(1) == b""


def test_requests_are_counted_by_class(serve, app, health):
    with serve() as server:
        for status in (200, 200, 204, 302, 404, 500, 503, 799):
            raw_exchange(server.address, get(f"/?{status}", "connection: close"))
        raw_exchange(server.address, b"no request\r\n\r\n")
        counted = {
            name: value(health, "nonecorn_requests_total", **{"class": name})
            for name in ("other", "1xx", "2xx", "3xx", "4xx", "5xx")
        }
        assert counted == {"other": 1, "1xx": 0, "2xx": 3, "3xx": 1, "4xx": 2, "5xx": 2}


def test_what_runs_and_what_waits_is_told(serve, app, health):
    with serve(limits={"concurrency": 1}) as server:
        with connect(server.address, 20) as first, connect(server.address, 20) as second:
            first.sendall(get("/wait"))
            app.request.wait_for_arrival()
            second.sendall(get("/wait"))
            until(lambda: value(health, "nonecorn_requests_waiting"), 1)
            assert value(health, "nonecorn_requests_running") == 1
            assert value(health, "nonecorn_connections") == 2
            app.request.open()
            responses(first)
            responses(second)
        until(lambda: value(health, "nonecorn_connections"), 0)
        assert value(health, "nonecorn_requests_waiting") == 0
        assert value(health, "nonecorn_requests_running") == 0


def test_no_limit_of_connections_keeps_a_probe_out(serve, health):
    with serve(limits={"connections": 1}) as server, connect(server.address):
        until(lambda: value(health, "nonecorn_connections"), 1)
        assert says(health) == (200, "ready\n")


def test_a_process_start_is_told_in_unix_time(serve, health):
    with serve():
        found = metrics(health)["process_start_time_seconds",]
        assert 0 <= time.time() - found < 86400


def test_application_and_health_do_not_meet(loop, health):
    with serve_in_thread(hello, worker=loop, health_bind=f"unix:{health}") as server:
        answer = raw_exchange(server.address, get("/readyz", "connection: close"))
        [response] = read_responses(answer.data)
        assert b"ready" not in response.body
        assert ask(health, "/").status == 404


# As a command -------------------------------------------------------------------------------------

APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})
"""


@pytest.fixture
def command(tmp_path, loop):
    (tmp_path / "app.py").write_text(APP)

    def command(*args):
        return ForkedServe("app:app", ("-k", loop, "--lifespan", "off", *args), cwd=tmp_path)

    return command


def test_the_banner_says_where(command):
    with command("--health-bind", "127.0.0.1:0") as server:
        line = server.wait_for_line("health and metrics on http://127.0.0.1:")
        address = ("127.0.0.1", int(line.rpartition(":")[2]))
        assert says(address) == (200, "ready\n")
        assert len(server.urls) == 1


def test_the_moment_that_a_drain_begins_it_is_not_ready_and_serves_on(command, health):
    with command("--health-bind", f"unix:{health}", "--drain-delay", "1m") as server:
        with connect(server.address, 20) as early:
            early.sendall(get("/before"))
            responses(early)
            server.terminate()
            server.wait_for_line("not ready any more; serving on for 60 s")
            assert says(health) == DRAINING
            assert says(health, "/livez") == (200, "live\n")
            assert value(health, "nonecorn_draining") == 1
            assert value(health, "nonecorn_workers", state="leaving") == 1
            # Who has not noticed yet is served as ever, on old connections and on new ones.
            with connect(server.address, 20) as late:
                for sock in (early, late, early, late):
                    sock.sendall(get("/during"))
                    [response] = responses(sock)
                    assert response.values(b"connection") == []
        until(lambda: value(health, "nonecorn_connections"), 0)
        server.terminate()  # a second signal waits for nothing
        assert server.wait(10) == 0


def test_the_delay_passes(command, health):
    with command("--health-bind", f"unix:{health}", "--drain-delay", "0.2") as server:
        server.terminate()
        assert server.wait(10) == 0


def test_idle_connections_are_left_to_their_clients_after_the_delay(command, health):
    arguments = ("--health-bind", f"unix:{health}", "--drain-delay", "10ms")
    with command(*arguments, "--keep-alive-timeout", "1m") as server:
        with connect(server.address, 20) as sock:
            sock.sendall(get("/a"))
            assert responses(sock)[0].values(b"connection") == []
            server.terminate()
            until(lambda: _refused(server.address), True)
            # What was on its way is served, and then the connection is over.
            sock.sendall(get("/b"))
            assert responses(sock)[0].values(b"connection") == [b"close"]
            assert sock.recv(1) == b""
        assert server.wait(10) == 0


def test_an_address_that_is_taken_ends_the_start(command):
    with command("--health-bind", "127.0.0.1:0") as first:
        line = first.wait_for_line("health and metrics on http://")
        address = line.rpartition("http://")[2].strip()
        second = command("--health-bind", address)
        with pytest.raises(Exception, match=f"cannot bind {address}") as caught:
            second.start()
        assert caught.value.exit_code == 3


def test_a_socket_file_has_the_mode_that_is_set(command, health):
    with command("--health-bind", f"unix:{health}", "--socket-mode", "600"):
        assert stat.S_IMODE(Path(health).stat().st_mode) == 0o600
        assert listens(health)
    assert not Path(health).exists()


def test_it_cannot_be_the_applications_address(loop, tmp_path):
    path = tmp_path / "both"
    server = serve_in_thread(hello, worker=loop, bind=f"unix:{path}", health_bind=f"unix:{path}")
    with pytest.raises(BindError, match="name it once"):
        server.start()


def test_an_address_of_no_form_is_a_mistake_of_the_configuration(loop):
    server = serve_in_thread(hello, worker=loop, health_bind="127.0.0.1:http")
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:http"):
        server.start()
