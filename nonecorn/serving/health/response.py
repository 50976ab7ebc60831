"""Writes one HTTP/1.1 response, after which the connection is closed."""

from __future__ import annotations

import time
from http import HTTPStatus

from nonecorn.spi import http_date

TEXT = "text/plain; charset=utf-8"


def response(
    status: int,
    body: str,
    *,
    kind: str = TEXT,
    allow: str = "",
    head: bool = False,
) -> bytes:
    """A whole response.

    Args:
        status: Its code.
        body: Its content.
        kind: What that is.
        allow: Methods that would have been right (405).
        head: It answers a HEAD request: the content is left out, its length is not.
    """
    content = body.encode()
    fields = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"date: {http_date(time.time()).decode('ascii')}",
        f"content-type: {kind}",
        f"content-length: {len(content)}",
        # What it says is over the moment it is said.
        "cache-control: no-store",
        "connection: close",
    ]
    if allow:
        fields.append(f"allow: {allow}")
    start = "\r\n".join([*fields, "", ""]).encode("ascii")
    return start if head else start + content
