"""What stands behind the batteries: answers to wait for, and readiness to take away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nonecorn.spi import current_run
from nonecorn_compress import Compress
from nonecorn_health import Health
from nonecorn_limits import Limits
from nonecorn_static import StaticFiles

TEXT = b"the quick brown fox jumps over the lazy dog\n" * 2000

Message = dict[str, Any]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve one scope."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
    else:
        await PATHS.get(scope["path"], hello)(receive, send)


async def hello(_receive: Any, send: Any) -> None:
    await start(send, b"text/plain")
    await send({"type": "http.response.body", "body": b"Hello, world!"})


async def text(_receive: Any, send: Any) -> None:
    await start(send, b"text/plain", (b"content-length", b"%d" % len(TEXT)))
    await send({"type": "http.response.body", "body": TEXT})


async def pieces(_receive: Any, send: Any) -> None:
    await start(send, b"text/plain")
    for _ in range(20):
        await send({"type": "http.response.body", "body": TEXT, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def events(receive: Any, send: Any) -> None:
    """One event, and the end when the client has gone."""
    await start(send, b"text/event-stream")
    await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


async def held(receive: Any, send: Any) -> None:
    """Keeps its place for as long as its client stays."""
    while (await receive())["type"] != "http.disconnect":
        pass
    await hello(receive, send)


async def path(_receive: Any, send: Any) -> None:
    await start(send, b"text/plain")
    await send({"type": "http.response.pathsend", "path": os.environ["BATTERY_FILE"]})


async def draining(_receive: Any, send: Any) -> None:
    await start(send, b"text/plain")
    await send({"type": "http.response.body", "body": str(current_run().draining).encode()})


async def start(send: Any, kind: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", kind), *more]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


PATHS = {
    "/text": text,
    "/pieces": pieces,
    "/events": events,
    "/held": held,
    "/path": path,
    "/draining": draining,
}


def in_code() -> Any:
    """The application inside of all batteries, as a program puts them around it."""
    files = StaticFiles(app, directory=os.environ["BATTERY_PUBLIC"], prefix="/files")
    return Health(Limits(Compress(files), rate="100/s", concurrency=10), check=check_soon)


def check() -> bool:
    """Ready as long as the file is there; in a thread."""
    return Path(os.environ["BATTERY_READY"]).exists()


async def check_soon() -> bool:
    """The same on the loop."""
    return check()
