r"""`nonecorn serve` as a process of its own, started, watched and ended by a test.

    with ServeProcess("app:app", ["--worker", "trio"], cwd=tmp_path) as server:
        answer = raw_exchange(server.address, b"GET / HTTP/1.0\r\n\r\n")
        server.terminate()
        assert server.wait() == 0

Nothing sleeps: the output is read as it comes, and `start` returns with the line of the banner
that says that all addresses are served.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from nonecorn.testing.address import Addressed

STARTING = 30.0
"""Seconds that a server may take until it accepts connections."""
ENDING = 30.0
"""Seconds that a server may take to end."""

_CTRL_BREAK: int = getattr(signal, "CTRL_BREAK_EVENT", 0)
"""Windows' way to ask a process to stop; 0 elsewhere."""

_SERVING = re.compile(r'serving on ([^\s"]+)')
_READY = re.compile(r"process (\d+); press")


class ServeExitedError(RuntimeError):
    """The process ended before it served.

    Attributes:
        exit_code: Its exit code.
        errors: What it wrote to its standard error.
    """

    def __init__(self, exit_code: int, errors: str) -> None:
        self.exit_code = exit_code
        self.errors = errors
        super().__init__(f"exited with {exit_code} before it served:\n{errors}")


class ServeProcess(Addressed):
    """One `nonecorn serve`.

    It must log at level `info`, as it does by default: the banner is how it says that it is ready.

    Args:
        app: The command's APP argument; None where the configuration names it.
        args: Further arguments. `--bind 127.0.0.1:0` is added where they bind nothing.
        cwd: Working directory.
        env: Environment variables on top of the present ones, of which `NONECORN_*` are left out.
        python: Interpreter; the present one by default.
        pass_fds: File descriptors that it inherits (POSIX).

    Attributes:
        urls: Addresses served, once started.
        pid: Of the process that serves, once started.
    """

    def __init__(
        self,
        app: str | None = None,
        args: Sequence[str] = (),
        *,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        python: str = sys.executable,
        pass_fds: Sequence[int] = (),
    ) -> None:
        arguments = list(args)
        binds = ("-b", "--bind", "--insecure-bind", "--quic-bind", "-c", "--config")
        if not any(each.partition("=")[0] in binds for each in arguments):
            arguments += ["--bind", "127.0.0.1:0"]
        if app is not None:
            arguments.append(app)
        self.command = [python, "-m", "nonecorn", "serve", *arguments]
        self.urls: list[str] = []
        self.pid = 0
        self._pass_fds = tuple(pass_fds)
        self._cwd = None if cwd is None else Path(cwd)
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("NONECORN_")}
        self._env.update(env or {})
        self._process: subprocess.Popen[str] | None = None
        self._lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._changed = threading.Condition()
        self._ready = False
        self._ended = 0
        self._readers: list[threading.Thread] = []

    def __repr__(self) -> str:
        code = None if self._process is None else self._process.poll()
        state = (
            "not started" if self._process is None else
            f"exited {code}" if code is not None else
            f"serving {' '.join(self.urls)}" if self._ready else
            "starting"
        )  # fmt: skip
        return f"<ServeProcess {self.pid or ''} {state}>"

    # Facts ----------------------------------------------------------------------------------------

    @property
    def output(self) -> str:
        """Standard output so far."""
        with self._changed:
            return "".join(self._lines["stdout"])

    @property
    def errors(self) -> str:
        """Standard error so far."""
        with self._changed:
            return "".join(self._lines["stderr"])

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative the signal that ended it."""
        return self._running.poll()

    # Life -----------------------------------------------------------------------------------------

    def start(self, timeout: float = STARTING) -> None:
        """Start the process and return once it serves.

        Args:
            timeout: Seconds until a `TimeoutError`.

        Raises:
            ServeExitedError: It ended instead.
        """
        self._process = self._spawn()
        self.pid = self._process.pid
        for name in ("stdout", "stderr"):
            stream = getattr(self._process, name)
            thread = threading.Thread(target=self._read, args=(name, stream), daemon=True)
            self._readers.append(thread)
            thread.start()
        with self._changed:
            done = self._changed.wait_for(lambda: self._ready or not self._reading(), timeout)
        if self._ready:
            return
        if not done:
            self.kill()
        code = self.wait()
        self._end()
        if done:
            raise ServeExitedError(code, self.errors)
        message = f"{self!r} did not serve within {timeout} s:\n{self.errors}"
        raise TimeoutError(message)

    def wait_for_line(self, text: str, timeout: float = ENDING, *, nth: int = 1) -> str:
        """A line of standard output or error that contains `text`, now or later.

        Args:
            text: What to look for.
            timeout: Seconds.
            nth: Which of several such lines, from 1.

        Raises:
            TimeoutError: None came, within `timeout` seconds or before the process ended.
        """

        def find() -> str | None:
            lines = (line for stream in self._lines.values() for line in stream if text in line)
            return next(itertools.islice(lines, nth - 1, None), None)

        with self._changed:
            self._changed.wait_for(lambda: find() is not None or not self._reading(), timeout)
            line = find()
        if line is None:
            message = f"no line with {text!r} from {self!r}:\n{self.errors}"
            raise TimeoutError(message)
        return line

    def send_signal(self, number: int) -> None:
        """Send a signal; nothing happens once the process has ended."""
        self._running.send_signal(number)

    def terminate(self) -> None:
        """Ask it to stop, by SIGTERM (on Windows by CTRL+BREAK)."""
        self.send_signal(_CTRL_BREAK or signal.SIGTERM)

    def interrupt(self) -> None:
        """Press Ctrl+C (on Windows CTRL+BREAK, since Ctrl+C cannot be sent to one process)."""
        self.send_signal(_CTRL_BREAK or signal.SIGINT)

    def kill(self) -> None:
        """End it without a chance to clean up."""
        self._running.kill()

    def wait(self, timeout: float = ENDING) -> int:
        """Wait for its end and for the rest of its output.

        Args:
            timeout: Seconds until a `TimeoutError`.

        Returns:
            Its exit code.
        """
        deadline = time.monotonic() + timeout
        try:
            code = self._running.wait(timeout)
        except subprocess.TimeoutExpired:
            message = f"{self!r} has not ended after {timeout} s:\n{self.errors}"
            raise TimeoutError(message) from None
        for thread in self._readers:
            thread.join(max(0.0, deadline - time.monotonic()))
        return code

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    # ----------------------------------------------------------------------------------------------

    @property
    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            message = f"{self!r}: start() it first"
            raise RuntimeError(message)
        return self._process

    def _spawn(self) -> subprocess.Popen[str]:
        # A group of its own, so that a Ctrl+C of the test run does not reach it by itself.
        new_group = {"creationflags": 0x200} if sys.platform == "win32" else {}
        process: subprocess.Popen[str] = subprocess.Popen(
            self.command,
            cwd=self._cwd,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            start_new_session=sys.platform != "win32",
            pass_fds=self._pass_fds,
            **new_group,  # type: ignore[call-overload]
        )
        return process

    def _reading(self) -> bool:
        return self._ended < len(self._lines)

    def _read(self, name: str, stream: IO[str]) -> None:
        for line in stream:
            with self._changed:
                self._lines[name].append(line)
                serving = _SERVING.search(line)
                ready = _READY.search(line)
                if serving is not None:
                    self.urls.append(serving[1])
                if ready is not None:
                    self._ready = True
                self._changed.notify_all()
        with self._changed:
            self._ended += 1
            self._changed.notify_all()

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            self.terminate()
            try:
                process.wait(ENDING)
            except subprocess.TimeoutExpired:
                process.kill()
        self.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
