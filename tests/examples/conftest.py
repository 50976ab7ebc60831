"""Each example application in a real server process, on each worker."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.chromium import Chromium

ROOT = Path(__file__).parents[2]
WORKERS = ["asyncio", "uvloop", "trio"]
ENGINES = ["h11", "httptools"]
APPS = {
    "hello": ["examples/hello/app.py"],
    "starlette": ["examples/starlette/app.py"],
    "fastapi": ["examples/fastapi/app.py"],
    "django": ["--app-dir", "examples/django", "project.asgi"],
    "flask": ["examples/flask/app.py"],
    "django-wsgi": ["--app-dir", "examples/django", "project.wsgi"],
    "quart": ["examples/quart/board.py"],
    "litestar": ["examples/litestar/app.py"],
}
ON_TRIO = {"quart": ["--app-dir", "examples/quart", "on_trio"]}
"""Where the worker trio has an application of its own."""
FAREWELLS = {"quart": "the board is taken down", "litestar": "the library is closed"}
"""What is said at the end of a lifespan."""


def combinations() -> Iterator[tuple[str, str, str]]:
    """Each application on each worker, and the first on each engine there.

    What depends on the engine is proven elsewhere, without a framework: here each framework has
    both, on one worker or another.
    """
    for number, app in enumerate(APPS):
        for place, worker in enumerate(WORKERS):
            for engine in ENGINES if not number else [ENGINES[(number + place) % len(ENGINES)]]:
                yield app, worker, engine


def arguments_for(app: str, worker: str) -> list[str]:
    return ON_TRIO.get(app, APPS[app]) if worker == "trio" else APPS[app]


@dataclass
class Server:
    """`nonecorn serve` as a process, and what it said."""

    app: str
    process: subprocess.Popen[str]
    url: str = ""
    output: list[str] = field(default_factory=list)

    def said(self) -> str:
        return "".join(self.output)


# One at a time, for all modules: pytest puts the tests of one value together.
@pytest.fixture(scope="session", params=list(combinations()), ids="-".join)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    app, worker, engine = request.param
    with serving(app, arguments_for(app, worker), worker, engine) as started:
        yield started
    assert FAREWELLS.get(app, "") in started.said()


@contextmanager
def serving(app: str, arguments: list[str], worker: str, engine: str) -> Iterator[Server]:
    """An example, served. It must end by itself and without a traceback."""
    if worker == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    options = ["-b", "127.0.0.1:0", "--worker", worker, "--plugin", engine]
    process = subprocess.Popen(
        [sys.executable, "-m", "nonecorn", "serve", *options, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    started = Server(app=app, process=process)
    # The banner says which port the system chose; the test's own time limit ends a wait for none.
    for line in process.stdout:
        started.output.append(line)
        if found := re.search(r"http://127\.0\.0\.1:[1-9]\d*", line):
            started.url = found[0]
            break
    reader = threading.Thread(target=started.output.extend, args=[process.stdout])
    reader.start()
    try:
        assert started.url, f"no address in what the server said:\n{started.said()}"
        yield started
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=30)
        reader.join()
        process.stdout.close()
    assert code == 0, started.said()
    assert "Traceback" not in started.said()


@pytest.fixture
def curl() -> str:
    return find("curl")


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("chromium"), "--disable-quic") as browser:
        yield browser


def find(command: str) -> str:
    """A program of the system; it may be missing on a person's machine and not where CI runs."""
    path = shutil.which(command)
    if path is None:
        message = f"{command} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path
