"""One stream of a session, between QUIC and the application.

Its name is its number where the client opened it, and a string of the application's where that did.
What came is kept until `take` makes a message of it; the client gets credit for what was taken, and
none while the application has the stream paused. What is sent goes to the port at once, and whoever
sent it waits while the port holds too much.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING

from nonecorn.spi import NEVER
from nonecorn_webtransport._bell import Bell
from nonecorn_webtransport._codes import from_http, to_http
from nonecorn_webtransport._errors import StreamClosedError

if TYPE_CHECKING:
    from nonecorn.spi import Message, QuicPort, Runtime
    from nonecorn_webtransport._inbox import Inbox

_UNIDIRECTIONAL = 0x2


class StreamOwner(typing.Protocol):
    """What a stream needs of its session.

    Attributes:
        port: The connection.
        runtime: Whose tasks wait.
        inbox: Where news go.
        received: Bytes that came on streams.
        sent: Bytes that were sent on them.
    """

    port: QuicPort
    runtime: Runtime
    inbox: Inbox
    received: int
    sent: int

    def stream_done(self, stream: SessionStream, /) -> None:
        """Both directions have ended, and the application knows."""
        ...

    def stream_stuck(self, /) -> None:
        """The client does not take what was sent: have `SessionStream.look` called in time."""
        ...


class SessionStream:
    """See the module, and `nonecorn_h3.sessions.StreamHandler`.

    Args:
        owner: Whose.
        name: What the application calls it.

    Attributes:
        id: Its number.
        name: As given.
        reads: The client may send, and the application does not know of an end of that.
        writes: We may send.
        full: The port holds too much of it.
        queued: It stands in the inbox.
    """

    __slots__ = ("_abandoned", "_bell", "_data", "_end", "_fresh", "_given_up", "_left",
                 "_moved_at", "_owner", "_paused", "_reset", "_reset_code", "_size", "_stop_code",
                 "_stopped", "full", "id", "name", "queued", "reads", "writes")  # fmt: skip

    def __init__(self, owner: StreamOwner, name: int | str) -> None:
        self._owner = owner
        self._bell: Bell | None = None
        self._data: list[bytes] = []
        self._size = 0
        self._end = False
        self._reset = self._stopped = False
        self._reset_code: int | None = None
        self._stop_code: int | None = None
        self._paused = self._given_up = self._abandoned = self._fresh = False
        self._left = 0
        self._moved_at = 0.0
        self.name = name
        self.id = -1
        self.full = False
        self.queued = False
        self.reads = self.writes = True

    def __repr__(self) -> str:
        sides = ("reads " if self.reads else "") + ("writes " if self.writes else "")
        return f"<SessionStream {self.name!r} {sides}held={self._size} full={self.full}>"

    def opened(self, stream_id: int) -> None:
        """It has a number now."""
        self.id = stream_id
        unidirectional = bool(stream_id & _UNIDIRECTIONAL)
        ours = bool(stream_id & 1)
        self.reads = not (unidirectional and ours)
        self.writes = ours or not unidirectional
        if not ours:
            self._fresh = True
            self._news()
        if self.writes:
            # Of several streams none waits for the end of another.
            self._owner.port.prioritize(stream_id, 3, True)

    # nonecorn_h3.sessions.StreamHandler -----------------------------------------------------------

    def receive(self, data: bytes, end: bool) -> None:
        """See `StreamHandler`."""
        if data:
            self._owner.received += len(data)
            self._data.append(data)
            self._size += len(data)
        self._end = end
        self._news()

    def was_reset(self, code: int) -> None:
        """See `StreamHandler`: what was not received is of no use."""
        self._reset = True
        self._reset_code = from_http(code)
        self._drop()
        self._news()

    def was_stopped(self, code: int) -> None:
        """See `StreamHandler`."""
        self._stop_told(from_http(code))

    def pause_writing(self) -> None:
        """See `StreamHandler`."""
        owner = self._owner
        self.full = True
        self._moved_at = owner.runtime.clock.now
        self._left = owner.port.buffered(self.id)
        owner.stream_stuck()

    def resume_writing(self) -> None:
        """See `StreamHandler`."""
        self.full = False
        self._ring()
        self._settle()

    # To the application ---------------------------------------------------------------------------

    def take(self) -> Message | None:
        """The next message; `queued` says then whether there is another."""
        message = self._next()
        self.queued = self._has_news()
        self._settle()
        return message

    def _next(self) -> Message | None:
        name = self.name
        if self._fresh:
            self._fresh = False
            return {
                "type": "webtransport.stream.open",
                "stream": name,
                "bidirectional": not self.id & _UNIDIRECTIONAL,
            }
        if self._reset:
            self._reset = self.reads = False
            return {
                "type": "webtransport.stream.reset", "stream": name, "code": self._reset_code,
            }  # fmt: skip
        if not self._paused and (self._data or self._end):
            data = self._data[0] if len(self._data) == 1 else b"".join(self._data)
            end, self._end = self._end, False
            if end:
                self.reads = False
            self._drop()
            return {
                "type": "webtransport.stream.receive",
                "stream": name,
                "data": data,
                "end_stream": end,
            }
        if self._stopped:
            self._stopped = False
            return {"type": "webtransport.stream.stop", "stream": name, "code": self._stop_code}
        return None

    def _has_news(self) -> bool:
        return (
            self._fresh or self._reset or self._stopped
            or (not self._paused and bool(self._data or self._end))
        )  # fmt: skip

    def _news(self) -> None:
        if not self.queued and self._has_news():
            self.queued = True
            self._owner.inbox.stream(self)

    def _drop(self) -> None:
        """What is held is held no more."""
        size, self._size = self._size, 0
        self._data.clear()
        if size and not self._abandoned:
            self._owner.port.consumed(self.id, size)

    def _settle(self) -> None:
        """Has it come to its end? Not while somebody waits for the client to take what was sent."""
        if not (self.reads or self.writes or self.full or self._stopped or self._fresh):
            self._owner.stream_done(self)

    # From the application -------------------------------------------------------------------------

    def pause(self) -> None:
        """Receive no more of its data."""
        self._paused = True

    def resume(self) -> None:
        """Undo `pause`."""
        self._paused = False
        self._news()

    def send(self, data: bytes, *, end: bool) -> None:
        """Send; who does waits by `taken` while it is `full`."""
        owner = self._owner
        owner.sent += len(data)
        if end:
            self.writes = False
        owner.port.write(self.id, data, end)
        self._settle()

    async def taken(self) -> None:
        """Wait until the client has taken what was sent.

        Raises:
            StreamClosedError: It does not want it any more.
        """
        if self._bell is None:
            self._bell = Bell(self._owner.runtime)
        while self.full:
            await self._bell.wait()
        if self._given_up:
            raise StreamClosedError(self.name)

    def reset(self, code: int) -> None:
        """End our direction abruptly."""
        self.writes = False
        self._owner.port.reset(self.id, to_http(code))
        self._unblock()
        self._settle()

    def stop(self, code: int) -> None:
        """Ask the client to send no more, and forget what it has sent."""
        self.reads = self._end = self._reset = False
        self._drop()
        self._owner.port.stop(self.id, to_http(code))
        self._settle()

    # Time, and the end ----------------------------------------------------------------------------

    def look(self, now: float, timeout: float) -> float:
        """The client does not take what was sent: give it up after a time.

        Returns:
            When to look again.
        """
        if not self.full or not timeout:
            return NEVER
        left = self._owner.port.buffered(self.id)
        if left != self._left:
            self._left, self._moved_at = left, now
        elif self._moved_at + timeout <= now:
            self._owner.port.reset(self.id, to_http(0))
            self._stop_told(None)
            return NEVER
        return self._moved_at + timeout

    def abandon(self, code: int) -> None:
        """The session is over. What has come may still be received; the credit for it is given."""
        port = self._owner.port
        if self.writes or self.full:
            port.reset(self.id, code)
        if self.reads and not self._end and not self._reset:
            port.stop(self.id, code)
        elif self._size:
            port.consumed(self.id, self._size)
        self._abandoned = True
        self.writes = False
        self._unblock()

    def _stop_told(self, code: int | None) -> None:
        self._stopped = True
        self._stop_code = code
        self.writes = False
        self._unblock()
        self._news()

    def _unblock(self) -> None:
        self._given_up = True
        self.full = False
        self._ring()

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.ring()
