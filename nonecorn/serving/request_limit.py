"""Counts a worker's requests, where their number is limited (`max_requests`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from nonecorn.config.schema import ServerSettings


class RequestLimit:
    """One call per request, among `Observers.request_started`; nobody is called without a limit.

    Args:
        limit: Requests.
        reached: Called once, as the last of them begins.
    """

    __slots__ = ("_left", "_reached")

    def __init__(self, limit: int, reached: Callable[[], None]) -> None:
        self._left = limit
        self._reached = reached

    def __repr__(self) -> str:
        return f"<RequestLimit left={self._left}>"

    def __call__(self, _scope: dict[str, Any]) -> None:
        """A request begins."""
        self._left -= 1
        if self._left == 0:
            self._reached()


def drawn_limit(server: ServerSettings) -> int:
    """How many requests this worker serves, jitter included; 0 for any number."""
    if not server.max_requests:
        return 0
    if not server.max_requests_jitter:
        return server.max_requests
    import random  # noqa: PLC0415  # only where used

    return server.max_requests + random.randint(0, server.max_requests_jitter)  # noqa: S311
