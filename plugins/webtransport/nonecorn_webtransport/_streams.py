"""The streams of a session: who may open how many, and what becomes of them.

A client's streams are bounded by the connection's credit for streams, which comes back when the
application has received their ends, and besides by `webtransport.max_streams`. The application's
count until they have ended, and until what was sent on them has left: otherwise one that opens and
ends them quickly would fill the memory where the client allows none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi import NEVER, LocalProtocolError
from nonecorn_webtransport._bell import Bell
from nonecorn_webtransport._codes import GONE
from nonecorn_webtransport._errors import StreamClosedError
from nonecorn_webtransport._stream import SessionStream, StreamOwner

if TYPE_CHECKING:
    from nonecorn_h3.sessions import SessionExchange

_UNIDIRECTIONAL = 0x2
_LOOK = 0.02
"""Seconds until it is looked whether there is room for another stream of the application's."""


class Streams:
    """One session's.

    Args:
        owner: The session.
        exchange: Its CONNECT stream.
        most: Open streams of each kind, by each side.
    """

    __slots__ = ("_bell", "_exchange", "_leaving", "_most", "_names", "_ours", "_owner", "_theirs")

    def __init__(self, owner: StreamOwner, exchange: SessionExchange, most: int) -> None:
        self._owner = owner
        self._exchange = exchange
        self._most = most
        self._names: dict[int | str, SessionStream] = {}
        self._theirs = [0, 0]
        self._ours = [0, 0]
        self._leaving: tuple[set[int], set[int]] = (set(), set())
        self._bell = Bell(owner.runtime)

    def __repr__(self) -> str:
        return f"<Streams open={list(self._names)}>"

    def __len__(self) -> int:
        return len(self._names)

    def find(self, name: object) -> SessionStream:
        """The stream of this name.

        Raises:
            StreamClosedError: There is none, or none any more.
        """
        found = self._names.get(name) if isinstance(name, int | str) else None
        if found is None:
            raise StreamClosedError(name)
        return found

    def opened(self, stream_id: int) -> SessionStream | None:
        """The client has opened one; None: it has too many."""
        kind = _kind(stream_id)
        if self._theirs[kind] >= self._most:
            return None
        self._theirs[kind] += 1
        stream = self._names[stream_id] = SessionStream(self._owner, stream_id)
        stream.opened(stream_id)
        return stream

    def is_full(self, *, bidirectional: bool) -> bool:
        """The application has as many open as it may."""
        kind = int(not bidirectional)
        leaving = self._leaving[kind]
        if self._ours[kind] + len(leaving) < self._most:
            return False
        port = self._owner.port
        leaving.difference_update([each for each in leaving if not port.buffered(each)])
        return self._ours[kind] + len(leaving) >= self._most

    async def room(self, *, bidirectional: bool) -> None:
        """Wait for a change that may have made room: there is no event for bytes that leave."""
        runtime = self._owner.runtime
        await self._bell.tick()
        if self.is_full(bidirectional=bidirectional):
            timer = runtime.call_at(runtime.time() + _LOOK, self._bell.ring)
            try:
                await self._bell.wait()
            finally:
                timer.cancel()

    def open(self, name: object, *, bidirectional: bool) -> None:
        """Open one for the application.

        Raises:
            LocalProtocolError: It cannot have this name.
        """
        if not isinstance(name, str):
            message = f"a stream that is opened is named by a str, not {name!r}"
            raise LocalProtocolError(message)
        if name in self._names:
            message = f"a stream {name!r} is open already"
            raise LocalProtocolError(message)
        stream = self._names[name] = SessionStream(self._owner, name)
        self._ours[int(not bidirectional)] += 1
        stream.opened(self._exchange.open_stream(stream, bidirectional=bidirectional))

    def done(self, stream: SessionStream) -> None:
        """One has ended, both ways, and the application knows."""
        if self._names.get(stream.name) is not stream:
            return
        del self._names[stream.name]
        self._exchange.close_stream(stream.id)
        kind = _kind(stream.id)
        if stream.id & 1:
            self._ours[kind] -= 1
            self._leaving[kind].add(stream.id)
            self._bell.ring()
        else:
            self._theirs[kind] -= 1

    def look(self, now: float, timeout: float) -> float:
        """Give up those whose client takes nothing; returns when to look again."""
        return min((each.look(now, timeout) for each in tuple(self._names.values())), default=NEVER)

    def end(self) -> None:
        """The session is over."""
        streams, self._names = tuple(self._names.values()), {}
        for stream in streams:
            self._exchange.close_stream(stream.id)
            stream.abandon(GONE)
        port = self._owner.port
        for stream_id in set().union(*self._leaving):
            if port.buffered(stream_id):
                port.reset(stream_id, GONE)
        self._bell.ring()


def _kind(stream_id: int) -> int:
    """0: bidirectional, 1: unidirectional."""
    return int(bool(stream_id & _UNIDIRECTIONAL))
