"""The files that count, as they are now: their times and sizes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from nonecorn.reload.filter import ENVIRONMENTS, Depth, Filter

Stamp: TypeAlias = tuple[int, int]
"""Time of modification in nanoseconds, and size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one look has found.

    Attributes:
        files: Each file that counts, by its absolute path.
        directories: Directories that were looked into.
        outlying: Those of the files whose content is in none of the directories: symbolic links,
            and single files.
    """

    files: Mapping[str, Stamp]
    directories: frozenset[str]
    outlying: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Snapshot {len(self.files)} files in {len(self.directories)} directories>"

    def outlying_changed(self) -> bool:
        """Whether one of the outlying files is not as it was."""
        return any(stamp(path) != self.files.get(path) for path in self.outlying)


class Tree:
    """Directories and single files to look at.

    Symbolic links are followed, each directory behind one once.

    Args:
        roots: Directories.
        files: Single files that count whatever the patterns say. They need not be there.
        include: Patterns of the user; see `filter`.
        exclude: Likewise.
    """

    def __init__(
        self,
        roots: Iterable[str | os.PathLike[str]],
        files: Iterable[str | os.PathLike[str]] = (),
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> None:
        # Absolute, and not resolved: as the user knows them.
        self.roots = _outermost(absolute(root) for root in roots)
        self.files = tuple(dict.fromkeys(absolute(file) for file in files))
        self._filters = {root: Filter(root, include, exclude) for root in self.roots}

    def __repr__(self) -> str:
        return f"<Tree {' '.join(self.roots)} {len(self.files)} files>"

    def look(self) -> Snapshot:
        """What there is. What cannot be read is not there."""
        found = _Look()
        for root in self.roots:
            found.walk(root, self._filters[root])
        for path in self.files:
            found.add(path, link=True)
        return found.snapshot()


class _Look:
    """One look, under way."""

    def __init__(self) -> None:
        self.files: dict[str, Stamp] = {}
        self.directories: set[str] = set()
        self._links: list[str] = []
        self._entered: set[tuple[int, int]] = set()

    def walk(self, root: str, select: Filter) -> None:
        """Look at a directory and all below."""
        waiting: list[tuple[str, tuple[str, ...], Depth]] = [(root, (), Depth.PLAIN)]
        while waiting:
            directory, parts, depth = waiting.pop()
            try:
                with os.scandir(directory) as entries:
                    listed = list(entries)
            except OSError:  # it has gone, or is not for us
                continue
            if parts and any(entry.name in ENVIRONMENTS for entry in listed):
                continue
            self.directories.add(directory)
            for entry in listed:
                below = (*parts, entry.name)
                if _is_directory(entry):
                    deeper = select.directory(below, depth)
                    if deeper is not None and self._enter(entry):
                        waiting.append((entry.path, below, deeper))
                elif select.file(below, depth):
                    self.add(entry.path, link=entry.is_symlink())

    def _enter(self, entry: os.DirEntry[str]) -> bool:
        """Whether a directory is still to be looked into: behind a link, it may lead in circles."""
        if not entry.is_symlink():
            return True
        try:
            status = os.stat(entry.path)  # noqa: PTH116  # a string
        except OSError:
            return False
        identity = (status.st_dev, status.st_ino)
        new = identity not in self._entered
        self._entered.add(identity)
        return new

    def add(self, path: str, *, link: bool) -> None:
        """A file that counts, if it is there.

        Args:
            path: Absolute.
            link: It may be outlying.
        """
        found = stamp(path)
        if found is not None:
            self.files[path] = found
        if link:
            self._links.append(path)

    def snapshot(self) -> Snapshot:
        """What was found."""
        real = {os.path.realpath(path) for path in self.directories} if self._links else set()
        outlying = dict.fromkeys(
            path
            for path in self._links
            if os.path.split(path)[0] not in self.directories
            or os.path.split(os.path.realpath(path))[0] not in real
        )
        return Snapshot(
            files=self.files, directories=frozenset(self.directories), outlying=tuple(outlying)
        )


def stamp(path: str) -> Stamp | None:
    """A file's time and size, behind links; None where there is none."""
    try:
        # Not the entry's own `stat`, which Windows answers from a directory that may be behind.
        status = os.stat(path)  # noqa: PTH116  # a string: there are many
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


def absolute(path: str | os.PathLike[str]) -> str:
    """From the root, and without `..`; links stay."""
    return os.path.normpath(Path(path).absolute())


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _outermost(roots: Iterable[str]) -> tuple[str, ...]:
    """Without those that lie in another, where they are looked at anyway."""
    unique = [Path(root) for root in dict.fromkeys(roots)]
    return tuple(str(path) for path in unique if not any(other in path.parents for other in unique))
