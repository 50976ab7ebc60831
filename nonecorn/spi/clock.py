"""A coarse clock: one reading a second serves every deadline and every Date field of a worker.

Protocols compare and set deadlines with `now`, which is at most one tick old; a deadline therefore
fires between its time and one tick later, never early by more than a tick. Nothing on a request's
path asks the operating system for the time unless an observer wants durations.
"""

from __future__ import annotations

import time

TICK = 1.0
"""Seconds between two ticks while a worker has connections."""

_DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS = (
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun",
    b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
)  # fmt: skip


def http_date(wall: float) -> bytes:
    """IMF-fixdate of a POSIX time in seconds (RFC 9110 section 5.6.7); never locale dependent."""
    t = time.gmtime(wall)
    return b"%b, %02d %b %04d %02d:%02d:%02d GMT" % (
        _DAYS[t.tm_wday], t.tm_mday, _MONTHS[t.tm_mon - 1], t.tm_year,
        t.tm_hour, t.tm_min, t.tm_sec,
    )  # fmt: skip


class Clock:
    """Monotonic seconds and the current Date, as of the last `tick`.

    Attributes:
        now: Monotonic seconds at the last tick; the zero point is the runtime's.
        date: Value of the Date field at the last tick.
    """

    __slots__ = ("_second", "date", "now")

    def __init__(self, monotonic: float = 0.0, wall: float = 0.0) -> None:
        self._second = -1
        self.tick(monotonic, wall)

    def tick(self, monotonic: float, wall: float) -> None:
        """Take a new reading. Called by the runtime once a second and when it wakes from
        idleness.
        """
        self.now = monotonic
        second = int(wall)
        if second != self._second:
            self._second = second
            self.date = http_date(wall)

    def __repr__(self) -> str:
        return f"<Clock now={self.now:.3f} date={self.date.decode()!r}>"
