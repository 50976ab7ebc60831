"""Conditional requests (RFC 9110 section 13)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping

from nonecorn.spi import Header

_TAG = re.compile(rb'[ \t]*(?:,[ \t]*)*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|\Z)')
_FIELDS = frozenset(
    {
        b"if-match",
        b"if-none-match",
        b"if-modified-since",
        b"if-unmodified-since",
        b"if-range",
        b"range",
        b"accept-encoding",
        b"accept",
    }
)
_LISTS = frozenset({b"if-match", b"if-none-match", b"accept-encoding", b"accept"})

_MONTHS = {
    name: number
    for number, name in enumerate(
        b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1
    )
}
_CLOCK = rb"([0-9]{2}):([0-9]{2}):([0-9]{2})"
_DATES = (
    # RFC 9110 section 5.6.7: what is sent today, and two forms that are older than most clients.
    re.compile(rb"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) %b GMT" % _CLOCK),
    re.compile(rb"[A-Z][a-z]+, ([0-9]{2})-([A-Z][a-z]{2})-([0-9]{2}) %b GMT" % _CLOCK),
    re.compile(rb"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ 0-9][0-9]) %b ([0-9]{4})" % _CLOCK),
)

Fields = Mapping[bytes, bytes]


def fields_of(headers: Iterable[Header]) -> dict[bytes, bytes]:
    """The fields that matter here. One that may not be repeated and is, is left out."""
    found: dict[bytes, bytes] = {}
    repeated = set()
    for name, value in headers:
        if name in _FIELDS:
            if name not in found:
                found[name] = value
            elif name in _LISTS:
                found[name] += b"," + value
            else:
                repeated.add(name)
    for name in repeated:
        del found[name]
    return found


def evaluate(fields: Fields, tag: bytes, modified: int) -> int:
    """What the conditions come to, in the order of RFC 9110 section 13.2.2, for GET and HEAD.

    Args:
        fields: The request's.
        tag: Entity tag of what would be sent.
        modified: When it was changed last, in POSIX seconds.

    Returns:
        200, 304 or 412.
    """
    wanted = fields.get(b"if-match")
    if wanted is not None:
        if not matches(wanted, tag, strong=True):
            return 412
    elif (value := fields.get(b"if-unmodified-since")) is not None:
        date = parse_date(value)
        if date is not None and modified > date:
            return 412
    known = fields.get(b"if-none-match")
    if known is not None:
        return 304 if matches(known, tag, strong=False) else 200
    if (value := fields.get(b"if-modified-since")) is not None:
        date = parse_date(value)
        if date is not None and modified <= date:
            return 304
    return 200


def range_applies(fields: Fields, tag: bytes, modified: int, now: float) -> bool:
    """A range is of what the client has (RFC 9110 section 13.1.5): it does not say otherwise.

    A date tells versions apart only if it is a minute older than the response (section 8.8.2.2).
    """
    value = fields.get(b"if-range")
    if value is None:
        return True
    if value.startswith((b'"', b"W/")):
        return not tag.startswith(b"W/") and value == tag
    return parse_date(value) == modified and now - modified >= 60


def matches(value: bytes, tag: bytes, *, strong: bool) -> bool:
    """A list of entity tags, or `*`, has this one in it (RFC 9110 section 8.8.3.2)."""
    if value.strip(b" \t") == b"*":
        return True
    if strong and tag.startswith(b"W/"):
        return False
    position = 0
    while (found := _TAG.match(value, position)) is not None:
        each = found[1]
        if each == tag or (not strong and each.removeprefix(b"W/") == tag.removeprefix(b"W/")):
            return True
        position = found.end()
    return False


def parse_date(value: bytes) -> int | None:
    """POSIX seconds of an HTTP date; None for what is none. Never locale dependent."""
    found = [form.fullmatch(value) for form in _DATES]
    if found[0] is not None:
        day, month, year, *clock = found[0].groups()
    elif found[1] is not None:
        day, month, year, *clock = found[1].groups()
        year = (b"19" if year >= b"70" else b"20") + year
    elif found[2] is not None:
        month, day, *clock, year = found[2].groups()
    else:
        return None
    number, hour, minute, second = int(year), *map(int, clock)
    if month not in _MONTHS or not number:
        return None
    if not 1 <= int(day) <= 31 or hour > 23 or minute > 59 or second > 60:
        return None
    return calendar.timegm((number, _MONTHS[month], int(day), hour, minute, second))
