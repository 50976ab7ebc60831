"""Settings tables of all plugins: usable, and none of them claimed twice.

A plugin's table has the plugin's name, so that `[h3]`, `--h3-…` and `NONECORN_H3_…` are its own by
construction. What can still collide is checked: longer names (`[a]` with `b_c` and `[a_b]` with `c`
are both `--a-b-c`), local plugins, and the kernel's own tables and flags.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nonecorn._version import __version__
from nonecorn.config.option import Option, options_of
from nonecorn.config.schema import ServerSettings
from nonecorn.plugins import validation
from nonecorn.plugins.conflicts import conflict
from nonecorn.plugins.info import PluginInfo
from nonecorn.plugins.installed import KERNEL
from nonecorn.spi import BadSpecError, Limits, PluginConflictError, Settings

HOOK: Final = "nonecorn_settings"

KERNEL_INFO: Final = PluginInfo(
    name=KERNEL, state="loaded", distribution=KERNEL, version=__version__, builtin=True
)
"""Owner of the tables that are no plugin's."""


def check(
    contributions: Iterable[tuple[PluginInfo, tuple[type[Settings], ...]]],
) -> list[tuple[PluginInfo, type[Settings]]]:
    """Every plugin's settings, one by one.

    Raises:
        BadSpecError: A class cannot be used: a field's type, a flag or the table's name.
        PluginConflictError: A table, flag or environment name is claimed twice.
    """
    found = [(info, kind) for info, kinds in contributions for kind in kinds]
    tables: dict[str, PluginInfo] = {Limits.table: KERNEL_INFO}
    flags: dict[str, PluginInfo] = {}
    for option in (*options_of(ServerSettings), *options_of(Limits)):
        if not option.table:
            tables[option.name] = KERNEL_INFO  # a top-level key: TOML has one name for both
        flags.update(dict.fromkeys(_names(option), KERNEL_INFO))
    for info, kind in found:
        _check_table(info, kind)
        _claim(tables, info, kind.table, f"claim the table [{kind.table}]")
        try:
            options = options_of(kind)
            kind()
        except BadSpecError as error:
            raise validation.bad(info, HOOK, str(error)) from error
        except Exception as error:
            problem = f"{kind.__qualname__}() fails: {type(error).__name__}: {error}"
            raise validation.bad(info, HOOK, problem) from error
        for option in options:
            _check_flags(info, option)
            for name in _names(option):
                _claim(flags, info, name, f"claim {name}")
    return found


def _check_table(info: PluginInfo, kind: type[Settings]) -> None:
    table = kind.table
    if not validation.NAME.fullmatch(table) or not table.isidentifier():
        problem = f"{kind.__qualname__}.table is {table!r}: write the plugin's name"
        raise validation.bad(info, HOOK, problem)
    is_own = table == info.name or table.startswith(f"{info.name}_")
    if info.distribution and not info.builtin and not is_own:
        problem = f"{kind.__qualname__}.table is {table!r}, and must be {info.name!r} as the plugin"
        raise validation.bad(info, HOOK, problem)


def _check_flags(info: PluginInfo, option: Option) -> None:
    prefix = "--" + option.table.replace("_", "-") + "-"
    for flag in option.flags:
        if not flag.startswith(prefix):
            raise validation.bad(
                info, HOOK, f"flag {flag} of {option.key} must begin with {prefix}"
            )


def _names(option: Option) -> tuple[str, ...]:
    return tuple(name for name in (*option.flags, option.negative, option.env) if name)


def _claim(owners: dict[str, PluginInfo], info: PluginInfo, name: str, what: str) -> None:
    owner = owners.get(name)
    if owner is KERNEL_INFO:
        message = (
            f"plugin {info} would {what}, which is nonecorn's own; "
            f"leave it out: --no-plugin {info.name}"
        )
        raise PluginConflictError(message, plugin=info.name, distribution=info.label)
    if owner is not None:
        raise conflict(owner, info, what)
    owners[name] = info
