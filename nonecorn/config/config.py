"""The frozen configuration: every table's settings, and where each value came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nonecorn.config.schema import ServerSettings
from nonecorn.spi.settings import Limits, Settings

DEFAULT: Final = "default"
"""Origin of a value that no source gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What all sources together say.

    Attributes:
        tables: Settings by table: the server's own under `""`, then `limits`, then each plugin that
            has any.
        middleware: Layers around the application, outermost first. Each has the key `use`, and its
            own options.
        base: Directory that relative paths in middleware's options are relative to; None for the
            current one.
        origins: Where each value that is no default came from, by table and name.
        file: The configuration file or object, as people know it; empty for none.
    """

    tables: Mapping[str, Settings]
    middleware: tuple[Mapping[str, Any], ...] = ()
    base: Path | None = None
    origins: Mapping[tuple[str, str], str] = field(default_factory=dict)
    file: str = ""

    def __repr__(self) -> str:
        # Values stay out: some are secret.
        tables = ", ".join(name for name in self.tables if name)
        return f"<Config {self.file or 'without a file'}: {len(self.origins)} values set; {tables}>"

    @property
    def server(self) -> ServerSettings:
        """The top-level table."""
        found = self.tables[""]
        assert isinstance(found, ServerSettings)
        return found

    @property
    def limits(self) -> Limits:
        """`[limits]`."""
        found = self.tables["limits"]
        assert isinstance(found, Limits)
        return found

    def origin(self, table: str, name: str) -> str:
        """Where a value came from.

        Returns:
            `default`, `nonecorn.toml:12`, `plugin echo`, `environment NONECORN_BIND`, `flag --bind`
            or `argument bind`.
        """
        return self.origins.get((table, name), DEFAULT)
