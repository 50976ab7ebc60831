"""Applications that misbehave, or take their time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi import Message, Receive, Scope, Send
from nonecorn.testing.apps.body import _only_http, respond

if TYPE_CHECKING:
    from nonecorn.testing.gate import Gate


class Crashed(Exception):  # noqa: N818  # an event, not an error of the kit
    """What the crashing applications raise."""


async def crash_before_start(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise at once."""
    raise Crashed


async def crash_after_start(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a head and half a body, then raise."""
    _only_http(scope)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise Crashed


async def returns_early(scope: Scope, receive: Receive, send: Send) -> None:
    """Return without a response."""


async def never_receives(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without reading the request's body."""
    _only_http(scope)
    await respond(send, b"unread")


async def never_responds(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the request, then wait for the client to go, without an answer."""
    _only_http(scope)
    while (await receive())["type"] != "http.disconnect":
        pass


class Gated:
    """Wait at a gate, then answer.

    Args:
        gate: Opened by the test.
        body: The answer.

    Attributes:
        started: Requests that came to the gate.
        finished: Requests whose answer was sent.
    """

    def __init__(self, gate: Gate, body: bytes = b"at last") -> None:
        self.gate = gate
        self.body = body
        self.started = 0
        self.finished = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then answer."""
        _only_http(scope)
        self.started += 1
        await self.gate.wait()
        await respond(send, self.body)
        self.finished += 1


class IgnoresDisconnect:
    """Go on sending whatever happens, and keep what `send` raises.

    Args:
        count: Pieces to send.
        piece: Each of them.

    Attributes:
        messages: What `receive` gave.
        errors: What `send` raised.
    """

    def __init__(self, count: int = 10, piece: bytes = b"x" * 1000) -> None:
        self.count = count
        self.piece = piece
        self.messages: list[Message] = []
        self.errors: list[Exception] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request to its end or to the disconnect, then send and send."""
        _only_http(scope)
        more = True
        while more:
            message = await receive()
            self.messages.append(message)
            more = message.get("more_body", False)
        messages: list[Message] = [{"type": "http.response.start", "status": 200, "headers": []}]
        messages += [
            {"type": "http.response.body", "body": self.piece, "more_body": True}
            for _ in range(self.count)
        ]
        for message in [*messages, {"type": "http.response.body"}]:
            try:
                await send(message)
            except Exception as error:  # noqa: BLE001  # whatever it is, the test looks at it
                self.errors.append(error)
