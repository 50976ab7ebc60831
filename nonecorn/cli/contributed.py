"""Commands that plugins bring."""

from __future__ import annotations

import os

import click

from nonecorn.config import prescan
from nonecorn.plugins import load
from nonecorn.spi import PluginLoadError


def find(name: str) -> click.Command | None:
    """The command of that name, of whichever plugin has it; None if none has.

    Raises:
        ConfigError: The configuration file, which says what plugins there are, cannot be read.
        PluginError: Plugins cannot be loaded, or the command cannot be imported.
    """
    for info, spec in load(prescan([], os.environ).selection).commands():
        if spec.name == name:
            try:
                command = spec.command.load()
            except PluginLoadError as error:
                message = f"plugin {info}: its command {name!r} is broken: {error}"
                raise PluginLoadError(message, plugin=info.name, distribution=info.label) from error
            if not isinstance(command, click.Command):
                message = f"plugin {info}: its command {name!r} is no click.Command"
                raise PluginLoadError(message, plugin=info.name, distribution=info.label)
            return command
    return None
