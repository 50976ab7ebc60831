"""The observer: one numbered line per finished request."""

from __future__ import annotations

from nonecorn.spi import AppContext, Observer, RequestRecord
from nonecorn_echo._settings import EchoSettings


class EchoObserver(Observer):
    """Counts and prints requests.

    Only `request_finished` is overridden, so nothing else is measured for its sake.

    Args:
        prefix: Text before each line.
    """

    __slots__ = ("count", "prefix")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.count = 0

    def __repr__(self) -> str:
        return f"<EchoObserver {self.prefix!r} count={self.count}>"

    def request_finished(self, record: RequestRecord) -> None:
        """Print `echo 1: GET /path 200`; a request without an answer shows why it has none."""
        self.count += 1
        # A path is the client's text: its line breaks must not become ours.
        path = ascii(record.scope["path"])[1:-1]
        method = record.scope.get("method") or record.scope["type"].upper()
        outcome = record.status or record.reason
        print(f"{self.prefix} {self.count}: {method} {path} {outcome}", flush=True)  # noqa: T201


def make(context: AppContext) -> EchoObserver | None:
    """The observer of one worker; None where the settings say that there is nothing to print."""
    settings = context.settings_of(EchoSettings)
    return EchoObserver(settings.prefix) if settings.requests else None
