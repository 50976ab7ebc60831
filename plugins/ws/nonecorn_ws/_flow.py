"""How the application's tasks wait at a socket, and take turns.

An application may call `receive` and `send` from several tasks, and cancel them. A runtime's
waiter is for one task: those who wait for messages are chained, the last to come first; of those
who wait for the client to take what was sent, one waits for the exchange and the others for it.

All state of a socket is declared here, since Python gives one class of a hierarchy its slots.
`_life` has what happens on the wire, `_stream` what the application sees.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from nonecorn.spi import (
    ClientDisconnectedError,
    Connection,
    Context,
    Exchange,
    Header,
    Job,
    RemoteProtocolError,
    Waiter,
)
from nonecorn_ws._codec import FrameCodec, Ping, Pong

if TYPE_CHECKING:
    from nonecorn_ws._denial import Denial
    from nonecorn_ws._handshake import Handshake
    from nonecorn_ws._heart import Heart

CONNECTING, OPEN, DENYING, CLOSING, CLOSED = range(5)
PHASES = ("connecting", "open", "denying", "closing", "closed")

_BURST = 16777216
_MESSAGE_WEIGHT = 32768
"""A socket sends so many bytes before others have their turn; each message counts for some."""


class SocketFlow:
    """The waiting of `WebSocketStream`."""

    __slots__ = (
        "_at", "_burst", "_code", "_codec", "_connected", "_context", "_denial", "_early", "_eof",
        "_exchange", "_handshake", "_headers", "_heard", "_heart", "_held", "_phase", "_ping",
        "_pinged", "_pong", "_port", "_queue", "_reason", "_received", "_refusal", "_room",
        "_senders", "_sent", "_started", "_wake", "_why", "blocked", "by_upgrade",
        "expect_continue", "job", "remaining", "scope", "slot", "status",
    )  # fmt: skip

    _at: float
    _burst: int
    _code: int
    _codec: FrameCodec | None
    _connected: bool
    _context: Context
    _denial: Denial | None
    _early: list[bytes] | None
    _eof: bool
    _exchange: Exchange
    _handshake: Handshake | None
    _headers: list[Header]
    _heard: bool
    _heart: Heart
    _held: int
    _phase: int
    _ping: bytes
    _pinged: bool
    _pong: bytes | None
    _port: Connection
    _queue: deque[str | bytes | Ping | Pong]
    _reason: str
    _received: int
    _refusal: RemoteProtocolError | None
    _room: int
    _senders: list[Waiter] | None
    _sent: int
    _started: float
    _wake: Waiter | None
    _why: str
    blocked: Waiter | None
    by_upgrade: bool
    expect_continue: bool
    job: Job | None
    remaining: int
    scope: dict[str, Any]
    slot: int
    status: int | None

    async def _something(self) -> None:
        """Wait until there may be something to receive."""
        before = self._wake
        wake = self._wake = self._context.runtime.waiter()
        try:
            await wake.wait()
        finally:
            if self._wake is wake:
                self._wake = before
            if before is not None:
                before.set()

    async def _handed_over(self, size: int) -> None:
        """After `size` bytes were sent: wait while the client takes no more, or let others have
        their turn.
        """
        if self.blocked is not None:
            await self._taken()
            return
        self._burst += size + _MESSAGE_WEIGHT
        if self._burst > _BURST:
            # A client that takes everything at once would make the loop serve nobody else, and
            # not even hear that it has gone.
            self._burst = 0
            waiter = self._context.runtime.waiter()
            self._context.runtime.end_of_tick(waiter.set)
            await waiter.wait()
            self._check_open()

    async def _taken(self) -> None:
        """Wait until the client has taken what was sent."""
        self._burst = 0
        while self.blocked is not None and self._phase < CLOSING:
            if self._senders is not None:
                waiter = self._context.runtime.waiter()
                self._senders.append(waiter)
                await waiter.wait()
                continue
            self._senders = []
            try:
                await self.blocked.wait()
            finally:
                others, self._senders = self._senders, None
                for waiter in others:
                    waiter.set()
            break
        self._check_open()

    def _check_open(self) -> None:
        if self._phase >= CLOSING:
            error = "the socket is closed"
            raise ClientDisconnectedError(error)

    def _wake_all(self) -> None:
        """The phase has changed: whoever waits is to look again."""
        if self._wake is not None:
            self._wake.set()
        if self.blocked is not None:
            self.blocked.set()
