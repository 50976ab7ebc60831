"""Looks at certificate files now and then, in a worker, off its loop."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.builtin.tls.server import ServerTLS
    from nonecorn.spi import Job, Runtime, Timer, Waiter


class CertificateWatch:
    """One task that sleeps, and asks `ServerTLS.refresh` in a thread: a slow disk stops nobody.

    Args:
        tls: Whose files.
        runtime: Where to run.
    """

    __slots__ = ("_asked", "_due", "_job", "_runtime", "_stopped", "_timer", "_tls")

    def __init__(self, tls: ServerTLS, runtime: Runtime) -> None:
        self._tls = tls
        self._runtime = runtime
        self._asked = False
        self._stopped = False
        self._due: Waiter | None = None
        self._timer: Timer | None = None
        self._job: Job | None = None

    def start(self) -> None:
        """Begin, unless the setting says never."""
        if self._tls.reload_interval and self._job is None and not self._stopped:
            self._job = self._runtime.spawn(self._run)

    def look(self) -> None:
        """Look now: somebody has asked for it. On the loop's thread."""
        self._asked = True
        if self._due is not None:
            self._due.set()
        elif self._job is None and not self._stopped:
            self._job = self._runtime.spawn(self._run)

    def stop(self) -> None:
        """End. Idempotent."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._job is not None:
            self._job.cancel()

    async def _run(self) -> None:
        runtime, interval = self._runtime, self._tls.reload_interval
        while not self._stopped:
            if not self._asked:
                if not interval:
                    break
                self._due = runtime.waiter()
                self._timer = runtime.call_at(runtime.time() + interval, self._due.set)
                await self._due.wait()
                self._due = None
                self._timer.cancel()
            look = self._tls.refresh
            if self._asked:
                self._asked = False
                look = functools.partial(look, asked=True)
            try:
                await runtime.run_in_thread(look)
            except Exception:  # the next look may fare better
                logging.getLogger("nonecorn.error").exception("cannot look at the TLS files")
        self._job = None

    def __repr__(self) -> str:
        state = (
            "stopped" if self._stopped
            else f"every {self._tls.reload_interval:g} s" if self._tls.reload_interval
            else "when asked"
        )  # fmt: skip
        return f"<CertificateWatch {state}>"
