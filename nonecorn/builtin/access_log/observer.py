"""The observer behind the access log.

Lines are made as requests end, gathered, and written once per tick of the loop. While the worker
stops they are written at once, since no further tick is sure to come.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nonecorn.builtin.access_log.formats import compile_format
from nonecorn.builtin.access_log.sinks import FileSink, LoggerSink, Sink
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import UNLOGGED, AppContext, Observer, RequestRecord

if TYPE_CHECKING:
    from nonecorn.builtin.access_log.formats import Line
    from nonecorn.spi import Runtime

LOGGER = "nonecorn.access"
"""A logger of this name that has handlers gets the lines, whatever `access_log` says."""


def make(context: AppContext) -> AccessLog | None:
    """The access log that the settings ask for, or None.

    Raises:
        ConfigError: The format is not one.
        StartupError: The file cannot be opened.
    """
    settings = context.settings_of(ServerSettings)
    logger = logging.getLogger(LOGGER)
    sink: Sink
    if logger.handlers:
        if not logger.isEnabledFor(logging.INFO):
            return None
        sink = LoggerSink(logger)
    elif settings.access_log:
        sink = FileSink(settings.access_log, context.log)
    else:
        return None
    return AccessLog(compile_format(settings.access_log_format), sink)


class AccessLog(Observer):
    """Writes a line per request.

    Args:
        line: Makes it.
        sink: Takes it.
    """

    __slots__ = ("_line", "_lines", "_runtime", "_sink")

    def __init__(self, line: Line, sink: Sink) -> None:
        self._line = line
        self._sink = sink
        self._lines: list[str] = []
        self._runtime: Runtime | None = None

    def worker_started(self, runtime: Runtime) -> None:
        """From now on lines may wait for the end of a tick."""
        self._runtime = runtime

    def request_finished(self, record: RequestRecord) -> None:
        """Note the request."""
        if UNLOGGED in record.scope.get("extensions", ()):
            return
        lines = self._lines
        lines.append(f"{self._line(record)}\n")
        if self._runtime is None:
            self.flush()
        elif len(lines) == 1:
            self._runtime.end_of_tick(self.flush)

    def worker_stopping(self, runtime: Runtime) -> None:
        """Write what there is, and whatever follows at once."""
        self._runtime = None
        self.flush()

    def flush(self) -> None:
        """Write the lines gathered so far."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._sink.write(lines)

    def reopen_logs(self, runtime: Runtime) -> None:
        """The file was moved."""
        self.reopen()

    def reopen(self) -> None:
        """Open the file anew, after it was moved; that is noticed without this call too."""
        self.flush()
        self._sink.reopen()

    def __repr__(self) -> str:
        return f"<AccessLog {self._sink!r} waiting={len(self._lines)}>"
