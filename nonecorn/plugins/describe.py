"""One plugin in detail, for `nonecorn plugins show`: hooks, specs and settings."""

from __future__ import annotations

import dataclasses
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from nonecorn.config.option import options_of
from nonecorn.plugins import advice
from nonecorn.plugins.hooks import Hooks, implemented
from nonecorn.plugins.info import PluginInfo
from nonecorn.plugins.registry import collect
from nonecorn.spi import BadSpecError, Kind, PluginError, Ref, Settings


def describe(info: PluginInfo) -> Iterator[str]:
    """Lines about a plugin; of one that is not loaded, only what its metadata says."""
    yield f"{info.name} is {info.state}"
    if info.error:
        yield f"  {info.error}"
    yield from _columns(
        [
            ("distribution", f"{info.distribution} {info.version}" if info.distribution else ""),
            ("origin", origin(info)),
            ("path", info.path + (" (editable)" if info.editable else "")),
            ("descriptor", info.module),
            ("plugin API", "" if info.api is None else str(info.api)),
            ("offers", ", ".join(info.kinds)),
        ]
    )
    if info.state != "loaded":
        return
    module = sys.modules[info.module]
    yield ""
    yield "Hooks"
    for name in implemented(module):
        yield f"  {name}"
    try:
        hooks = Hooks([(info, module)])
        specs = collect(hooks, ()).of(info)
        specs += [spec for _, found in hooks.commands() for spec in found]
        tables = [kind for _, found in hooks.settings() for kind in found]
        lines = [*_specs(specs), *(line for table in tables for line in _settings(table))]
    except PluginError as error:
        lines = ["", f"Error: {error}"]
    yield from lines


def origin(info: PluginInfo) -> str:
    """Where a plugin is from, in a word."""
    if info.builtin:
        return "built-in"
    if not info.distribution:
        return "local" if info.module else "missing"
    return "first-party" if advice.first_party(info) else "third-party"


def _specs(specs: list[Any]) -> Iterator[str]:
    for spec in specs:
        yield ""
        yield f"{type(spec).__name__} {spec.name}"
        yield from _columns(
            [
                (field.name, _shown(getattr(spec, field.name)))
                for field in dataclasses.fields(spec)
                if field.name != "name" and getattr(spec, field.name) != field.default
            ]
        )


def _settings(table: type[Settings]) -> Iterator[str]:
    yield ""
    yield f"Settings [{table.table}]"
    try:
        options = options_of(table)
    except BadSpecError as error:
        yield f"  {error}"
        return
    for option in options:
        default = option.show(option.default) or "none"
        flags = ", ".join(filter(None, (*option.flags, option.negative)))
        yield f"  {option.name}: {option.kind_name}, default {default}"
        yield from textwrap.wrap(
            option.info.help, 96, initial_indent=" " * 4, subsequent_indent=" " * 4
        )
        yield f"    {flags}  {option.env}"


def _shown(value: object) -> str:
    if isinstance(value, Ref):
        return value.path
    if isinstance(value, Kind):
        return value.value
    if isinstance(value, bytes):
        return ascii(value)[2:-1]
    if isinstance(value, tuple):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _columns(rows: list[tuple[str, str]]) -> Iterator[str]:
    shown = [(name, value) for name, value in rows if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        yield f"  {name:{width}}  {value}"
