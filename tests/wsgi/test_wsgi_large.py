"""A gibibyte up and down, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.forked import ForkedServe
from tests.wsgi.conftest import HERE

GROWTH = 24 * 2**20
"""What a worker's memory may grow by, in bytes; the bodies are ten times as large at least."""
QUARTER = 2**28

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]


@pytest.fixture
def server(worker):
    arguments = ["--app-dir", str(HERE), "-k", worker, "--wsgi-body-size", "0"]
    with ForkedServe("wsgiprobe:bare", arguments, cwd=HERE) as running:
        yield running


def peak(pid):
    """The most memory that a process has had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


def run(curl, *arguments):
    command = [curl, "-sS", "--fail", "--max-time", "50", "--noproxy", "*", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def warmed(server, curl):
    """Memory once everything is imported and every buffer was used."""
    run(curl, f"{server.url}/download?64", "-o", "/dev/null")
    run(curl, f"{server.url}/upload", "-H", "Expect:", "--data-binary", f"@{__file__}")
    return peak(server.pid)


@pytest.fixture
def size(worker):
    """A gibibyte on one worker: memory that grows with the body shows with a quarter of it too."""
    return 2**30 if worker == "asyncio" else QUARTER


@pytest.fixture
def sparse(tmp_path):
    def of(size):
        path = tmp_path / "sparse"
        with path.open("wb") as file:
            file.truncate(size)
        return path

    return of


def test_an_upload(server, curl, sparse, size):
    before = warmed(server, curl)
    assert run(curl, "-T", str(sparse(size)), f"{server.url}/upload") == str(size)
    assert peak(server.pid) - before < GROWTH


def test_an_upload_of_unknown_length(server, curl, sparse):
    before = warmed(server, curl)
    path = sparse(QUARTER)
    found = run(curl, "-T", str(path), "-H", "Transfer-Encoding: chunked", f"{server.url}/upload")
    assert found == str(QUARTER)
    assert peak(server.pid) - before < GROWTH


def test_a_download(server, curl, size):
    before = warmed(server, curl)
    url = f"{server.url}/download?{size // 65536}"
    assert run(curl, url, "-o", "/dev/null", "-w", "%{size_download}") == str(size)
    assert peak(server.pid) - before < GROWTH


def test_a_file(server, curl, sparse):
    before = warmed(server, curl)
    url = f"{server.url}/file?{sparse(QUARTER)}"
    assert run(curl, url, "-o", "/dev/null", "-w", "%{size_download}") == str(QUARTER)
    assert peak(server.pid) - before < GROWTH
