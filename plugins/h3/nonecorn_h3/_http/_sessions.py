"""Which streams belong to which session; see `nonecorn_h3.sessions`.

A stream may come before the CONNECT that it belongs to has been answered, or has come at all. Some
such streams wait, with what they have said so far and no credit for more.

QUIC lets a client open a stream in the place of one that has ended. A bidirectional one has not
ended while the session may answer. Of a unidirectional one the last byte of its head is not
credited until the session has no more use for it: clients open no more of them than are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi import NEVER
from nonecorn_h3._http import _budget as budget
from nonecorn_h3._http import _frames as f
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode
from nonecorn_h3.sessions import H3Extension

if TYPE_CHECKING:
    from collections.abc import Callable

    from nonecorn.spi import Context, StreamFactory
    from nonecorn_h3._http._connection import H3Connection
    from nonecorn_h3.sessions import Session, StreamHandler

_MOST_WAITING = 16
_UNIDIRECTIONAL = 0x2


def extensions_of(context: Context) -> tuple[H3Extension, ...]:
    """What the protocols of extended CONNECT add; found once per listener."""
    found: tuple[H3Extension, ...] | None = context.cache.get(H3Extension)
    if found is None:
        said = (extension_of(context, each) for each in context.stream_upgrades.values())
        found = tuple(each for each in said if each is not None)
        context.cache[H3Extension] = found
    return found


def extension_of(context: Context, factory: StreamFactory | Session) -> H3Extension | None:
    """What one of them adds, if anything."""
    said = getattr(factory, "h3", None)
    found = said(context) if callable(said) else said
    return found if isinstance(found, H3Extension) else None


class Sessions:
    """One connection's.

    Attributes:
        stream_types: What begins a unidirectional stream of a session.
        frame_types: What begins a bidirectional one.
        greeted: The client's SETTINGS are known.
    """

    __slots__ = ("_connection", "_extensions", "_joined", "_listeners", "_sessions", "_waiting",
                 "frame_types", "greeted", "stream_types")  # fmt: skip

    def __init__(self, connection: H3Connection, extensions: tuple[H3Extension, ...]) -> None:
        self._connection = connection
        self._extensions = extensions
        self._sessions: dict[int, Session] = {}
        self._joined: dict[int, H3Extension] = {}
        self._waiting: dict[int, WaitingStream] = {}
        self._listeners: list[Callable[[], None]] = []
        self.greeted = False
        self.stream_types = frozenset(each.stream_type for each in extensions)
        self.frame_types = frozenset(each.frame_type for each in extensions)

    def __repr__(self) -> str:
        return f"<Sessions open={list(self._sessions)} waiting={list(self._waiting)}>"

    def __len__(self) -> int:
        """Sessions that are open."""
        return len(self._sessions)

    def stream(self, stream_id: int, session_id: int, data: bytes, end: bool) -> None:
        """A stream has said which session it belongs to; `data` is not credited yet."""
        connection = self._connection
        if session_id & 3 or session_id > f.MOST_STREAM_ID:
            raise ConnectionFault(ErrorCode.ID_ERROR, "session-id")
        session = self._sessions.get(session_id)
        if session is not None:
            handler = self._give(stream_id, session_id, session)
            if handler is not None and (data or end):
                handler.receive(data, end)
            return
        known = session_id <= connection.last_id or connection.leaving
        gone = known and session_id not in connection.exchanges
        if gone or len(self._waiting) >= _MOST_WAITING:
            first = self._extensions[0]
            code = first.gone if gone else None
            self._refuse(stream_id, first.refused if code is None else code)
            connection.noise(budget.STREAM)
            return
        waiting = WaitingStream(self, stream_id, session_id, connection.now())
        connection.streams[stream_id] = self._waiting[stream_id] = waiting
        waiting.receive(data, end)
        connection.head_awaited()

    def greet(self) -> None:
        """The client's SETTINGS are known: tell those who wait for them."""
        self.greeted = True
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()

    def when_greeted(self, listener: Callable[[], None]) -> bool:
        """See `nonecorn_h3.sessions.SessionExchange.greeted`."""
        if not self.greeted:
            self._listeners.append(listener)
        return self.greeted

    def join(self, session_id: int, session: Session) -> None:
        """A session is there: what waited for it is its own."""
        self._sessions[session_id] = session
        extension = extension_of(self._connection.context, session)
        self._joined[session_id] = extension or self._extensions[0]
        for stream_id, waiting in tuple(self._waiting.items()):
            if waiting.session_id == session_id:
                del self._waiting[stream_id]
                handler = self._give(stream_id, session_id, session)
                if handler is not None:
                    waiting.replay(handler)

    def _give(self, stream_id: int, session_id: int, session: Session) -> StreamHandler | None:
        """Let a session have a stream, if it takes it."""
        handler = session.stream_opened(stream_id)
        if handler is not None:
            self._connection.streams[stream_id] = handler
        else:
            self._refuse(stream_id, self._joined[session_id].refused)
            self._connection.noise(budget.STREAM)
        return handler

    def open(self, session_id: int, handler: StreamHandler, *, bidirectional: bool) -> int:
        """A stream of ours."""
        connection = self._connection
        stream_id = connection.port.open(bidirectional=bidirectional)
        connection.streams[stream_id] = handler
        extension = self._joined[session_id]
        kind = extension.frame_type if bidirectional else extension.stream_type
        head = f.encode_integer(kind) + f.encode_integer(session_id)
        connection.port.write(stream_id, head, False)
        return stream_id

    def close_stream(self, stream_id: int) -> None:
        """A session has no more use for a stream."""
        connection = self._connection
        self._waiting.pop(stream_id, None)
        if connection.streams.pop(stream_id, None) is not None and stream_id & 3 == _UNIDIRECTIONAL:
            connection.port.consumed(stream_id, 1)

    def end(self, session_id: int) -> None:
        """A CONNECT stream has gone; its session looks after its streams itself."""
        self._sessions.pop(session_id, None)
        self._joined.pop(session_id, None)
        for stream_id, waiting in tuple(self._waiting.items()):
            if waiting.session_id == session_id:
                self._refuse(stream_id, self._extensions[0].refused)

    def due(self, now: float, timeout: float) -> float:
        """Refuse streams whose session does not come, and have sessions look; returns when to look
        again.
        """
        next_look = NEVER
        for stream_id, waiting in tuple(self._waiting.items()):
            when = waiting.opened_at + timeout
            if timeout and when <= now:
                self._refuse(stream_id, self._extensions[0].refused)
            elif timeout:
                next_look = min(next_look, when)
        for session in tuple(self._sessions.values()):
            next_look = min(next_look, session.sweep(now))
        return next_look

    def _refuse(self, stream_id: int, code: int) -> None:
        connection = self._connection
        self.close_stream(stream_id)
        connection.stop(stream_id, code)
        if not stream_id & _UNIDIRECTIONAL:
            connection.port.reset(stream_id, code)


class WaitingStream:
    """One whose session is not there yet; see `nonecorn_h3.sessions.StreamHandler`.

    Attributes:
        session_id: What it waits for.
        opened_at: Since when, in seconds of the clock.
    """

    __slots__ = ("_data", "_end", "_id", "_reset", "_sessions", "_stopped", "opened_at",
                 "session_id")  # fmt: skip

    def __init__(self, sessions: Sessions, stream_id: int, session_id: int, now: float) -> None:
        self._sessions = sessions
        self._id = stream_id
        self._data = bytearray()
        self._end = False
        self._reset: int | None = None
        self._stopped: int | None = None
        self.session_id = session_id
        self.opened_at = now

    def __repr__(self) -> str:
        return f"<WaitingStream {self._id} of {self.session_id} bytes={len(self._data)}>"

    def receive(self, data: bytes, end: bool) -> None:
        """Keep it; without credit it is no more than a stream may send."""
        self._data += data
        self._end = end

    def was_reset(self, code: int) -> None:
        """Nothing more comes."""
        self._reset = code

    def was_stopped(self, code: int) -> None:
        """Nothing is wanted."""
        self._stopped = code

    def pause_writing(self) -> None:
        """Nothing was written."""

    def resume_writing(self) -> None:
        """Nothing was written."""

    def replay(self, handler: StreamHandler) -> None:
        """Tell the session's handler all of it."""
        if self._data or self._end:
            handler.receive(bytes(self._data), self._end)
        if self._reset is not None:
            handler.was_reset(self._reset)
        if self._stopped is not None:
            handler.was_stopped(self._stopped)
