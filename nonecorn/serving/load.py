"""What one worker has to do at a moment, and what it has done."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from nonecorn.spi import RequestRecord

CLASSES = ("other", "1xx", "2xx", "3xx", "4xx", "5xx")
"""Classes of status codes; `other`: no response was begun, or its code has no class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Plain numbers, so that they can be sent.

    Attributes:
        connections: Open now.
        requests: Whose stream is open now; those that wait are among them.
        waiting: That wait for a place (`limits.concurrency`).
        finished_other: Requests so far without a status of a class; 0 where nobody counts.
        finished_1xx: Requests so far with such a status, sockets that were opened above all.
        finished_2xx: Likewise.
        finished_3xx: Likewise.
        finished_4xx: Likewise.
        finished_5xx: Likewise.
    """

    connections: int = 0
    requests: int = 0
    waiting: int = 0
    finished_other: int = 0
    finished_1xx: int = 0
    finished_2xx: int = 0
    finished_3xx: int = 0
    finished_4xx: int = 0
    finished_5xx: int = 0

    @property
    def finished(self) -> tuple[int, ...]:
        """Requests so far, in the order of `CLASSES`."""
        return tuple(getattr(self, f"finished_{name}") for name in CLASSES)

    def done(self) -> Self:
        """Only what has been done: the worker has ended."""
        return dataclasses.replace(self, connections=0, requests=0, waiting=0)

    def __add__(self, other: Load) -> Load:
        names = [field.name for field in dataclasses.fields(self)]
        return Load(**{name: getattr(self, name) + getattr(other, name) for name in names})


class RequestCounts:
    """Counts requests as they end: one of `Observers.request_finished`, where that is wanted."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts = [0] * len(CLASSES)

    def __repr__(self) -> str:
        return f"<RequestCounts {self.by_class}>"

    def __call__(self, record: RequestRecord) -> None:
        """A request has ended."""
        status = record.status
        self._counts[0 if status is None or status >= 600 else status // 100] += 1

    @property
    def by_class(self) -> dict[str, int]:
        """By the fields' names of `Load`."""
        return {
            f"finished_{name}": count for name, count in zip(CLASSES, self._counts, strict=True)
        }
