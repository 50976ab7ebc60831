"""Plugins in a real process: the example of the repository, and a file beside the application."""

from __future__ import annotations

import os
import re

import pytest

from nonecorn.testing.wire import connect
from tests.e2e.conftest import HERE
from tests.e2e.forked import ForkedServe
from tests.e2e.raw import ask, get

EXAMPLE = HERE.parents[1] / "examples" / "plugin-echo"

PLUGIN = '''
"""A plugin in a file: observers that say what they hear, and a middleware that adds a field."""

from nonecorn.spi import MiddlewareSpec, Observer, ObserverSpec, Ref, hookimpl

PLUGIN_API = 1


def say(*words):
    print(*words, flush=True)


class Everything(Observer):
    def worker_started(self, runtime):
        say("worker_started", runtime.name)

    def worker_stopping(self, runtime):
        say("worker_stopping", runtime.name)

    def connection_opened(self, port):
        say("connection_opened", port.client[0])

    def connection_closed(self, port):
        say("connection_closed", port.client[0])

    def request_started(self, scope):
        say("request_started", scope["path"])

    def request_finished(self, record):
        say("request_finished", record.status, record.sent)


class Clumsy(Observer):
    def request_started(self, scope):
        raise LookupError("clumsy")

    def request_finished(self, record):
        say("still heard")


def wrap(app, options, context):
    field = (b"x-layer", options["name"].encode())

    async def layer(scope, receive, send):
        async def sending(message):
            if message["type"] == "http.response.start":
                message["headers"].append(field)
            await send(message)

        await app(scope, receive, sending)

    return layer


def everything(context):
    return Everything()


def clumsy(context):
    return Clumsy()


@hookimpl
def nonecorn_observers():
    return [
        ObserverSpec(name="clumsy", observer=Ref("local_plugin:clumsy")),
        ObserverSpec(name="everything", observer=Ref("local_plugin:everything")),
    ]


@hookimpl
def nonecorn_middleware():
    return [MiddlewareSpec(name="layer", middleware=Ref("local_plugin:wrap"), help="Adds a field.")]
'''


def serve(tmp_path, toml, *args, env=None):
    (tmp_path / "nonecorn.toml").write_text(f'bind = ["127.0.0.1:0"]\napp_dir = "{HERE}"\n{toml}')
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    args = [*args, "-c", "nonecorn.toml"]
    return ForkedServe("probe:app", args, cwd=tmp_path, env={"PYTHONPATH": paths, **(env or {})})


@pytest.fixture
def plugin(tmp_path):
    (tmp_path / "local_plugin.py").write_text(PLUGIN)
    return "./local_plugin.py"


def test_observers_of_a_file_hear_everything_in_order(plugin, tmp_path, worker):
    toml = f'plugin = ["{plugin}"]\nworker = "{worker}"\n'
    with serve(tmp_path, toml) as server:
        with connect(server.address, 20) as sock:
            ask(sock, get())
            ask(sock, get("/tag?four"))
        server.wait_for_line("connection_closed")
        server.terminate()
        assert server.wait() == 0
    assert server.output.splitlines() == [
        "lifespan startup",
        f"worker_started {worker}",
        "connection_opened 127.0.0.1",
        "request_started /",
        "request_finished 200 5",
        "request_started /tag",
        "request_finished 200 4",
        "connection_closed 127.0.0.1",
        f"worker_stopping {worker}",
        "lifespan shutdown",
    ]


def test_an_observer_that_raises_is_logged_once_and_hears_no_more(plugin, tmp_path):
    with serve(tmp_path, f'plugin = ["{plugin}"]\n') as server, connect(server.address) as sock:
        for _ in range(3):
            assert ask(sock, get()).status == 200
    assert server.errors.count("observer 'clumsy' raised in request_started and was removed") == 1
    assert server.errors.count("LookupError: clumsy") == 1
    assert "still heard" not in server.output
    assert server.output.count("request_finished 200") == 3


def test_middleware_is_put_around_the_application_outermost_first(plugin, tmp_path):
    layers = "".join(f'[[middleware]]\nuse = "layer"\nname = "{name}"\n' for name in "abc")
    toml = f'plugin = ["{plugin}"]\n{layers}'
    with serve(tmp_path, toml) as server, connect(server.address) as sock:
        response = ask(sock, get())
    # Fields are added on the way out: the outermost layer's last.
    assert response.values(b"x-layer") == [b"c", b"b", b"a"]


def test_the_example_plugin_serves_as_its_page_says(tmp_path):
    toml = """
plugin = ["nonecorn_echo.plugin"]
[echo]
prefix = "seen"
[[middleware]]
use = "echo"
header = "x-served-by"
value = "nonecorn"
[[middleware]]
use = "echo"
"""
    paths = os.pathsep.join([str(EXAMPLE), *filter(None, [os.environ.get("PYTHONPATH")])])
    running = serve(tmp_path, toml, env={"PYTHONPATH": paths})
    with running as server, connect(server.address) as sock:
        response = ask(sock, get("/tag?1"))
    assert response.values(b"x-served-by") == [b"nonecorn"]
    assert response.values(b"x-echo") == [b"/tag"]
    assert re.search("^seen 1: GET /tag 200$", server.output, re.MULTILINE)
