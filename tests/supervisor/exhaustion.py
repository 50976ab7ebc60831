"""Processes that have no room for another open file. On Linux, which lets others' limits be set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def few_descriptors(left: int, pid: int = 0) -> Iterator[None]:
    """Leave a process, this one by default, room for so many files more than it has open."""
    import resource  # not on Windows, where tests beside these run

    listed = {int(name) for name in os.listdir(f"/proc/{pid or 'self'}/fd")}
    # Of our own, one was open to read the list.
    used = listed if pid else {number for number in listed if _is_open(number)}
    free = [number for number in range(len(used) + left + 1) if number not in used]
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[left], before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
