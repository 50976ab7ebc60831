"""A whole server on sockets that somebody else opened, and on several addresses at once."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import threading

import pytest

from nonecorn.testing import ServeExitedError, ServeProcess
from nonecorn.testing.wire import connect
from tests.e2e.conftest import HERE
from tests.e2e.raw import ask, get, settled

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX passes descriptors")
ACTIVATE = shutil.which("systemd-socket-activate")


def serve(*args, **options):
    return ServeProcess("probe:app", ["--app-dir", str(HERE), *args], cwd=HERE, **options)


def answers(address):
    with connect(address, 20) as sock:
        return ask(sock, get()).body == b"hello"


def address_of(url):
    if url.startswith("unix:@"):
        return "\0" + url.removeprefix("unix:@")
    if url.startswith("unix:"):
        return url.removeprefix("unix:")
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host.strip("[]"), int(port)


@pytest.mark.parametrize("worker", ["asyncio", "uvloop", "trio"])
def test_addresses_of_all_kinds_are_served_at_once(tmp_path, worker):
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        descriptor = inherited.fileno()
        binds = ["localhost:0", "127.0.0.1:0", f"unix:{tmp_path / 's'}", f"fd://{descriptor}"]
        if sys.platform == "linux":
            binds.append(f"unix:@nonecorn-{os.getpid()}-{tmp_path.name}")
        args = [each for bind in binds for each in ("--bind", bind)]
        with serve("-k", worker, *args, pass_fds=[descriptor]) as server:
            assert f"http://127.0.0.1:{inherited.getsockname()[1]}" in server.urls
            assert len(server.urls) >= len(binds)
            for url in server.urls:
                assert answers(address_of(url)), url
    assert server.exit_code == 0
    assert not (tmp_path / "s").exists()


def test_both_families_are_served_on_one_port():
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback address")
    with serve("--bind", ":0") as server:
        first, second = (address_of(url) for url in server.urls)
        assert first[1] == second[1]
        assert answers(("127.0.0.1", first[1]))
        assert answers(("::1", first[1]))


@pytest.mark.skipif(ACTIVATE is None, reason="systemd-socket-activate (systemd) is not installed")
def test_the_connection_that_started_the_service_is_its_first(tmp_path):
    path = tmp_path / "s"
    server = serve("--bind", "systemd:web")
    server.command = [ACTIVATE, "-l", str(path), "--fdname", "web", *server.command]
    starting = threading.Thread(target=server.start)
    starting.start()
    assert settled(path.exists, True)
    with connect(str(path), 20) as sock:
        assert ask(sock, get()).body == b"hello"
    starting.join()
    with contextlib.ExitStack() as stack:
        stack.push(server)
        assert server.urls == [f"unix:{path}"]
    assert server.exit_code == 0
    assert path.exists()  # it is systemd's


def test_a_socket_that_systemd_did_not_pass_is_one_line():
    with pytest.raises(ServeExitedError) as caught:
        serve("--bind", "systemd:").start()
    assert caught.value.exit_code == 3
    assert "cannot serve systemd:: systemd has passed no sockets to this process" in (
        caught.value.errors
    )


def test_a_second_server_is_refused_and_harms_nothing(tmp_path):
    pid, path = tmp_path / "pid", tmp_path / "s"
    args = ["--bind", f"unix:{path}", "--pid", str(pid)]
    with serve(*args) as server:
        with pytest.raises(ServeExitedError, match="another program serves it"):
            serve(*args).start()
        with pytest.raises(ServeExitedError, match=f"names process {server.pid}, which is running"):
            serve("--pid", str(pid)).start()
        assert answers(str(path))
        assert pid.read_text() == f"{server.pid}\n"
    assert not pid.exists()
    assert not path.exists()


def test_what_a_killed_server_leaves_behind_does_not_hinder_the_next(tmp_path):
    pid, path = tmp_path / "pid", tmp_path / "s"
    args = ["--bind", f"unix:{path}", "--pid", str(pid)]
    with serve(*args) as server:
        server.kill()
        server.wait()
    assert path.exists()
    assert pid.exists()
    with serve(*args):
        assert answers(str(path))
    assert not pid.exists()


IMPORTS = """
import threading

print("importing", flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda each: each.name)
def test_a_signal_ends_a_start_that_is_stuck_in_the_import(tmp_path, number):
    (tmp_path / "app.py").write_text(IMPORTS)
    args = ["--bind", f"unix:{tmp_path / 's'}", "--pid", str(tmp_path / "pid")]
    server = ServeProcess("app:app", args, cwd=tmp_path)
    failures = []

    def start():
        try:
            server.start()
        except ServeExitedError as error:
            failures.append(error.exit_code)

    starting = threading.Thread(target=start)
    starting.start()
    assert settled(lambda: "importing" in server.output, True)
    server.send_signal(number)
    starting.join()
    assert failures == [0]
    assert not (tmp_path / "s").exists()
    assert not (tmp_path / "pid").exists()
