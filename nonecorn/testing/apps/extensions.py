"""Applications that use one ASGI extension each. Where it is not offered they answer 501, but for
`pushing`, whose response is the same without.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from nonecorn.spi import Headers, Receive, Scope, Send
from nonecorn.testing.apps.body import _only_http, respond


async def _offered(name: str, scope: Scope, send: Send) -> bool:
    _only_http(scope)
    if name in (scope.get("extensions") or {}):
        return True
    await respond(send, f"{name} is not offered".encode(), status=501)
    return False


class EarlyHints:
    """Send one 103 per group of links, then a response (`http.response.early_hint`)."""

    def __init__(self, *groups: Iterable[bytes]) -> None:
        self.groups = [list(group) for group in groups] or [[b"</style.css>; rel=preload"]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the hints and the response."""
        if await _offered("http.response.early_hint", scope, send):
            for links in self.groups:
                await send({"type": "http.response.early_hint", "links": links})
            await respond(send, b"hinted")


class Trailers:
    """Send a body, then trailers, one message per field (`http.response.trailers`)."""

    def __init__(self, *fields: tuple[bytes, bytes], body: bytes = b"body") -> None:
        self.fields: Headers = list(fields) or [(b"x-checksum", b"1234")]
        self.body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head that announces them, the body and the trailers."""
        if not await _offered("http.response.trailers", scope, send):
            return
        names = b", ".join(name for name, _ in self.fields)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"trailer", names)],
                "trailers": True,
            }
        )
        await send({"type": "http.response.body", "body": self.body})
        for index, field in enumerate(self.fields):
            more = index + 1 < len(self.fields)
            await send(
                {"type": "http.response.trailers", "headers": [field], "more_trailers": more}
            )


class PathSend:
    """Send a file by its path (`http.response.pathsend`)."""

    def __init__(self, path: str | os.PathLike[str], length: int | None = None) -> None:
        self.path = os.fspath(path)
        self.length = length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head with the file's length, then its path."""
        if await _offered("http.response.pathsend", scope, send):
            length = os.stat(self.path).st_size if self.length is None else self.length  # noqa: PTH116
            headers = [(b"content-length", b"%d" % length)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.pathsend", "path": self.path})


class ZeroCopySend:
    """Send parts of an open file (`http.response.zerocopysend`).

    Args:
        path: The file.
        parts: `(offset, count)` each; None leaves the key out of the message.
        before: Body bytes sent before the parts.
        after: Body bytes sent after them.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *parts: tuple[int | None, int | None],
        before: bytes = b"",
        after: bytes = b"",
    ) -> None:
        self.path = os.fspath(path)
        self.parts = parts or ((None, None),)
        self.before = before
        self.after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what comes before, each part, and what comes after; then close the file."""
        name = "http.response.zerocopysend"
        if not await _offered(name, scope, send):
            return
        with open(self.path, "rb", buffering=0) as file:  # noqa: ASYNC230, PTH123
            await send({"type": "http.response.start", "status": 200, "headers": []})
            if self.before:
                await send({"type": "http.response.body", "body": self.before, "more_body": True})
            for offset, count in self.parts:
                message = {"type": name, "file": file.fileno(), "more_body": True}
                if offset is not None:
                    message["offset"] = offset
                if count is not None:
                    message["count"] = count
                await send(message)
            await send({"type": "http.response.body", "body": self.after})


async def pushing(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a page, and promise `/pushed` beside it (`http.response.push`), whose response is
    what the promised request says.
    """
    _only_http(scope)
    if scope["path"] == "/pushed":
        await respond(send, dict(scope["headers"])[b"x-why"])
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if "http.response.push" in scope["extensions"]:
        await send(
            {"type": "http.response.push", "path": "/pushed", "headers": [(b"x-why", b"asked")]}
        )
    await send({"type": "http.response.body", "body": b"page"})
