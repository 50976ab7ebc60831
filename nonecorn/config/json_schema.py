"""A JSON Schema (2020-12) of `nonecorn.toml`, for editors that complete and check TOML by one."""

from __future__ import annotations

from typing import Any

from nonecorn.config.draft import MIDDLEWARE
from nonecorn.config.option import Option
from nonecorn.config.tables import Table, Tables
from nonecorn.spi.settings import Unit

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
_DURATION = r"^(([0-9.]+h)?([0-9.]+m)?([0-9.]+s)?([0-9.]+ms)?|[0-9.]+)$"
_SIZE = r"^[0-9.]+\s*([bB]|[kKmMgG][iI][bB])?$"


def json_schema(tables: Tables) -> dict[str, Any]:
    """The schema of a file that may hold these tables."""
    top = _object(tables[""])
    top["properties"].update({table.name: _object(table) for table in tables if table.name})
    return {"$schema": DIALECT, "title": "nonecorn.toml", **top}


def _object(table: Table) -> dict[str, Any]:
    lines = (table.settings.__doc__ or "").strip().splitlines()
    return {
        "type": "object",
        "description": lines[0] if lines else "",
        "properties": {option.name: _property(option) for option in table.options},
        "additionalProperties": False,
    }


def _property(option: Option) -> dict[str, Any]:
    found: dict[str, Any] = {"description": option.info.help, **_form(option)}
    if option.default is not None and not option.info.secret:
        found["default"] = option.default
    if option.info.secret:
        found["writeOnly"] = True
    return found


def _form(option: Option) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    if (option.table, option.name) == MIDDLEWARE:
        layer = {"type": "object", "properties": {"use": text}, "required": ["use"]}
        return {"anyOf": [text, {"type": "array", "items": {"anyOf": [text, layer]}}]}
    if option.many:
        return {"anyOf": [text, {"type": "array", "items": text}]}
    if option.choices:
        # The empty string is the None of every source.
        return {"enum": [*option.choices, *([""] if option.optional else [])]}
    plain: dict[str, Any] = {"type": _TYPES[option.kind]}
    if option.info.minimum is not None:
        plain["minimum"] = option.info.minimum
    elif option.info.unit is not Unit.COUNT:
        plain["minimum"] = 0
    if option.info.unit is not Unit.COUNT:
        pattern = _DURATION if option.info.unit is Unit.SECONDS else _SIZE
        return {"anyOf": [plain, {"type": "string", "pattern": pattern}]}
    if option.optional and option.kind is not str:
        return {"anyOf": [plain, {"const": ""}]}
    return plain
