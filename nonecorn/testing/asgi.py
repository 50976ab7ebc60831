"""Calling an ASGI application without a server: for middleware and application wrappers.

    response = call(app, make_scope(path="/a"), body=[b"one", b"two"])
    assert response.status == 200

`Call` is the long form: a call that stays under way while the test feeds it and looks at what it
sends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from nonecorn.spi import ASGIApp, ClientDisconnectedError, Headers, Message, Scope
from nonecorn.testing.runtime import MemoryRuntime
from nonecorn.testing.task import MemoryJob, MemoryWaiter


def make_scope(
    path: str = "/", method: str = "GET", headers: Headers | None = None, **more: Any
) -> Scope:
    """A complete `http` scope, as the built-in HTTP stream makes them.

    Args:
        path: Decoded path; `raw_path` follows from it.
        method: Upper-case method.
        headers: Names in lower case; `host: test` if not given.
        **more: Any other key, or one to replace.
    """
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"test")] if headers is None else headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "extensions": {},
        **more,
    }


class Call:
    """One call of an application, under way on a `MemoryRuntime`.

    Args:
        app: The application.
        scope: Its scope.
        runtime: Where it runs; a new one by default.
        threads: The application has threads of its own: where it does not wait in `receive`, wait
            for them.

    Attributes:
        scope: As given.
        sent: Messages sent so far.
        received: Messages the application has received.
        runtime: Where it runs.
    """

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope | None = None,
        runtime: MemoryRuntime | None = None,
        *,
        threads: bool = False,
    ) -> None:
        self.scope = make_scope() if scope is None else scope
        self.sent: list[Message] = []
        self.received: list[Message] = []
        self.runtime = MemoryRuntime() if runtime is None else runtime
        self._inbox: deque[Message] = deque()
        self._waiter: MemoryWaiter | None = None
        self._gone = False
        self._app = app
        self._threads = threads
        self._job: MemoryJob = self.runtime.spawn(self._run)
        self._error: BaseException | None = None

    def feed(self, *messages: Message) -> Call:
        """Let the application receive these, and run it until it waits again."""
        self._inbox.extend(messages)
        return self.step()

    def body(self, data: bytes = b"", *, more: bool = False) -> Call:
        """Feed one `http.request` message."""
        return self.feed({"type": "http.request", "body": data, "more_body": more})

    def disconnect(self) -> Call:
        """The client goes: `receive` says so, and `send` raises from now on."""
        self._gone = True
        return self.feed({"type": "http.disconnect"})

    def step(self) -> Call:
        """Run until nothing is left to do."""
        if self._waiter is not None:
            self._waiter.set()
        self.runtime.run_until_idle()
        while self._threads and self._waiter is None and not self.done:
            self.runtime.wait_for_thread()
            self.runtime.run_until_idle()
        return self

    @property
    def done(self) -> bool:
        """The application has returned or raised."""
        return self._job.done

    @property
    def error(self) -> BaseException | None:
        """What it raised."""
        return self._error

    @property
    def status(self) -> int | None:
        """Status of the response, once it has begun."""
        starts = [m for m in self.sent if m["type"] == "http.response.start"]
        return starts[0]["status"] if starts else None

    @property
    def headers(self) -> Headers:
        """Headers of the response, as sent."""
        starts = [m for m in self.sent if m["type"] == "http.response.start"]
        return list(starts[0].get("headers", ())) if starts else []

    @property
    def content(self) -> bytes:
        """Body of the response so far."""
        return b"".join(m.get("body", b"") for m in self.sent if m["type"] == "http.response.body")

    async def _run(self) -> None:
        try:
            await self._app(self.scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001  # for the test to look at
            self._error = error

    async def _receive(self) -> Message:
        while not self._inbox:
            self._waiter = self.runtime.waiter()
            await self._waiter.wait()
            self._waiter = None
        message = self._inbox.popleft()
        self.received.append(message)
        return message

    async def _send(self, message: Message) -> None:
        if self._gone:
            error = "the client has disconnected"
            raise ClientDisconnectedError(error)
        self.sent.append(message)

    def __repr__(self) -> str:
        return f"<Call {self.scope['type']} sent={len(self.sent)} {self._job!r}>"


def call(
    app: ASGIApp,
    scope: Scope | None = None,
    body: Iterable[bytes] = (),
    runtime: MemoryRuntime | None = None,
    *,
    threads: bool = False,
) -> Call:
    """Call an application with a whole request and see its response through.

    Args:
        app: The application.
        scope: Its scope; a GET of `/` by default.
        body: Body, one message each.
        runtime: Where it runs; a new one by default.
        threads: The application has threads of its own.

    Raises:
        BaseException: What the application raised.
    """
    under_way = Call(app, scope, runtime, threads=threads)
    pieces = list(body) or [b""]
    for index, piece in enumerate(pieces):
        under_way.body(piece, more=index + 1 < len(pieces))
    if under_way.error is not None:
        raise under_way.error
    return under_way
