"""The time of an event as text, in local time; never locale dependent."""

from __future__ import annotations

import time
from collections.abc import Callable

_MONTHS = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def common_time(wall: float) -> str:
    """Local time as in the common log format: `[06/Nov/1994:08:49:37 +0000]`."""
    t = time.localtime(wall)
    return (
        f"[{t.tm_mday:02}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year:04}"
        f":{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} {_offset(t, '')}]"
    )


def iso_time(wall: float) -> str:
    """Local time in RFC 3339's form: `1994-11-06T08:49:37+00:00`."""
    t = time.localtime(wall)
    return time.strftime("%Y-%m-%dT%H:%M:%S", t) + _offset(t, ":")


def _offset(t: time.struct_time, separator: str) -> str:
    sign = "-" if t.tm_gmtoff < 0 else "+"
    minutes = abs(t.tm_gmtoff) // 60
    return f"{sign}{minutes // 60:02}{separator}{minutes % 60:02}"


class Moments:
    """When requests began, in one of the forms above.

    Args:
        form: `common_time` or `iso_time`.
    """

    __slots__ = ("_form", "_second", "_text")

    def __init__(self, form: Callable[[float], str]) -> None:
        self._form = form
        self._second = -1
        self._text = ""

    def began(self, duration: float) -> str:
        """The time `duration` seconds ago."""
        second = int(time.time() - duration)
        if second != self._second:
            self._second = second
            self._text = self._form(second)
        return self._text
