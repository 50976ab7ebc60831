"""The loaded plugins: what the command line, the configuration and the Plan are made from."""

from __future__ import annotations

from typing import Final

from nonecorn.plugins import settings
from nonecorn.plugins.conflicts import conflict
from nonecorn.plugins.hooks import Hooks
from nonecorn.plugins.info import PluginInfo, canonical
from nonecorn.plugins.registry import Registry, collect
from nonecorn.plugins.settings import KERNEL_INFO
from nonecorn.spi import CommandSpec, Settings

COMMANDS: Final = ("serve", "plugins", "config", "completion")
"""Sub-commands that are the kernel's own."""


class Plugins:
    """What `load` returns.

    Attributes:
        infos: Every plugin that was found, in whatever state; built-in ones first, then by name.
        hooks: The hooks of the loaded ones.
        required: Names of those that `--plugin` asked for.
    """

    __slots__ = ("_registry", "hooks", "infos", "required")

    def __init__(
        self, infos: tuple[PluginInfo, ...], hooks: Hooks, required: tuple[str, ...] = ()
    ) -> None:
        self.infos = infos
        self.hooks = hooks
        self.required = required
        self._registry: Registry | None = None

    def __repr__(self) -> str:
        return f"<Plugins {' '.join(f'{info.name}:{info.state}' for info in self.infos)}>"

    def info(self, name: str) -> PluginInfo | None:
        """What is known of the plugin of that name; None where there is none."""
        wanted = canonical(name)
        return next((info for info in self.infos if info.name in (name, wanted)), None)

    def settings(self) -> list[tuple[PluginInfo, type[Settings]]]:
        """Settings classes of all plugins; the kernel's own are not among them.

        Raises:
            BadSpecError: A class cannot be used.
            PluginConflictError: A table or a flag is claimed twice.
        """
        return settings.check(self.hooks.settings())

    def commands(self) -> list[tuple[PluginInfo, CommandSpec]]:
        """Sub-commands of all plugins.

        Raises:
            BadSpecError: A spec cannot be used.
            PluginConflictError: A command is claimed twice.
        """
        owners = dict.fromkeys(COMMANDS, KERNEL_INFO)
        found = []
        for info, specs in self.hooks.commands():
            for spec in specs:
                if spec.name in owners:
                    raise conflict(owners[spec.name], info, f"provide the command {spec.name!r}")
                owners[spec.name] = info
                found.append((info, spec))
        return found

    def registry(self) -> Registry:
        """Specs of all plugins; collected once.

        Raises:
            BadSpecError: A spec cannot be used.
            PluginConflictError: Two plugins claim the same thing.
        """
        if self._registry is None:
            self._registry = collect(self.hooks, self.required)
        return self._registry
