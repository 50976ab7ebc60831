"""A real Gunicorn for each test that wants one."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import httpx
import pytest

if sys.platform == "win32":  # Gunicorn is for POSIX
    collect_ignore_glob = ["test_*.py"]

HERE = Path(__file__).parent
CLASSES = ["AsyncioWorker", "UvloopWorker", "TrioWorker"]
PATIENCE = 30.0

_LISTENING = re.compile(r"Listening at: (\S+) \((\d+)\)")
_SERVING = re.compile(r"\[(\d+)\] \[INFO\] process \1$")
"""The last line of nonecorn's banner."""


class Gunicorn:
    """One `gunicorn` process, with its workers, and what they said.

    Args:
        directory: Working directory; a `gunicorn.conf.py` there is read.
        arguments: Options.
        app: The application.
        env: Environment on top of the present one.
    """

    def __init__(
        self,
        directory: Path,
        *arguments: str,
        app: str = "guni_app:app",
        env: dict[str, str] | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("NONECORN_", "GUNICORN_"))}
        given = list(arguments)
        if not any(each in ("-b", "--bind") for each in given):
            given += ["-b", "127.0.0.1:0"]
        from gunicorn.config import make_settings

        if "control_socket_disable" in make_settings():  # Gunicorn 25
            given += ["--no-control-socket"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--pythonpath", str(HERE), *given, app],
            cwd=directory,
            env={**kept, "HOME": str(directory), "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        self._lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __repr__(self) -> str:
        return f"<Gunicorn {self.process.pid} {self.process.poll()}>"

    @property
    def said(self) -> str:
        with self._changed:
            return "".join(self._lines)

    @property
    def addresses(self) -> list[str]:
        return _LISTENING.search(self.line("Listening at"))[1].split(",")

    @property
    def url(self) -> str:
        return next(each for each in self.addresses if each.startswith("http"))

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def workers(self, number: int) -> list[int]:
        """Process IDs of the first so many workers that served, in that order."""
        self._wait(lambda: len(self._served()) >= number, f"{number} workers")
        return self._served()

    def line(self, text: str, *, nth: int = 1) -> str:
        """A line that contains this text, now or later."""

        def found() -> list[str]:
            return [line for line in self._lines if text in line]

        self._wait(lambda: len(found()) >= nth, repr(text))
        return found()[nth - 1]

    def says(self, text: str, *, within: float) -> bool:
        """Whether it says so in the next seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: any(text in line for line in self._lines), within)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until files say so."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            with self._changed:
                self._changed.wait(0.02)

    def address_in(self, log: Path) -> str:
        """The first address, from a log file, once a worker serves."""
        self.until(lambda: log.exists() and "[INFO] process " in log.read_text())
        return _LISTENING.search(log.read_text())[1].split(",")[0]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once all of them have ended."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def end(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def __enter__(self) -> Self:
        self.workers(1)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._reader.join(PATIENCE)
        self.process.stdout.close()

    def _served(self) -> list[int]:
        return [int(found[1]) for line in self._lines if (found := _SERVING.search(line.rstrip()))]

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: condition() or self._ended, PATIENCE)
            if not condition():
                message = f"{self!r} never said {what}:\n{''.join(self._lines)}"
                raise TimeoutError(message)

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


@pytest.fixture(params=CLASSES)
def worker_class(request: pytest.FixtureRequest) -> str:
    return f"nonecorn_gunicorn.{request.param}"


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    """Start one: `gunicorn("-k", "nonecorn_gunicorn.TrioWorker")`. It is ended by itself."""
    started: list[Gunicorn] = []

    def start(*arguments: str, serves: bool = True, **keywords) -> Gunicorn:
        if "-k" not in arguments:
            arguments = ("-k", "nonecorn_gunicorn.AsyncioWorker", *arguments)
        process = Gunicorn(tmp_path, *arguments, **keywords)
        started.append(process)
        if serves:
            process.workers(1)
        return process

    yield start
    for process in started:
        process.__exit__()


def clear_client(**keywords) -> httpx.Client:
    """A client for clear connections: it loads no certificates."""
    return httpx.Client(verify=False, trust_env=False, timeout=PATIENCE, **keywords)


def get(server: Gunicorn, path: str = "/", **keywords) -> dict:
    """What the application says, over a clear connection of its own."""
    with clear_client(base_url=server.url) as client:
        response = client.get(path, **keywords)
        response.raise_for_status()
        return response.json()


def open_request(server: Gunicorn) -> socket.socket:
    """A connection whose request lacks the second half of its body."""
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    sock.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n\r\ntea ")
    return sock


def finish_request(sock: socket.socket) -> bytes:
    """Send that half, and return all that comes until the connection ends."""
    sock.sendall(b"time")
    return b"".join(iter(lambda: sock.recv(65536), b""))
