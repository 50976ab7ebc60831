"""What a line can tell of a request: functions from its record to safe text, by name.

The names are those of Gunicorn and Hypercorn, which took most from Apache.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import quote

from nonecorn.builtin.access_log.escape import escape, escape_bytes
from nonecorn.builtin.moments import Moments, common_time
from nonecorn.spi import Header, RequestRecord

Atom: TypeAlias = Callable[[RequestRecord], str]

NOTHING = "-"
"""Stands where there is no value."""


def method(scope: dict[str, Any]) -> str:
    """The method; a WebSocket's is not in its scope, but follows from the version of HTTP."""
    found: str | None = scope.get("method")
    if found is None:
        # RFC 6455 section 4.1; RFC 8441 section 4, RFC 9220 section 3
        return "GET" if scope.get("http_version", "1.1").startswith("1") else "CONNECT"
    return found


def target(scope: dict[str, Any]) -> bytes:
    """Path and query as the client sent them, still percent-encoded."""
    path: bytes = scope.get("raw_path") or quote(scope.get("path", "")).encode("ascii")
    query: bytes = scope.get("query_string", b"")
    return b"%b?%b" % (path, query) if query else path


def field(headers: Iterable[Header], name: bytes) -> bytes | None:
    """A field's value, repeats joined with commas; None without it. Names are in lower case."""
    value = None
    for each, found in headers:
        if each == name:
            value = found if value is None else b"%b, %b" % (value, found)
    return value


def user(scope: dict[str, Any]) -> str | None:
    """The name of HTTP Basic authentication (RFC 7617), as the client claims it."""
    credentials = field(scope.get("headers", ()), b"authorization")
    if credentials is None or credentials[:6].lower() != b"basic ":
        return None
    try:
        name, colon, _ = base64.b64decode(credentials[6:], validate=True).partition(b":")
    except binascii.Error:
        return None
    return name.decode("utf-8", "replace") if colon and name else None


def _request_line(record: RequestRecord) -> str:
    scope = record.scope
    line = f"{method(scope)} {target(scope).decode('latin-1')} {_protocol(record)}"
    return escape(line)


def _protocol(record: RequestRecord) -> str:
    return f"HTTP/{record.scope.get('http_version', '1.1')}"


def _phrase(record: RequestRecord) -> str:
    try:
        return HTTPStatus(record.status or 0).phrase
    except ValueError:
        return NOTHING


def _client(record: RequestRecord) -> str:
    client = record.scope.get("client")
    return escape(client[0]) if client else NOTHING


def _query(record: RequestRecord) -> str:
    return escape_bytes(record.scope.get("query_string", b"")) or NOTHING


def request_field(name: str) -> Atom:
    """A field of the request."""
    wanted = name.lower().encode("latin-1")

    def atom(record: RequestRecord) -> str:
        value = field(record.scope["headers"], wanted)
        return NOTHING if value is None else escape_bytes(value) or NOTHING

    return atom


def response_field(name: str) -> Atom:
    """A field of the response, as the application gave it."""
    wanted = name.lower().encode("latin-1")

    def atom(record: RequestRecord) -> str:
        value = field([(each.lower(), value) for each, value in record.headers], wanted)
        return NOTHING if value is None else escape_bytes(value) or NOTHING

    return atom


def environment(name: str) -> Atom:
    """A variable of the server's environment, as it was when the server started."""
    value = escape(os.environ.get(name, "")) or NOTHING
    return lambda record: value


def atoms() -> dict[str, Atom]:
    """Every atom without an argument, by name."""
    began = Moments(common_time).began
    process = f"<{os.getpid()}>"
    return {
        "h": _client,
        "l": lambda record: NOTHING,
        "u": lambda record: escape(user(record.scope) or NOTHING),
        "t": lambda record: began(record.duration),
        "r": _request_line,
        "R": _request_line,
        "m": lambda record: escape(method(record.scope)) or NOTHING,
        "U": lambda record: escape(record.scope.get("path", "")) or NOTHING,
        "Uq": lambda record: escape_bytes(target(record.scope)) or NOTHING,
        "q": _query,
        "H": _protocol,
        "S": lambda record: escape(record.scope.get("scheme", NOTHING)),
        "s": lambda record: NOTHING if record.status is None else str(record.status),
        "st": _phrase,
        "b": lambda record: str(record.sent or NOTHING),
        "B": lambda record: str(record.sent),
        "I": lambda record: str(record.received),
        "f": request_field("referer"),
        "a": request_field("user-agent"),
        "T": lambda record: str(int(record.duration)),
        "M": lambda record: str(int(record.duration * 1_000)),
        "D": lambda record: str(int(record.duration * 1_000_000)),
        "L": lambda record: f"{record.duration:.6f}",
        "p": lambda record: process,
        "x": lambda record: escape(record.reason) or NOTHING,
    }


ARGUMENT: dict[str, Callable[[str], Atom]] = {
    "i": request_field,
    "o": response_field,
    "e": environment,
}
"""Makers of the atoms that have an argument, `%({name}i)s`, by their last letter."""
