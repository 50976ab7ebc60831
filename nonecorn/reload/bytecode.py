"""Compiled files that Python would take for those of the source, and that are not.

Python compares the source's time in whole seconds, and its size: a file that is saved twice in one
second with the same size would be run as it was first. What is known to have changed is compiled
anew.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path


def forget_compiled(paths: Iterable[str]) -> None:
    """Remove what was compiled of these files.

    Args:
        paths: Absolute paths; those that are no Python source are passed over.
    """
    for path in paths:
        if not path.endswith(".py"):
            continue
        # No such file; a directory that may not be written; an interpreter without a cache.
        with contextlib.suppress(OSError, NotImplementedError):
            Path(importlib.util.cache_from_source(path)).unlink()
