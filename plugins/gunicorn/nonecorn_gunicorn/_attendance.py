"""What the arbiter wants of a worker that serves: signs of life, and to be obeyed.

    TERM         no further connections; requests have `graceful_timeout`
    INT, QUIT    requests are cut off, and the application has a moment to shut down
    USR1         log files are opened anew
    ABRT         no heartbeat came in time: the worker handles it at once, whatever the loop does

The heartbeat is a timer of the event loop, so that it stops when that is blocked. It beats twice
within `timeout` at least, and goes on while requests and the application end.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.spi import Runtime, Server
    from nonecorn_gunicorn._worker import NonecornWorker

_INTERVAL = 1.0
"""Seconds between two heartbeats, at most: as often as the arbiter looks."""
_PATIENCE = 2.0
"""Seconds that idle connections stay open for one more request, at most."""
_SHUTDOWN = 1.0
"""Seconds for the application's shutdown when it has to be quick."""


class Attendance:
    """See the module. All on the loop's thread.

    Args:
        worker: Gunicorn's.
        runtime: The loop it serves on.
        server: What serves.
    """

    __slots__ = ("_ending", "_interval", "_runtime", "_server", "_worker")

    def __init__(self, worker: NonecornWorker, runtime: Runtime, server: Server) -> None:
        self._worker = worker
        self._runtime = runtime
        self._server = server
        timeout = worker.cfg.timeout
        self._interval = min(_INTERVAL, timeout / 2) if timeout else _INTERVAL
        self._ending = False

    def __repr__(self) -> str:
        return f"<Attendance every {self._interval:g} s{' ending' if self._ending else ''}>"

    def begin(self) -> None:
        """Show the first sign of life, and listen to signals."""
        on_signal = self._runtime.on_signal
        on_signal(signal.SIGTERM, self.finish)
        on_signal(signal.SIGINT, self.hurry)
        on_signal(signal.SIGQUIT, self.hurry)
        on_signal(signal.SIGUSR1, self.reopen)
        self._worker.attendance = self
        self._beat()

    def finish(self) -> None:
        """End, with time for requests. The arbiter may ask several times and mean it once."""
        self._end(alone=False)

    def recycle(self) -> None:
        """End as the last request of `max_requests` begins.

        The arbiter starts the next worker when this one has gone. Until requests are done, whoever
        connects is served here, and told to connect anew for the next request.
        """
        self._end(alone=True)

    def hurry(self) -> None:
        """End, without time for requests."""
        worker, server = self._worker, self._server
        self._ending = True
        worker.alive = False
        try:
            worker.cfg.worker_int(worker)
        except Exception:
            worker.log.exception("the hook worker_int raised")
        server.stop()
        server.stop()
        self._runtime.call_at(self._runtime.time() + _SHUTDOWN, server.stop)

    def reopen(self) -> None:
        """Log files were moved away."""
        self._worker.log.reopen_files()
        self._server.reopen_logs()

    def _end(self, *, alone: bool) -> None:
        if self._ending:
            return
        self._ending = True
        self._worker.alive = False
        # Idle connections may be about to carry a request. After a reload others will serve the
        # next one, so they are closed when they are silent; the arbiter does not say whether it
        # reloads or ends, so they have little time.
        self._server.retire(patience=_PATIENCE, alone=alone)

    def _beat(self) -> None:
        worker, runtime = self._worker, self._runtime
        worker.notify()
        if worker.ppid != os.getppid() and not self._ending:
            worker.log.info("the arbiter has gone: ending %s", worker)
            self.finish()
        elif not worker.alive:
            self.finish()  # asked for by Gunicorn's reloader, or by a hook
        runtime.call_at(runtime.time() + self._interval, self._beat)
