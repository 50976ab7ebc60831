"""For the Python API: any source and keyword arguments to loaded plugins and a configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nonecorn.config.build import build_config
from nonecorn.config.config import Config
from nonecorn.config.early import prescan_sources
from nonecorn.config.opening import open_source, reopen
from nonecorn.config.source import Source

if TYPE_CHECKING:
    from nonecorn.plugins import Plugins


def prepare(
    source: object = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    environ: MutableMapping[str, str] | None = None,
) -> tuple[Plugins, Config]:
    """Load the plugins that a configuration asks for, and build it.

    No file is looked for: what an embedding program does not name does not count.

    Args:
        source: None, a path, `python:module.object`, a mapping of the shape of `nonecorn.toml`, a
            module, an object whose public attributes are settings, or a `Config`.
        overrides: Settings that win over everything else: `{"bind": "127.0.0.1:0", "limits":
            {"head_size": 8192}}`.
        environ: Where `NONECORN_*` is read, and an env file's variables are put; by default the
            process's environment. A `Config` has seen its environment: with one, it is not read
            again.

    Raises:
        ConfigError: The configuration cannot be used. Names every problem that was found.
        PluginError: A plugin is missing or broken, or two are in conflict.
    """
    from nonecorn.plugins import load  # noqa: PLC0415  # needs pluggy, which workers do not

    arguments = Source(data=dict(overrides or {}), name="argument", keyed=True)
    if isinstance(source, Config):
        scan = prescan_sources(reopen(source), arguments, {})
        plugins = load(scan.selection)
        config = build_config(plugins, scan, overrides=arguments)
        # Where a value came from first says more than that it came from a Config.
        origins = {
            key: origin if origin.startswith("argument ") else source.origins.get(key, origin)
            for key, origin in config.origins.items()
        }
        return plugins, replace(config, origins=origins, file=source.file)
    environ = os.environ if environ is None else environ
    opened = None if source is None else open_source(source)
    scan = prescan_sources(opened, arguments, environ)
    plugins = load(scan.selection)
    return plugins, build_config(plugins, scan, environ=environ, overrides=arguments)


def load_config(source: object = None, /, **overrides: Any) -> Config:
    """The configuration that `nonecorn.run` would use with this source; see `prepare`."""
    return prepare(source, overrides)[1]
