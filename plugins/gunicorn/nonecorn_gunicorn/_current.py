"""Which worker this process is: a process is one at most.

What is configured, observed and put around the application is made by nonecorn from the descriptor,
far from the worker; this is where it finds it.
"""

from __future__ import annotations

import typing

if typing.TYPE_CHECKING:
    from nonecorn_gunicorn._worker import NonecornWorker

_worker: NonecornWorker | None = None


def enter(worker: NonecornWorker) -> None:
    """This process serves as that worker from now on."""
    global _worker  # noqa: PLW0603  # one process, one worker
    _worker = worker


def current() -> NonecornWorker | None:
    """The worker; None in any other server."""
    return _worker
