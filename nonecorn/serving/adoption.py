"""Sockets of another worker, served while that does not: it has died, or is not wanted any more.

Where each worker has a socket of its own, the system goes on to spread connections over all of
them. Those in the socket of one that is not there would wait for it; so the others are given it,
and give it back.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.plan import Plan
    from nonecorn.serving.bindings import Binding, Bindings
    from nonecorn.serving.handover import SocketHandle
    from nonecorn.spi import Job, Runtime


@dataclass(slots=True, eq=False)
class _Adopted:
    """A socket, who begins to listen to it, and what ends that once it has begun."""

    binding: Binding
    job: Job | None = None
    end: Callable[[], None] | None = None
    released: bool = False


class Adoption:
    """Of one worker. All on the loop's thread.

    Args:
        bindings: The worker's; adopted ones join them.
        runtime: The worker's.
        listen: Accepts from a socket, and returns what ends that.
    """

    __slots__ = ("_adopted", "_bindings", "_closed", "_listen", "_runtime")

    def __init__(
        self,
        bindings: Bindings,
        runtime: Runtime,
        listen: Callable[[Binding], Awaitable[Callable[[], None]]],
    ) -> None:
        self._bindings = bindings
        self._runtime = runtime
        self._listen = listen
        self._adopted: list[_Adopted] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"<Adoption of {len(self._adopted)} sockets>"

    def adopt(self, plan: Plan, handles: Iterable[SocketHandle]) -> None:
        """Accept from these too, soon."""
        taken = self._bindings.take(plan, handles)
        if self._closed:
            self._bindings.drop(taken)
            return
        for binding in taken:
            self._start(_Adopted(binding))

    def release(self, worker: int) -> None:
        """Accept no more from that worker's sockets."""
        released = [each for each in self._adopted if each.binding.worker == worker]
        for each in released:
            each.released = True
            if each.end is not None:
                each.end()
            self._adopted.remove(each)
        self._bindings.drop([each.binding for each in released])

    def close(self) -> None:
        """Nothing is adopted any more. What is open is closed with the other listeners."""
        self._closed = True

    def _start(self, adopted: _Adopted) -> None:
        self._adopted.append(adopted)

        async def start() -> None:
            try:
                end = await self._listen(adopted.binding)
            except OSError as error:
                log = logging.getLogger("nonecorn.error")
                log.error("%s cannot be served: %s", adopted.binding.url, error)  # noqa: TRY400
                return
            if self._closed or adopted.released:
                end()
            else:
                adopted.end = end

        adopted.job = self._runtime.spawn(start)
