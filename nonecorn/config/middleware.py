"""`middleware`: names, or `[[middleware]]` tables with `use` and options, or both in one list."""

from __future__ import annotations

import copy
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
