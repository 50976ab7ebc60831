"""From what a source holds to what a field holds, strictly.

Text (environment, flags) is read by the option's type. Typed values (TOML, Python) must have that
type already; only numbers with a unit may be text there too (`"64KiB"`), an integer serves as a
float, and one string as a list of one. The empty string is None wherever None is allowed.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from nonecorn.config.option import Option, Value
from nonecorn.spi.settings import Unit
from nonecorn.spi.units import parse_bytes, parse_seconds

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def decode(option: Option, value: Any, *, text: bool = False, base: Path | None = None) -> Value:
    """The value of `option` that `value` stands for.

    Args:
        option: What it is for.
        value: As the source has it.
        text: It came as text: a flag, or an environment variable (where commas separate the items
            of a list).
        base: Directory that relative paths are relative to; None leaves them as they are.

    Raises:
        ValueError: It is not of the option's type, not one of its choices, or too small. The
            message says what is wrong and what would be right, not where it was found.
    """
    if option.optional and (value is None or value == ""):
        return None
    if option.many:
        return tuple(_path(option, item, base) for item in _items(value, text=text))
    if option.kind is bool:
        return _bool(value, text=text)
    if option.kind is str:
        return _path(option, _str(option, value, text=text), base)
    number = _number(option, value, text=text)
    minimum = option.info.minimum
    if minimum is None and option.info.unit is not Unit.COUNT:
        minimum = 0  # a negative time or size means nothing
    if minimum is not None and number < minimum:
        least = option.show(option.kind(minimum)) or "0"
        message = f"{option.show(number)} is too small: at least {least}"
        raise ValueError(message)
    return number


def _items(value: Any, *, text: bool) -> list[str]:
    if isinstance(value, str):
        return [item for part in value.split(",") if (item := part.strip())] if text else [value]
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return list(value)
    message = f"{_shown(value)} is no list of strings"
    raise ValueError(message)


def _bool(value: Any, *, text: bool) -> bool:
    if isinstance(value, bool):
        return value
    if text and isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    message = f"{_shown(value)} is neither true nor false"
    raise ValueError(message)


def _str(option: Option, value: Any, *, text: bool) -> str:
    if isinstance(value, os.PathLike) and option.info.is_path:
        value = os.fspath(value)
    if not isinstance(value, str):
        hint = f': write "{value}"' if isinstance(value, int | float) else ""
        message = f"{_shown(value)} is no text{hint}"
        raise ValueError(message)  # noqa: TRY004  # one error for every value that cannot be used
    if option.choices and value not in option.choices:
        lower = value.lower()
        if text and lower in option.choices:
            return lower
        message = f"{value!r} is none of {', '.join(option.choices)}"
        raise ValueError(message)
    if "\0" in value:
        message = "text may not hold a NUL character"
        raise ValueError(message)
    return value


def _number(option: Option, value: Any, *, text: bool) -> int | float:
    unit = option.info.unit
    if isinstance(value, str) and (text or unit is not Unit.COUNT):
        if unit is Unit.SECONDS:
            value = _whole(parse_seconds(value)) if option.kind is int else parse_seconds(value)
        elif unit is Unit.BYTES:
            value = parse_bytes(value)
        else:
            value = _plain(option, value)
    fits = isinstance(value, int) or (isinstance(value, float) and option.kind is float)
    if isinstance(value, bool) or not fits:
        message = f"{_shown(value)} is no {'whole ' if option.kind is int else ''}number"
        raise ValueError(message)
    number = option.kind(value)
    if not isinstance(number, int | float) or not math.isfinite(number):
        message = f"{value} is no finite number"
        raise ValueError(message)
    return number


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _plain(option: Option, value: str) -> int | float:
    try:
        return int(value) if option.kind is int else float(value)
    except ValueError:
        message = f"{value!r} is no {'whole ' if option.kind is int else ''}number"
        raise ValueError(message) from None


def _path(option: Option, value: str, base: Path | None) -> str:
    # "-" stands for a standard stream, as on every command line.
    if not option.info.is_path or value in {"", "-"}:
        return value
    expanded = Path(value).expanduser() if value.startswith("~") else Path(value)
    if base is not None:
        return str(base / expanded)
    return str(expanded) if value.startswith("~") else value


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
