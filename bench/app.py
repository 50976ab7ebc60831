"""The application that every server serves: plain ASGI, no framework, as little work as can be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

HELLO = b"Hello, world!"
CHUNK = bytes(range(256)) * 256
"""64 KiB in which a lost or repeated piece shows."""
DOWNLOAD_CHUNKS = 160
DOWNLOAD_SIZE = DOWNLOAD_CHUNKS * len(CHUNK)
"""10 MiB."""
MEBIBYTE_CHUNKS = 16
"""So many make 1 MiB."""

_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_HELLO_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [_TEXT, (b"content-length", b"13")],
}
_HELLO_BODY = {"type": "http.response.body", "body": HELLO}
_DOWNLOAD_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"%d" % DOWNLOAD_SIZE),
    ],
}
_MEBIBYTE_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"%d" % (MEBIBYTE_CHUNKS * len(CHUNK))),
    ],
}
_DOWNLOAD_MORE = {"type": "http.response.body", "body": CHUNK, "more_body": True}
_DOWNLOAD_LAST = {"type": "http.response.body", "body": CHUNK}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """`/` greets, `/upload` counts, `/down` streams 10 MiB, `/mebibyte` 1; sockets echo."""
    if scope["type"] == "websocket":
        await _echo(receive, send)
        return
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    path = scope["path"]
    if path == "/":
        await send(_HELLO_START)
        await send(_HELLO_BODY)
    elif path == "/upload":
        await _upload(receive, send)
    elif path == "/down":
        await _download(send, _DOWNLOAD_START, DOWNLOAD_CHUNKS)
    elif path == "/mebibyte":
        await _download(send, _MEBIBYTE_START, MEBIBYTE_CHUNKS)
    else:
        await _answer(send, 404, b"Not found")


async def _download(send: Send, start: dict[str, Any], chunks: int) -> None:
    await send(start)
    for _ in range(chunks - 1):
        await send(_DOWNLOAD_MORE)
    await send(_DOWNLOAD_LAST)


async def _upload(receive: Receive, send: Send) -> None:
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        size += len(event.get("body", b""))
        if not event.get("more_body", False):
            break
    await _answer(send, 200, b"%d" % size)


async def _echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return
        await send({"type": "websocket.send", "bytes": event["bytes"]})


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [_TEXT, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
