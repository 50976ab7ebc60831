"""A place among the workers, and which sockets belong to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nonecorn.supervisor.backoff import Backoff
from nonecorn.supervisor.child import State

if TYPE_CHECKING:
    from nonecorn.supervisor.child import Child
    from nonecorn.supervisor.loop import Timer


@dataclass(slots=True, kw_only=True, eq=False)
class Slot:
    """See the module.

    Attributes:
        index: From 0; its worker's number is one more.
        child: Who serves here, or is going to; None between two.
        successor: Who is starting to serve in the place of `child`.
        wish: Why `child` is to be replaced; empty if it is not.
        backoff: When to try again.
        waiting: The timer until then.
        told: What the log said last of an end here.
    """

    index: int
    child: Child | None = None
    successor: Child | None = None
    wish: str = ""
    backoff: Backoff = field(default_factory=Backoff)
    waiting: Timer | None = None
    told: str = ""

    @property
    def serves(self) -> bool:
        """Its worker accepts connections."""
        return self.child is not None and self.child.state is State.READY

    @property
    def children(self) -> list[Child]:
        """Its one or two workers."""
        return [child for child in (self.child, self.successor) if child is not None]

    def forget_wait(self) -> None:
        """Do not wait any longer."""
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None


def lanes_of(index: int, count: int, lanes: int) -> list[int]:
    """Which of the sockets that were opened one per worker a worker serves.

    Its own, first. Connections wait in each, so that none may be left alone: where there are fewer
    workers than lanes, all serve those of nobody; where there are more, some share one.
    """
    return [index % lanes, *range(count, lanes)]
