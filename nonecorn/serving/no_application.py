"""What serves in the place of an application where middleware has all the answers.

Such a server has no APP: what its middleware passes on belongs to nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.spi import Receive, Scope, Send


async def no_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 404, to sockets as well."""
    if scope["type"] == "lifespan":
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})
    elif scope["type"] == "http":
        await _not_found("http.response", send)
    elif scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" in (scope.get("extensions") or ()):
            await _not_found("websocket.http.response", send)
        else:
            await send({"type": "websocket.close"})


async def _not_found(prefix: str, send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": f"{prefix}.start", "status": 404, "headers": headers})
    await send({"type": f"{prefix}.body", "body": b"Not Found"})
