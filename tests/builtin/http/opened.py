"""An HTTP stream that was opened by hand, and what it has done: shared by the tests beside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nonecorn.builtin.http.stream import HTTPStream
from nonecorn.spi import NEVER, Headers, Message, Observers, Receive, RequestRecord, Scope, Send
from nonecorn.testing import MemoryPort, MemoryRuntime, make_context
from nonecorn.testing.exchange import MemoryExchange


class Idle:
    """The protocol of a port that is only asked for its facts."""

    deadline = NEVER

    def __init__(self, port: MemoryPort) -> None:
        self.port = port

    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def sweep(self) -> None: ...
    def shutdown(self) -> None: ...


class Opened:
    """A stream, spawned as a protocol does it.

    Attributes:
        stream: Under test.
        exchange: What it asked for.
        context: Its listener's.
        runtime: Where it runs.
        started: Scopes that the observers were told of at the start.
        records: Records that they were told of at the end.
    """

    def __init__(
        self,
        app,
        *,
        runtime: MemoryRuntime | None = None,
        method: str = "GET",
        path: bytes = b"/",
        query: bytes = b"",
        headers: Headers | None = None,
        has_body: bool = False,
        version: str = "1.1",
        port: dict[str, Any] | None = None,
        exchange: dict[str, Any] | None = None,
        expect: bool = False,
        run: bool = True,
        **context: Any,
    ) -> None:
        self.runtime = runtime or MemoryRuntime()
        self.started: list[Scope] = []
        self.records: list[RequestRecord] = []
        context.setdefault(
            "observers",
            Observers(
                request_started=(self.started.append,), request_finished=(self.records.append,)
            ),
        )
        self.context = make_context(app, self.runtime, **context)
        self.port = self.runtime.connect(Idle, **(port or {}))
        self.exchange = MemoryExchange(self.port, **(exchange or {}))
        fields = [(b"host", b"test")] if headers is None else headers
        self.stream = HTTPStream(
            self.context, self.exchange, self.port, version, method, path, query, fields, has_body
        )
        self.stream.expect_continue = expect
        self.stream.job = self.runtime.spawn(self.stream.run)
        if run:
            self.run()

    def run(self) -> None:
        self.runtime.run_until_idle()

    def feed(self, data: bytes, *, end: bool = False) -> None:
        self.stream.feed(data, end)
        self.run()

    def disconnect(self) -> None:
        self.stream.disconnect()
        self.run()

    @property
    def done(self) -> bool:
        return not self.runtime.jobs

    @property
    def record(self) -> RequestRecord:
        """The one record that there must be."""
        (record,) = self.records
        return record


class Script:
    """Sends messages one after the other, and keeps what `send` raised.

    Args:
        messages: To send. An exception is raised, `"receive"` receives.
        stop: Return at the first error.
    """

    def __init__(self, *messages: Any, stop: bool = False) -> None:
        self.messages = messages
        self.stop = stop
        self.scopes: list[Scope] = []
        self.received: list[Message] = []
        self.errors: list[Exception | None] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        for message in self.messages:
            if message == "receive":
                self.received.append(await receive())
                continue
            if isinstance(message, BaseException):
                raise message
            try:
                await send(message)
            except Exception as error:
                self.errors.append(error)
                if self.stop:
                    return
            else:
                self.errors.append(None)

    @property
    def error(self) -> Exception | None:
        """What the last message raised."""
        return self.errors[-1]


def start(status: Any = 200, headers: Iterable[Any] = (), **more: Any) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers, **more}


def body(data: Any = b"", **more: Any) -> Message:
    return {"type": "http.response.body", "body": data, **more}
