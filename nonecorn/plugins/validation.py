"""What a hook returned has the types that its specification promises: nobody further on has to ask.

Fields of specs are checked by their annotations, which are text here. A test holds that every
annotation of every spec is known.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from nonecorn.plugins.info import PluginInfo
from nonecorn.spi import BadSpecError, Kind, Ref, Settings

S = TypeVar("S")

NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
"""Names of specs and of tables. They are typed on command lines."""

CHECKS: Final[dict[str, Callable[[Any], bool]]] = {
    "str": lambda value: isinstance(value, str),
    "bytes": lambda value: isinstance(value, bytes),
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: type(value) is int,
    "Kind": lambda value: isinstance(value, Kind),
    "Ref": lambda value: isinstance(value, Ref),
    "Ref | None": lambda value: value is None or isinstance(value, Ref),
    "tuple[bytes, ...]": lambda value: (
        isinstance(value, tuple) and all(isinstance(item, bytes) for item in value)
    ),
    "tuple[str, ...]": lambda value: (
        isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    ),
}
"""Check by annotation, where `Ref[...]` is written `Ref`."""


def annotation(field: dataclasses.Field[Any]) -> str:
    """The key of a spec's field in `CHECKS`."""
    return re.sub(r"Ref\[[^]]*\]", "Ref", str(field.type))


def specs(info: PluginInfo, hook: str, result: object, kind: type[S]) -> tuple[S, ...]:
    """The specs of one kind that a hook returned.

    Raises:
        BadSpecError: It is no list of them, or one has a field of the wrong type.
    """
    found = _items(info, hook, result, f"a list of {kind.__name__}")
    for item in found:
        if type(item) is not kind:
            raise bad(info, hook, f"{item!r} is no {kind.__name__}")
        for field in dataclasses.fields(item):  # type: ignore[arg-type]  # every kind is a dataclass
            value = getattr(item, field.name)
            if not CHECKS[annotation(field)](value):
                expected = str(field.type)
                raise bad(
                    info, hook, f"{kind.__name__}.{field.name} is {value!r}, and must be {expected}"
                )
        name = getattr(item, "name", "")
        if not NAME.fullmatch(name):
            raise bad(info, hook, f"{kind.__name__}.name {name!r} must match {NAME.pattern}")
    return found


def settings(info: PluginInfo, hook: str, result: object) -> tuple[type[Settings], ...]:
    """The settings classes that a hook returned.

    Raises:
        BadSpecError: It is no list of frozen dataclasses derived from `Settings`.
    """
    found = _items(info, hook, result, "a list of Settings classes")
    for item in found:
        if not (isinstance(item, type) and issubclass(item, Settings)):
            raise bad(info, hook, f"{item!r} is no class derived from nonecorn.spi.Settings")
        if (
            "__dataclass_params__" not in vars(item)
            or not vars(item)["__dataclass_params__"].frozen
        ):
            raise bad(info, hook, f"{item.__qualname__} must be a frozen dataclass")
    return found


def lines(info: PluginInfo, hook: str, result: object) -> tuple[str, ...]:
    """The lines of text that a hook returned.

    Raises:
        BadSpecError: It returned something else.
    """
    if isinstance(result, Iterable) and not isinstance(result, str | bytes):
        result = tuple(result)
    found: tuple[str, ...] = _items(info, hook, result, "a list of lines")
    for item in found:
        if not isinstance(item, str):
            raise bad(info, hook, f"{item!r} is no line of text")
    return found


def bad(info: PluginInfo, hook: str, problem: str) -> BadSpecError:
    """The error for something unusable out of a hook."""
    return BadSpecError(
        f"plugin {info}: {hook}: {problem}", plugin=info.name, distribution=info.label
    )


def _items(info: PluginInfo, hook: str, result: object, expected: str) -> tuple[Any, ...]:
    if inspect.iscoroutine(result):
        result.close()  # or Python warns that nobody awaited it
        raise bad(info, hook, "is an async function: hooks are called outside of any event loop")
    if isinstance(result, Sequence) and not isinstance(result, str | bytes):
        return tuple(result)
    raise bad(info, hook, f"returned {result!r}, and must return {expected}")
