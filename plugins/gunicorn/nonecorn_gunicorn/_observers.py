"""What Gunicorn does around each request: it counts them, logs them, and calls hooks.

Its access log is written by its own logger: file, format, syslog, statsd and a `logger_class` are
as the configuration says, and files that the arbiter opened as another user are open here too.
"""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from nonecorn.spi import AppContext, Observer, RequestRecord
from nonecorn_gunicorn._current import current
from nonecorn_gunicorn._hooks import hook_of
from nonecorn_gunicorn._request import Request, Response

if TYPE_CHECKING:
    from nonecorn_gunicorn._worker import NonecornWorker


def count(context: AppContext) -> Count | None:
    """The counter, where there is a `max_requests`."""
    worker = current()
    if worker is None or worker.max_requests == sys.maxsize:
        return None
    return Count(worker)


def requests(context: AppContext) -> Requests | None:
    """What logs and calls hooks, where something is configured."""
    worker = current()
    if worker is None:
        return None
    before, after = hook_of(worker.cfg, "pre_request"), hook_of(worker.cfg, "post_request")
    logged = _is_logged(worker)
    if before is None and after is None and not logged:
        return None
    if before is None:
        return Requests(worker, after=after, logged=logged)
    return HookedRequests(worker, before, after=after, logged=logged)


def _is_logged(worker: NonecornWorker) -> bool:
    """Gunicorn's logger would write a line, or is another that may do what it likes."""
    cfg, log = worker.cfg, worker.log
    if type(log).access is not Logger.access:
        return True  # statsd counts requests there
    to_syslog = cfg.syslog and not cfg.disable_redirect_access_to_syslog
    configured = cfg.logconfig or cfg.logconfig_dict or cfg.logconfig_json
    return bool(cfg.accesslog or configured or to_syslog)


class Count(Observer):
    """Ends the worker as the last request of `max_requests` begins.

    Args:
        worker: Gunicorn's, which has drawn the number.
    """

    __slots__ = ("_worker",)

    def __init__(self, worker: NonecornWorker) -> None:
        self._worker = worker

    def __repr__(self) -> str:
        return f"<Count {self._worker.nr} of {self._worker.max_requests}>"

    def request_started(self, scope: dict[str, Any]) -> None:
        """One more."""
        worker = self._worker
        worker.nr += 1
        if worker.nr == worker.max_requests and worker.attendance is not None:
            worker.log.info("max_requests is reached: a new worker takes over")
            worker.attendance.recycle()


class Requests(Observer):
    """The access log, and the hook `post_request`.

    Args:
        worker: Gunicorn's.
        after: The hook.
        logged: Whether requests are logged.
    """

    __slots__ = ("_after", "_logged", "_worker")

    def __init__(self, worker: NonecornWorker, *, after: Any, logged: bool) -> None:
        self._worker = worker
        self._after = after
        self._logged = logged

    def __repr__(self) -> str:
        return f"<{type(self).__name__} logged={self._logged} after={self._after}>"

    def request_finished(self, record: RequestRecord) -> None:
        """Log it and call the hook."""
        self._finish(Request(record.scope), record)

    def _finish(self, request: Request, record: RequestRecord) -> None:
        worker, response, environ = self._worker, Response(record), request.environ()
        if self._logged:
            duration = dt.timedelta(seconds=record.duration)
            worker.log.access(response, request, environ, duration)
        if self._after is not None:
            try:
                self._after(worker, request, environ, response)
            except Exception:
                worker.log.exception("the hook post_request raised")


class HookedRequests(Requests):
    """The same, and the hook `pre_request`: both hooks get the same request.

    Args:
        worker: Gunicorn's.
        before: The hook.
        after: `post_request`.
        logged: Whether requests are logged.
    """

    __slots__ = ("_before", "_open")

    def __init__(self, worker: NonecornWorker, before: Any, *, after: Any, logged: bool) -> None:
        super().__init__(worker, after=after, logged=logged)
        self._before = before
        self._open: dict[int, Request] = {}

    def request_started(self, scope: dict[str, Any]) -> None:
        """Call the hook."""
        request = self._open[id(scope)] = Request(scope)
        try:
            self._before(self._worker, request)
        except Exception:
            self._worker.log.exception("the hook pre_request raised")

    def request_finished(self, record: RequestRecord) -> None:
        """Log it and call the other hook."""
        request = self._open.pop(id(record.scope), None)
        self._finish(Request(record.scope) if request is None else request, record)
