"""The terminal that a server was started in, and whether it is still there.

SIGHUP has two meanings: "read your configuration again", sent by a person or a service manager, and
"your terminal is gone", sent by the system. Only the second can be told from the first: a terminal
that was there is one no more.
"""

from __future__ import annotations

import os
import signal

_STREAMS = (0, 1, 2)


class Terminal:
    """Looked at when the server starts."""

    __slots__ = ("_descriptors",)

    def __init__(self) -> None:
        hangup = getattr(signal, "SIGHUP", None)
        # nohup has the signal ignored: its user wants the server to outlive the terminal.
        outlive = hangup is None or signal.getsignal(hangup) == signal.SIG_IGN
        self._descriptors = () if outlive else tuple(filter(os.isatty, _STREAMS))

    def __repr__(self) -> str:
        return f"<Terminal of {list(self._descriptors)}>"

    @property
    def gone(self) -> bool:
        """There was one, and it is no more."""
        return bool(self._descriptors) and not any(map(os.isatty, self._descriptors))
