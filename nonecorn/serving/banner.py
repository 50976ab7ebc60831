"""What the server says when it is ready."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nonecorn._version import __version__

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.serving.bindings import Bindings

_log = logging.getLogger("nonecorn.error")


def announce(plan: Plan, bindings: Bindings, *, signals: bool, workers: Sequence[int] = ()) -> None:
    """Log version, plugins, addresses, process and how to stop; silent above level `info`.

    Args:
        plan: What runs.
        bindings: Where.
        signals: The process stops on signals; otherwise who embeds the server stops it.
        workers: IDs of the processes that serve; none where this one does.
    """
    python = ".".join(map(str, sys.version_info[:3]))
    _log.info("nonecorn %s on Python %s, worker %s", __version__, python, plan.worker.name)
    if plan.plugins:
        _log.info("plugins: %s", ", ".join(plan.plugins))
    for line in plan.report:
        _log.info("%s", line)
    for url in bindings.urls:
        _log.info("serving on %s", url)
    for binding in bindings.health:
        _log.info("health and metrics on %s", binding.url)
    if workers:
        processes = ", ".join(map(str, workers))
        _log.info("%d workers: %s", len(workers), processes)
    if signals:
        keys = "CTRL+BREAK or CTRL+C" if sys.platform == "win32" else "CTRL+C"
        _log.info("process %d; press %s to stop", os.getpid(), keys)
    else:
        _log.info("process %d", os.getpid())
