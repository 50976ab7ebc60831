"""Opening what was found, and nothing else.

Where a path leads is looked at before it is opened, and whoever may write into the directory could
put a link in the place of a part of it meanwhile. So the path, which has no links left in it when
it was found, is opened part by part, and a part that has become one by then is an error.
"""

from __future__ import annotations

import os

FOLLOWS_NO_LINK = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
"""Not on Windows, where to make a link takes a privilege."""

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # what became a pipe meanwhile makes nobody wait
)
# A directory may be one that can be passed through, but not be read.
_DIRECTORY = (
    getattr(os, "O_PATH", os.O_RDONLY)
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)  # fmt: skip
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def mark_of(facts: os.stat_result) -> tuple[int, ...]:
    """What changes when a file does."""
    return facts.st_mtime_ns, facts.st_size, facts.st_ino, facts.st_dev


def open_file(path: str, base: str) -> tuple[int, os.stat_result]:
    """A descriptor, and what it is of.

    Args:
        path: Of a file.
        base: Directory that it is below, with a separator at its end; empty where it may be
            anywhere.

    Raises:
        OSError: It cannot be opened, or a link has come between.
    """
    if base and FOLLOWS_NO_LINK:
        file = _open_below(base, path[len(base) :])
    else:
        file = os.open(path, _FLAGS)
    try:
        return file, os.fstat(file)
    except OSError:
        os.close(file)
        raise


def _open_below(base: str, name: str) -> int:
    at = os.open(base, _DIRECTORY)
    try:
        while True:
            part, separator, name = name.partition(os.sep)
            if not separator:
                return os.open(part, _FLAGS | _NO_LINK, dir_fd=at)
            inner = os.open(part, _DIRECTORY | _NO_LINK, dir_fd=at)
            os.close(at)
            at = inner
    finally:
        os.close(at)
