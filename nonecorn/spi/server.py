"""A server under way, as the program that runs it sees it: see `nonecorn.run`."""

from __future__ import annotations

import math
import typing


class Server(typing.Protocol):
    """What to ask of a server that serves. All on the loop's thread."""

    def stop(self) -> None:
        """Ask for the end; asked again, it waits for no request, and at last for no application."""
        ...

    def retire(self, *, patience: float = math.inf, alone: bool = False) -> None:
        """Ask for the end because others serve from now on: clients may come once more on the
        connections that they have.

        Args:
            patience: Seconds that idle connections are left to them, at most.
            alone: The others begin only when this server has ended: whoever connects meanwhile is
                served here.
        """
        ...

    def reopen_logs(self) -> None:
        """Open log files anew: they were moved away."""
        ...
