"""A WebSocket stream that was opened by hand, and what it has done: shared by the tests beside."""

from __future__ import annotations

from typing import Any

from nonecorn.spi import NEVER, Headers, Limits, Observers, RequestRecord
from nonecorn.testing import Gate, MemoryRuntime, make_context
from nonecorn.testing.exchange import MemoryExchange
from nonecorn_ws._settings import WebSocketSettings
from nonecorn_ws._wsproto import WsprotoStream
from nonecorn_ws.testing import client_frame, client_message, server_frames

HANDSHAKE: Headers = [
    (b"host", b"test"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
]
ACCEPT = {"type": "websocket.accept"}
CLOSE = 0x88
PING = 0x89
PONG = 0x8A


class Idle:
    """The protocol of a port that is only asked for its facts."""

    deadline = NEVER

    def __init__(self, port) -> None:
        self.port = port

    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def sweep(self) -> None: ...
    def shutdown(self) -> None: ...


class Opened:
    """A stream, spawned as a protocol does it.

    Attributes:
        stream: Under test.
        exchange: What it asked for.
        runtime: Where it runs.
        received: What the application of `serve` has received.
        started: Scopes that the observers were told of.
        records: Records that they were told of.
    """

    def __init__(
        self,
        app=None,
        *,
        version="1.1",
        method="GET",
        path=b"/chat",
        headers=None,
        port=None,
        limits=None,
        context=None,
        zero_copy=False,
        spawn=True,
        **settings,
    ) -> None:
        self.runtime = MemoryRuntime() if context is None else context.runtime
        self.received: list[dict[str, Any]] = []
        self.started: list[dict[str, Any]] = []
        self.records: list[RequestRecord] = []
        self.gate = Gate()
        if context is None:
            context = make_context(
                app or self.keep,
                self.runtime,
                settings=[WebSocketSettings(**settings)],
                limits=limits or Limits(),
                observers=Observers(
                    request_started=(self.started.append,),
                    request_finished=(self.records.append,),
                ),
            )
        self.context = context
        made = self.runtime.connect(Idle, **(port or {}))
        self.exchange = MemoryExchange(made, zero_copy=zero_copy)
        self.stream = WsprotoStream(
            context, self.exchange, made, version, method, path, b"q=1",
            list(HANDSHAKE if headers is None else headers), True,
        )  # fmt: skip
        if spawn:
            self.spawn()

    def spawn(self) -> None:
        """Begin; for applications that use this object `spawn=False` puts it off."""
        self.stream.job = self.runtime.spawn(self.stream.run)
        self.runtime.run_until_idle()

    async def keep(self, scope, receive, send) -> None:
        """Accept, and receive until the end."""
        assert (await receive())["type"] == "websocket.connect"
        await send(ACCEPT)
        while not self.received or self.received[-1]["type"] != "websocket.disconnect":
            self.received.append(await receive())

    def feed(self, *messages, raw=b"", end=False) -> None:
        """The client sends messages, as text or bytes, and then `raw` bytes."""
        data = b"".join(map(client_message, messages)) + raw
        self.stream.feed(data, end)
        self.runtime.run_until_idle()

    def client_closes(self, payload=b"\x03\xe8") -> None:
        self.feed(raw=client_frame(8, payload))

    @property
    def frames(self) -> list[tuple[int, bytes]]:
        """What was sent: first byte and payload of each frame."""
        return list(server_frames(self.exchange.content))

    def block(self) -> None:
        """The client takes no more."""
        self.stream.blocked = self.runtime.waiter()

    def unblock(self) -> None:
        blocked, self.stream.blocked = self.stream.blocked, None
        blocked.set()
        self.runtime.run_until_idle()


def run(*steps):
    """An application that accepts and then takes these steps: messages to send, or functions of
    `receive` and `send`.
    """

    async def app(scope, receive, send):
        await receive()
        for step in (ACCEPT, *steps):
            if callable(step):
                await step(receive, send)
            else:
                await send(dict(step))

    return app
