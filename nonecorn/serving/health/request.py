"""Reads one HTTP/1 request: its head; whatever follows is not looked at.

A connection has one request and is closed after the response, so that a body's framing does not
matter. Everything else is held to RFC 9112: who answers a load balancer should not be the one part
of a server that takes anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD_SIZE = 8192
"""Bytes of a head."""

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_LINE = re.compile(rb"(%b) ([!-~]+) HTTP/([0-9])\.([0-9])\Z" % _TOKEN)
_FIELD = re.compile(rb"(%b):[\t \x21-\x7e\x80-\xff]*\Z" % _TOKEN)
_ABSOLUTE = re.compile(rb"(?i:https?)://[^/?#]+")


class RefusedError(Exception):
    """The request cannot be answered as it stands.

    Attributes:
        status: What to answer.
        reason: Why, for people.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked.

    Attributes:
        method: As received.
        path: Of the target, without its query.
        query: Without the question mark.
    """

    method: str
    path: str
    query: str = ""


def read(data: bytes | bytearray) -> Request | None:
    """The request that a connection's bytes begin with; None while they are not complete.

    Raises:
        RefusedError: They are no request, or a longer one than anybody needs.
    """
    # RFC 9112 section 2.2: an empty line before the request line is to be ignored.
    start = 2 if data[:2] == b"\r\n" else 0
    end = data.find(b"\r\n\r\n", start, start + HEAD_SIZE)
    if end < 0:
        if len(data) - start >= HEAD_SIZE:
            raise RefusedError(431, f"the request's head is over {HEAD_SIZE} bytes")
        return None
    first, *fields = bytes(data[start:end]).split(b"\r\n")
    line = _LINE.match(first)
    if line is None:
        raise RefusedError(400, "no request line")
    method, target, major, minor = line.groups()
    if major != b"1":
        raise RefusedError(505, "HTTP/1.1 is spoken here")
    hosts = 0
    for field in fields:
        found = _FIELD.match(field)
        if found is None:
            raise RefusedError(400, "a field line is none")
        hosts += found[1].lower() == b"host"
    # RFC 9112 section 3.2; HTTP/1.0, which many health checks speak, does not ask for it.
    if hosts > 1 or (not hosts and minor != b"0"):
        raise RefusedError(400, "there must be one Host field")
    absolute = _ABSOLUTE.match(target)  # RFC 9112 section 3.2.2: a server takes this form too
    if absolute is not None:
        target = target[absolute.end() :]
        target = target if target.startswith(b"/") else b"/" + target
    path, _, query = target.decode("ascii").partition("?")
    return Request(method=method.decode("ascii"), path=path, query=query)
