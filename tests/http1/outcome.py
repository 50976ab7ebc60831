"""What came of one row, and whether that is what the row requires: shared by memory and sockets."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from nonecorn.spi import Receive, Scope, Send
from nonecorn.testing import RawResponse
from nonecorn.testing.apps import Recorder, respond
from nonecorn.testing.apps.body import RecordedRequest
from tests.http1.cases import Case, Seen

AFTER = b"GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
"""Sent on a connection that must have stayed open, to prove it."""


class TableApp:
    """Serves every row; `mode` says how."""

    def __init__(self) -> None:
        self.mode = "record"
        self.recorder = Recorder()
        self._running = 0
        self._changed = threading.Condition()

    @property
    def requests(self) -> list[RecordedRequest]:
        return self.recorder.requests

    def reset(self, mode: str) -> None:
        self.mode = mode
        self.recorder.requests = []

    def wait_until_idle(self, timeout: float) -> None:
        """A client may see the end of its connection before the application does."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._running, timeout), "still running"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._changed:
            self._running += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.mode == "record" or scope["type"] != "http":
            await self.recorder(scope, receive, send)
        else:
            self.recorder.requests.append(RecordedRequest(scope=dict(scope)))
            await respond(send, b"unread")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What happened.

    Attributes:
        responses: In order.
        closed: The server ended the connection by itself.
        requests: What the application saw.
    """

    responses: list[RawResponse]
    closed: bool
    requests: list[RecordedRequest]

    @property
    def status(self) -> tuple[int, ...]:
        return tuple(response.status for response in self.responses)


def check(case: Case, outcome: Outcome) -> None:
    """Fail unless the outcome is the required one."""
    _check_status(case, outcome)
    if case.closed is not None:
        assert outcome.closed == case.closed, "closed" if outcome.closed else "left open"
    _check_seen(case, outcome.requests)


def _check_status(case: Case, outcome: Outcome) -> None:
    assert len(outcome.status) == len(case.status), f"{outcome.status}, not {case.status}"
    for found, wanted in zip(outcome.status, case.status, strict=True):
        allowed = wanted if isinstance(wanted, frozenset) else {wanted}
        assert found in allowed, f"{outcome.status}, not {case.status}"
    for response, wanted in zip(outcome.responses, case.interim or (), strict=False):
        assert wanted is None or response.interim == wanted
    for response, wanted in zip(outcome.responses, case.keeps, strict=False):
        assert wanted is None or wanted in [(n, v.lower()) for n, v in response.headers]
    for response in outcome.responses:
        # Nothing of the request comes back in what the server says by itself (CVE-2022-39348).
        if response.status >= 400:
            assert b"smuggled" not in response.body
            assert response.values(b"connection") == [b"close"] or not outcome.closed


def _check_seen(case: Case, requests: list[RecordedRequest]) -> None:
    assert "/smuggled" not in [request.scope["path"] for request in requests]
    wanted = list(case.seen)
    if len(requests) < len(wanted) and not wanted[-1].complete and case.app == "record":
        # Refused before the application could be called: it need not hear of it.
        wanted.pop()
    assert len(requests) == len(wanted), requests
    for request, seen in zip(requests, wanted, strict=True):
        _check_request(request, seen)


def _check_request(request: RecordedRequest, seen: Seen) -> None:
    scope = request.scope
    found = {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": scope["raw_path"],
        "query": scope["query_string"],
        "version": scope["http_version"],
        "headers": tuple((bytes(n), bytes(v)) for n, v in scope["headers"]),
        "body": request.body,
        "complete": request.complete,
        "trailers": None if request.trailers is None else tuple(map(tuple, request.trailers)),
    }
    for name, value in found.items():
        wanted = getattr(seen, name)
        if name == "body" and wanted is not None and not seen.complete:
            # The end may overtake bytes that the application has not received yet.
            wanted = wanted[: len(request.body)]
        assert wanted is None or value == wanted, f"{name} is {value!r}, not {wanted!r}"
    headers = found["headers"]
    for field in seen.has:
        assert field in headers
    for name in seen.lacks:
        assert name not in [field for field, _ in headers]
