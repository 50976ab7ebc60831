"""Every table that a configuration may hold: the kernel's two, and those that plugins bring."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nonecorn.config.option import Option, options_of
from nonecorn.config.schema import SECTIONS, ServerSettings
from nonecorn.spi.settings import Limits, Settings

if TYPE_CHECKING:
    from nonecorn.plugins import PluginInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        name: As in TOML; empty for the top level.
        settings: The dataclass that it becomes.
        options: Its keys.
        plugin: Who brought it; empty for the kernel.
    """

    name: str
    settings: type[Settings]
    options: tuple[Option, ...]
    plugin: str = ""


class Tables:
    """The tables of one process, by every name that leads to an option.

    Args:
        settings: What the loaded plugins bring, as `Plugins.settings` returns it: without
            conflicts.
    """

    __slots__ = ("_by_env", "_by_key", "_tables")

    def __init__(self, settings: Iterable[tuple[PluginInfo, type[Settings]]] = ()) -> None:
        self._tables: dict[str, Table] = {}
        self._by_key: dict[tuple[str, str], Option] = {}
        self._by_env: dict[str, Option] = {}
        for table in _kernel_tables():
            self._add(table)
        for info, found in settings:
            self._add(_table(found, plugin=info.name))

    def __repr__(self) -> str:
        names = ", ".join(name or "top level" for name in self._tables)
        return f"<Tables: {names}; {len(self._by_key)} options>"

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def __contains__(self, name: str) -> bool:
        return name in self._tables

    def __getitem__(self, name: str) -> Table:
        return self._tables[name]

    def names(self) -> list[str]:
        """Names of all tables but the top level."""
        return [name for name in self._tables if name]

    def options(self) -> Iterator[Option]:
        """All options, table by table."""
        return iter(self._by_key.values())

    def option(self, table: str, name: str) -> Option | None:
        """The option with that key, if there is one."""
        return self._by_key.get((table, name))

    def by_env(self, variable: str) -> Option | None:
        """The option with that environment variable, if there is one."""
        return self._by_env.get(variable)

    def variables(self) -> list[str]:
        """All environment variables."""
        return list(self._by_env)

    def sections(self) -> Iterator[tuple[str, list[Option]]]:
        """Options under the headings of help and reference, the top level in parts."""
        for table in self:
            heading = "Limits" if table.name == "limits" else f"Plugin {table.name}"
            group: list[Option] = []
            for option in table.options:
                if not table.name and option.name in SECTIONS:
                    if group:
                        yield heading, group
                    heading, group = SECTIONS[option.name], []
                group.append(option)
            if group:
                yield heading, group

    def _add(self, table: Table) -> None:
        self._tables[table.name] = table
        for option in table.options:
            self._by_key[option.table, option.name] = option
            self._by_env[option.env] = option


def _table(settings: type[Settings], *, plugin: str = "") -> Table:
    return Table(
        name=settings.table, settings=settings, options=options_of(settings), plugin=plugin
    )


@functools.cache
def _kernel_tables() -> tuple[Table, ...]:
    return (_table(ServerSettings), _table(Limits))
