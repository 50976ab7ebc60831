"""What is measured: the requests, the clients, the figures taken.

A scenario opens into calls, one per server, each of which measures once; `campaign.py` makes them
in turn.
"""

from __future__ import annotations

import abc
import functools
import time
from collections.abc import Callable
from typing import ClassVar

from bench import proc
from bench.app import CHUNK, DOWNLOAD_CHUNKS, DOWNLOAD_SIZE, MEBIBYTE_CHUNKS
from bench.drain import run_drain
from bench.echo import MESSAGE, connect, run_echo
from bench.errors import BenchError
from bench.fleet import Server
from bench.h2load import run_h2load
from bench.h3load import probe_http3, run_h3load
from bench.idle import measure_idle
from bench.lab import Lab, Subjects
from bench.load import Load, run_wrk
from bench.probe import Request, probe
from bench.probe2 import probe_http2
from bench.results import Metric, Sample
from bench.servers import (
    HTTP2_PAIRS,
    HTTP2_SERVERS,
    HTTP3_PAIRS,
    HTTP3_SERVERS,
    PAIRS,
    SERVERS,
    WS_PAIRS,
    WS_SERVERS,
    WSGI_PAIRS,
    WSGI_SERVERS,
    ServerSpec,
)
from bench.startup import BARE, COMMANDS, measure_command
from bench.system import on_cpu

_SETTLE = 0.05
_PROBES = 3
_UPLOAD = 64 * 1024
_DOWNLOADS = 4
_DIFFERENT_URLS = 10_000
_SOCKETS = 32
_IDLE_SOCKETS = 2000
_SERVER_BUSY = Metric(key="server_busy", label="server busy %")
_CLIENT_BUSY = Metric(key="client_busy", label="client busy %")
# What a desktop browser sends when it opens a page: with Host, 20 fields and about 1 KiB.
_BROWSER = (
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    ),
    ("Accept-Language", "en-GB,en;q=0.8,de-DE;q=0.6,de;q=0.4,fr;q=0.2"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Referer", "http://127.0.0.1/catalogue/books/fiction?page=3&sort=published&order=descending"),
    (
        "Cookie",
        f"session=4f1c2a9b7d3e5f60718293a4b5c6d7e8; theme=dark; _lang=en; t={'a1b2c3d4' * 24}",
    ),
    ("DNT", "1"),
    ("Sec-GPC", "1"),
    ("Upgrade-Insecure-Requests", "1"),
    ("Sec-CH-UA", '"Chromium";v="138", "Not)A;Brand";v="8"'),
    ("Sec-CH-UA-Mobile", "?0"),
    ("Sec-CH-UA-Platform", '"Linux"'),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-User", "?1"),
    ("If-None-Match", '"5f3a-62b1c0d9e4a80"'),
    ("Cache-Control", "max-age=0"),
    ("Priority", "u=0, i"),
)


class Scenario(abc.ABC):
    """One table of the report.

    Attributes:
        name: What options and targets call it.
        title: Its heading.
        metrics: Its columns.
        servers: Who can be measured.
        pairs: Who is divided by whom.
        most_rounds: Rounds beyond which nothing more is learnt.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    servers: ClassVar[tuple[ServerSpec, ...]] = SERVERS
    pairs: ClassVar[tuple[tuple[str, str], ...]] = PAIRS
    most_rounds: ClassVar[int] = 1000

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @abc.abstractmethod
    def open(self, lab: Lab, specs: tuple[ServerSpec, ...]) -> Subjects:
        """Start what is to be measured and check that it answers rightly."""


class LoadScenario(Scenario):
    """Clients ask as fast as they are answered; all servers are up, one at a time is loaded."""

    def __init__(
        self,
        name: str,
        title: str,
        request: Request,
        *,
        unit: str = "req",
        tls: bool = False,
        vary: bool = False,
        connections: int = 64,
    ) -> None:
        self.name = name
        self.title = title
        self.metrics = (
            Metric(key="rate", label=f"{unit}/s", better="more"),
            Metric(key="cpu", label=f"CPU µs/{unit}", better="less", digits=1),
            _SERVER_BUSY,
            _CLIENT_BUSY,
        )
        self._request = request
        self._tls = tls
        self._vary = vary
        self._connections = connections

    def open(self, lab: Lab, specs: tuple[ServerSpec, ...]) -> Subjects:
        """Start the servers, then probe and warm up each."""
        fleet = lab.fleet(specs, tls=self._tls)
        measures, failures = {}, dict(fleet.failures)
        for name, server in fleet.servers.items():
            try:
                for _ in range(_PROBES):
                    self._probe(server)
                self._load(lab, server, 1)
            except (BenchError, OSError) as error:
                failures[name] = str(error)
            else:
                measures[name] = functools.partial(self._measure, lab, server)
        return Subjects(measures=measures, failures=failures)

    def _measure(self, lab: Lab, server: Server) -> Sample:
        server.check_alive()
        cpu, started = proc.cpu(server.pid), time.monotonic()
        load = self._load(lab, server, lab.seconds)
        elapsed = time.monotonic() - started
        time.sleep(_SETTLE)  # what closing the connections costs belongs to this run
        cpu = proc.cpu(server.pid) - cpu
        server.check_alive()
        count = self._count(load)
        if not count:
            raise BenchError(f"no request was answered; {load.errors} errors")
        values = {
            "rate": count / load.seconds,
            "cpu": cpu * 1e6 / count,
            "server_busy": 100 * cpu / elapsed,
            "client_busy": 100 * load.client_busy,
        }
        return Sample(values=values, errors=load.errors, printed=server.printed())

    def _probe(self, server: Server) -> None:
        probe(server.listen, self._request)

    def _load(self, lab: Lab, server: Server, seconds: int) -> Load:
        request = self._request
        return run_wrk(
            server.url + request.path,
            seconds=seconds,
            connections=self._connections,
            headers=request.headers,
            body_size=len(request.body),
            vary=self._vary,
            cpu=lab.placement.client,
        )

    def _count(self, load: Load) -> float:
        return load.requests


class DownloadScenario(LoadScenario):
    """As above, in MiB, with a client that does nothing but read."""

    def _load(self, lab: Lab, server: Server, seconds: int) -> Load:
        with on_cpu(lab.placement.client):
            return run_drain(
                server.listen.port,
                self._request.path,
                DOWNLOAD_SIZE,
                seconds=seconds,
                connections=self._connections,
            )

    def _count(self, load: Load) -> float:
        return load.size / 2**20


class WsgiScenario(LoadScenario):
    """As above, with a WSGI application, which has a thread for each request."""

    servers = WSGI_SERVERS
    pairs = WSGI_PAIRS


class WsgiDownloadScenario(DownloadScenario):
    """A download of the same."""

    servers = WSGI_SERVERS
    pairs = WSGI_PAIRS


class EchoScenario(LoadScenario):
    """As above, over WebSocket: messages go there and back, one at a time on each socket."""

    servers = WS_SERVERS
    pairs = WS_PAIRS

    def _probe(self, server: Server) -> None:
        connect(server.listen.port).close()

    def _load(self, lab: Lab, server: Server, seconds: int) -> Load:
        with on_cpu(lab.placement.client):
            return run_echo(server.listen.port, seconds=seconds, connections=self._connections)


class Http2Scenario(LoadScenario):
    """As above, over HTTP/2: many requests at once on each of few connections."""

    servers = HTTP2_SERVERS
    pairs = HTTP2_PAIRS

    def __init__(
        self,
        name: str,
        title: str,
        request: Request,
        *,
        unit: str = "req",
        tls: bool = False,
        vary: bool = False,
        connections: int = 10,
        streams: int = 10,
    ) -> None:
        title = f"HTTP/2: {title}, {connections} connections with {streams} streams each"
        super().__init__(
            name, title, request, unit=unit, tls=tls, vary=vary, connections=connections
        )
        self._streams = streams

    def _probe(self, server: Server) -> None:
        probe_http2(server.listen, self._request)

    def _load(self, lab: Lab, server: Server, seconds: int) -> Load:
        url = server.url + self._request.path
        body = urls = None
        if self._request.body:
            body = lab.directory / f"{self.name}.body"
            body.write_bytes(self._request.body)
        if self._vary:
            urls = lab.directory / f"{self.name}-{server.listen.port}.urls"
            urls.write_text("".join(f"{url}?{number}\n" for number in range(_DIFFERENT_URLS)))
        return run_h2load(
            url,
            seconds=seconds,
            connections=self._connections,
            streams=self._streams,
            body=body,
            urls=urls,
            cpu=lab.placement.client,
        )


class Http2DownloadScenario(Http2Scenario):
    """As above, in MiB: a download that the end of the time cuts short counts for its part."""

    def _count(self, load: Load) -> float:
        return load.size / 2**20


class Http3Scenario(LoadScenario):
    """As above, over HTTP/3."""

    servers = HTTP3_SERVERS
    pairs = HTTP3_PAIRS

    def __init__(
        self,
        name: str,
        title: str,
        request: Request,
        *,
        unit: str = "req",
        vary: bool = False,
        connections: int = 10,
        streams: int = 10,
    ) -> None:
        several = f"{streams} streams" if streams > 1 else "one stream"
        title = f"HTTP/3: {title}, {connections} connections with {several} each"
        super().__init__(
            name, title, request, unit=unit, tls=True, vary=vary, connections=connections
        )
        self._streams = streams

    def _probe(self, server: Server) -> None:
        probe_http3(server.listen.port, self._request)

    def _load(self, lab: Lab, server: Server, seconds: int) -> Load:
        with on_cpu(lab.placement.client):
            return run_h3load(
                server.listen.port,
                self._request,
                seconds=seconds,
                connections=self._connections,
                streams=self._streams,
                vary=self._vary,
            )


class Http3DownloadScenario(Http3Scenario):
    """As above, in MiB: a download that the end of the time cuts short counts for its part."""

    def _count(self, load: Load) -> float:
        return load.size / 2**20


class IdleScenario(Scenario):
    """Memory and CPU of a server with nothing to do, alone, without and with connections."""

    name = "idle"
    title = "Idle worker, and idle keep-alive connections"
    metrics = (
        Metric(key="pss", label="worker MiB (PSS)", better="less", digits=1),
        Metric(key="private", label="of which private MiB", digits=1),
        Metric(key="cpu", label="idle CPU ms in 5 s", better="less", digits=2),
        Metric(key="per_connection", label="KiB/connection", better="less", digits=2),
        Metric(key="connected_cpu", label="CPU ms in 5 s with them", better="less", digits=2),
        Metric(key="connections", label="connections"),
    )
    most_rounds = 2

    def open(self, lab: Lab, specs: tuple[ServerSpec, ...]) -> Subjects:
        """Every measurement starts a server of its own."""
        lab.clear()
        return Subjects(
            measures={spec.name: functools.partial(self._measure, lab, spec) for spec in specs}
        )

    def _measure(self, lab: Lab, spec: ServerSpec) -> Sample:
        with lab.alone(spec) as server, on_cpu(lab.placement.client):
            return measure_idle(server, lab.connections)


class IdleSocketScenario(IdleScenario):
    """The same with WebSockets that have echoed one message each."""

    name = "ws-idle"
    title = f"Idle worker, and {_IDLE_SOCKETS} idle WebSockets"
    servers = WS_SERVERS
    pairs = WS_PAIRS

    def _measure(self, lab: Lab, spec: ServerSpec) -> Sample:
        count = min(_IDLE_SOCKETS, lab.connections)
        with lab.alone(spec) as server, on_cpu(lab.placement.client):
            return measure_idle(server, count, connect)


class StartupScenario(Scenario):
    """What the command line costs before it does anything, beside a bare interpreter."""

    name = "startup"
    title = "Command line, beside a bare interpreter"
    metrics = (Metric(key="cpu", label="CPU ms", better="less", digits=1),)
    pairs = tuple((name, BARE) for name in COMMANDS if name != BARE)

    def open(self, lab: Lab, specs: tuple[ServerSpec, ...]) -> Subjects:
        """Run each once, which also compiles what is not compiled yet."""
        lab.clear()
        wanted = {spec.name.partition("-")[0] for spec in specs}
        measures: dict[str, Callable[[], Sample]] = {}
        failures: dict[str, str] = {}
        for name, command in COMMANDS.items():
            if name != BARE and name.partition(" ")[0] not in wanted:
                continue
            measure = functools.partial(measure_command, command, lab.placement.server)
            try:
                measure()
            except BenchError as error:
                failures[name] = str(error)
            else:
                measures[name] = measure
        return Subjects(measures=measures, failures=failures)


SCENARIOS: tuple[Scenario, ...] = (
    LoadScenario("get", "Small GET, 64 keep-alive connections", Request()),
    # wrk repeats one request byte for byte, and a server may profit from that: nonecorn keeps what
    # it made of a connection's last header block. No two requests of the varied ones are alike.
    LoadScenario("get-varied", "Small GET, no two requests alike", Request(), vary=True),
    LoadScenario("headers", "Small GET with 20 browser headers", Request(headers=_BROWSER)),
    LoadScenario(
        "headers-varied",
        "Small GET with 20 browser headers, no two requests alike",
        Request(headers=_BROWSER),
        vary=True,
    ),
    LoadScenario(
        "post",
        "64 KiB posted",
        Request(path="/upload", body=b"x" * _UPLOAD, expected=str(_UPLOAD).encode()),
    ),
    LoadScenario(
        "connect",
        "New connections, one request each",
        Request(headers=(("Connection", "close"),)),
        unit="conn",
    ),
    DownloadScenario(
        "down",
        f"10 MiB streamed down, {_DOWNLOADS} connections",
        Request(path="/down", expected=CHUNK * DOWNLOAD_CHUNKS),
        unit="MiB",
        connections=_DOWNLOADS,
    ),
    LoadScenario("tls", "Small GET over TLS (EC P-256)", Request(), tls=True),
    Http2Scenario("h2-get", "small GET", Request()),
    Http2Scenario("h2-get-varied", "small GET, no two queries alike", Request(), vary=True),
    Http2Scenario("h2-tls-get", "small GET over TLS (EC P-256)", Request(), tls=True),
    Http2Scenario(
        "h2-upload",
        "64 KiB posted",
        Request(path="/upload", body=b"x" * _UPLOAD, expected=str(_UPLOAD).encode()),
    ),
    Http2DownloadScenario(
        "h2-download",
        "1 MiB streamed down",
        Request(path="/mebibyte", expected=CHUNK * MEBIBYTE_CHUNKS),
        unit="MiB",
        connections=_DOWNLOADS,
        streams=4,
    ),
    WsgiScenario("wsgi-get", "WSGI: small GET, 64 keep-alive connections", Request()),
    WsgiScenario(
        "wsgi-post",
        "WSGI: 64 KiB posted",
        Request(path="/upload", body=b"x" * _UPLOAD, expected=str(_UPLOAD).encode()),
    ),
    WsgiDownloadScenario(
        "wsgi-down",
        f"WSGI: 10 MiB streamed down, {_DOWNLOADS} connections",
        Request(path="/down", expected=CHUNK * DOWNLOAD_CHUNKS),
        unit="MiB",
        connections=_DOWNLOADS,
    ),
    Http3Scenario("h3-get", "small GET", Request()),
    Http3Scenario("h3-get-varied", "small GET, no two queries alike", Request(), vary=True),
    Http3Scenario(
        "h3-upload",
        "64 KiB posted",
        Request(path="/upload", body=b"x" * _UPLOAD, expected=str(_UPLOAD).encode()),
        streams=4,
    ),
    Http3DownloadScenario(
        "h3-download",
        "10 MiB streamed down",
        Request(path="/down", expected=CHUNK * DOWNLOAD_CHUNKS),
        unit="MiB",
        connections=_DOWNLOADS,
        streams=1,
    ),
    EchoScenario(
        "ws-echo",
        f"{len(MESSAGE)}-byte messages echoed, {_SOCKETS} WebSockets",
        Request(),
        unit="msg",
        connections=_SOCKETS,
    ),
    IdleScenario(),
    IdleSocketScenario(),
    StartupScenario(),
)
