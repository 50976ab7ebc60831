"""One of the servers behind a proxy: stopped and started again at the same addresses."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import Self

from tests.e2e.forked import ForkedServe

HERE = Path(__file__).parent
_NUMBERS = itertools.count(1)


class Backend:
    """See the module; a context manager.

    Each has a loopback address of its own, on which nobody else's connections take its port while
    it is down.

    Args:
        *args: Options of the server.
        bind: What to bind instead of a TCP port.
    """

    def __init__(self, *args: str, bind: str = "") -> None:
        process = os.getpid()
        host = f"127.{100 + process % 100}.{process // 100 % 250}.{next(_NUMBERS)}"
        self._host = host
        self._args = args
        self._bind = bind or f"{host}:0"
        self._health = f"{host}:0"
        self._server: ForkedServe | None = None

    @property
    def server(self) -> ForkedServe:
        assert self._server is not None
        return self._server

    @property
    def address(self) -> str:
        """Host and port, or the path of a socket file."""
        return self._bind

    @property
    def health_port(self) -> str:
        return self._health.rpartition(":")[2]

    @property
    def workers(self) -> list[int]:
        """Processes that serve."""
        found = re.search(r"\d workers: ([\d, ]+)$", self.server.errors, re.MULTILINE)
        return [int(text) for text in found[1].split(",")] if found else [self.server.pid]

    def start(self) -> list[int]:
        """Start it; the processes that serve."""
        arguments = ["--bind", self._bind, "--health-bind", self._health, "--lifespan", "off"]
        self._server = ForkedServe("shop:app", [*arguments, *self._args], cwd=HERE)
        self._server.start()
        if not self._bind.startswith("unix:"):
            self._bind = self._server.url.partition("://")[2]
        line = self._server.wait_for_line("health and metrics on ")
        self._health = line.rpartition("://")[2].strip()
        return self.workers

    def stop(self) -> None:
        """As an operator does; nothing may be cut off."""
        self.server.terminate()
        assert self.server.wait(40) == 0, self.server.errors
        self.server.__exit__(None, None, None)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__(None, None, None)
