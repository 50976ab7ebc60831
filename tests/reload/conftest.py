"""A server with `--reload`, whose application tests write and edit."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nonecorn.testing import RawResponse
from nonecorn.testing.wire import connect
from tests.e2e.forked import ForkedServe
from tests.e2e.raw import PATIENCE, ask, get

WORKERS = ["asyncio", "uvloop", "trio"]
WATCHED = [
    ("asyncio", "watchfiles"),
    ("uvloop", "watchfiles"),
    ("trio", "watchfiles"),
    ("asyncio", "polling"),
]
"""Kinds of workers and watchers. These are the supervisor's, which has no event loop: which kind of
worker it starts makes no difference to them."""

APP = '''
"""Says which version it is, and what it is asked."""

import asyncio
import os
import sys
import time

VERSION = {version!r}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = await PATHS.get(scope["path"], version)(receive, send)
    if body is not None:
        headers = [(b"content-length", b"%d" % len(body))]
        await send({{"type": "http.response.start", "status": 200, "headers": headers}})
        await send({{"type": "http.response.body", "body": body}})


async def version(receive, send):
    return VERSION.encode()


async def process(receive, send):
    return str(os.getpid()).encode()


async def environment(receive, send):
    return os.environ.get("FLAVOUR", "none").encode()


async def crash(receive, send):
    os._exit(7)


async def block(receive, send):
    print("blocking", flush=True)
    while True:
        time.sleep(60)


async def never(receive, send):
    print("never begun", flush=True)
    while True:
        await receive()


async def events(receive, send):
    await send({{"type": "http.response.start", "status": 200, "headers": [
        (b"content-type", b"text/event-stream")]}})
    await send({{"type": "http.response.body", "body": b"data: 1\\n\\n", "more_body": True}})
    await receive()
    while (await receive())["type"] != "http.disconnect":
        pass
    await send({{"type": "http.response.body", "body": b"data: bye\\n\\n"}})


PATHS = {{"/process": process, "/environment": environment, "/crash": crash, "/block": block,
    "/never": never, "/events": events}}
'''


def app(version: object = 1) -> str:
    """The application's source."""
    return APP.format(version=str(version))


class Reloading(ForkedServe):
    """`nonecorn serve --reload` in a directory of the test's.

    Attributes:
        restarts: How many of them have been waited for.
    """

    def __init__(self, directory: Path, *args: str, target: str = "app:app") -> None:
        super().__init__(target, ["--reload", *args], cwd=directory)
        self.directory = directory
        self.restarts = 0

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, name: str, text: str) -> None:
        """Write a file, and wait until the application has been started anew."""
        self.write(name, text)
        self.restarted()

    def restarted(self) -> None:
        """Wait for the next restart."""
        self.restarts += 1
        self.wait_for_line("restarted in", nth=self.restarts)

    def get(self, path: str = "/", *fields: str) -> RawResponse:
        """One request on a connection of its own."""
        with connect(self.address, PATIENCE) as sock:
            return ask(sock, get(path, "connection: close", *fields))

    def text(self, path: str = "/") -> str:
        """What the application answers."""
        response = self.get(path)
        assert response.status == 200, (response, self.errors)
        return response.body.decode()


def runs(process: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file of the test's directory."""

    def _write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return _write


@pytest.fixture
def reloading(tmp_path: Path, write) -> Callable[..., object]:
    """Serve the application of the test's directory; it must end with 0, and leave no process."""

    @contextmanager
    def _reloading(*args: str, target: str = "app:app", broken: bool = False) -> Iterator:
        if not (tmp_path / "app.py").exists():
            write("app.py", app())
        with Reloading(tmp_path, *args, target=target) as server:
            yield server
        assert server.exit_code == 0, server.errors
        assert broken or "Traceback" not in server.errors, server.errors

    return _reloading


@pytest.fixture(params=WATCHED, ids="-".join)
def watched(request: pytest.FixtureRequest) -> tuple[str, str]:
    worker, watcher = request.param
    return on_this_system(worker), watcher


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    return on_this_system(request.param)


def on_this_system(worker: str) -> str:
    """This kind of worker, where it runs."""
    if worker == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    return worker
