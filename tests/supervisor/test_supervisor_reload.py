"""SIGHUP: new workers of a new configuration, and nobody notices."""

from __future__ import annotations

import json
import signal
import socket

import pytest

from nonecorn.supervisor.memory import resident
from nonecorn.testing.wire import connect
from tests.e2e.raw import ask, get, responses, settled
from tests.supervisor.conftest import FLEET, HERE, Supervised, alive, descriptors, supervised
from tests.supervisor.load import Load
from tests.supervisor.waiting import until


def hup(server, times=1):
    """Reload; return when the new generation serves."""
    server.send_signal(signal.SIGHUP)
    server.wait_for_line("reloaded: generation", nth=times)


def refused(address):
    try:
        socket.create_connection(address, 20).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_twenty_reloads_under_load_lose_no_request_and_leave_nothing_behind(worker):
    """No memory, no descriptor and no process."""
    count = FLEET[worker]
    with supervised(worker, workers=count) as server, Load(server.address) as load:
        for times in range(1, 21):
            for pid in server.workers:
                load.seen(pid)
            hup(server, times)
            if times == 5:
                until(lambda: server.children() == set(server.workers), "end of the old ones")
                memory, opened = resident(server.pid), descriptors(server.pid)
        for pid in server.workers:
            load.seen(pid)
        load.more(20)
        assert not load.lost
        assert len(load.pids) == 21 * count
        until(lambda: server.children() == set(server.workers), "end of the old ones")
        assert resident(server.pid) - memory < 2 << 20
        assert descriptors(server.pid) == opened
    assert server.output.count("lifespan shutdown") == 21 * count


def test_a_request_under_way_and_an_idle_connection_are_served_by_the_old_worker(worker):
    with (
        supervised(worker, workers=1) as server,
        connect(server.address, 20) as sock,
        connect(server.address, 20) as idle,
    ):
        sock.sendall(b"POST /upload HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab")
        old = int(server.wait_for_line("upload begun").split()[-1])
        assert json.loads(ask(idle, get()).body)["pid"] == old
        hup(server)
        last = ask(idle, get())
        while last.values(b"connection") != [b"close"]:  # the worker has not been told yet
            last = ask(idle, get())
        assert json.loads(last.body)["pid"] == old
        assert idle.recv(1) == b""
        sock.sendall(b"cd")
        [response] = responses(sock)
        assert json.loads(response.body)["pid"] == old
        assert sock.recv(1) == b""
        # An old worker may accept a connection until it hears that it is to leave.
        assert settled(lambda: server.ask()["pid"] in server.workers, True)


def test_the_application_is_imported_anew(tmp_path):
    path = tmp_path / "version.py"
    path.write_text("from supervised import app\nprint('one', flush=True)\n")
    args = ["--app-dir", str(tmp_path)]
    with supervised("asyncio", *args, workers=1, app="version:app", PYTHONPATH=str(HERE)) as server:
        # Of another size: what is changed within a second, Python tells by that alone.
        path.write_text("from supervised import app\nprint('two', flush=True)  # second\n")
        hup(server)
    assert (server.output.count("one"), server.output.count("two")) == (1, 1)


def test_configuration_and_environment_file_are_read_anew(tmp_path):
    config, env = tmp_path / "nonecorn.toml", tmp_path / "env"
    config.write_text("env_file = 'env'\nworkers = 1\nbind = '127.0.0.1:0'\n")
    env.write_text("VERSION=one\n")
    with Supervised(
        "supervised:app", ["-c", str(config), "--app-dir", str(HERE)], cwd=tmp_path
    ) as server:
        assert server.ask()["version"] == "one"
        env.write_text("VERSION=two\n")
        config.write_text("env_file = 'env'\nworkers = 2\nbind = '127.0.0.1:0'\n")
        hup(server)
        until(lambda: server.ask()["version"] == "two", "answer of the second")
        assert len(server.workers) == 2


def test_addresses_come_and_go(tmp_path):
    config = tmp_path / "nonecorn.toml"
    one, two = tmp_path / "one", tmp_path / "two"
    config.write_text(f"workers = 1\nbind = ['127.0.0.1:0', 'unix:{one}']\n")
    args = ["-c", str(config), "--app-dir", str(HERE)]
    with Supervised("supervised:app", args, cwd=tmp_path) as server:
        address = server.address
        with Load(str(one)) as kept:
            kept.more(3)
            config.write_text(f"workers = 1\nbind = ['unix:{one}', 'unix:{two}']\n")
            hup(server)
            kept.more(3)
            assert not kept.lost
        with Load(str(two)) as fresh:
            fresh.more(3)
        until(lambda: refused(address), "the end of the first address")
        config.write_text(f"workers = 1\nbind = ['unix:{two}']\n")
        hup(server, 2)
        assert not one.exists()
        assert two.exists()
    assert not two.exists()
    assert server.exit_code == 0


def test_a_broken_configuration_leaves_everything_as_it_is(tmp_path):
    config = tmp_path / "nonecorn.toml"
    config.write_text("workers = 1\nbind = '127.0.0.1:0'\n")
    args = ["-c", str(config), "--app-dir", str(HERE)]
    with Supervised("supervised:app", args, cwd=tmp_path) as server, Load(server.address) as load:
        old, count = server.workers, descriptors(server.pid)
        for times, text in enumerate(
            ["workers = 'many'\n", "wrokers = 2\n", "workers = 0\n", "bind = 'no/address'\n"], 1
        ):
            config.write_text("bind = '127.0.0.1:0'\n" * ("bind" not in text) + text)
            server.send_signal(signal.SIGHUP)
            server.wait_for_line("not reloaded, the old generation goes on", nth=times)
            load.more(3)
        assert server.workers == old
        assert descriptors(server.pid) == count
        assert not load.lost
        config.write_text("workers = 1\nbind = '127.0.0.1:0'\n")
        hup(server)
        load.more(3)
    assert "Traceback" not in server.errors


def test_a_configuration_that_exits_takes_nobody_with_it(tmp_path):
    config = tmp_path / "config.py"
    good = "workers = 1\nbind = '127.0.0.1:0'\n"
    config.write_text(good)
    args = ["-c", str(config), "--app-dir", str(HERE)]
    with Supervised("supervised:app", args, cwd=tmp_path) as server:
        config.write_text("import sys\nsys.exit('SECRET is not set')\n")
        server.send_signal(signal.SIGHUP)
        line = server.wait_for_line("not reloaded, the old generation goes on")
        assert line.rstrip().endswith(": the configuration exited with 'SECRET is not set'")
        assert server.ask()["pid"] in server.workers
        config.write_text(good)
        hup(server)
    assert server.exit_code == 0


@pytest.mark.parametrize("worker", ["uvloop"])
def test_a_broken_application_is_dropped_and_the_old_one_stays(worker, tmp_path):
    path = tmp_path / "version.py"
    path.write_text("from supervised import app\n")
    args = ["--app-dir", str(tmp_path)]
    environ = {"PYTHONPATH": str(HERE)}
    with (
        supervised(worker, *args, app="version:app", clean=False, **environ) as server,
        Load(server.address) as load,
    ):
        old = server.workers
        path.write_text("from supervised import app\nnonsense = 1 / 0\n")
        server.send_signal(signal.SIGHUP)
        line = server.wait_for_line("not reloaded")
        assert "'version:app' cannot be imported: ZeroDivisionError: division by zero" in line
        load.more(5)
        until(lambda: server.children() == set(old), "end of what was dropped")
        path.write_text("from supervised import app\n")
        hup(server)
        load.more(5)
        assert not load.lost
    assert server.exit_code == 0


@pytest.mark.parametrize("worker", ["asyncio"])
def test_a_second_reload_waits_for_the_first(worker):
    with supervised(worker, workers=1) as server:
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("generation 2 starts")
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("generation 3 serves")
        until(lambda: server.children() == set(server.workers), "end of the others")
        assert server.ask()["pid"] in server.workers


def test_a_stop_during_a_reload_ends_everybody():
    with supervised(workers=1) as server:
        server.send_signal(signal.SIGHUP)
        server.wait_for_line("generation 2 starts")
        everybody = server.children()
        server.terminate()
        assert server.wait() == 0
        assert not any(map(alive, everybody))


def test_a_deployment_behind_a_link_is_found(tmp_path):
    for name in ("one", "two"):
        release = tmp_path / name
        release.mkdir()
        text = f"import os\nos.environ['VERSION'] = '{name}'\nfrom supervised import app\n"
        (release / "release.py").write_text(text)
    current = tmp_path / "current"
    current.symlink_to("one")
    args = ["-w", "1", "--bind", "127.0.0.1:0"]
    environ = {"PWD": str(current), "PYTHONPATH": str(HERE)}
    with Supervised("release:app", args, cwd=current, env=environ) as server:
        assert server.ask()["version"] == "one"
        current.unlink()
        current.symlink_to("two")
        hup(server)
        until(lambda: server.ask()["version"] == "two", "answer of the second")
