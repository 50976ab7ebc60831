"""For what does not even end when it is cut off.

A thread cannot be cancelled, and a task may ignore it: a worker's loop waits for both when it
closes, and the interpreter for threads when it exits. A process that has nothing else to do does
not wait for them for ever.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING

from nonecorn._output import write_out

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 3.0
"""Seconds from the end of the worker to the end of the process."""


def end_process(code: int, tidy: Callable[[], None], message: str = "") -> None:
    """See that this process has ended in a while, by itself or not.

    Args:
        code: What it then exits with.
        tidy: Called before, in another thread.
        message: An error that nobody has been shown by then.
    """

    def end() -> None:
        names = sorted(each.name for each in threading.enumerate() if each is not timer)
        logging.getLogger("nonecorn.error").error(
            "the application does not end; leaving it (threads: %s)", ", ".join(names)
        )
        if message:
            sys.stderr.write(f"nonecorn: error: {message}\n")
        tidy()
        write_out()
        os._exit(code)

    timer = threading.Timer(PATIENCE, end)
    timer.name = "nonecorn.end"
    timer.daemon = True
    timer.start()
