"""What an application does with an open session: its streams, its datagrams.

A message is checked before anything of it happens. Who sends without ever waiting lets others have
their turn every few messages: the loop must hear of the client, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi import ClientDisconnectedError, LocalProtocolError, Message
from nonecorn_webtransport import _closing as closing
from nonecorn_webtransport import _codes as codes
from nonecorn_webtransport._bell import Bell
from nonecorn_webtransport._errors import StreamClosedError
from nonecorn_webtransport._life import CLOSED, OPEN, PHASES, SessionLife

if TYPE_CHECKING:
    from nonecorn_webtransport._stream import SessionStream

_BURST = 32
"""Messages that are sent before others have their turn."""


class SessionCommands(SessionLife):
    """What of `WebTransportSession` an open session is told by its application."""

    __slots__ = ()

    async def _command(self, kind: object, message: Message) -> None:
        """Do what a message says, other than to accept and to close."""
        match kind:
            case "webtransport.stream.send":
                await self._stream_send(message)
            case "webtransport.datagram.send":
                await self._datagram_send(message)
            case "webtransport.stream.open":
                await self._stream_open(message)
            case "webtransport.stream.reset":
                self._stream_reset(message)
            case "webtransport.stream.stop":
                self._stream_stop(message)
            case "webtransport.stream.pause":
                self._stream(message).pause()
            case "webtransport.stream.resume":
                self._stream(message).resume()
            case "webtransport.drain":
                self._expect(kind, OPEN)
                self._write(closing.DRAIN_CAPSULE)
            case _:
                error = f"unknown message type {kind!r}"
                raise LocalProtocolError(error)

    def _stream(self, message: Message) -> SessionStream:
        """The stream that a message names."""
        self._expect(message["type"], OPEN)
        assert self._streams is not None  # open
        return self._streams.find(message.get("stream"))

    async def _stream_open(self, message: Message) -> None:
        self._expect(message["type"], OPEN)
        streams = self._streams
        assert streams is not None  # open
        bidirectional = bool(message.get("bidirectional", True))
        while streams.is_full(bidirectional=bidirectional):
            await streams.room(bidirectional=bidirectional)
            self._check_open()
        streams.open(message.get("stream"), bidirectional=bidirectional)
        await self._turn()

    async def _stream_send(self, message: Message) -> None:
        stream = self._stream(message)
        data = data_of(message)
        if not stream.writes:
            raise StreamClosedError(stream.name)
        stream.send(data, end=bool(message.get("end_stream", False)))
        if stream.full:
            self._since_tick = 0
            await stream.taken()
        else:
            await self._turn()

    def _stream_reset(self, message: Message) -> None:
        stream = self._stream(message)
        code = code_of(message)
        if not stream.writes:
            raise StreamClosedError(stream.name)
        stream.reset(code)

    def _stream_stop(self, message: Message) -> None:
        stream = self._stream(message)
        code = code_of(message)
        if stream.reads:
            stream.stop(code)

    async def _datagram_send(self, message: Message) -> None:
        self._expect(message["type"], OPEN)
        data = data_of(message)
        exchange = self._session
        sent = exchange.send_datagram(data)
        if not sent and len(data) <= exchange.max_datagram:
            # Too many wait: they leave with the tick, mostly.
            await self._tick()
            sent = exchange.send_datagram(data)
        if sent:
            self.sent += len(data)
        await self._turn()

    # ----------------------------------------------------------------------------------------------

    def _expect(self, kind: object, phase: int) -> None:
        if self._phase != phase:
            error = f"{kind!r} cannot be sent while the session is {PHASES[self._phase]}"
            raise LocalProtocolError(error)

    def _check_open(self) -> None:
        if self._phase == CLOSED:
            error = "the session is closed"
            raise ClientDisconnectedError(error)

    async def _turn(self) -> None:
        """Let others have their turn now and then."""
        self._since_tick += 1
        if self._since_tick >= _BURST:
            await self._tick()

    async def _tick(self) -> None:
        self._since_tick = 0
        await Bell(self.runtime).tick()
        self._check_open()


def data_of(message: Message) -> bytes:
    """The bytes of a message.

    Raises:
        LocalProtocolError: They are none.
    """
    data = message.get("data", b"")
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    error = f"{message['type']!r} wants bytes, not {type(data).__name__}"
    raise LocalProtocolError(error)


def code_of(message: Message) -> int:
    """The error code of a message; 0 where it has none.

    Raises:
        LocalProtocolError: It cannot be one.
    """
    code = message.get("code", 0)
    if type(code) is int and 0 <= code <= codes.MOST:
        return code
    error = f"{message['type']!r}: {code!r} is no code of 32 bits"
    raise LocalProtocolError(error)
