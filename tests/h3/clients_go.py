"""quic-go as a client: a small program of ours, built where Go and Debian's package of it are."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

SOURCE = Path(__file__).parent / "goclient"
LIBRARIES = Path("/usr/share/gocode")
"""Where Debian's packages of Go libraries put their sources."""
NEEDED = LIBRARIES / "src/github.com/lucas-clemente/quic-go/http3"
BUILD = Path(__file__).parents[2] / "build"
PATIENCE = 300


def build(directory: Path) -> Path:
    """The program; a test that needs it is skipped where it cannot be built, but not in CI.

    It takes ten seconds of CPU time, and next to nothing once Go's cache has the libraries.
    """
    go = shutil.which("go")
    if go is None or not NEEDED.is_dir():
        message = (
            f"{'go' if go is None else NEEDED} is missing: apt-get install golang-go"
            " golang-github-lucas-clemente-quic-go-dev"
        )
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    program = directory / "goclient"
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "goclient.lock").open("w") as lock:
        # Test processes that run at once would each fill the cache.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build(go, program)
    return program


def _build(go: str, program: Path) -> None:
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(LIBRARIES),
        "GOCACHE": str(BUILD / "go"),
        "GOFLAGS": "",
    }
    # Nothing that would also change how the standard library is compiled (-trimpath, CGO_ENABLED=0,
    # -gcflags for all): Debian's Go brings that ready-made, and it costs three times as much as all
    # that there is besides.
    done = subprocess.run(
        [go, "build", "-ldflags=-s -w", "-o", str(program), "main.go"],
        cwd=SOURCE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@dataclass(slots=True)
class GoResponse:
    """What quic-go got."""

    status: int = 0
    proto: str = ""
    header: dict[str, list[str]] = field(default_factory=dict)
    size: int = 0
    sha256: str = ""
    text: str = ""
    length: int = 0
    resumed: bool = False
    early: bool = False
    error: str = ""


class GoClient:
    """The program at work; a context manager."""

    def __init__(self, program: Path, authority: Path) -> None:
        self._command = [str(program), str(authority)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(PATIENCE)

    def do(self, **task: Any) -> list[GoResponse]:
        """Have it do one thing; see the program."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "goclient has ended"
        return [GoResponse(**{**each, "header": each["header"] or {}}) for each in json.loads(line)]

    def ask(self, url: str, *, method: str = "GET", **more: Any) -> GoResponse:
        """One request that must succeed."""
        [response] = self.do(do="request", method=method, url=url, **more)
        assert not response.error, response
        return response

    def ask_many(self, url: str, count: int, **more: Any) -> list[GoResponse]:
        """Many at once on the connection; `%d` in the URL is the number of each."""
        found = self.do(do="request", method="GET", url=url, count=count, **more)
        assert not [each.error for each in found if each.error]
        return found

    def rebind(self) -> None:
        """Go on from another UDP port."""
        assert not self.do(do="rebind")

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        assert not self.do(do="close")


def pattern(size: int) -> bytes:
    """The body that the program sends."""
    return (bytes(range(256)) * (size // 256 + 1))[:size]
