"""Worker classes for Gunicorn: `gunicorn -k nonecorn_gunicorn.UvloopWorker app:app`.

    arbiter (gunicorn)                          worker process
    binds, forks, counts, kills ── sockets ──►  Worker.run ─► nonecorn.run
                                ── signals ──►  Attendance: TERM, INT, QUIT, USR1
                                ◄─ heartbeat ─  Attendance: from the event loop

The descriptor imports this package in every server, so it imports Gunicorn only for who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_gunicorn._workers import AsyncioWorker, TrioWorker, UvloopWorker

__all__ = ["AsyncioWorker", "TrioWorker", "UvloopWorker"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from nonecorn_gunicorn import _workers  # noqa: PLC0415

        return getattr(_workers, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
