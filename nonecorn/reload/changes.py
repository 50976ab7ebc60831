"""The difference of two looks at files, as people want to read it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.reload.tree import Stamp

_NAMED = 3
"""Most files that are named; of more, the number is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Absolute paths, in order.

    Attributes:
        modified: Files that are not what they were.
        added: Files that were not there.
        deleted: Files that are not there any more.
    """

    modified: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    @classmethod
    def between(cls, before: Mapping[str, Stamp], after: Mapping[str, Stamp]) -> Changes:
        """What has happened between two looks."""
        return cls(
            modified=tuple(
                sorted(path for path in before.keys() & after.keys() if before[path] != after[path])
            ),
            added=tuple(sorted(after.keys() - before.keys())),
            deleted=tuple(sorted(before.keys() - after.keys())),
        )

    def __bool__(self) -> bool:
        return bool(self.paths)

    def __str__(self) -> str:
        """`app.py changed`, `a.py, b.py and 3 more changed`, `old.py was deleted`."""
        paths = self.paths
        names = ", ".join(_shown(path) for path in paths[:_NAMED])
        if len(paths) > _NAMED:
            names = f"{names} and {len(paths) - _NAMED} more"
        if len(paths) == len(self.added):
            return f"{names} {'was' if len(paths) == 1 else 'were'} added"
        if len(paths) == len(self.deleted):
            return f"{names} {'was' if len(paths) == 1 else 'were'} deleted"
        return f"{names} changed"

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them."""
        return self.modified + self.added + self.deleted

    def only(self, paths: Collection[str]) -> bool:
        """Whether nothing else has changed."""
        return all(path in paths for path in self.paths)

    def any(self, paths: Collection[str]) -> bool:
        """Whether one of these has changed."""
        return any(path in paths for path in self.paths)


def _shown(path: str) -> str:
    """Relative to the current directory, where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # the directory has gone, or it is on another drive
        return path
    return relative if len(relative) < len(path) else path
