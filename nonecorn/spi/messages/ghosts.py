"""Applications that go on after their streams: they still cost what a request costs.

A client that opens a request and takes it back at once has a free stream again, while the
application that it started runs on (CVE-2023-44487). So a protocol that bounds requests at once
counts both its streams and these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.spi.context import Context
    from nonecorn.spi.stream import Stream


class Ghosts:
    """Streams of one connection that have no exchange any more, and may still run, or begin to."""

    __slots__ = ("_known", "_newer", "_older", "_running", "_runtime")

    def __init__(self, context: Context) -> None:
        self._runtime = context.runtime
        self._running = context.running
        self._known: dict[Stream, None] = {}
        self._older: list[Stream] = []
        self._newer: list[Stream] = []

    def __repr__(self) -> str:
        return f"<Ghosts {len(self)}>"

    def __len__(self) -> int:
        """How many there are at most."""
        return len(self._known) + len(self._older) + len(self._newer)

    def add(self, stream: Stream) -> None:
        """The stream has lost its exchange.

        One that was spawned begins within the next tick, and then stands among those that run.
        """
        if stream in self._running:
            self._known[stream] = None
            return
        if not self._older and not self._newer:
            self._runtime.end_of_tick(self._look_again)
        self._newer.append(stream)

    def forget_ended(self) -> None:
        """Leave out those that have ended."""
        running = self._running
        for stream in [stream for stream in self._known if stream not in running]:
            del self._known[stream]

    def _look_again(self) -> None:
        """A tick later: who was there a whole tick ago has begun, or ended, by now."""
        running = self._running
        self._known.update((stream, None) for stream in self._older if stream in running)
        self._older, self._newer = self._newer, []
        if self._older:
            self._runtime.end_of_tick(self._look_again)
