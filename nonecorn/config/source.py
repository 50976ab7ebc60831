"""A source: data of the shape of `nonecorn.toml`, and where each of its values stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Configuration that was read, but not yet understood.

    Attributes:
        data: Keys of the top level, and tables.
        name: What people know it by: `nonecorn.toml`, `python:settings`, `argument`.
        base: Directory that its relative paths are relative to; None for the current one.
        lines: Line of each key, by its path through the tables, where known.
        keyed: Origins name the key: `argument bind` (for a source that is no file).
    """

    data: Mapping[Any, Any]
    name: str
    base: Path | None = None
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    keyed: bool = False

    def __repr__(self) -> str:
        return f"<Source {self.name}: {', '.join(map(str, self.data)) or 'empty'}>"

    def origin(self, *path: str) -> str:
        """Where the value at that path stands, such as `nonecorn.toml:12`."""
        if self.keyed:
            return f"{self.name} {'.'.join(path)}"
        line = self.lines.get(path)
        return f"{self.name}:{line}" if line else self.name

    def where(self, *path: str) -> str:
        """The start of a message about the value at that path: its origin and its key."""
        return self.origin(*path) if self.keyed else f"{self.origin(*path)}: {'.'.join(path)}"
