"""The plugin machinery: what is installed, what of it is loaded, and what the loaded plugins offer.

A plugin passes through four states, each cheaper than the next. **Installed**: its entry point is
known from metadata. **Loaded**: its descriptor is imported and its hooks are registered.
**Selected**: a spec of it is in the Plan. **Built**: its `Ref` is loaded, in the worker that uses
it.

    info.py        values: Selection, PluginInfo
    scan.py        entry points out of *.dist-info, by a plain scan or by importlib.metadata
    installed.py   what is installed; nothing is imported
    descriptor.py  one descriptor: import, PLUGIN_API, local modules and files
    loader.py      a Selection becomes
    loaded.py      Plugins
    hooks.py       the typed facade; the only place that touches pluggy's relay
    validation.py  what hooks returned has the types that it must have
    settings.py    tables and flags of all plugins, without conflicts
    entry.py       a spec and its plugin
    registry.py    specs of all plugins by kind, without conflicts
    choice.py      among rivals: which one serves
    conflicts.py   the texts of conflicts, with the way out
    advice.py      what to install
    describe.py    `nonecorn plugins show`
    audit.py       `nonecorn plugins check`, and
    probe.py       its part that runs in a process of its own

Names are exported on first use: the command line asks for a `Selection` long before pluggy is worth
its import. No module here has an exported name, or importing it would hide that name.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn.plugins.hooks import Hooks
    from nonecorn.plugins.info import PluginInfo, Selection
    from nonecorn.plugins.installed import catalog
    from nonecorn.plugins.loaded import Plugins
    from nonecorn.plugins.loader import load
    from nonecorn.plugins.registry import Entry, Registry

_HOMES = {
    "Entry": "registry",
    "Hooks": "hooks",
    "PluginInfo": "info",
    "Plugins": "loaded",
    "Registry": "registry",
    "Selection": "info",
    "catalog": "installed",
    "load": "loader",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    return found


__all__ = ["Entry", "Hooks", "PluginInfo", "Plugins", "Registry", "Selection", "catalog", "load"]
