"""What all worker classes share: from Gunicorn's worker to a server of nonecorn's.

The arbiter has forked; the base class has changed the user, set the environment, caught the signals
and loaded the application, as for all of Gunicorn's workers. What is left is `run`.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.workers.base import Worker  # type: ignore[import-untyped]

from nonecorn.spi import ConfigError, NonecornError, Ref, Runtime, Server
from nonecorn_gunicorn import _current
from nonecorn_gunicorn._attendance import Attendance
from nonecorn_gunicorn._config_file import settings_of_config_file
from nonecorn_gunicorn._failing import failing
from nonecorn_gunicorn._logs import send_logs_to
from nonecorn_gunicorn._tls import tls_context_of
from nonecorn_gunicorn._translate import without_effect

_run: Ref[Any] = Ref("nonecorn:run")


class NonecornWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """A worker of Gunicorn's that serves with nonecorn.

    Attributes:
        runtime: Name of nonecorn's worker, which is a kind of event loop.
        attendance: What keeps in touch with the arbiter, once there is a loop.
    """

    runtime: ClassVar[str] = ""
    attendance: Attendance | None = None

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Called once, by the arbiter: say which settings do nothing here."""
        for line in without_effect(cfg):
            log.warning("%s", line)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.pid} age={self.age}{'' if self.alive else ' ending'}>"

    def load_wsgi(self) -> None:
        """Load the application; with `reload`, a syntax error is shown by the one in its place."""
        try:
            self.wsgi = self.app.wsgi()
        except SyntaxError as error:
            if not self.cfg.reload:
                raise
            super().load_wsgi()  # has the file watched, and logs the error
            self.wsgi = failing("".join(traceback.format_exception(error)))

    def run(self) -> None:
        """Serve to the end. Called by the base class."""
        # The base class has the signals write to a pipe, which nobody reads here; loops have one
        # of their own, and trio warns of another.
        signal.set_wakeup_fd(-1)
        if not self.alive:
            return  # asked to end while the application was loaded
        _current.enter(self)
        send_logs_to(self.log)
        try:
            _run.load()(
                self.wsgi,
                os.environ.get("NONECORN_CONFIG") or None,
                control=self._attend,
                tls_context=tls_context_of(self.cfg),
                **self._settings(),
            )
        except NonecornError as error:
            problems = error.problems if isinstance(error, ConfigError) else (str(error),)
            for problem in problems:
                self.log.error("nonecorn cannot start: %s", problem)  # noqa: TRY400  # it says all
            # The arbiter ends with the same code, in place of trying again for ever.
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        if self.aborted:
            sys.exit(1)

    def handle_abort(self, sig: int, frame: FrameType | None) -> None:
        """SIGABRT: no heartbeat came in time. Say where the event loop is stuck, and end.

        The exit unwinds what blocks the loop, if that is Python. A request whose application does
        is answered 500 then, and others get the time that they have after SIGTERM.
        """
        self.aborted = True
        stack = "".join(traceback.format_stack(frame)).rstrip()
        self.log.critical("the event loop has been blocked for %g s:\n%s", self.cfg.timeout, stack)
        super().handle_abort(sig, frame)

    def _attend(self, runtime: Runtime, server: Server) -> None:
        Attendance(self, runtime, server).begin()

    def _settings(self) -> dict[str, Any]:
        """What wins over the environment and over nonecorn's file."""
        return {
            **settings_of_config_file(self.cfg),
            # Gunicorn's part of the work:
            "bind": self._take_sockets(),
            "insecure_bind": [],
            "workers": 0,
            "reload": False,
            "pid": "",
            "user": "",
            "group": "",
            "umask": "",
            "worker": self.runtime,
            "plugin": ["gunicorn", self.runtime],
        }

    def _take_sockets(self) -> list[str]:
        """Bind strings of the arbiter's sockets, which are nonecorn's from now on.

        Those of Gunicorn's own objects are closed: one that stays open would go on to accept
        connections when nobody serves them any more.
        """
        binds = []
        for sock in self.sockets:
            binds.append(f"fd://{os.dup(sock.fileno())}")
            sock.close()
        return binds
