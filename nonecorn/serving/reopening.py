"""Log files are opened anew after they were moved away (SIGUSR1, for logrotate)."""

from __future__ import annotations

import logging
from collections.abc import Iterator


def reopen_log_files() -> None:
    """Let every file handler of `logging` open its file anew with its next record."""
    for handler in set(_file_handlers()):
        handler.acquire()
        try:
            stream, handler.stream = handler.stream, None  # as emit expects it
            if stream is not None:
                stream.close()
        finally:
            handler.release()


def _file_handlers() -> Iterator[logging.FileHandler]:
    root = logging.getLogger()
    for logger in (root, *root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            for handler in logger.handlers:
                if isinstance(handler, logging.FileHandler):
                    yield handler
