"""The next generation: started whole beside the present one, and taken only if all of it serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nonecorn.supervisor.child import State
from nonecorn.supervisor.slots import lanes_of

if TYPE_CHECKING:
    from nonecorn.supervisor.child import Child, Owner
    from nonecorn.supervisor.generation import Generation
    from nonecorn.supervisor.loop import Loop


class Reload:
    """See the module.

    Args:
        generation: The next one; its sockets are bound.
        count: How many workers it is to have.
        done: Called with an empty text when it has taken over, or with why it has not.

    Attributes:
        children: Its workers, in order.
        replaced: The generation before, once this one has taken over.
    """

    def __init__(
        self, generation: Generation, count: int, done: Callable[[Reload, str], None]
    ) -> None:
        self.generation = generation
        self.count = count
        self.replaced = generation
        self.children: list[Child] = []
        self._done = done
        self._over = False

    def __repr__(self) -> str:
        ready = sum(child.state is State.READY for child in self.children)
        return f"<Reload {self.generation.number} {ready}/{self.count} ready>"

    def start(self, loop: Loop, owner: Owner, lanes: int) -> bool:
        """Start its workers. False: the system has refused one."""
        for index in range(self.count):
            own = lanes_of(index, self.count, lanes)
            child = self.generation.start(loop, owner, index, own)
            if child is None:
                return False
            self.children.append(child)
        return True

    @property
    def complete(self) -> bool:
        """All serve."""
        ready = [child for child in self.children if child.state is State.READY]
        return len(ready) == self.count

    def forget(self, child: Child) -> None:
        """One of its workers has gone."""
        if child in self.children:
            self.children.remove(child)

    def done(self, reason: str) -> None:
        """It is over."""
        if not self._over:
            self._over = True
            self._done(self, reason)
