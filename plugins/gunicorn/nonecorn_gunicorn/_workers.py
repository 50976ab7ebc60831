"""The worker classes: one for each event loop."""

from __future__ import annotations

from nonecorn_gunicorn._worker import NonecornWorker


class AsyncioWorker(NonecornWorker):
    """`-k nonecorn_gunicorn.AsyncioWorker`: on asyncio's own event loop."""

    runtime = "asyncio"


class UvloopWorker(NonecornWorker):
    """`-k nonecorn_gunicorn.UvloopWorker`: on uvloop."""

    runtime = "uvloop"


class TrioWorker(NonecornWorker):
    """`-k nonecorn_gunicorn.TrioWorker`: on trio."""

    runtime = "trio"
