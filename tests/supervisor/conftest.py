"""Servers with workers, and what tests want to know of them."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nonecorn.testing.wire import connect
from tests.e2e.forked import ForkedServe
from tests.e2e.raw import responses
from tests.supervisor.waiting import until

HERE = Path(__file__).parent
GONE = "raise RuntimeError('gone')  # since it is broken\n"
"""An application that cannot be imported, in place of `from supervised import app`. Its size is
another: within one second that alone tells Python that what it has compiled is out of date.
"""
WORKERS = ["asyncio", "uvloop", "trio"]
FLEET = {"asyncio": 1, "uvloop": 2, "trio": 1}
"""Workers of each kind, where all three kinds are to show the same. How several are started and
replaced is settled in the supervisor, which has no event loop: one kind shows it."""

_LISTED = re.compile(r"(?:workers: |serves, processes )([\d, ]+)$")


def pytest_collection_modifyitems(items):
    if sys.platform == "win32":
        mark = pytest.mark.skip(reason="driven by POSIX signals")
        for item in items:
            if Path(item.fspath).parent == HERE and "parts" not in item.fspath.basename:
                item.add_marker(mark)


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    return request.param


class Supervised(ForkedServe):
    """A server with workers.

    Attributes:
        worker: Their kind, where that matters.
    """

    worker = ""

    @property
    def workers(self) -> list[int]:
        """IDs of the processes that served when that was last said of all."""
        found = [match for line in self.errors.splitlines() if (match := _LISTED.search(line))]
        return [int(text) for text in found[-1][1].split(",")]

    def children(self) -> set[int]:
        """IDs of the processes that the supervisor has started and that have not ended."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return {int(text) for text in path.read_text().split()}

    def ask(self, path="/"):
        """One request on a connection of its own; what the application says."""
        head = f"GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"
        with connect(self.address, 20) as sock:
            sock.sendall(head.encode())
            [response] = responses(sock)
        assert response.status == 200
        return json.loads(response.body)


@contextmanager
def supervised(
    worker="asyncio", *args, workers=2, app="supervised:app", cwd=HERE, clean=True, **env
) -> Iterator[Supervised]:
    """A server with workers. It must end by itself, with 0 and without a traceback."""
    arguments = ["-k", worker, "-w", str(workers), "--app-dir", str(HERE), *args]
    with Supervised(app, arguments, cwd=cwd, env=env) as server:
        server.worker = worker
        yield server
    if clean:
        assert server.exit_code == 0, server.errors
        assert "Traceback" not in server.errors, server.errors
    for pid in server.workers:
        until(lambda pid=pid: not alive(pid), f"the end of {pid}")


def alive(pid: int) -> bool:
    """The process runs; one that has ended and that nobody has looked at does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
