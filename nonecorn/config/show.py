"""A configuration for people: as TOML, or as JSON. Secrets are masked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nonecorn.config.config import Config
from nonecorn.config.draft import MIDDLEWARE
from nonecorn.config.option import MASK, Option
from nonecorn.config.tables import Tables

_ESCAPES = {
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    ord("\n"): "\\n",
    ord("\t"): "\\t",
    ord("\r"): "\\r",
}


def show_toml(config: Config, tables: Tables, *, origin: bool = False) -> Iterator[str]:
    """Lines of a TOML file that says the same; what has no value is a comment.

    Args:
        config: What to show.
        tables: The tables that it was made with.
        origin: Add to each line where the value comes from.
    """
    for table in tables:
        if table.name:
            yield ""
            yield f"[{table.name}]"
        for option in table.options:
            if (option.table, option.name) == MIDDLEWARE and _has_options(config):
                continue  # tables must follow every plain key
            text = toml_value(_shown(config, option))
            line = f"{option.name} = {text}" if text else f"# {option.name} ="
            yield f"{line}  # {config.origin(*_key(option))}" if origin else line
    if _has_options(config):
        for layer in config.middleware:
            yield ""
            yield "[[middleware]]" + (f"  # {config.origin(*MIDDLEWARE)}" if origin else "")
            yield from (f"{_name(key)} = {toml_value(value)}" for key, value in layer.items())


def show_json(config: Config, tables: Tables, *, origin: bool = False) -> str:
    """The same shape in JSON; with `origin`, each value is an object of `value` and `origin`."""

    def entry(option: Option) -> Any:
        value = _shown(config, option)
        if (option.table, option.name) == MIDDLEWARE:
            value = list(config.middleware)
        return {"value": value, "origin": config.origin(*_key(option))} if origin else value

    shown: dict[str, Any] = {}
    for table in tables:
        place = shown.setdefault(table.name, {}) if table.name else shown
        place.update({option.name: entry(option) for option in table.options})
    return json.dumps(shown, indent=2, ensure_ascii=False, default=str)


def toml_value(value: Any) -> str:
    """A value in TOML; empty for None, for which TOML has no word."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_name(key)} = {toml_value(v)}" for key, v in value.items()) + "}"
    if isinstance(value, int | float):
        return str(value)
    text = str(value).translate(_ESCAPES)
    return '"' + "".join(c if c.isprintable() else _escape(c) for c in text) + '"'


def _escape(character: str) -> str:
    return f"\\U{ord(character):08X}"


def _name(key: str) -> str:
    plain = key.replace("_", "").replace("-", "")
    return key if plain.isalnum() and plain.isascii() else toml_value(key)


def _key(option: Option) -> tuple[str, str]:
    return option.table, option.name


def _shown(config: Config, option: Option) -> Any:
    value = getattr(config.tables[option.table], option.name)
    return MASK if option.info.secret and value else value


def _has_options(config: Config) -> bool:
    return any(len(layer) > 1 for layer in config.middleware)
