"""`nonecorn.serve` inside of other programs, and `nonecorn.run` as a program of its own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest
import trio

import nonecorn
from nonecorn.spi import BindError, ConfigError, LifespanError, StartupError
from nonecorn.testing import Gate, raw_exchange, read_responses
from nonecorn.testing.address import address_of
from nonecorn.testing.apps import Gated, LifespanRecorder, hello
from nonecorn.testing.wire import connect
from tests.serving.loops import LOOPS, in_thread, run_on

GET = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture(params=LOOPS)
def loop(request):
    return request.param


def fetch(url):
    [response] = read_responses(raw_exchange(address_of(url), GET).data)
    return response.body


def served(loop, app, config=None, visit=fetch, **settings):
    """Serve until `visit` is done; what it gave, and what `serve` returned."""
    settings = {"bind": "127.0.0.1:0", "log_level": "warning", **settings}

    async def main():
        addresses, found = [], []
        visited = Gate()

        async def trigger():
            found.append(await in_thread(visit, addresses[0]))
            await visited.wait()

        def ready(urls):
            addresses.extend(urls)
            visited.open()

        async def wait_then_visit():
            await visited.wait()
            await trigger()

        code = await nonecorn.serve(
            app, config, shutdown_trigger=wait_then_visit, ready=ready, **settings
        )
        return found[0], code

    return run_on(loop, main)


def test_it_serves_on_the_callers_loop_until_its_trigger_returns(loop):
    app = LifespanRecorder()
    assert served(loop, app) == (b"Hello, world!", 0)
    assert app.events == ["startup", "request", "shutdown"]


def test_the_banner_names_the_callers_loop_and_no_key_to_press(loop, caplog):
    served(loop, hello, log_level="info", worker="trio" if loop == "asyncio" else "asyncio")
    first, *_, last = caplog.messages
    assert first.endswith(f", worker {'trio' if loop == 'trio' else 'asyncio'}")
    assert last == f"process {os.getpid()}"


def test_an_import_string_is_imported_from_the_app_dir(loop, tmp_path):
    name = f"served_by_string_{loop}"
    (tmp_path / f"{name}.py").write_text("from nonecorn.testing.apps import hello as app\n")
    try:
        assert served(loop, f"{name}:app", app_dir=str(tmp_path)) == (b"Hello, world!", 0)
    finally:
        sys.path.remove(str(tmp_path))


@pytest.mark.parametrize("kind", ["toml", "py", "mapping"])
def test_the_configuration_may_be_a_file_or_a_mapping(kind, tmp_path):
    path = tmp_path / "settings"
    config = {"root_path": "/base", "limits": {"target_size": 64}}
    if kind == "toml":
        config = path.with_suffix(".toml")
        config.write_text('root_path = "/base"\n[limits]\ntarget_size = 64\n')
    elif kind == "py":
        config = path.with_suffix(".py")
        config.write_text('root_path = "/base"\nlimits = {"target_size": 64}\n')
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)
        await hello(scope, receive, send)

    def visit(url):
        long = b"GET /" + b"x" * 400 + b" HTTP/1.0\r\n\r\n"
        refused = read_responses(raw_exchange(address_of(url), long).data)
        return fetch(url), refused[0].status

    assert served("asyncio", app, config, visit, lifespan="off") == ((b"Hello, world!", 414), 0)
    assert [scope["root_path"] for scope in scopes] == ["/base"]


def test_settings_win_over_the_configuration(tmp_path):
    (tmp_path / "nonecorn.toml").write_text('bind = "127.0.0.1:1"\n')  # nobody may bind it
    found = served("asyncio", hello, str(tmp_path / "nonecorn.toml"))
    assert found == (b"Hello, world!", 0)


def test_what_keeps_it_from_starting_is_raised(loop):
    with pytest.raises(LifespanError, match="no database"):
        served(loop, LifespanRecorder(fail_startup="no database"))
    with pytest.raises(BindError):
        served(loop, hello, bind="fd://77")
    with pytest.raises(ConfigError, match="did you mean 'backlog'"):
        served(loop, hello, backlock=1)


def test_without_a_running_loop_it_says_so():
    with pytest.raises(StartupError, match="no running event loop"):
        nonecorn.serve(hello, bind="127.0.0.1:0").send(None)


def test_two_servers_on_one_loop_keep_to_themselves(loop):
    def app(body):
        async def answer(scope, receive, send):
            assert scope["type"] == "http"
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

        return answer

    async def main():
        stop, urls = Gate(), {}

        async def serve(name):
            def ready(addresses):
                urls[name] = addresses[0]
                if len(urls) == 2:
                    both.open()

            await nonecorn.serve(
                app(name),
                bind="127.0.0.1:0",
                log_level="warning",
                shutdown_trigger=stop.wait,
                ready=ready,
            )

        async def visit():
            await both.wait()
            for name, url in urls.items():
                assert await in_thread(fetch, url) == name
            stop.open()

        both = Gate()
        if loop == "trio":
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve, b"one")
                nursery.start_soon(serve, b"two")
                nursery.start_soon(visit)
        else:
            await asyncio.gather(serve(b"one"), serve(b"two"), visit())

    run_on(loop, main)


def test_cancellation_cuts_requests_off_and_leaves_nothing(loop):
    gate = Gate()
    cancelled = []

    async def app(scope, receive, send):
        try:
            await Gated(gate)(scope, receive, send)
        finally:
            cancelled.append(scope["type"])

    addresses = []
    settings = {"bind": "127.0.0.1:0", "log_level": "warning", "lifespan": "off"}

    def client(cancel):
        with connect(address_of(addresses[0]), 20) as sock:
            sock.sendall(GET)
            gate.wait_for_arrival()
            cancel()
            return sock.recv(100)

    async def on_asyncio():
        task = asyncio.current_task()
        running = asyncio.get_running_loop()
        handler = running.get_exception_handler()
        clients = []

        def ready(urls):
            addresses.extend(urls)
            cancel = lambda: running.call_soon_threadsafe(task.cancel)
            clients.append(running.run_in_executor(None, client, cancel))

        with pytest.raises(asyncio.CancelledError):
            await nonecorn.serve(app, ready=ready, **settings)
        assert cancelled == ["http"]
        assert asyncio.all_tasks() == {task}
        assert running.get_exception_handler() is handler
        await asyncio.gather(*clients, return_exceptions=True)

    async def on_trio():
        async with trio.open_nursery() as nursery:
            token = trio.lowlevel.current_trio_token()
            with trio.CancelScope() as scope:

                def ready(urls):
                    addresses.extend(urls)
                    cancel = lambda: token.run_sync_soon(scope.cancel)
                    nursery.start_soon(trio.to_thread.run_sync, client, cancel)

                await nonecorn.serve(app, ready=ready, **settings)
            assert scope.cancelled_caught
            assert cancelled == ["http"]

    run_on(loop, on_trio if loop == "trio" else on_asyncio)
    with pytest.raises(ConnectionRefusedError):
        connect(address_of(addresses[0]))


def test_the_pid_file_is_written_here_too(tmp_path):
    path = tmp_path / "pid"
    found = served("asyncio", hello, visit=lambda url: path.read_text(), pid=str(path))
    assert found == (f"{os.getpid()}\n", 0)
    assert not path.exists()


# run ----------------------------------------------------------------------------------------------

PROGRAM = """
import nonecorn
from nonecorn.testing.apps import hello

code = nonecorn.run(hello, bind="127.0.0.1:0", worker={worker!r}, limits={{"connections": 10}})
print("returned", code, flush=True)
"""


@pytest.mark.parametrize("worker", LOOPS)
def test_run_blocks_until_a_signal_and_returns(worker, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM.format(worker=worker)))
    environ = {k: v for k, v in os.environ.items() if not k.startswith("NONECORN_")}
    with subprocess.Popen(
        [sys.executable, str(program)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        said = ""
        for line in process.stderr:
            said += line
            if "to stop" in line:
                break
        assert fetch(re.search(r"serving on (\S+)", said)[1]) == b"Hello, world!"
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "returned 0\n"), errors


def test_run_raises_what_keeps_it_from_starting():
    with pytest.raises(LifespanError, match="no database"):
        nonecorn.run(LifespanRecorder(fail_startup="no database"), bind="127.0.0.1:0")


def test_run_gives_the_signal_handlers_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    for worker in LOOPS:
        with pytest.raises(LifespanError):
            nonecorn.run(LifespanRecorder(fail_startup="no"), bind="127.0.0.1:0", worker=worker)
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
