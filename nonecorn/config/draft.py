"""The configuration while it is put together.

Every source writes at its own rank, and the highest rank that has a value wins, whatever the order
of writing. So a plugin sees in `nonecorn_configure` what the user asked for in the environment and
on the command line, and can still not overrule it.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nonecorn.config.config import DEFAULT, Config
from nonecorn.config.decode import decode
from nonecorn.config.middleware import decode_middleware
from nonecorn.config.option import Option
from nonecorn.config.tables import Tables
from nonecorn.spi.errors import ConfigError, NonecornError
from nonecorn.spi.settings import Settings

MIDDLEWARE = ("", "middleware")
"""Its value in a draft is a tuple of tables, each with the key `use`; `Config` splits it in names
and tables."""

SELECTION = (("", "plugin"), ("", "no_plugin"), ("", "autoload"))
"""Decided before any plugin is loaded, so by none."""


class Rank(enum.IntEnum):
    """Kinds of source, the weakest first."""

    FILE = 1
    PLUGIN = 2
    ENVIRONMENT = 3
    ARGUMENT = 4


class ConfigDraft:
    """What `nonecorn_configure` adjusts: values by table and name, each with its origin.

    Args:
        tables: The tables that there are.
    """

    __slots__ = ("_actor", "_bases", "_problems", "_tables", "_values")

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._actor = "plugin"
        self._values: dict[tuple[str, str], dict[Rank, tuple[Any, str]]] = {}
        self._problems: list[str] = []
        self._bases: dict[Rank, Path | None] = {}

    def __repr__(self) -> str:
        return f"<ConfigDraft: {len(self._values)} values set, {len(self._problems)} problems>"

    @property
    def problems(self) -> list[str]:
        """What is wrong so far, one line each."""
        return self._problems

    def get(self, table: str, name: str) -> Any:
        """The value as it stands: of the highest source that has one, or the default.

        Args:
            table: Table, empty for the top level.
            name: Setting. `middleware` is a tuple of mappings that each have `use`.

        Raises:
            KeyError: There is no such setting.
        """
        option = self._option(table, name)
        ranks = self._values.get((table, name))
        return ranks[max(ranks)][0] if ranks else option.default

    def set(self, table: str, name: str, value: Any) -> bool:
        """Give a value, above the file's and below the environment's and the command line's.

        Returns:
            Whether it is the value now; False where the user asked for another.

        Raises:
            KeyError: There is no such setting.
            ConfigError: It cannot have that value, or plugins may not set it.
        """
        option = self._option(table, name)
        who = self._actor
        if (table, name) in SELECTION:
            message = f"{who}: {option.key} is decided before plugins are loaded"
            raise ConfigError(message)
        try:
            self._store(option, value, who, Rank.PLUGIN, text=False, base=None)
        except ValueError as error:
            message = f"{who}: {option.key}: {error}"
            raise ConfigError(message) from error
        return max(self._values[table, name]) is Rank.PLUGIN

    def origin(self, table: str, name: str) -> str:
        """Where the value that `get` returns came from."""
        self._option(table, name)
        ranks = self._values.get((table, name))
        return ranks[max(ranks)][1] if ranks else DEFAULT

    @contextlib.contextmanager
    def attributed_to(self, origin: str) -> Iterator[None]:
        """Meanwhile, record what `set` gives as coming from `origin`: `plugin echo`."""
        before, self._actor = self._actor, origin
        try:
            yield
        finally:
            self._actor = before

    def put(
        self,
        option: Option,
        value: Any,
        *,
        rank: Rank,
        origin: str,
        where: str = "",
        text: bool = False,
        base: Path | None = None,
    ) -> None:
        """Give a source's value. One that cannot be used becomes a problem.

        Args:
            option: What it is for.
            value: As the source has it.
            rank: The kind of source.
            origin: The source.
            where: How a problem with it begins, if not with the origin.
            text: It came as text; see `decode`.
            base: Directory that relative paths are relative to; see `decode`.
        """
        try:
            self._store(option, value, origin, rank, text=text, base=base)
        except ValueError as error:
            self._problems.append(f"{where or origin}: {error}")

    def override(self, table: str, name: str, value: Any) -> None:
        """Replace the value of the highest rank that has one, and keep its origin."""
        ranks = self._values.get((table, name))
        if ranks:
            ranks[max(ranks)] = (value, ranks[max(ranks)][1])

    def freeze(self, *, file: str = "") -> Config:
        """The configuration as it stands.

        Raises:
            ConfigError: A problem was found, or a plugin's settings refuse their values.
        """
        if self._problems:
            raise ConfigError(self._problems)
        tables: dict[str, Settings] = {}
        problems = []
        for table in self._tables:
            values = {option.name: self.get(table.name, option.name) for option in table.options}
            if not table.name:
                values["middleware"] = tuple(layer["use"] for layer in values["middleware"])
            try:
                tables[table.name] = table.settings(**values)
            except NonecornError as error:
                problems.append(str(error))
            except (TypeError, ValueError) as error:
                problems.append(f"[{table.name}]: {error}")
        if problems:
            raise ConfigError(problems)
        return Config(
            tables=tables,
            middleware=self.get(*MIDDLEWARE),
            base=self._bases[max(self._bases)] if self._bases else None,
            origins={key: ranks[max(ranks)][1] for key, ranks in self._values.items()},
            file=file,
        )

    def _option(self, table: str, name: str) -> Option:
        option = self._tables.option(table, name)
        if option is None:
            message = f"there is no setting {f'{table}.{name}' if table else name}"
            raise KeyError(message)
        return option

    def _store(
        self, option: Option, value: Any, origin: str, rank: Rank, *, text: bool, base: Path | None
    ) -> None:
        key = (option.table, option.name)
        decoded: Any
        if key == MIDDLEWARE:
            decoded = decode_middleware(option, value, text=text)
            self._bases[rank] = base
        else:
            decoded = decode(option, value, text=text, base=base)
        self._values.setdefault(key, {})[rank] = (decoded, origin)
