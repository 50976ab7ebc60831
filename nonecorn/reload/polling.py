"""Look all the time: works everywhere, and is bounded in what it costs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.reload.tree import Snapshot

INTERVAL = 0.25
"""Seconds between two looks at least."""
SHARE = 20
"""A look may take this part of the time until the next."""


class Polling:
    """See the module; an `Alarm`.

    Args:
        stop: Set at the end.
    """

    name = "polling"

    __slots__ = ("_stop",)

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def __repr__(self) -> str:
        return f"<Polling every {INTERVAL} s>"

    def wait(self, known: Snapshot, cost: float) -> bool:
        """See `Alarm`."""
        del known
        return not self._stop.wait(max(INTERVAL, cost * SHARE))

    def close(self) -> None:
        """See `Alarm`."""
