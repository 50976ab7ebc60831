"""Lists in fields, read from the right.

Each proxy adds what it knows on the right, so what stands there was written by the nearest one, and
what stands far left by anybody. Reading begins on the right and stops at the first who is not
trusted: nothing that a client wrote can change how the rest is read, and a long list costs no more
than the part that is believed.
"""

from __future__ import annotations

from collections.abc import Iterator

MOST = 64
"""Elements of one list that are looked at."""

LONGEST = 1024
"""Bytes of one element."""

_BLANK = " \t"


def elements(value: str) -> Iterator[str]:
    """Elements of a list (RFC 9110 section 5.6.1), the last one first; empty ones are left out.

    A comma within a quoted string separates nothing.

    Raises:
        ValueError: An element is too long, or there are too many.
    """
    end = len(value)
    for _ in range(MOST):
        comma = _comma_before(value, end)
        element = value[comma + 1 : end].strip(_BLANK)
        if element:
            yield element
        if comma < 0:
            return
        end = comma
    message = f"more than {MOST} elements"
    raise ValueError(message)


def nth_from_right(value: str, position: int) -> str:
    """An element of a list, counted from 1 on the right; the leftmost where there are fewer.

    Proxies that only pass a field on, or set it once for all, leave fewer elements than there are
    proxies.

    Raises:
        ValueError: See `elements`; or there is none.
    """
    found = ""
    for number, element in enumerate(elements(value), 1):
        found = element
        if number == position:
            break
    if not found:
        message = "it is empty"
        raise ValueError(message)
    return found


def _comma_before(value: str, end: int) -> int:
    """Where the element that ends at `end` has its comma; -1 where it is the first.

    Raises:
        ValueError: It is too long.
    """
    start = max(0, end - LONGEST)
    if '"' not in value[start:end]:
        comma = value.rfind(",", start, end)
    else:
        comma = _unquoted_comma(value, start, end)
    if comma < 0 and start:
        message = f"an element has more than {LONGEST} bytes"
        raise ValueError(message)
    return comma


def _unquoted_comma(value: str, start: int, end: int) -> int:
    quoted = False
    for position in range(end - 1, start - 1, -1):
        character = value[position]
        if character == '"':
            if not quoted or not _escaped(value, position, start):
                quoted = not quoted
        elif character == "," and not quoted:
            return position
    return -1


def _escaped(value: str, position: int, start: int) -> bool:
    """The character has an odd number of backslashes before it."""
    before = position
    while before > start and value[before - 1] == "\\":
        before -= 1
    return (position - before) % 2 == 1
