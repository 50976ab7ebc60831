"""Observers: who wants to know of connections and requests, at no cost where nobody does.

A worker builds each observer once and keeps, per event, one tuple of the methods that observers
override. With no observer of an event nothing is measured and no record is made. Calls are
synchronous, on the loop's thread, and must not block; an observer that raises is logged once
and removed.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any, Final

from nonecorn.spi.application import Headers

if typing.TYPE_CHECKING:
    from nonecorn.spi.context import Context
    from nonecorn.spi.runtime import Connection, Runtime


UNLOGGED: Final = "nonecorn.unlogged"
"""Key that whoever answers a request puts into its scope's `extensions` to keep it out of access
logs; the value is an empty dictionary."""

RECORD: Final = "nonecorn.record"
"""Extension of scopes: a dictionary for middleware that knows better what the request is, such as
who sent it. Its values are in the scope that observers get at the end, in place of the server's
own. Offered only where somebody observes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request or socket, as it ended.

    Attributes:
        scope: The ASGI scope, as corrected by middleware (see `RECORD`). For a request refused
            before there was one (`reason` is set) it has what was understood: at least `type`,
            `client`, `server`, `headers`, `method` and `path`, the last two maybe empty.
        status: Status code of the final response; None if none was started.
        headers: Header fields of the response as the application gave them.
        sent: Response body bytes handed to the transport, without framing.
        received: Request body bytes.
        duration: Seconds from the request's head to its end.
        reason: Empty for an ordinary end, else a short word: `client-gone`, `app-error`,
            `timeout`, or why the server refused the request itself (`bad-host`,
            `head-too-large`, …).
    """

    scope: dict[str, Any]
    status: int | None
    headers: Headers
    sent: int
    received: int
    duration: float
    reason: str


def recorded_scope(scope: dict[str, Any]) -> dict[str, Any]:
    """A stream's scope as its `RequestRecord` is to have it; see `RECORD`."""
    extensions = scope.get("extensions")
    known = extensions.get(RECORD) if extensions.__class__ is dict else None
    return {**scope, **known} if known and known.__class__ is dict else scope


def report_refusal(
    context: Context, port: Connection, version: str, status: int | None, reason: str
) -> None:
    """Tell observers of a request that was refused before it had a scope.

    Args:
        context: The listener's.
        port: The connection.
        version: `http_version`.
        status: What it was answered by; None where its stream was reset.
        reason: See `RequestRecord`.
    """
    observers = context.observers.request_finished
    if not observers:
        return
    scope: dict[str, Any] = {
        "type": "http", "http_version": version, "client": port.client, "server": port.server,
        "scheme": context.scheme, "method": "", "path": "", "raw_path": b"", "query_string": b"",
        "headers": [],
    }  # fmt: skip
    record = RequestRecord(
        scope=scope, status=status, headers=[], sent=0, received=0, duration=0.0, reason=reason
    )
    for observe in observers:
        observe(record)


class Observer:
    """Base of observers: override what you want to hear of; the rest costs nothing."""

    __slots__ = ()

    def worker_started(self, runtime: Runtime) -> None:
        """The worker accepts connections; lifespan start-up is complete."""

    def worker_stopping(self, runtime: Runtime) -> None:
        """The worker has stopped accepting and begins to drain."""

    def reopen_logs(self, runtime: Runtime) -> None:
        """Log files were moved away: who writes one opens it anew."""

    def connection_opened(self, port: Connection) -> None:
        """A connection was accepted; before TLS, if the listener has it."""

    def connection_closed(self, port: Connection) -> None:
        """The connection has gone, for whatever reason; said exactly once."""

    def request_started(self, scope: dict[str, Any]) -> None:
        """A stream was opened; its application is about to be called."""

    def request_finished(self, record: RequestRecord) -> None:
        """A request ended; said exactly once per request, whoever ended it."""
