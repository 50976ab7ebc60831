"""All sources into one frozen `Config`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nonecorn.config.check import check
from nonecorn.config.config import Config
from nonecorn.config.draft import ConfigDraft, Rank
from nonecorn.config.early import Prescan
from nonecorn.config.reader import Flag, read_environment, read_flags, read_source
from nonecorn.config.source import Source
from nonecorn.config.tables import Tables
from nonecorn.config.unknown import Unknown
from nonecorn.spi.errors import ConfigError

if TYPE_CHECKING:
    from nonecorn.plugins import Plugins


def build_config(
    plugins: Plugins,
    scan: Prescan,
    *,
    tables: Tables | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Iterable[Flag] = (),
    overrides: Source | None = None,
) -> Config:
    """Merge, let plugins adjust, freeze, check, let plugins validate.

    Args:
        plugins: The loaded plugins.
        scan: What was found before they were: the file, and which plugins were wanted.
        tables: Tables of these plugins, if made already.
        environ: Where `NONECORN_*` is read; None for nowhere.
        flags: From the command line.
        overrides: Arguments of the Python API.

    Raises:
        ConfigError: The configuration cannot be used. Names every problem that was found.
        PluginError: A plugin's hook failed.
    """
    tables = tables or Tables(plugins.settings())
    unknown = Unknown(tables, plugins, scan.selection.blocked)
    draft = ConfigDraft(tables)
    if scan.source is not None:
        read_source(scan.source, draft, tables, unknown, Rank.FILE)
    if environ is not None:
        read_environment(environ, draft, tables, unknown, scan.stands)
    read_flags(flags, draft)
    if overrides is not None:
        read_source(overrides, draft, tables, unknown, Rank.ARGUMENT)
    draft.override("", "plugin", scan.selection.required)
    draft.override("", "no_plugin", scan.selection.blocked)
    if draft.problems:
        raise ConfigError(draft.problems)
    plugins.hooks.configure(draft)
    config = draft.freeze(file=scan.source.name if scan.source else "")
    problems = list(check(config))
    for info, found in plugins.hooks.validate(config):
        problems += [f"{problem} (plugin {info.name})" for problem in found]
    if problems:
        raise ConfigError(problems)
    return config
