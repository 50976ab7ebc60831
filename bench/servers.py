"""Which servers are compared, how each is started, and who is set against whom.

Each runs one worker, without access log, and is otherwise asked for what nonecorn does in the same
place and no more: Uvicorn's proxy-header middleware is off, WebSocket support is off where it can
be but for the WebSocket scenarios, which have arrangements of their own, and idle connections are
kept for as long as the idle scenarios need them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

APP = "bench.app:app"
WSGI_APP = "bench.wsgi_app:app"
WSGI_THREADS = 32
"""As many as nonecorn has by default: Gunicorn and Granian get the same."""
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


def _nonecorn(
    engine: str,
    worker: str,
    *,
    ws: bool = False,
    http2: bool = False,
    http3: bool = False,
    app: str = APP,
) -> ServerSpec:
    def arguments(listen: Listen) -> list[str]:
        return [
            *("nonecorn", "serve", "--bind", f"{HOST}:{listen.port}", "--app-dir", "."),
            *("--worker", worker, "--plugin", engine, "--log-level", "warning"),
            *("--plugin" if ws else "--no-plugin", "ws"),
            *("--plugin" if http2 else "--no-plugin", "h2"),
            *("--plugin" if http3 else "--no-plugin", "h3"),
            *("--no-plugin", "webtransport"),
            *("--keep-alive-timeout", str(KEEP_ALIVE)),
            *listen.tls("--certfile", "--keyfile"),
            app,
        ]

    name = "h3" if http3 else "h2" if http2 else engine
    return ServerSpec(name=f"nonecorn-{name}-{worker}", arguments=arguments)


def _uvicorn(engine: str, loop: str, *, ws: str = "none") -> ServerSpec:
    def arguments(listen: Listen) -> list[str]:
        return [
            *("uvicorn", "--host", HOST, "--port", str(listen.port), "--http", engine),
            *("--loop", loop, "--log-level", "warning", "--no-access-log"),
            *("--ws", ws, "--no-proxy-headers", "--timeout-keep-alive", str(KEEP_ALIVE)),
            *listen.tls("--ssl-certfile", "--ssl-keyfile"),
            APP,
        ]

    return ServerSpec(name=f"uvicorn-{engine if ws == 'none' else ws}-{loop}", arguments=arguments)


def _granian(loop: str, *, ws: bool = False, http: str = "1") -> ServerSpec:
    def arguments(listen: Listen) -> list[str]:
        return [
            *("granian", "--interface", "asgi", "--host", HOST, "--port", str(listen.port)),
            *("--workers", "1", "--loop", loop, "--http", http),
            "--ws" if ws else "--no-ws",
            *("--log-level", "warning", "--no-access-log"),
            # By default: no more than 1024 connections at once, and 30 s for an idle one.
            *("--backlog", "2048", "--backpressure", "10000"),
            *("--http1-header-read-timeout", "60000"),
            *listen.tls("--ssl-certificate", "--ssl-keyfile"),
            APP,
        ]

    return ServerSpec(name=f"granian-{loop}", arguments=arguments)


def _hypercorn(worker: str, *, http3: bool = False, app: str = APP) -> ServerSpec:
    def arguments(listen: Listen) -> list[str]:
        return [
            *("hypercorn", "--bind", f"{HOST}:{listen.port}", "--worker-class", worker),
            # 0: it serves in the process that was started; 1 would add one that only watches.
            *("--workers", "0", "--log-level", "warning", "--keep-alive", str(KEEP_ALIVE)),
            *listen.tls("--certfile", "--keyfile"),
            *(("--quic-bind", f"{HOST}:{listen.port}") if http3 else ()),
            app,
        ]

    return ServerSpec(name=f"hypercorn-{worker}", arguments=arguments)


def _granian_wsgi() -> ServerSpec:
    def arguments(listen: Listen) -> list[str]:
        return [
            *("granian", "--interface", "wsgi", "--host", HOST, "--port", str(listen.port)),
            *("--workers", "1", "--http", "1", "--no-ws", "--log-level", "warning"),
            *("--no-access-log", "--blocking-threads", str(WSGI_THREADS)),
            WSGI_APP,
        ]

    return ServerSpec(name="granian-wsgi", arguments=arguments)


def _gunicorn() -> ServerSpec:
    def arguments(listen: Listen) -> list[str]:
        return [
            *("gunicorn", "--bind", f"{HOST}:{listen.port}", "--worker-class", "gthread"),
            *("--workers", "1", "--threads", str(WSGI_THREADS), "--log-level", "warning"),
            *("--keep-alive", str(KEEP_ALIVE), "--no-control-socket"),
            WSGI_APP,
        ]

    return ServerSpec(name="gunicorn-gthread", arguments=arguments)


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

WS_SERVERS: tuple[ServerSpec, ...] = (
    _nonecorn("httptools", "uvloop", ws=True),
    _nonecorn("httptools", "asyncio", ws=True),
    _nonecorn("httptools", "trio", ws=True),
    _uvicorn("httptools", "uvloop", ws="wsproto"),
    _uvicorn("httptools", "uvloop", ws="websockets-sansio"),
    _uvicorn("httptools", "asyncio", ws="wsproto"),
    _granian("uvloop", ws=True),
    _hypercorn("uvloop"),
    _hypercorn("asyncio"),
    _hypercorn("trio"),
)
"""Those of the WebSocket scenarios; Uvicorn's are called by their WebSocket engine."""

WS_PAIRS: tuple[tuple[str, str], ...] = (
    ("nonecorn-httptools-uvloop", "hypercorn-uvloop"),
    ("nonecorn-httptools-uvloop", "uvicorn-wsproto-uvloop"),
    ("nonecorn-httptools-uvloop", "uvicorn-websockets-sansio-uvloop"),
    ("nonecorn-httptools-uvloop", "granian-uvloop"),
    ("nonecorn-httptools-asyncio", "hypercorn-asyncio"),
    ("nonecorn-httptools-asyncio", "uvicorn-wsproto-asyncio"),
    ("nonecorn-httptools-trio", "hypercorn-trio"),
)
"""Who is divided by whom over WebSocket."""

HTTP2_SERVERS: tuple[ServerSpec, ...] = (
    _nonecorn("httptools", "uvloop", http2=True),
    _nonecorn("httptools", "asyncio", http2=True),
    _nonecorn("httptools", "trio", http2=True),
    _granian("uvloop", http="auto"),
    _hypercorn("uvloop"),
    _hypercorn("asyncio"),
    _hypercorn("trio"),
)
"""Those of the HTTP/2 scenarios; nonecorn's are called by that engine. All speak HTTP/1.1 as well,
which is how they are asked whether they are up.
"""

HTTP2_PAIRS: tuple[tuple[str, str], ...] = (
    ("nonecorn-h2-uvloop", "hypercorn-uvloop"),
    ("nonecorn-h2-uvloop", "granian-uvloop"),
    ("nonecorn-h2-asyncio", "hypercorn-asyncio"),
    ("nonecorn-h2-trio", "hypercorn-trio"),
    ("nonecorn-h2-trio", "nonecorn-h2-uvloop"),
)
"""Who is divided by whom over HTTP/2."""

WSGI_SERVERS: tuple[ServerSpec, ...] = (
    _nonecorn("httptools", "uvloop", app=WSGI_APP),
    _nonecorn("httptools", "asyncio", app=WSGI_APP),
    _nonecorn("httptools", "trio", app=WSGI_APP),
    _gunicorn(),
    _granian_wsgi(),
    _hypercorn("uvloop", app=WSGI_APP),
    _hypercorn("asyncio", app=WSGI_APP),
)
"""Those of the WSGI scenarios; in all of them an application has threads. Hypercorn's trio worker
is not among them: it resets the connection of every WSGI request.
"""

WSGI_PAIRS: tuple[tuple[str, str], ...] = (
    ("nonecorn-httptools-uvloop", "gunicorn-gthread"),
    ("nonecorn-httptools-uvloop", "granian-wsgi"),
    ("nonecorn-httptools-uvloop", "hypercorn-uvloop"),
    ("nonecorn-httptools-asyncio", "gunicorn-gthread"),
    ("nonecorn-httptools-asyncio", "hypercorn-asyncio"),
    ("nonecorn-httptools-trio", "gunicorn-gthread"),
)
"""Who is divided by whom over WSGI."""

HTTP3_SERVERS: tuple[ServerSpec, ...] = (
    _nonecorn("httptools", "uvloop", http3=True),
    _nonecorn("httptools", "asyncio", http3=True),
    _nonecorn("httptools", "trio", http3=True),
    _hypercorn("uvloop", http3=True),
    _hypercorn("asyncio", http3=True),
    _hypercorn("trio", http3=True),
)
"""Those of the HTTP/3 scenarios, with the same port number over TCP, which is how they are asked
whether they are up. Granian and Uvicorn have no HTTP/3.
"""

HTTP3_PAIRS: tuple[tuple[str, str], ...] = (
    ("nonecorn-h3-uvloop", "hypercorn-uvloop"),
    ("nonecorn-h3-asyncio", "hypercorn-asyncio"),
    ("nonecorn-h3-trio", "hypercorn-trio"),
    ("nonecorn-h3-trio", "nonecorn-h3-uvloop"),
)
"""Who is divided by whom over HTTP/3."""
