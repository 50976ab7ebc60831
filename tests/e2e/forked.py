"""`nonecorn` in processes that are forked from one that has imported it.

Most of what a short-lived server costs is to import modules and to take them down again, and that
does not differ from test to test. A server of a `ForkedServe` takes a fourth of the CPU time of a
`ServeProcess`'s and is otherwise the same: a process of its own, with its own session, path,
output, environment and exit code. What is about the start itself, about other interpreters,
inherited descriptors or what Python reads from its environment is tested with a `ServeProcess`;
that is also what serves where nothing can be forked.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from nonecorn.testing import ServeProcess

FORKS = Path(__file__).with_name("forks.py")
POSSIBLE = sys.platform.startswith("linux") and not any(
    name.startswith("COVERAGE_PROCESS") for name in os.environ
)
"""Coverage is measured from an interpreter's start to its end."""
STARTING = 60.0
"""Seconds until a process is there: the first one waits for the imports."""
AT_START = ("PYTHON", "LC_", "LANG", "COVERAGE_")
"""What an interpreter reads from its environment as it starts, and not later; `PYTHONPATH` can be
made good.
"""


class _Forks:
    """The process that forks: one for this one, from the first order on."""

    def __init__(self) -> None:
        self._owner = 0
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def order(
        self,
        arguments: Sequence[str],
        directory: str | os.PathLike[str],
        environment: Mapping[str, str],
        output: int,
        errors: int,
    ) -> tuple[int, int, socket.socket]:
        """Start a process; returns its ID, a descriptor of it, and where its end is told."""
        if self._control is None or self._owner != os.getpid():
            self._start()
        assert self._control is not None
        order = {
            "arguments": list(arguments),
            "directory": os.fspath(directory),
            "environment": dict(environment),
        }
        listening, told = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with told:
            message = json.dumps(order).encode()
            socket.send_fds(self._control, [message], [output, errors, told.fileno()])
        listening.settimeout(STARTING)
        pid, descriptors, _, _ = socket.recv_fds(listening, 20, 1)
        assert pid, "the process that forks has ended"
        return int(pid), descriptors[0], listening

    def _start(self) -> None:
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        with its:
            self._process = subprocess.Popen(
                [sys.executable, str(FORKS), str(its.fileno())],
                env=environment,
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._control, self._owner = mine, os.getpid()
        atexit.register(self._end)

    def _end(self) -> None:
        if self._owner == os.getpid() and self._control is not None:
            assert self._process is not None
            self._control.close()
            self._process.wait()


_forks = _Forks()


class Forked:
    """A process that was forked to run `nonecorn` with these arguments: as much of `Popen` as its
    users need.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        directory: str | os.PathLike[str],
        environment: Mapping[str, str],
        output: int,
        errors: int,
    ) -> None:
        self.returncode: int | None = None
        self._looking = threading.Lock()
        # The process is somebody else's child: its ID is free for others once that one knows of
        # its end, and a descriptor is not.
        self.pid, self._descriptor, self._told = _forks.order(
            arguments, directory, environment, output, errors
        )
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None

    def poll(self) -> int | None:
        """Its exit code, as `Popen` has it; None while it runs."""
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("nonecorn", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing happens once it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        """End it without a chance to clean up."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if not self._looking.acquire(timeout=-1 if timeout is None else timeout):
            return self.returncode
        with contextlib.ExitStack() as stack:
            stack.callback(self._looking.release)
            if self.returncode is None:
                self._told.settimeout(timeout)
                try:
                    code = self._told.recv(10)
                except (BlockingIOError, TimeoutError):
                    return None
                assert code, "the process that forks has ended"
                self.returncode = int(code)
                self._told.close()
                os.close(self._descriptor)
        return self.returncode


class ForkedServe(ServeProcess):
    """A `ServeProcess` whose imports have been made already, where its options allow that."""

    def _spawn(self) -> subprocess.Popen[str]:
        usual, arguments = self.command[:3], self.command[3:]
        if usual != [sys.executable, "-m", "nonecorn"] or self._pass_fds or not forkable(self._env):
            return super()._spawn()
        pipes = [os.pipe(), os.pipe()]
        try:
            process = Forked(
                arguments, self._cwd or Path.cwd(), self._env, pipes[0][1], pipes[1][1]
            )
        finally:
            for _, end in pipes:
                os.close(end)
        process.stdout, process.stderr = (
            os.fdopen(end, encoding="utf-8", errors="backslashreplace") for end, _ in pipes
        )
        return process  # type: ignore[return-value]


def run(
    *arguments: str,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 50.0,
) -> subprocess.CompletedProcess[str]:
    """Run `nonecorn` to its end; what it printed and how it ended.

    Args:
        arguments: Of the command.
        cwd: Working directory.
        env: Environment; by default this process's, without `NONECORN_*`.
        timeout: Seconds until it is ended by force.
    """
    if env is None:
        env = {name: value for name, value in os.environ.items() if name[:9] != "NONECORN_"}
    if not forkable(env):
        return subprocess.run(
            [sys.executable, "-m", "nonecorn", *arguments],
            cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        files = output.fileno(), errors.fileno()
        process = Forked(arguments, cwd or Path.cwd(), env, *files)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
            process.wait()
        written = []
        for file in (output, errors):
            file.seek(0)
            written.append(file.read())
    return subprocess.CompletedProcess(arguments, code, *written)


def forkable(environment: Mapping[str, str]) -> bool:
    """Whether an interpreter that is up can stand for one that starts in this environment."""

    def read(names: Mapping[str, str]) -> dict[str, str]:
        return {
            name: value
            for name, value in names.items()
            if name.startswith(AT_START) and name != "PYTHONPATH"
        }

    return POSSIBLE and read(environment) == read(os.environ)
