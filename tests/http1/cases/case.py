"""What one row of the HTTP/1.1 table says.

A row is bytes a client sends and the outcome that is required, whatever engine parses, however the
bytes are cut, on whatever worker. Where RFCs leave a choice and the design does not make it, a row
allows several status codes; the engines must still agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
"""The smallest request."""

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
"""Follows what must be refused: it must never be served (RFC 9112 section 11.2)."""

Status = int | frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the application must see of one request; None where the row does not care.

    Attributes:
        method: Scope's `method`.
        path: Scope's `path`.
        raw_path: Scope's `raw_path`.
        query: Scope's `query_string`.
        version: Scope's `http_version`.
        headers: All headers, in order.
        has: Headers that must be among them.
        lacks: Names that must not be.
        body: The whole body.
        complete: The body came to its end.
        trailers: The trailer section.
    """

    method: str | None = None
    path: str | None = None
    raw_path: bytes | None = None
    query: bytes | None = None
    version: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] | None = None
    has: tuple[tuple[bytes, bytes], ...] = ()
    lacks: tuple[bytes, ...] = ()
    body: bytes | None = None
    complete: bool = True
    trailers: tuple[tuple[bytes, bytes], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row.

    Attributes:
        name: Says what holds.
        send: Bytes in steps; the next step is sent when the server has fallen silent.
        status: Final status codes in order, each one code or a set of those allowed; maybe none.
        closed: Whether the server then ends the connection; None where either will do.
        seen: What the application saw, one per request it was called for.
        ref: The RFC section, advisory or defect behind the row.
        app: `record` reads the body and answers 200, `unread` answers without reading.
        interim: 1xx codes before each final response; None where either will do.
        methods: Request methods by position, where they matter for reading the answer.
        eof: The client ends its direction after the last byte.
        wait: Seconds that pass after the last byte; such rows need the manual clock.
        limits: Fields of `[limits]` that differ from the defaults.
        keeps: A header field that each response must have, by position, in lower case.
    """

    name: str
    send: tuple[bytes, ...]
    status: tuple[Status, ...]
    closed: bool | None
    seen: tuple[Seen, ...]
    ref: str
    app: str = "record"
    interim: tuple[tuple[int, ...] | None, ...] | None = None
    methods: tuple[str, ...] = ()
    eof: bool = False
    wait: float = 0
    limits: dict[str, float] = field(default_factory=dict)
    keeps: tuple[tuple[bytes, bytes] | None, ...] = ()

    @property
    def data(self) -> bytes:
        """Everything the client sends."""
        return b"".join(self.send)

    def __str__(self) -> str:
        return self.name


def _steps(send: bytes | Iterable[bytes]) -> tuple[bytes, ...]:
    return (send,) if isinstance(send, bytes) else tuple(send)


def served(
    name: str,
    send: bytes | Iterable[bytes],
    *seen: Seen,
    ref: str,
    closed: bool | None = False,
    **more,
) -> Case:
    """Every request is answered 200, and the connection stays open unless said otherwise."""
    return Case(
        name=name,
        send=_steps(send),
        status=(200,) * len(seen),
        closed=closed,
        seen=seen,
        ref=ref,
        **more,
    )


def refused(
    name: str, send: bytes, *status: int, ref: str, seen: tuple[Seen, ...] = (), **more
) -> Case:
    """Refused with one of `status` (400 by default), and closed; what follows is not served.

    A smuggled request is appended: a server that guesses where the bad one ended would serve it.
    """
    allowed: Status = frozenset(status) if len(status) > 1 else status[0] if status else 400
    before = (200,) * sum(each.complete for each in seen)
    return Case(
        name=name,
        send=(send + SMUGGLED,),
        status=(*before, allowed),
        closed=True,
        seen=seen,
        ref=ref,
        **more,
    )


def get(
    *lines: bytes, target: bytes = b"/", version: bytes = b"HTTP/1.1", method: bytes = b"GET"
) -> bytes:
    """A request without a body; `Host: a` comes first unless a line is a Host field."""
    host = [] if any(line.lower().startswith(b"host:") for line in lines) else [b"Host: a"]
    return b"\r\n".join([b" ".join((method, target, version)), *host, *lines, b"", b""])


def post(body: bytes, *lines: bytes, target: bytes = b"/", method: bytes = b"POST") -> bytes:
    """A request with what follows its head as it is; framing fields are the caller's."""
    return get(*lines, target=target, method=method) + body


def chunked(body: bytes, *lines: bytes) -> bytes:
    """A POST with `Transfer-Encoding: chunked` and the given, literal, body."""
    return post(body, b"Transfer-Encoding: chunked", *lines)
