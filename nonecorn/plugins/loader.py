"""The loader: a `Selection` becomes `Plugins`.

    1. Names first: what is blocked, or not wanted, is never imported.
    2. One name claimed by two distributions is an error, not a race between directories.
    3. Descriptors are imported and their PLUGIN_API is compared, before anything is registered. One
       that cannot be imported ends the start if `--plugin` asked for it; otherwise it is marked as
       broken, with a warning.
    4. Hooks are registered, to be called in one order everywhere: built-in plugins, then by name.

pluggy's own loader imports everything first and silently drops the second of two plugins of one
name, so it is not used.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

from nonecorn.plugins import advice, conflicts, descriptor
from nonecorn.plugins.hooks import Hooks, kinds
from nonecorn.plugins.info import PluginInfo, Selection, canonical
from nonecorn.plugins.installed import catalog
from nonecorn.plugins.loaded import Plugins
from nonecorn.spi import PluginConflictError, PluginError, PluginLoadError, PluginNotFoundError

if TYPE_CHECKING:
    import logging


def load(selection: Selection | None = None, *, lenient: bool = False) -> Plugins:
    """Load the selected plugins.

    Args:
        selection: Which; by default every installed one.
        lenient: For listings: whatever is wrong with a plugin makes it a broken one in `infos`, and
            nothing is raised or logged.

    Raises:
        PluginNotFoundError: A required plugin is not installed.
        PluginLoadError: A required plugin, or a built-in one, cannot be imported.
        PluginConflictError: Two distributions claim one name, or a plugin is both required and
            blocked.
        ApiMismatchError: A plugin was written for another version of the plugin API.
        BadSpecError: A plugin implements an unknown hook, or one with other parameters.
    """
    return _Loading(selection or Selection(), lenient=lenient).run()


class _Loading:
    """One run of the loader."""

    def __init__(self, selection: Selection, *, lenient: bool) -> None:
        self.selection = selection
        self.lenient = lenient
        self.found: dict[str, list[PluginInfo]] = {}
        for info in catalog():
            self.found.setdefault(info.name, []).append(info)
        self.blocked = {canonical(name) for name in selection.blocked} | set(selection.blocked)
        self.required: list[str] = []
        self.infos: list[PluginInfo] = []
        self.loaded: list[tuple[PluginInfo, ModuleType]] = []

    def run(self) -> Plugins:
        for name in self.selection.required:
            with self.tolerating(PluginInfo(name=name)):
                self.require(name)
        for group in self.found.values():
            self.take(group)
        self.infos.sort(key=lambda info: (not info.builtin, info.name, info.distribution))
        self.loaded.sort(key=lambda pair: (not pair[0].builtin, pair[0].name))
        return Plugins(tuple(self.infos), Hooks(self.loaded), tuple(self.required))

    def require(self, name: str) -> None:
        """Note a name of `--plugin`; a local one is added to what was found.

        Raises:
            PluginNotFoundError: There is no such plugin.
            PluginConflictError: It is blocked as well, or a local plugin has the name of another.
        """
        if descriptor.is_local(name):
            info = descriptor.local(name)
            by_module = {other.module: other for group in self.found.values() for other in group}
            if info.module in by_module and not descriptor.is_file(name):
                info = by_module[info.module]
            elif info.name not in self.found:
                self.found[info.name] = [info]
            elif info not in self.found[info.name]:
                raise conflicts.conflict(
                    self.found[info.name][0], info, f"have the name {info.name!r}"
                )
            key = info.name
        else:
            key = canonical(name)
        if key in self.blocked:
            message = f"plugin {name!r} is named by both --plugin and --no-plugin: drop one of them"
            raise PluginConflictError(message, plugin=key)
        if key not in self.found:
            raise PluginNotFoundError(not_found(key, self.found), plugin=key)
        if key not in self.required:
            self.required.append(key)

    def take(self, group: list[PluginInfo]) -> None:
        """Load the plugin of one name, or note why not."""
        name = group[0].name
        if name in self.blocked:
            if group[0].builtin:
                with self.tolerating(*group):
                    _refuse_block(group[0])
                return
            self.infos += [replace(info, state="blocked") for info in group]
            return
        required = name in self.required or group[0].builtin
        if not required and not self.selection.autoload:
            self.infos += group
            return
        with self.tolerating(*group):
            if len(group) > 1:
                raise conflicts.same_name(group)
            info = group[0]
            try:
                module = descriptor.import_descriptor(info)
            except PluginLoadError as error:
                if required or self.lenient:
                    raise
                _log().warning("%s", error)
                self.infos.append(replace(info, state="broken", error=str(error)))
                return
            info = replace(info, state="loaded", api=module.PLUGIN_API, kinds=kinds(module))
            if self.lenient:
                Hooks([(info, module)])  # alone, so that a bad one does not take the others along
            self.infos.append(info)
            self.loaded.append((info, module))

    @contextlib.contextmanager
    def tolerating(self, *infos: PluginInfo) -> Iterator[None]:
        """Where the loader is lenient, an error makes the plugins broken that it is about."""
        try:
            yield
        except PluginError as error:
            if not self.lenient:
                raise
            self.infos += [replace(info, state="broken", error=str(error)) for info in infos]


def _refuse_block(info: PluginInfo) -> None:
    message = (
        f"plugin {info} is a part of nonecorn and cannot be left out: drop --no-plugin {info.name}"
    )
    raise PluginError(message, plugin=info.name, distribution=info.label)


def not_found(name: str, installed: Iterable[str]) -> str:
    """The text for a plugin that is not installed."""
    hint = advice.near(name, installed)
    return f"plugin {name!r} is not installed: {advice.install(name)}{hint}"


def _log() -> logging.Logger:
    from logging import getLogger  # noqa: PLC0415  # most starts have nothing to warn of

    return getLogger("nonecorn.error")
