"""Which files count: Python's own, and what the user includes; never what tools leave behind.

The first that applies decides:

    1. --reload-exclude
    2. --reload-include
    3. hidden names, caches, installed packages, editors' temporary files: not
    4. what lies in an included directory, and `*.py`

An excluded directory is not looked into.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from nonecorn.reload.globs import Globs

LEFTOVERS = (
    ".*",
    "__pycache__",
    "__pypackages__",
    "node_modules",
    "site-packages",
    "dist-packages",
    "*.egg-info",
    "*~",
    "#*#",
    "*.tmp",
    "*.swp",
    "*___jb_tmp___",
    "*___jb_old___",
    "flycheck_*",
    "flymake_*",
    "*_flymake.py",
)
"""Names that are never meant. Virtual environments are known by what they hold: `ENVIRONMENTS`."""
ENVIRONMENTS = frozenset({"pyvenv.cfg", "conda-meta"})
"""Names that only a directory with a Python environment has."""


class Depth(enum.Enum):
    """What is known of a directory."""

    PLAIN = "plain"
    INCLUDED = "included"
    """It, or one above it, was included: its files count."""
    HIDDEN = "hidden"
    """It is looked into only for what patterns with a slash include there."""


class Filter:
    """See the module.

    Args:
        root: Absolute path of the directory.
        include: Patterns of the user; see `globs`.
        exclude: Likewise.
    """

    __slots__ = ("_exclude", "_include", "_leftovers", "_sources")

    def __init__(self, root: str, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        self._include = Globs(include, root)
        self._exclude = Globs(exclude, root)
        self._leftovers = Globs(LEFTOVERS)
        self._sources = Globs(["*.py"])

    def __repr__(self) -> str:
        return f"<Filter include={self._include!r} exclude={self._exclude!r}>"

    def file(self, parts: Sequence[str], above: Depth) -> bool:
        """Whether a file counts.

        Args:
            parts: Its path from the directory.
            above: What `directory` said of the directory that it is in.
        """
        if self._exclude.match(parts):
            return False
        if self._include.match(parts):
            return True
        if above is Depth.HIDDEN or self._leftovers.match(parts[-1:]):
            return False
        return above is Depth.INCLUDED or self._sources.match(parts[-1:])

    def directory(self, parts: Sequence[str], above: Depth) -> Depth | None:
        """What is to be known of a directory; None: nothing in it counts.

        Args:
            parts: Its path from the directory.
            above: What this said of the directory that it is in.
        """
        if self._exclude.match(parts):
            return None
        if self._include.match(parts):
            return Depth.INCLUDED
        if above is Depth.HIDDEN or self._leftovers.match(parts[-1:]):
            return Depth.HIDDEN if self._include.below(parts) else None
        return above
