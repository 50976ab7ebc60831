"""What to say of an unknown name: a near match, or the plugin that would know it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from nonecorn.config.tables import Tables

if TYPE_CHECKING:
    from nonecorn.plugins import Plugins

RESERVED = frozenset({"NONECORN_CONFIG"})
"""Variables that are no setting: the configuration file itself."""


class Unknown:
    """Explains unknown names.

    Args:
        tables: What is known.
        plugins: What is loaded.
        blocked: Names given to `--no-plugin`: what is written for those plugins waits until they
            are let in again.
    """

    __slots__ = ("_blocked", "_plugins", "_tables")

    def __init__(self, tables: Tables, plugins: Plugins, blocked: Collection[str] = ()) -> None:
        self._tables = tables
        self._plugins = plugins
        self._blocked = frozenset(name.replace("-", "_") for name in blocked)

    def __repr__(self) -> str:
        return f"<Unknown beside {self._tables!r}>"

    def table(self, name: str) -> str | None:
        """Why there is no such table; None where its plugin was switched off on purpose."""
        if name.replace("-", "_") in self._blocked:
            return None
        found = self._plugin(name)
        if found:
            return found
        return f"unknown table [{name}]{self._near(name, [*self._tables.names(), 'middleware'])}"

    def key(self, table: str, name: str) -> str:
        """Why there is no such key."""
        where = f"[{table}]: " if table else ""
        homes = [option.key for option in self._tables.options() if option.name == name]
        known = [option.name for option in self._tables[table].options]
        if not table:
            known += self._tables.names()
            found = self._plugin(name)
            if found:
                return found
        if name.replace("-", "_") in known:
            return f"{where}unknown key {name!r}: write {name.replace('-', '_')!r}"
        if homes:
            return f"{where}unknown key {name!r}: it is {homes[0]!r}"
        return f"{where}unknown key {name!r}{self._near(name, known)}"

    def variable(self, name: str) -> str | None:
        """Why there is no such variable; None where its plugin was switched off on purpose."""
        rest = name.removeprefix("NONECORN_").lower()
        words = rest.split("_")
        for length in range(len(words), 0, -1):
            candidate = "_".join(words[:length])
            if candidate in self._blocked:
                return None
            found = self._plugin(candidate) if candidate not in self._tables else ""
            if found:
                return f"environment {name}: {found}"
        known = [*self._tables.variables(), *RESERVED]
        return f"environment {name}: there is no such setting{self._near(name, known)}"

    def _plugin(self, name: str) -> str:
        # Settings of a plugin that is not there are the usual reason for an unknown table.
        from nonecorn.plugins import advice, catalog  # noqa: PLC0415  # only for errors

        plugin = name.replace("-", "_")
        for info in self._plugins.infos:
            if info.name == plugin and info.state == "loaded":
                return f"the plugin {plugin} has no settings"
            if info.name == plugin and info.state == "broken":
                return f"the plugin {plugin} could not be loaded: {info.error}"
        if any(info.name == plugin for info in catalog()):
            return (
                f"[{name}] belongs to the plugin {plugin}, which is not loaded: --plugin {plugin}"
            )
        if plugin in advice.extras() - {"all", "standard", "testing"}:
            command = advice.install(plugin)
            return f"[{name}] belongs to the plugin {plugin}, which is not installed: {command}"
        return ""

    @staticmethod
    def _near(name: str, known: Collection[str]) -> str:
        from nonecorn.plugins import advice  # noqa: PLC0415

        return advice.near(name, known)
