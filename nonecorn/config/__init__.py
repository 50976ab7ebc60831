"""One schema, many sources.

The schema is dataclasses: `ServerSettings` and `Limits` of the kernel, and one per plugin. Sources
are laid over each other, and each value remembers where it came from:

    default < file < plugins (nonecorn_configure) < environment (NONECORN_*) < flags or arguments

    schema.py      the kernel's top level
    option.py      one field, with every name that it goes by
    tables.py      all options of one process, by those names
    decode.py      a source's value to a field's value, strictly
    source.py      data that was read, and where it stands
    toml.py python.py opening.py env_file.py        what can be read
    argv.py early.py        a first look: which plugins to load
    draft.py reader.py unknown.py middleware.py     putting it together
    check.py       what does not go together
    build.py api.py         all of it, for the command line and for Python
    config.py      the frozen result
    show.py json_schema.py  for people and editors

Names are exported on first use: a worker imports this package for the settings' classes alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn.config.api import load_config, prepare
    from nonecorn.config.build import build_config
    from nonecorn.config.config import Config
    from nonecorn.config.draft import ConfigDraft
    from nonecorn.config.early import Prescan, prescan
    from nonecorn.config.option import Option, options_of
    from nonecorn.config.schema import ServerSettings
    from nonecorn.config.tables import Tables

# No submodule may have the name of something exported: its import would bind that name to itself.
_HOMES = {
    "Config": "config",
    "ConfigDraft": "draft",
    "Option": "option",
    "Prescan": "early",
    "ServerSettings": "schema",
    "Tables": "tables",
    "build_config": "build",
    "load_config": "api",
    "options_of": "option",
    "prepare": "api",
    "prescan": "early",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    module = importlib.import_module(f"{__name__}.{home}")
    found = globals()[name] = getattr(module, name)
    return found


__all__ = [
    "Config",
    "ConfigDraft",
    "Option",
    "Prescan",
    "ServerSettings",
    "Tables",
    "build_config",
    "load_config",
    "options_of",
    "prepare",
    "prescan",
]
