"""The application of the WSGI scenarios: as little work as can be, and a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bench.app import CHUNK, DOWNLOAD_CHUNKS, DOWNLOAD_SIZE, HELLO

_HELLO = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(HELLO)))]
_DOWNLOAD = [
    ("Content-Type", "application/octet-stream"),
    ("Content-Length", str(DOWNLOAD_SIZE)),
]


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """`/` greets, `/upload` counts, `/down` streams 10 MiB."""
    path = environ["PATH_INFO"]
    if path == "/":
        start_response("200 OK", _HELLO)
        return [HELLO]
    if path == "/down":
        start_response("200 OK", _DOWNLOAD)
        return (CHUNK for _ in range(DOWNLOAD_CHUNKS))
    if path == "/upload":
        body = b"%d" % len(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        start_response("200 OK", [*_HELLO[:1], ("Content-Length", str(len(body)))])
        return [body]
    start_response("404 Not Found", _HELLO[:1])
    return [b"Not found"]
