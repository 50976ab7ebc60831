"""One listener in memory, on either HTTP/1.1 engine: shared by the tests beside."""

from __future__ import annotations

from typing import Any

from nonecorn.spi import Limits, Observers, ProtocolFactory, Ref, RequestRecord, Scope
from nonecorn.testing import (
    Gate,
    MemoryPort,
    MemoryRuntime,
    RawResponse,
    make_context,
    read_responses,
)
from nonecorn.testing.apps import hello
from nonecorn_http1._settings import Http1Settings

ENGINES: dict[str, Ref[ProtocolFactory]] = {
    "h11": Ref("nonecorn_h11._connection:H11Connection"),
    "httptools": Ref("nonecorn_httptools._connection:HttptoolsConnection"),
}
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def get(target: bytes = b"/", *lines: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return b"\r\n".join([b"GET %b %b" % (target, version), b"Host: a", *lines, b"", b""])


def post(body: bytes, *lines: bytes, target: bytes = b"/", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = [b"POST %b HTTP/1.1" % target, b"Host: a", b"Content-Length: %d" % size, *lines]
    return b"\r\n".join([*head, b"", body])


def chunked(body: bytes, *lines: bytes) -> bytes:
    head = [b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked", *lines]
    return b"\r\n".join([*head, b"", body])


class Server:
    """A listener.

    Attributes:
        app: What it serves; may be exchanged between requests.
        runtime: Where it runs.
        context: Its connections'.
        started: Scopes the observers were told of.
        records: Records the observers were told of.
    """

    def __init__(
        self, engine: str, app: Any = hello, *, eager: bool = False, **options: Any
    ) -> None:
        self.app = app
        self.runtime = MemoryRuntime(eager=eager)
        self.started: list[Scope] = []
        self.records: list[RequestRecord] = []
        limits = options.pop("limits", {})
        settings = options.pop("settings", [Http1Settings()])
        observers = Observers(
            request_started=(self.started.append,), request_finished=(self.records.append,)
        )
        self.limits = Limits(**limits)
        self.context = make_context(
            self._app,
            self.runtime,
            settings=settings,
            limits=self.limits,
            observers=options.pop("observers", observers),
            **options,
        )
        self.factory = ENGINES[engine].load()

    async def _app(self, scope, receive, send) -> None:
        await self.app(scope, receive, send)

    def connect(self, **options: Any) -> MemoryPort:
        options.setdefault("send_buffer", self.limits.send_buffer)
        return self.runtime.connect(lambda port: self.factory(self.context, port), **options)

    def run(self) -> None:
        self.runtime.run_until_idle()

    def ask(
        self, request: bytes = GET, method: str = "GET", port: MemoryPort | None = None
    ) -> RawResponse:
        """One request and its response, on a connection of its own unless one is given."""
        port = port or self.connect()
        data = port.exchange(request)
        (response,) = read_responses(data, [method], closed=port.eof_sent or port.closed)
        return response

    @property
    def reasons(self) -> list[str]:
        return [record.reason for record in self.records]


class Held:
    """Answers each request with its path when it is let go; keeps what it was called with."""

    def __init__(self, body: bytes | None = None) -> None:
        self.body = body
        self.scopes: list[Scope] = []
        self.gates: list[Gate] = []

    async def __call__(self, scope, receive, send) -> None:
        gate = Gate()
        self.scopes.append(scope)
        self.gates.append(gate)
        await gate.wait()
        body = scope["raw_path"] if self.body is None else self.body
        fields = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    @property
    def paths(self) -> list[str]:
        return [scope["path"] for scope in self.scopes]


async def echo_path(scope, receive, send) -> None:
    """Answer with the path, at once and without reading."""
    body = scope["raw_path"]
    fields = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})
