"""Running servers: started on their CPU, waited for until they answer, and ended by process ID.

A server lives in a process group of its own, so that Ctrl+C reaches the harness alone, which then
ends the servers in order. Should the harness itself be killed, the kernel ends them
(PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from bench import proc, system
from bench.errors import BenchError
from bench.probe import Request, probe
from bench.servers import HOST, Certificate, Listen, ServerSpec

ROOT = Path(__file__).resolve().parent.parent
_READY_TIMEOUT = 20.0
_STOP_TIMEOUT = 5.0
_PR_SET_PDEATHSIG = 1


class Server:
    """One server process, with whatever it started itself.

    Raises:
        BenchError: From `wait`, if the server ends or does not answer; with the end of its output.
    """

    __slots__ = ("_family", "_log", "_process", "_read", "listen", "spec")

    def __init__(
        self, spec: ServerSpec, listen: Listen, *, cpu: int | None, directory: Path
    ) -> None:
        self.spec = spec
        self.listen = listen
        self._family: list[proc.Stat] = []
        self._read = 0
        self._log = directory / f"{spec.name}-{listen.port}.log"
        with self._log.open("wb") as log, system.on_cpu(cpu):
            self._process = subprocess.Popen(
                spec.command(listen),
                cwd=ROOT,
                env=system.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has one thread
            )

    def __repr__(self) -> str:
        return f"<Server {self.spec.name} pid={self.pid} port={self.listen.port}>"

    @property
    def pid(self) -> int:
        """The process that was started; granian's worker is a child of it."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if self.listen.certificate else "http"
        return f"{scheme}://{HOST}:{self.listen.port}"

    def check_alive(self) -> None:
        """Raise BenchError if the server has ended."""
        if (code := self._process.poll()) is not None:
            raise BenchError(f"ended with exit code {code}: {self.printed() or 'no output'}")

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + _READY_TIMEOUT
        while True:
            self.check_alive()
            try:
                probe(self.listen, Request())
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    tail = self.printed()
                    raise BenchError(
                        f"does not listen after {_READY_TIMEOUT:.0f} s: {tail or 'no output'}"
                    ) from None
                time.sleep(0.05)
            else:
                return

    def printed(self) -> str:
        """Return the last line of what the server printed since the last call, if anything."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            output = log.read()
        self._read += len(output)
        lines = output.decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def terminate(self) -> None:
        """Ask it to end; `stop` waits for it."""
        if self._process.poll() is None and not self._family:
            self._family = proc.tree(self.pid)
            self._process.terminate()

    def stop(self) -> None:
        """End it and everything that it started, by force after a while."""
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_TIMEOUT)
        for member in self._family:
            now = proc.stat_of(member.pid)
            if now is not None and now.started == member.started:  # still the same process
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGKILL)
        self._process.wait()


class Fleet:
    """Several servers, all up at once; a context manager that ends them."""

    __slots__ = ("failures", "servers")

    def __init__(self) -> None:
        self.servers: dict[str, Server] = {}
        self.failures: dict[str, str] = {}
        """Servers that could not be had, with the reason."""

    def __repr__(self) -> str:
        return f"<Fleet up={len(self.servers)} failed={len(self.failures)}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(
        self,
        specs: Iterable[ServerSpec],
        *,
        certificate: Certificate | None = None,
        cpu: int | None = None,
        directory: Path,
    ) -> None:
        """Start `specs` together, then wait for each."""
        missing = list(specs)
        for _ in range(2):  # once more with another port: somebody may have taken the first
            for spec, port in zip(missing, free_ports(len(missing)), strict=True):
                listen = Listen(port=port, certificate=certificate)
                self.servers[spec.name] = Server(spec, listen, cpu=cpu, directory=directory)
            missing = [spec for spec in missing if not self._wait(spec.name)]

    def _wait(self, name: str) -> bool:
        try:
            self.servers[name].wait()
        except (BenchError, OSError) as error:
            self.failures[name] = str(error)
            self.servers.pop(name).stop()
            return False
        self.failures.pop(name, None)
        return True

    def only(self) -> Server:
        """Return the one server of a fleet of one.

        Raises:
            BenchError: It did not start.
        """
        for problem in self.failures.values():
            raise BenchError(problem)
        (server,) = self.servers.values()
        return server

    def stop(self) -> None:
        """End all of them, side by side."""
        servers = list(self.servers.values())
        self.servers.clear()
        for server in servers:
            server.terminate()
        for server in servers:
            server.stop()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on; all are held until all are found, so they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
