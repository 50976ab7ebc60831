"""What systemd is told, over real datagram sockets and by a real server."""

from __future__ import annotations

import os
import socket
import sys
import time

import pytest

from nonecorn.serving.service_manager import ServiceManager
from nonecorn.testing import MemoryRuntime, ServeProcess
from tests.e2e.conftest import HERE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd runs on Linux")
linux = pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's own")


class Manager:
    """The other end."""

    def __init__(self, name):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.settimeout(20)
        self.sock.bind(name)

    def heard(self):
        return self.sock.recv(4096).decode().split("\n")

    def until(self, line):
        """All messages up to the first with this line."""
        messages = [self.heard()]
        while line not in messages[-1]:
            messages.append(self.heard())
        return messages

    @property
    def silent(self):
        self.sock.setblocking(False)
        try:
            return not self.sock.recv(4096)
        except BlockingIOError:
            return True


@pytest.fixture
def manager(tmp_path):
    made = Manager(str(tmp_path / "notify"))
    with made.sock:
        yield made


@pytest.fixture
def told(tmp_path, manager):
    return ServiceManager.from_environment({"NOTIFY_SOCKET": str(tmp_path / "notify")})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda told: told.ready(), ["READY=1"]),
        (lambda told: told.ready("on two\naddresses"), ["READY=1", "STATUS=on two addresses"]),
        (lambda told: told.stopping("soon"), ["STOPPING=1", "STATUS=soon"]),
        (lambda told: told.status("5 requests"), ["STATUS=5 requests"]),
        (lambda told: told.alive(), ["WATCHDOG=1"]),
        (lambda told: told.main_process(4711), ["MAINPID=4711"]),
        (lambda told: told.extend_timeout(1.5), ["EXTEND_TIMEOUT_USEC=1500000"]),
    ],
)
def test_every_message_is_one_datagram(manager, told, call, message):
    call(told)
    assert manager.heard() == message
    assert manager.silent


def test_a_reload_says_when_it_began(manager, told):
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    told.reloading("new code")
    reloading, when, status = manager.heard()
    assert (reloading, status) == ("RELOADING=1", "STATUS=new code")
    name, _, value = when.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


@linux
def test_a_manager_may_listen_in_the_abstract_namespace(tmp_path):
    name = f"nonecorn-{os.getpid()}-{tmp_path.name}"
    heard = Manager(f"\0{name}")
    with heard.sock:
        ServiceManager(f"@{name}").ready()
        assert heard.heard() == ["READY=1"]


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative"])
def test_without_a_manager_nothing_happens(address):
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000"})
    manager.ready()
    runtime = MemoryRuntime()
    manager.watch(runtime).cancel()
    assert manager.watchdog_interval == 0
    assert repr(manager) == "<ServiceManager nobody>"


def test_a_manager_that_has_gone_is_no_error(tmp_path):
    ServiceManager(str(tmp_path / "gone")).ready()


@pytest.mark.parametrize(
    ("variables", "interval"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "30000000"}, 15),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_asks(variables, interval):
    made = ServiceManager.from_environment({"NOTIFY_SOCKET": "/n", **variables})
    assert made.watchdog_interval == interval


def test_the_loop_feeds_the_watchdog_until_it_is_told_to_stop(tmp_path, manager):
    runtime = MemoryRuntime()
    watch = ServiceManager(str(tmp_path / "notify"), watchdog=10).watch(runtime)
    assert repr(watch).startswith("<Watch on <ServiceManager ")
    assert manager.heard() == ["WATCHDOG=1"]
    runtime.clock.advance(4.5)
    assert manager.silent
    runtime.clock.advance(1)
    assert not manager.silent
    watch.cancel()
    runtime.clock.advance(60)
    assert manager.silent
    assert repr(watch).startswith("<Watch off")


@pytest.mark.parametrize("worker", ["asyncio", "uvloop", "trio"])
def test_a_server_says_when_it_serves_and_when_it_stops(tmp_path, manager, worker):
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
    args = ["-k", worker, "--app-dir", str(HERE), "--graceful-timeout", "20"]
    with ServeProcess("probe:app", args, cwd=HERE, env=env) as server:
        # systemd sets WATCHDOG_PID too, which nobody knows before the process is there.
        ready = manager.until("READY=1")[-1]
        assert ready == ["READY=1", f"STATUS=serving on {server.url}"]
        assert manager.heard() == ["WATCHDOG=1"]
        assert manager.heard() == ["WATCHDOG=1"]
        server.terminate()
        assert manager.until("STOPPING=1")[-1] == ["STOPPING=1", "STATUS=waiting for open requests"]
        assert server.wait() == 0
    assert "lifespan startup" in server.output


def test_a_server_that_does_not_start_is_never_ready(tmp_path, manager):
    (tmp_path / "app.py").write_text("raise RuntimeError\n")
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    process = ServeProcess("app:app", cwd=tmp_path, env=env)
    with pytest.raises(RuntimeError, match="exited with 3"):
        process.start()
    assert manager.silent
