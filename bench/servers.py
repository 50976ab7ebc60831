"""Which servers are compared, how each is started, and who is set against whom.

Each runs one worker, without access log, and is otherwise asked for what nonecorn does in the same
place and no more: Uvicorn's proxy-header middleware and everyone's WebSocket support are off where
they can be, and idle connections are kept for as long as the idle scenario needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

APP = "bench.app:app"
HOST = "127.0.0.1"
KEEP_ALIVE = 600
"""Seconds for which an idle connection is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """PEM files of a certificate and its key."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where a server is to listen on the loopback address; with a certificate: over TLS."""

    port: int
    certificate: Certificate | None = None

    def tls(self, chain: str, key: str) -> list[str]:
        """Return the arguments that name the certificate, under the server's own option names."""
        if self.certificate is None:
            return []
        return [chain, str(self.certificate.chain), key, str(self.certificate.key)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """One server in one arrangement.

    Attributes:
        name: How tables, options and targets call it: server, HTTP engine if there are several,
            event loop.
        arguments: From where to listen to the command line, after `python -m`.
    """

    name: str
    arguments: Callable[[Listen], list[str]]

    def command(self, listen: Listen) -> list[str]:
        """Return the whole command line, with the interpreter that runs the harness."""
        return [sys.executable, "-m", *self.arguments(listen)]


def _nonecorn(engine: str, worker: str) -> ServerSpec:
    def arguments(listen: Listen) -> list[str]:
        return [
            *("nonecorn", "serve", "--bind", f"{HOST}:{listen.port}", "--app-dir", "."),
            *("--worker", worker, "--plugin", engine, "--log-level", "warning"),
            *("--keep-alive-timeout", str(KEEP_ALIVE)),
            *listen.tls("--certfile", "--keyfile"),
            APP,
        ]

    return ServerSpec(name=f"nonecorn-{engine}-{worker}", arguments=arguments)


def _uvicorn(engine: str, loop: str) -> ServerSpec:
    def arguments(listen: Listen) -> list[str]:
        return [
            *("uvicorn", "--host", HOST, "--port", str(listen.port), "--http", engine),
            *("--loop", loop, "--log-level", "warning", "--no-access-log"),
            *("--ws", "none", "--no-proxy-headers", "--timeout-keep-alive", str(KEEP_ALIVE)),
            *listen.tls("--ssl-certfile", "--ssl-keyfile"),
            APP,
        ]

    return ServerSpec(name=f"uvicorn-{engine}-{loop}", arguments=arguments)


def _granian(loop: str) -> ServerSpec:
    def arguments(listen: Listen) -> list[str]:
        return [
            *("granian", "--interface", "asgi", "--host", HOST, "--port", str(listen.port)),
            *("--workers", "1", "--loop", loop, "--http", "1", "--no-ws"),
            *("--log-level", "warning", "--no-access-log"),
            # By default: no more than 1024 connections at once, and 30 s for an idle one.
            *("--backlog", "2048", "--backpressure", "10000"),
            *("--http1-header-read-timeout", "60000"),
            *listen.tls("--ssl-certificate", "--ssl-keyfile"),
            APP,
        ]

    return ServerSpec(name=f"granian-{loop}", arguments=arguments)


def _hypercorn(worker: str) -> ServerSpec:
    def arguments(listen: Listen) -> list[str]:
        return [
            *("hypercorn", "--bind", f"{HOST}:{listen.port}", "--worker-class", worker),
            # 0: it serves in the process that was started; 1 would add one that only watches.
            *("--workers", "0", "--log-level", "warning", "--keep-alive", str(KEEP_ALIVE)),
            *listen.tls("--certfile", "--keyfile"),
            APP,
        ]

    return ServerSpec(name=f"hypercorn-{worker}", arguments=arguments)


SERVERS: tuple[ServerSpec, ...] = (
    _nonecorn("httptools", "uvloop"),
    _nonecorn("httptools", "asyncio"),
    _nonecorn("httptools", "trio"),
    _nonecorn("h11", "uvloop"),
    _nonecorn("h11", "asyncio"),
    _uvicorn("httptools", "uvloop"),
    _uvicorn("h11", "asyncio"),
    _granian("uvloop"),
    _hypercorn("uvloop"),
    _hypercorn("asyncio"),
    _hypercorn("trio"),
)

PAIRS: tuple[tuple[str, str], ...] = (
    ("nonecorn-httptools-uvloop", "uvicorn-httptools-uvloop"),
    ("nonecorn-httptools-uvloop", "granian-uvloop"),
    ("nonecorn-httptools-uvloop", "hypercorn-uvloop"),
    ("nonecorn-h11-uvloop", "hypercorn-uvloop"),
    ("nonecorn-h11-asyncio", "uvicorn-h11-asyncio"),
    ("nonecorn-h11-asyncio", "hypercorn-asyncio"),
    ("nonecorn-httptools-asyncio", "hypercorn-asyncio"),
    ("nonecorn-httptools-trio", "hypercorn-trio"),
    ("nonecorn-httptools-trio", "nonecorn-httptools-uvloop"),
)
"""Who is divided by whom."""
