"""TOML files: `nonecorn.toml`, `[tool.nonecorn]` of `pyproject.toml`, or any file that is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from nonecorn.config.source import Source
from nonecorn.spi.errors import ConfigError

FILE: Final = "nonecorn.toml"
PROJECT: Final = "pyproject.toml"

# Compiled on first use: most starts read no file.
_HEADER = r"\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$"
_KEY = r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""


def discover(directory: Path) -> Source | None:
    """A project's configuration: `nonecorn.toml`, or `[tool.nonecorn]` in `pyproject.toml`.

    Raises:
        ConfigError: The file that is there cannot be read.
    """
    file = directory / FILE
    if file.is_file():
        return read_toml(file)
    project = directory / PROJECT
    if project.is_file():
        return _read_project(project, required=False)
    return None


def read_toml(path: Path) -> Source:
    """Read a file; of a `pyproject.toml`, its table `[tool.nonecorn]`.

    Raises:
        ConfigError: It cannot be read, or is no TOML.
    """
    if path.name == PROJECT:
        source = _read_project(path, required=True)
        assert source is not None
        return source
    text = _text(path)
    return Source(
        data=_parse(path, text), name=shown(path), base=path.absolute().parent, lines=_lines(text)
    )


def shown(path: Path) -> str:
    """A path as messages show it: relative to the current directory where it lies in it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _read_project(path: Path, *, required: bool) -> Source | None:
    text = _text(path)
    # A project file that does not speak of us is not ours to parse, or to complain about.
    table = _parse(path, text).get("tool", {}).get("nonecorn") if "nonecorn" in text else None
    if not isinstance(table, dict):
        if required:
            message = f"{shown(path)}: there is no table [tool.nonecorn]"
            raise ConfigError(message)
        return None
    lines = {key[2:]: line for key, line in _lines(text).items() if key[:2] == ("tool", "nonecorn")}
    return Source(data=table, name=shown(path), base=path.absolute().parent, lines=lines)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"{shown(path)}: the configuration file cannot be read: {error.strerror}"
        raise ConfigError(message) from error
    except UnicodeDecodeError as error:
        message = f"{shown(path)}: byte {error.start} is not UTF-8"
        raise ConfigError(message) from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415  # most commands read no file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"{shown(path)}: this is no TOML: {error}"
        raise ConfigError(message) from error


def _lines(text: str) -> dict[tuple[str, ...], int]:
    # tomllib keeps no positions. A scan of headers and keys finds what people write; a key that it
    # misses is merely shown without its line. An array's repeated tables keep the first line.
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    quote = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not quote:
            header = re.match(_HEADER, line)
            key = re.match(_KEY, line)
            if header:
                table = _split(header[1])
                found.setdefault(table, number)
            elif key:
                found.setdefault((*table, *_split(key[1])), number)
        for mark in ('"""', "'''"):
            if quote in {"", mark} and line.count(mark) % 2:
                quote = "" if quote else mark
    return found


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
