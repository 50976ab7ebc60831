"""Options: one field of one settings dataclass, with every name that it goes by.

The field `head_size` of `[limits]` is `head_size` in that TOML table, `--limits-head-size`,
`NONECORN_LIMITS_HEAD_SIZE`, and `limits.head_size` in messages. All sources, help texts, the
reference page and the JSON schema are derived from this one value.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from nonecorn.config.schema import POSITIONAL
from nonecorn.spi.errors import BadSpecError
from nonecorn.spi.settings import SettingInfo, Settings, Unit
from nonecorn.spi.units import format_bytes, format_seconds

Scalar: TypeAlias = bool | int | float | str
Value: TypeAlias = Scalar | tuple[str, ...] | None

MASK: Final = "********"
"""Stands for a secret wherever configuration is shown."""

_SCALARS: Final = (bool, int, float, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting and its names.

    Attributes:
        table: TOML table; empty for the top level.
        name: Field of the dataclass, and key in the table.
        kind: `bool`, `int`, `float` or `str`: of the value, or of each item.
        many: The value is a tuple of strings.
        optional: None is allowed; every source writes it as the empty string.
        choices: The only strings allowed; empty for any.
        default: As the dataclass has it.
        info: Help, unit, minimum and the rest.
    """

    table: str
    name: str
    kind: type[Scalar]
    many: bool = False
    optional: bool = False
    choices: tuple[str, ...] = ()
    default: Value = None
    info: SettingInfo

    @property
    def key(self) -> str:
        """Dotted TOML key."""
        return f"{self.table}.{self.name}" if self.table else self.name

    @property
    def env(self) -> str:
        """Environment variable."""
        return "NONECORN_" + self.key.replace(".", "_").replace("-", "_").upper()

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags of `serve`, the long one last; empty for the positional argument."""
        if self.key == POSITIONAL:
            return ()
        return self.info.flags or ("--" + self.key.replace(".", "-").replace("_", "-"),)

    @property
    def negative(self) -> str:
        """The flag that switches it off; empty unless it is a bool."""
        return "--no-" + self.flags[-1].removeprefix("--") if self.kind is bool else ""

    @property
    def kind_name(self) -> str:
        """What a value is, in a word or two, for help and reference."""
        if self.choices:
            return "|".join(self.choices)
        if self.info.is_path:
            return "path"
        if self.kind is bool:
            return "boolean"
        if self.kind is str:
            return "text"
        if self.info.unit is Unit.SECONDS:
            return "duration"
        if self.info.unit is Unit.BYTES:
            return "size"
        return "integer" if self.kind is int else "number"

    def show(self, value: Value) -> str:
        """A value as a person would write it in a flag; empty for None and for an empty list."""
        if value is None or value in ((), ""):
            return ""
        if self.info.secret:
            return MASK
        if isinstance(value, tuple):
            return ", ".join(value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if self.info.unit is Unit.SECONDS and isinstance(value, int | float):
            return format_seconds(value)
        if self.info.unit is Unit.BYTES and isinstance(value, int):
            return format_bytes(value)
        return str(value)


def options_of(settings: type[Settings]) -> tuple[Option, ...]:
    """The options of a settings dataclass, in its own order.

    Raises:
        BadSpecError: It is no dataclass of settings, or a field has a type that no source can
            write.
    """
    declared: object = settings  # a plugin may return anything
    if not (isinstance(declared, type) and "__dataclass_fields__" in vars(declared)):
        message = f"{declared!r} is no dataclass derived from nonecorn.spi.Settings"
        raise BadSpecError(message)
    try:
        hints = typing.get_type_hints(settings)
    except NameError as error:
        message = f"{settings.__qualname__}: a type is unknown outside of type checking: {error}"
        raise BadSpecError(message) from error
    return tuple(
        _option(settings, field, hints[field.name]) for field in dataclasses.fields(settings)
    )


def _option(settings: type[Settings], field: dataclasses.Field[Any], hint: Any) -> Option:
    info = field.metadata.get("nonecorn")
    where = f"{settings.__qualname__}.{field.name}"
    if not isinstance(info, SettingInfo):
        message = f"{where} is not made by nonecorn.spi.setting()"
        raise BadSpecError(message)
    optional = False
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        members = [member for member in typing.get_args(hint) if member is not types.NoneType]
        optional = len(members) < len(typing.get_args(hint))
        hint = members[0] if len(members) == 1 else hint
    choices = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
    many = hint == tuple[str, ...]
    if many or (choices and all(isinstance(choice, str) for choice in choices)):
        hint = str
    if hint not in _SCALARS:
        message = (
            f"{where} has the type {hint!r}: a setting is a bool, int, float, str, "
            "tuple[str, ...] or Literal of strings, or one of these | None"
        )
        raise BadSpecError(message)
    return Option(
        table=settings.table,
        name=field.name,
        kind=hint,
        many=many,
        optional=optional,
        choices=choices,
        default=field.default,  # type: ignore[arg-type]  # setting() always gives one
        info=info,
    )
