"""The file that names the server's process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nonecorn.spi import StartupError


@contextmanager
def pid_file(path: str | None) -> Iterator[Callable[[], None]]:
    """Write the process ID to a file, and remove the file at the end if it is still ours.

    Args:
        path: None for no file.

    Yields:
        What removes it, for who ends the process in another way.

    Raises:
        StartupError: It cannot be written.
    """
    if path is None:
        yield lambda: None
        return
    file = Path(path)
    own = f"{os.getpid()}\n"

    def remove() -> None:
        with suppress(OSError, ValueError):  # somebody else removed or replaced it
            if file.read_text(encoding="ascii") == own:
                file.unlink()

    try:
        file.write_text(own, encoding="ascii")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"the PID file {path} cannot be written: {reason}"
        raise StartupError(message) from error
    try:
        yield remove
    finally:
        remove()
