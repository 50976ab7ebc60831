"""Options of a middleware: declared and read as settings are, where `[[middleware]]` has them.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class CacheOptions:
        age: float = setting(60.0, help="Time to keep a response.", unit=Unit.SECONDS)

    read_options(CacheOptions, {"age": "5m"}, "middleware cache").age == 300.0

A middleware has no table of its own and no flags, so there are no names to derive and no text to
guess types from: values come typed, from TOML or Python.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from nonecorn.spi.errors import ConfigError
from nonecorn.spi.settings import SettingInfo, Unit, info_of
from nonecorn.spi.units import parse_bytes, parse_seconds

T = TypeVar("T")


def read_options(kind: type[T], options: Mapping[str, Any], label: str) -> T:
    """The options that a mapping gives.

    Args:
        kind: A dataclass whose fields are made by `setting`, of the types that settings may have.
        options: By name, such as a middleware gets them.
        label: What messages begin with: `middleware cache`.

    Raises:
        ConfigError: An option is unknown or has an unusable value; or the dataclass refuses them
            by a `ValueError`. All problems are named.
    """
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in options.items():
        field = fields.get(name)
        if field is None:
            near = difflib.get_close_matches(name, fields, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(fields)}"
            problems.append(f"{label}: unknown option {name!r}: {hint}")
            continue
        try:
            values[name] = _value(hints[name], info_of(field), value)
        except ValueError as error:
            problems.append(f"{label}: {name}: {error}")
    if not problems:
        try:
            return kind(**values)
        except ValueError as error:
            problems.append(f"{label}: {error}")
    raise ConfigError(problems)


def _value(hint: Any, info: SettingInfo, value: Any) -> Any:
    """A value, checked against a field's type.

    Raises:
        ValueError: Says what is wrong, and with what.
    """
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        if value is None:
            return None
        hint = next(each for each in typing.get_args(hint) if each is not types.NoneType)
    if hint == tuple[str, ...]:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise _wrong(value, "no list of texts")
        return tuple(_text(info, item) for item in items)
    if hint is bool:
        if not isinstance(value, bool):
            raise _wrong(value, "neither true nor false")
        return value
    if hint in (int, float):
        return _number(hint, info, value)
    text = _text(info, value)
    choices = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
    if choices and text not in choices:
        raise _wrong(value, f"none of {', '.join(choices)}")
    return text


def _text(info: SettingInfo, value: Any) -> str:
    if isinstance(value, os.PathLike) and info.is_path:
        value = os.fspath(value)
    if not isinstance(value, str) or "\0" in value:
        raise _wrong(value, "no text")
    return value


def _number(kind: type[int | float], info: SettingInfo, value: Any) -> int | float:
    if isinstance(value, str):
        if info.unit is Unit.SECONDS:
            value = parse_seconds(value)
        elif info.unit is Unit.BYTES:
            value = parse_bytes(value)
    if isinstance(value, bool) or not isinstance(value, int | (float if kind is float else int)):
        raise _wrong(value, "no whole number" if kind is int else "no number")
    if not math.isfinite(value):
        raise _wrong(value, "no finite number")
    if info.minimum is not None and value < info.minimum:
        raise _wrong(value, f"too small: at least {info.minimum:g}")
    return kind(value)


def _wrong(value: Any, what: str) -> ValueError:
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return ValueError(f"{shown if len(shown) <= 60 else shown[:57] + '...'} is {what}")
