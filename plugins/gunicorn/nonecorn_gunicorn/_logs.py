r"""nonecorn's log lines to Gunicorn's logger, whichever class that is.

A message may hold what a client sent: control characters are shown as `\xNN`, and further lines are
indented, so that none passes for a record of its own.
"""

from __future__ import annotations

import logging
from typing import Any

_TREE = "nonecorn"

_SHOWN = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x09}
_SHOWN[0x0A] = "\n    "


class GunicornHandler(logging.Handler):
    """Hands records to a logger of Gunicorn's: handlers, format and counters are its own.

    Args:
        log: The worker's.
    """

    def __init__(self, log: Any) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record over."""
        try:
            say = getattr(self._log, record.levelname.lower(), self._log.info)
            say("%s", record.getMessage().translate(_SHOWN), exc_info=record.exc_info)
        except Exception:  # noqa: BLE001  # as every handler of logging does
            self.handleError(record)

    def __repr__(self) -> str:
        return f"<GunicornHandler {type(self._log).__name__}>"


def send_logs_to(log: Any) -> None:
    """Let `log` have what nonecorn says, unless somebody has configured that otherwise."""
    tree = logging.getLogger(_TREE)
    if not tree.handlers:
        tree.addHandler(GunicornHandler(log))
        tree.propagate = False
