"""Sets up the server's own loggers, and nobody else's.

Everything the server says goes to loggers below `nonecorn`: `nonecorn.error` for most of it,
`nonecorn.<plugin>` for a plugin's own, `nonecorn.access` for requests where that has handlers. The
tree gets one handler, which writes to standard error. Where `log_config` or the program has
configured logging before (the tree or the root logger has a handler), those get the messages.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

from nonecorn.builtin.moments import iso_time
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import ConfigError

TREE = "nonecorn"


def setup_logging(settings: ServerSettings) -> None:
    """Configure the loggers as the settings say. May be called again.

    Raises:
        ConfigError: `log_config` cannot be used.
    """
    tree = logging.getLogger(TREE)
    if settings.log_config is not None:
        _configure(Path(settings.log_config))
    if settings.log_config is None or tree.level == logging.NOTSET:
        tree.setLevel(settings.log_level.upper())

    for handler in list(tree.handlers):
        if isinstance(handler, ServerHandler):
            tree.removeHandler(handler)
            tree.propagate = True
    if not tree.hasHandlers():
        handler = ServerHandler()
        handler.setFormatter(JSONFormatter() if settings.log_format == "json" else TextFormatter())
        tree.addHandler(handler)
        # An application that configures the root logger later does not print every line twice.
        tree.propagate = False


def _configure(path: Path) -> None:
    import logging.config  # noqa: PLC0415  # costs more than all the rest, and few need it
    import tomllib  # noqa: PLC0415

    try:
        if path.suffix not in (".toml", ".json"):
            with path.open(encoding="utf-8") as file:
                logging.config.fileConfig(file, disable_existing_loggers=False)
            return
        with path.open("rb") as file:
            table: dict[str, Any] = (tomllib if path.suffix == ".toml" else json).load(file)
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, **table})
    except OSError as error:
        message = f"log_config {path} cannot be read: {(error.strerror or str(error)).lower()}"
        raise ConfigError(message) from error
    except Exception as error:
        cause = f": {error.__cause__}" if error.__cause__ is not None else ""
        reason = " ".join(f"{type(error).__name__}: {error}{cause}".split())
        message = f"log_config {path} is no configuration of logging: {reason}"
        raise ConfigError(message) from error


class ServerHandler(logging.Handler):
    """Writes to what `sys.stderr` is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        stream = sys.stderr
        if stream is None:  # a process without a console
            return
        try:
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception:  # noqa: BLE001  # as every handler of logging does
            self.handleError(record)

    def __repr__(self) -> str:
        return "<ServerHandler stderr>"


class TextFormatter(logging.Formatter):
    r"""`TIME [PROCESS] LEVEL message`.

    A message may hold what a client sent: control characters are shown as `\xNN`, and lines after
    the first are indented, so that none can pass for a record of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One record, with its traceback."""
        time = iso_time(record.created)
        message = _CONTROL.sub(_shown, record.getMessage()).replace("\n", "\n    ")
        text = f"{time} [{os.getpid()}] {record.levelname} {message}"
        trouble = _trouble(self, record)
        return f"{text}\n{trouble}" if trouble else text


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, line separators, and what reverses the direction."""


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class JSONFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, process, message, maybe exception."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, with its traceback."""
        entry: dict[str, Any] = {
            "time": iso_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": os.getpid(),
            "message": record.getMessage(),
        }
        trouble = _trouble(self, record)
        if trouble:
            entry["exception"] = trouble
        return json.dumps(entry)


def _trouble(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback and the stack that were logged with a record."""
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)
