"""Applications that answer: with a greeting, the request's body, its scope, a stream of chunks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nonecorn.spi import Headers, Receive, Scope, Send


async def respond(
    send: Send, body: bytes, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Send a whole response with its length."""
    fields = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive) -> tuple[bytes, bool]:
    """Receive a whole request body.

    Returns:
        The body, and whether it is complete: False where the client went away first.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body), False
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body), True


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `Hello, world!` without a look at the request. Its lifespan is to have none."""
    _only_http(scope)
    await respond(send, b"Hello, world!", headers=[(b"content-type", b"text/plain")])


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Stream the request's body back, piece by piece, as it comes."""
    _only_http(scope)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
        body = message.get("body", b"")
        await send({"type": "http.response.body", "body": body, "more_body": more})
        if not more:
            return


async def scope_probe(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the scope as JSON: bytes as latin-1, tuples as lists, what is not JSON by its repr."""
    _only_http(scope)
    body = json.dumps(_plain(dict(scope)), default=repr).encode()
    await respond(send, body, headers=[(b"content-type", b"application/json")])


class Chunks:
    """Answer a body in pieces, without a length unless one is given.

    Args:
        pieces: Body, one message each.
        headers: Header fields, `content-length` among them if it is to be sent.
        status: Status code.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        headers: Iterable[tuple[bytes, bytes]] = (),
        status: int = 200,
    ) -> None:
        self.pieces = tuple(pieces)
        self.headers = list(headers)
        self.status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them, and an empty last message."""
        _only_http(scope)
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})


@dataclass(slots=True, kw_only=True)
class RecordedRequest:
    """One request as an application saw it.

    Attributes:
        scope: The scope.
        body: Body received.
        complete: The body ended; False where the client went first.
        trailers: The trailer section, where there was one.
    """

    scope: dict[str, Any]
    body: bytes = b""
    complete: bool = False
    trailers: Headers | None = None


class Recorder:
    """Read each request to its end, keep it in `requests`, answer `ok`.

    Attributes:
        requests: In the order in which they came, filled while their body arrives.
    """

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record and answer."""
        _only_http(scope)
        request = RecordedRequest(scope=dict(scope))
        self.requests.append(request)
        while not request.complete:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            request.body += message.get("body", b"")
            request.complete = not message.get("more_body", False)
            if "trailers" in message:
                request.trailers = list(message["trailers"])
        await respond(send, b"ok")


def _only_http(scope: Scope) -> None:
    if scope["type"] != "http":
        message = f"no application for {scope['type']!r}"
        raise LookupError(message)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
