"""Values: which plugins are wanted, and what is known of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["installed", "loaded", "blocked", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which plugins to load.

    Attributes:
        required: `--plugin`: names, dotted modules or `./file.py`. Each must load, also without
            `autoload`.
        blocked: `--no-plugin`: names that are never imported.
        autoload: Load every installed plugin that is not blocked.
    """

    required: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    autoload: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """What is known of one plugin.

    Attributes:
        name: Entry-point name, with `_` for `-`; of a local plugin its dotted module, or its file's
            stem.
        state: How far it came: `installed`, `loaded`, `blocked` by `--no-plugin`, or `broken`.
        distribution: Name of its distribution; empty for a local plugin.
        version: Version of its distribution.
        api: The `PLUGIN_API` that its descriptor states, once that was read.
        module: Its descriptor.
        path: Where it is installed: the project's directory if editable, else a directory on
            `sys.path`; of a local plugin its file, or its dotted module.
        editable: Installed in editable mode.
        builtin: Ships inside nonecorn.
        error: Why it is broken; one line.
        kinds: What its hooks offer: `protocol`, `settings` and so on.
    """

    name: str
    state: State = "installed"
    distribution: str = ""
    version: str = ""
    api: int | None = None
    module: str = ""
    path: str = ""
    editable: bool = False
    builtin: bool = False
    error: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its distribution and version (`nonecorn-h11 1.0.0`), or the path of a local plugin."""
        return f"{self.distribution} {self.version}" if self.distribution else self.path

    def __str__(self) -> str:
        return f"{self.name!r} ({self.label})"


def canonical(name: str) -> str:
    """A plugin's name as it is compared: `https-redirect` and `https_redirect` are one."""
    return name.replace("-", "_")
