"""Where lines go: a file, standard output, or a logger.

Nothing that happens to a file may harm the server: what cannot be written is dropped, and that is
said once. A file that was moved away (by logrotate, say) is noticed within a second and made anew.
"""

from __future__ import annotations

import logging
import os
import time
import typing
from pathlib import Path

from nonecorn.spi import StartupError

_KEPT = 1 << 20
"""Bytes kept for a reader of a non-blocking pipe that is slower than the server."""

_STDOUT = 1
_LINE_END = 10
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)


class Sink(typing.Protocol):
    """Takes finished lines, each with its line break."""

    def write(self, lines: list[str]) -> None:
        """Write lines. Raises nothing."""
        ...

    def reopen(self) -> None:
        """Open the file anew, if it is one. Raises nothing."""
        ...


class FileSink:
    """Appends to a file. Several workers may share it: each batch is one write.

    Args:
        path: Of the file, which is created where it is missing; `-` for standard output.
        log: Is told of failures.

    Raises:
        StartupError: The file cannot be opened.
    """

    __slots__ = ("_checked", "_cut", "_descriptor", "_failed", "_kept", "_log", "_path")

    def __init__(self, path: str, log: logging.Logger) -> None:
        self._path = None if path == "-" else Path(path).absolute()
        self._log = log
        self._kept = b""
        self._cut = False  # the last line in the file is not whole
        self._failed = False
        self._checked = 0.0
        try:
            self._descriptor = self._open()
        except OSError as error:
            message = (
                f"access_log {path} cannot be opened: {(error.strerror or str(error)).lower()}"
            )
            raise StartupError(message) from error

    def write(self, lines: list[str]) -> None:
        """Write lines with one system call."""
        if self._path is not None and time.monotonic() - self._checked >= 1:
            self._follow()
        data = self._kept + "".join(lines).encode("ascii", "backslashreplace")
        if self._cut:
            data = b"\n" + data
        self._kept = b""
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:] if written else data)
        except BlockingIOError:
            self._cut = False
            self._keep(data[written:])
        except OSError as error:
            if written:
                self._cut = data[written - 1] != _LINE_END
            self._fail(error)
        else:
            self._cut = self._failed = False

    def reopen(self) -> None:
        """Open the file of this name anew, and close the old one, wherever it was moved."""
        if self._path is None:
            return
        try:
            descriptor = self._open()
        except OSError as error:
            self._fail(error)  # and write on into the old one
        else:
            os.close(self._descriptor)
            self._descriptor = descriptor

    def _open(self) -> int:
        if self._path is None:
            return os.dup(_STDOUT)
        return os.open(self._path, _FLAGS, 0o644)

    def _follow(self) -> None:
        """Notice that the file was moved or removed."""
        self._checked = time.monotonic()
        assert self._path is not None
        try:
            there = self._path.stat()
            same = os.path.samestat(there, os.fstat(self._descriptor))
        except OSError:
            same = False
        if not same:
            self.reopen()

    def _keep(self, data: bytes) -> None:
        if len(data) <= _KEPT:
            self._kept = data
        else:
            # Cut at a line's end: what is written later must begin a line of its own.
            self._kept = data[: data.rfind(b"\n", 0, _KEPT) + 1]
            self._fail(BlockingIOError("its reader is too slow"))

    def _fail(self, error: OSError) -> None:
        if not self._failed:
            self._failed = True
            where = self._path or "standard output"
            self._log.error("access log: lines for %s are lost: %s", where, error.strerror or error)

    def __repr__(self) -> str:
        return f"<FileSink {self._path or '-'}>"

    def __del__(self) -> None:
        descriptor = getattr(self, "_descriptor", None)
        if descriptor is not None:
            os.close(descriptor)


class LoggerSink:
    """Gives each line to a logger, whose handlers decide the rest."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def write(self, lines: list[str]) -> None:
        """Log each line at level INFO."""
        for line in lines:
            self._logger.info("%s", line.removesuffix("\n"))

    def reopen(self) -> None:
        """Handlers reopen their own files."""

    def __repr__(self) -> str:
        return f"<LoggerSink {self._logger.name}>"
