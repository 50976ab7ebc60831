"""What answers while the application cannot be started: 503, with the reason.

A page asks for itself once a second, so that it becomes the application's as soon as there is one.
"""

from __future__ import annotations

import html
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

VARIABLE: Final = "_NONECORN_UNAVAILABLE"
"""Environment variable: why."""

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="1">
<title>The application does not start</title>
<style>body {{ font: 1rem/1.5 system-ui; margin: 3rem }} pre {{ white-space: pre-wrap }}</style>
<h1>The application does not start</h1>
<pre>{reason}</pre>
<p>The terminal has the traceback. This page comes back with the next change.</p>
</html>
"""
_TEXT = "The application does not start: {reason}\nThe terminal has the traceback.\n"


async def app(
    scope: Scope,
    receive: Callable[[], Awaitable[Event]],
    send: Callable[[Event], Awaitable[None]],
) -> None:
    """Refuse whatever is asked for (ASGI 3)."""
    if scope["type"] == "http":
        await _answer(scope, send, "http.response")
    elif scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" in scope.get("extensions", {}):
            await _answer(scope, send, "websocket.http.response")
        else:
            await send({"type": "websocket.close", "code": 1013})  # try again later
    else:
        message = f"there is no {scope['type']} without the application"
        raise ValueError(message)


async def _answer(scope: Scope, send: Callable[[Event], Awaitable[None]], kind: str) -> None:
    reason = os.environ.get(VARIABLE, "")
    if any(name == b"accept" and b"text/html" in value for name, value in scope["headers"]):
        media, text = "text/html", _PAGE.format(reason=html.escape(reason))
    else:
        media, text = "text/plain", _TEXT.format(reason=reason)
    body = text.encode("utf-8", "backslashreplace")
    headers = [
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"1"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": f"{kind}.start", "status": 503, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
