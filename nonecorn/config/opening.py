"""From what a user names, whatever it is, to a `Source`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from nonecorn.config.config import Config
from nonecorn.config.python import PREFIX, from_object, read_python_file, read_reference
from nonecorn.config.source import Source
from nonecorn.config.toml import read_toml
from nonecorn.spi.errors import ConfigError


def open_source(source: object) -> Source:
    """Read a source of configuration.

    Args:
        source: A path (`.py` is run, anything else is TOML), `python:module` or
            `python:module.object`, a mapping of the shape of `nonecorn.toml`, a module, or an
            object whose public attributes are settings.

    Raises:
        ConfigError: It cannot be read.
    """
    if isinstance(source, str) and source.startswith(PREFIX):
        return read_reference(source.removeprefix(PREFIX))
    if isinstance(source, str | os.PathLike):
        path = Path(source).expanduser()
        return read_python_file(path) if path.suffix == ".py" else read_toml(path)
    if isinstance(source, Mapping):
        return Source(data=source, name="mapping")
    if source is None or isinstance(source, bool | int | float | bytes | list | tuple):
        message = f"{source!r} is no configuration: give a path, a mapping, a module or an object"
        raise ConfigError(message)
    return from_object(source)


def reopen(config: Config) -> Source:
    """The values of a configuration that are no defaults, as a source to lay others over."""
    data: dict[str, object] = {}
    for table, name in config.origins:
        value: object = getattr(config.tables[table], name)
        if (table, name) == ("", "middleware"):
            value = [dict(layer) for layer in config.middleware]
        if table:
            inner = data.setdefault(table, {})
            assert isinstance(inner, dict)
            inner[name] = value
        else:
            data[name] = value
    return Source(data=data, name=config.file or "Config")
