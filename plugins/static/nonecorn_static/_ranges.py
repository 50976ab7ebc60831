"""Range requests (RFC 9110 section 14): what is asked for, within bounds.

A field of a few bytes can ask for a file many times over. So there are at most `MOST` ranges,
ranges that overlap are sent once, and a request that would still need more bytes than the whole
file is answered with the whole file, as section 14.2 has it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

MOST = 16
"""Ranges of one request."""
_LENGTH = 1024
_UNIT = re.compile(rb"(?i)bytes=")
_RANGE = re.compile(rb"([0-9]{0,18})-([0-9]{0,18})")

PART = 200
"""Bytes that a part of a multipart response takes besides its content, with some to spare."""

Range = tuple[int, int]
"""First byte, and the one after the last."""


def parse_ranges(value: bytes, size: int) -> list[Range] | None:
    """The ranges of a file that a client wants.

    Args:
        value: Of the field `Range`.
        size: Of the file, in bytes.

    Returns:
        None for a field that is not acted upon: it is in another unit, or wrong, or asks for more
        than there is use for. An empty list where no range is within the file (416).
    """
    unit = _UNIT.match(value)
    if unit is None or len(value) > _LENGTH:
        return None
    parts = [part.strip(b" \t") for part in value[unit.end() :].split(b",")]
    parts = [
        part for part in parts if part
    ]  # RFC 9110 section 5.6.1: empty items count for nothing
    if not 0 < len(parts) <= MOST:
        return None
    found = []
    for part in parts:
        match = _RANGE.fullmatch(part)
        if match is None or part == b"-":
            return None
        first, last = match.groups()
        if not first:
            start, stop = max(0, size - int(last)), size
        else:
            start, stop = int(first), min(size, int(last) + 1) if last else size
            if last and int(last) < int(first):
                return None
        if start < stop:
            found.append((start, stop))
    return _bounded(found, size)


def _bounded(found: list[Range], size: int) -> list[Range] | None:
    if len(found) < 2:
        return found
    ordered = sorted(found)
    if any(one[1] > next_[0] for one, next_ in itertools.pairwise(ordered)):
        found = _merged(ordered)
    if len(found) > 1 and sum(stop - start + PART for start, stop in found) >= size:
        return None
    return found


def _merged(ordered: Sequence[Range]) -> list[Range]:
    """Ranges that overlap or touch, as one."""
    merged = [ordered[0]]
    for start, stop in ordered[1:]:
        if start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
