"""Processes that are ours only because we are the first in a container.

What workers' own children leave behind becomes a child of process 1, which has to take note of its
end. Anywhere else somebody else does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection


def reap_orphans(known: Collection[int]) -> None:
    """Take note of ended processes that nobody waits for.

    Args:
        known: Those that somebody waits for.
    """
    if os.getpid() != 1 or not hasattr(os, "waitid"):
        return
    flags = os.WEXITED | os.WNOHANG
    with contextlib.suppress(ChildProcessError):
        while True:
            found = os.waitid(os.P_ALL, 0, flags | os.WNOWAIT)
            if found is None or found.si_pid in known:
                return  # a known one is looked at by who knows it, and then we are called again
            os.waitid(os.P_PID, found.si_pid, flags)
