"""Requests and responses as Gunicorn's loggers and hooks know them.

Only what is read there, as far as there is such a thing here: bodies and sockets are not. Made once
per request, and only where the configuration has a use for it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from nonecorn.spi import RequestRecord

_GONE = 499
"""Status of a request whose client left without a response; no server has sent it."""


class Request:
    """A request; attributes are those of `gunicorn.http.message.Request`.

    Args:
        scope: ASGI's.

    Attributes:
        uri: Target, as it came.
        path: The same without its query, still percent-encoded.
        headers: Pairs; names in upper case.
    """

    def __init__(self, scope: dict[str, Any]) -> None:
        path: bytes = scope.get("raw_path") or quote(scope.get("path", "")).encode("ascii")
        query: bytes = scope.get("query_string", b"")
        self.method: str = scope.get("method", "GET")
        self.path = path.decode("latin-1")
        self.query = query.decode("latin-1")
        self.fragment = ""
        self.uri = f"{self.path}?{self.query}" if query else self.path
        self.scheme: str = scope.get("scheme", "http")
        major, _, minor = scope.get("http_version", "1.1").partition(".")
        self.version = (int(major), int(minor or 0))
        self.headers = [
            (name.decode("latin-1").upper(), value.decode("latin-1"))
            for name, value in scope.get("headers", ())
        ]
        self.trailers: list[tuple[str, str]] = []
        self.peer_addr = self.remote_addr = scope.get("client") or ("", 0)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri!r}>"

    def environ(self) -> dict[str, Any]:
        """As much of a WSGI environment as a log line can name."""
        host, port = self.remote_addr
        environ = {
            "REQUEST_METHOD": self.method,
            "RAW_URI": self.uri,
            "PATH_INFO": self.path,
            "QUERY_STRING": self.query,
            "SERVER_PROTOCOL": f"HTTP/{self.version[0]}.{self.version[1]}",
            "REMOTE_ADDR": host,
            "REMOTE_PORT": str(port),
            "wsgi.url_scheme": self.scheme,
        }
        for name, value in self.headers:
            environ[f"HTTP_{name.replace('-', '_')}"] = value
        return environ


class Response:
    """A response that has ended; attributes are those of `gunicorn.http.wsgi.Response`.

    Args:
        record: nonecorn's.

    Attributes:
        status: Code and phrase; 499 where the client left without a response.
        sent: Bytes of the body.
    """

    def __init__(self, record: RequestRecord) -> None:
        code = record.status or (_GONE if record.reason == "client-gone" else 500)
        try:
            phrase = HTTPStatus(code).phrase
        except ValueError:
            phrase = ""
        self.status_code = code
        self.status = f"{code} {phrase}".rstrip()
        self.headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in record.headers
        ]
        self.headers_sent = record.status is not None
        self.sent = self.response_length = record.sent

    def __repr__(self) -> str:
        return f"<Response {self.status} sent={self.sent}>"
