"""Patterns of paths, for people who write them on a command line.

`*.html` is a name, of a file or directory at any depth; a directory stands for all that is in it.
With a slash, `app/generated/*.py` is a path from the watched directory, where `**` is any number of
directories. An absolute path is one too.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import TypeAlias

_ANY = None
"""In a compiled path: `**`."""
_Path: TypeAlias = tuple["re.Pattern[str] | None", ...]


class Globs:
    """Several patterns, for paths below one directory.

    Args:
        patterns: As above.
        root: Absolute path of the directory; for absolute patterns, which mean nothing without it.
    """

    __slots__ = ("_names", "_paths", "_patterns")

    def __init__(self, patterns: Iterable[str], root: str = "") -> None:
        self._patterns = tuple(patterns)
        names, paths = [], []
        for pattern in self._patterns:
            parts = _parts(pattern, root)
            if len(parts) == 1 and "/" not in _slashed(pattern).rstrip("/"):
                names.append(fnmatch.translate(_cased(parts[0])))
            elif parts:
                paths.append(tuple(_compiled(part) for part in parts))
        self._names = re.compile("|".join(names)) if names else None
        self._paths: tuple[_Path, ...] = tuple(paths)

    def __repr__(self) -> str:
        return f"<Globs {' '.join(self._patterns)}>"

    def match(self, parts: Sequence[str]) -> bool:
        """Whether this is such a path; what lies above it does not matter.

        Args:
            parts: The path from the directory, name by name; one at least.
        """
        if self._names is not None and self._names.match(_cased(parts[-1])):
            return True
        return any(_matches(path, parts) for path in self._paths)

    def below(self, parts: Sequence[str]) -> bool:
        """Whether a pattern with a slash may match something in this directory."""
        return any(_reaches(path, parts) for path in self._paths)


def _slashed(pattern: str) -> str:
    return pattern.replace(os.sep, "/")


def _cased(name: str) -> str:
    """A name as the system compares it."""
    return os.path.normcase(name)


def _parts(pattern: str, root: str) -> tuple[str, ...]:
    """The names of a pattern, from the directory; none if it lies elsewhere."""
    path = PurePath(pattern)
    if path.is_absolute():
        try:
            path = path.relative_to(root or path.anchor)
        except ValueError:
            return ()
    return tuple(part for part in _slashed(str(path)).split("/") if part not in ("", "."))


def _compiled(part: str) -> re.Pattern[str] | None:
    return _ANY if part == "**" else re.compile(fnmatch.translate(_cased(part)))


def _matches(path: _Path, parts: Sequence[str]) -> bool:
    if not path:
        return not parts
    first, rest = path[0], path[1:]
    if first is _ANY:
        return _matches(rest, parts) or (bool(parts) and _matches(path, parts[1:]))
    return bool(parts) and bool(first.match(_cased(parts[0]))) and _matches(rest, parts[1:])


def _reaches(path: _Path, parts: Sequence[str]) -> bool:
    if not path:
        return False
    if not parts or path[0] is _ANY:
        return True
    return bool(path[0].match(_cased(parts[0]))) and _reaches(path[1:], parts[1:])
