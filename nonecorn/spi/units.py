"""Numbers with units: `1m30s` and `64KiB` to seconds and bytes, and back for people to read."""

from __future__ import annotations

import math
import re

# Patterns are compiled on first use, which most starts never come to.
_DURATION = r"(?i)(?:([0-9.]+)h)?(?:([0-9.]+)m(?!s))?(?:([0-9.]+)s)?(?:([0-9.]+)ms)?"
_STEPS = (3600.0, 60.0, 1.0, 0.001)
_SIZE = r"(?i)([0-9.]+)\s*(B|KiB|MiB|GiB)"
_SIZE_STEPS = {"b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


def parse_seconds(text: str) -> float:
    """Seconds in `10`, `1.5`, `10s`, `500ms`, `1m30s`, `2h`.

    Raises:
        ValueError: The text is no finite duration.
    """
    plain = _number(text)
    if plain is not None:
        return plain
    found = re.fullmatch(_DURATION, text.strip())
    parts = found.groups() if found else ()
    values = [_number(part) for part in parts if part is not None]
    if not values or None in values:
        message = f"{text!r} is no duration: write 10, 500ms, 1m30s or 2h"
        raise ValueError(message)
    return sum(float(part or 0) * step for part, step in zip(parts, _STEPS, strict=True))


def parse_bytes(text: str) -> int:
    """Bytes in `65536`, `64KiB`, `1.5MiB`, `1GiB`.

    Raises:
        ValueError: The text is no whole number of bytes.
    """
    try:
        return int(text)
    except ValueError:
        pass
    found = re.fullmatch(_SIZE, text.strip())
    value = _number(found[1]) if found else None
    if found and value is not None:
        size = value * _SIZE_STEPS[found[2].lower()]
        if size == int(size):
            return int(size)
    message = f"{text!r} is no size: write 65536, 64KiB, 16MiB or 1GiB"
    raise ValueError(message)


def format_seconds(value: float) -> str:
    """The shortest of the forms that `parse_seconds` takes: `90.0` is `1m30s`."""
    milliseconds = round(value * 1000)
    if abs(milliseconds / 1000 - value) > 1e-9 or value < 0:
        return str(value)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0"
    text = ""
    for suffix, step in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        whole, milliseconds = divmod(milliseconds, step)
        if whole:
            text += f"{whole}{suffix}"
    return text


def format_bytes(value: int) -> str:
    """With the largest unit that divides it: `65536` is `64KiB`."""
    for suffix, step in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value and value % step == 0:
            return f"{value // step}{suffix}"
    return str(value)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
