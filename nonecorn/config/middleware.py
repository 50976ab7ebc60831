"""`middleware`: names, or `[[middleware]]` tables with `use` and options, or both in one list.

Flags and the environment have them as text: names, and tables as TOML writes them in one line,
`{use = "proxy_fix", trusted = ["10.0.0.5"]}`.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from typing import Any

from nonecorn.config.decode import decode
from nonecorn.config.option import Option


def decode_middleware(
    option: Option, value: Any, *, text: bool = False
) -> tuple[dict[str, Any], ...]:
    """The layers, outermost first, each a table with the key `use`.

    Raises:
        ValueError: An entry is neither a name nor a table with a name in `use`.
    """
    if text:
        value = _from_text(value)
    if isinstance(value, str):
        names = decode(option, value, text=text)
        return tuple({"use": name} for name in names) if isinstance(names, tuple) else ()
    if isinstance(value, Mapping):
        message = "write [[middleware]], with two brackets: there may be several"
        raise ValueError(message)  # noqa: TRY004  # one error for every value that cannot be used
    if not isinstance(value, list | tuple):
        message = f"{value!r} is no list of middleware"
        raise ValueError(message)  # noqa: TRY004
    return tuple(_layer(number, entry) for number, entry in enumerate(value, 1))


def _from_text(value: Any) -> Any:
    """Text that holds tables, read; other text as it is."""
    if isinstance(value, str):
        if value.lstrip().startswith("{"):
            return _toml(f"[{value}]", value)
        return _toml(value, value) if value.lstrip().startswith("[") else value
    if isinstance(value, list | tuple):
        return [_toml(v, v) if isinstance(v, str) and v.lstrip()[:1] == "{" else v for v in value]
    return value


def _toml(text: str, shown: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        message = f'{shown!r} is not {{use = "NAME", OPTION = VALUE}} as TOML has it: {error}'
        raise ValueError(message) from None


def _layer(number: int, entry: Any) -> dict[str, Any]:
    if isinstance(entry, str) and entry:
        return {"use": entry}
    if not isinstance(entry, Mapping):
        message = f"entry {number} is neither a name nor a table"
        raise ValueError(message)  # noqa: TRY004
    use = entry.get("use")
    if not isinstance(use, str) or not use:
        message = f'entry {number} does not say which: use = "NAME"'
        raise ValueError(message)
    return {
        "use": use,
        **{str(key): copy.deepcopy(item) for key, item in entry.items() if key != "use"},
    }
