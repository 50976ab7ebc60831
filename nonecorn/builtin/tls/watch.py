"""Looks at certificate files now and then, in a worker, off its loop."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.builtin.tls.server import ServerTLS
    from nonecorn.spi import Job, Runtime, Timer


class CertificateWatch:
    """One task that sleeps, and asks `ServerTLS.refresh` in a thread: a slow disk stops nobody.

    Args:
        tls: Whose files.
        runtime: Where to run.
    """

    __slots__ = ("_job", "_runtime", "_stopped", "_timer", "_tls")

    def __init__(self, tls: ServerTLS, runtime: Runtime) -> None:
        self._tls = tls
        self._runtime = runtime
        self._stopped = False
        self._timer: Timer | None = None
        self._job: Job | None = None

    def start(self) -> None:
        """Begin, unless the setting says never."""
        if self._tls.reload_interval:
            self._job = self._runtime.spawn(self._run)

    def stop(self) -> None:
        """End. Idempotent."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._job is not None:
            self._job.cancel()

    async def _run(self) -> None:
        runtime = self._runtime
        while not self._stopped:
            due = runtime.waiter()
            self._timer = runtime.call_at(runtime.time() + self._tls.reload_interval, due.set)
            await due.wait()
            try:
                await runtime.run_in_thread(self._tls.refresh)
            except Exception:  # the next look may fare better
                logging.getLogger("nonecorn.error").exception("cannot look at the TLS files")

    def __repr__(self) -> str:
        state = "stopped" if self._stopped else f"every {self._tls.reload_interval:g} s"
        return f"<CertificateWatch {state}>"
