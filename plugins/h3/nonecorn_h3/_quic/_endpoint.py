"""Finds the connection of each datagram, and has those answered that belong to none.

A connection is known by every ID that its peer may use. What is not known is, in this order, of
another worker (the ID says which, see `_ids`), of a version that is not spoken here, the beginning
of a connection, or left over from one that is gone. State is kept for a beginning only where its
first packet was authentic, and only for so many whose clients have not proved their address; the
others are sent a Retry, which keeps the state with the client.

Whatever an engine or a protocol raises ends its own connection and no other.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from nonecorn_h3._quic._allowance import Allowance
from nonecorn_h3._quic._answers import Answers
from nonecorn_h3._quic._departed import Departed
from nonecorn_h3._quic._engine import Arrival, EnginesFactory, Environment
from nonecorn_h3._quic._ids import ID_LENGTH, ConnectionIDs
from nonecorn_h3._quic._mailbox import Mailbox
from nonecorn_h3._quic._packets import (
    LONGEST_ID,
    SMALLEST_DATAGRAM,
    LongHeader,
    read_long_header,
)
from nonecorn_h3._quic._place import place_of
from nonecorn_h3._quic._port import EnginePort
from nonecorn_h3._quic._refusal import CONNECTION_REFUSED, INVALID_TOKEN
from nonecorn_h3._quic._tokens import BadRetryTokenError, Tokens
from nonecorn_h3._settings import H3Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nonecorn.spi import Context, Datagram, DatagramPort, Lane, QuicPort, QuicProtocol

_MOST_DEPARTED = 10000
_MOST_YOUNG = 8
"""Handshakes under way at once, as a multiple of those whose clients have proved nothing."""
_HANDSHAKE_TIMEOUT = 10.0
"""In seconds, and less where `tls_handshake_timeout` is: a handshake is two round trips."""
_SMALLEST_FIRST_ID = 8
"""Bytes of the ID that a client makes up for its first packet (RFC 9000 section 7.2)."""


class QuicEndpoint:
    """See `nonecorn.spi.Endpoint`.

    Args:
        context: The listener's.
        port: The socket.
        accept: Makes the protocol of a connection.
        lane: Which of the sockets with this address it is.
        engines: What keeps the connections.

    Attributes:
        runtime: Of the socket.
        server: Address of the socket.
        send_buffer: `limits.send_buffer`.
        engines: Made from `engines`.
    """

    __slots__ = (
        "_accept", "_answers", "_begun", "_departed", "_dirty", "_flushing", "_handshake_timeout",
        "_ids", "_known", "_log", "_mailbox", "_paused", "_port", "_ports", "_reports", "_retired",
        "_settings", "_tokens", "_unproved", "engines", "runtime", "send_buffer", "server",
    )  # fmt: skip

    def __init__(
        self,
        context: Context,
        port: DatagramPort,
        accept: Callable[[QuicPort], QuicProtocol],
        lane: Lane,
        engines: EnginesFactory,
    ) -> None:
        place = place_of(context.place)
        self.runtime = port.runtime
        self.server = port.server
        self.send_buffer = context.limits.send_buffer
        self._port = port
        self._accept = accept
        self._log = context.log
        self._settings = context.settings_of(H3Settings)
        self._ids = ConnectionIDs(place, lane)
        self._tokens = Tokens(place)
        self._known: dict[bytes, EnginePort | Departed] = {}
        self._ports: set[EnginePort] = set()
        self._unproved: set[EnginePort] = set()
        self._begun = 0
        server = context.settings.get("")
        seconds: float = getattr(server, "tls_handshake_timeout", 0) or _HANDSHAKE_TIMEOUT
        self._handshake_timeout = min(seconds, _HANDSHAKE_TIMEOUT)
        self._departed: deque[Departed] = deque()
        self._dirty: list[EnginePort] = []
        self._flushing = False
        self._paused = False
        self._retired = False
        self._reports = Allowance(rate=0.1, burst=3)
        self.engines = engines(
            Environment(
                context=context,
                settings=self._settings,
                ids=self._ids,
                tokens=self._tokens,
                alpn=tuple(context.quic),
            )
        )
        self._answers = Answers(port, self._ids, self._tokens, self.engines.versions)
        self._mailbox = Mailbox.join(place, lane, port, self.forwarded, self._known)

    def __repr__(self) -> str:
        state = "retired" if self._retired else "paused" if self._paused else "serving"
        return f"<QuicEndpoint {state} {self.server} connections={len(self._ports)}>"

    # nonecorn.spi.Endpoint ------------------------------------------------------------------------

    def datagrams_received(self, packets: list[tuple[bytes, Any, int]]) -> None:
        """See `Endpoint`."""
        now = self.runtime.time()
        known = self._known
        # What the tick's end has to send is asked for once all is read, and so all tasks that are
        # started by it have been put before it.
        flushing, self._flushing = self._flushing, True
        for data, address, mark in packets:
            if len(data) <= ID_LENGTH:
                continue
            long = data[0] & 0x80
            found = known.get(data[6 : 6 + data[5]] if long else data[1 : 1 + ID_LENGTH])
            if found is not None:
                found.arrived(data, address, now, mark)
            else:
                self._stranger(data, address, now, mark, forwarded=False)
        self._flushing = flushing
        if self._dirty and not flushing:
            self._flushing = True
            self.runtime.end_of_tick(self._flush)

    def pause(self) -> None:
        """See `Endpoint`."""
        self._paused = True

    def resume(self) -> None:
        """See `Endpoint`."""
        self._paused = False

    def retire(self, *, succeeded: bool) -> None:
        """See `Endpoint`."""
        self._retired = True
        if self._mailbox is not None:
            self._mailbox.retire()
        if succeeded:
            self._port.pause_reading()
            for port in self._ports:
                # A handshake that has begun here can be finished only here: the worker waits for
                # it, as it does for open connections.
                self.runtime.join(port)

    def close(self) -> None:
        """See `Endpoint`."""
        self._retired = True
        now = self.runtime.time()
        for port in tuple(self._ports):
            port.abort()
            port.flush(now)
        if self._mailbox is not None:
            self._mailbox.leave()
            self._mailbox = None
        self._port.close()

    # What its connections call --------------------------------------------------------------------

    def accept(self, port: EnginePort) -> QuicProtocol:
        """The protocol of a connection whose ALPN is known."""
        self.runtime.join(port)
        return self._accept(port)

    def handshake_until(self) -> float:
        """When a handshake that begins now must be complete."""
        return self.runtime.time() + self._handshake_timeout

    def proved(self, port: EnginePort) -> None:
        """Its client receives at its address."""
        self._unproved.discard(port)
        self._begun -= 1

    def learn(self, connection_id: bytes, port: EnginePort) -> None:
        """A connection may be addressed by this ID."""
        self._known[connection_id] = port
        port.ids.add(connection_id)

    def unlearn(self, connection_id: bytes, port: EnginePort) -> None:
        """It will not be any more."""
        if connection_id in port.ids:
            port.ids.discard(connection_id)
            self._known.pop(connection_id, None)

    def touch(self, port: EnginePort) -> None:
        """It may have something to send."""
        self._dirty.append(port)
        if not self._flushing:
            self._flushing = True
            self.runtime.end_of_tick(self._flush)

    def send(self, datagrams: Sequence[Datagram]) -> None:
        """Send, in as few calls as there are changes of address or mark."""
        _, address, mark = datagrams[0]
        batch: list[bytes] = []
        for data, peer, field in datagrams:
            if field != mark or peer != address:
                self._port.send(batch, address, mark)
                batch, address, mark = [], peer, field
            batch.append(data)
        self._port.send(batch, address, mark)

    def departed(self, port: EnginePort, farewell: Sequence[Datagram], until: float) -> None:
        """It was closed; what still comes for it is answered by `farewell`."""
        self._ports.discard(port)
        if port.young:
            self._unproved.discard(port)
            self._begun -= 1
        self.runtime.leave(port)
        rest = Departed(self._port, farewell, until, tuple(port.ids))
        for connection_id in rest.ids:
            self._known[connection_id] = rest
        port.ids.clear()
        departed = self._departed
        departed.append(rest)
        now = self.runtime.time()
        while departed and (departed[0].until <= now or len(departed) > _MOST_DEPARTED):
            gone = departed.popleft()
            for connection_id in gone.ids:
                if self._known.get(connection_id) is gone:
                    del self._known[connection_id]

    def report(self, whose: object, error: Exception) -> None:
        """An engine or a protocol has raised; not for every packet of somebody who provokes it."""
        if self._reports.use(self.runtime.time()):
            self._log.error("%r was closed: %r", whose, error, exc_info=error)

    # Within ---------------------------------------------------------------------------------------

    def forwarded(self, data: bytes, address: Any, mark: int) -> None:
        """A datagram that another worker has received for us."""
        if len(data) <= ID_LENGTH:
            return
        now = self.runtime.time()
        long = data[0] & 0x80
        found = self._known.get(data[6 : 6 + data[5]] if long else data[1 : 1 + ID_LENGTH])
        if found is not None:
            found.arrived(data, address, now, mark)
        else:
            self._stranger(data, address, now, mark, forwarded=True)

    def _flush(self) -> None:
        self._flushing = False
        dirty, self._dirty = self._dirty, []
        now = self.runtime.time()
        for port in dirty:
            port.flush(now)

    def _stranger(
        self, data: bytes, address: Any, now: float, mark: int, *, forwarded: bool
    ) -> None:
        """A datagram of no connection known here."""
        if not data[0] & 0x80:
            if data[0] & 0x40 and not (
                not forwarded and self._forward(data[1 : 1 + ID_LENGTH], data, address, mark)
            ):
                self._answers.reset(data, address, now)
            return
        header = read_long_header(data)
        if header is None or not header.version:
            return  # nonsense, or a Version Negotiation packet: never answered (RFC 8999 section 6)
        if header.version not in self.engines.versions:
            self._answers.negotiate(header, len(data), address, now)
            return
        if len(header.destination) > LONGEST_ID or len(header.source) > LONGEST_ID:
            return
        if not forwarded and self._forward(header.destination, data, address, mark):
            return
        if (
            header.is_initial
            and len(data) >= SMALLEST_DATAGRAM
            and len(header.destination) >= _SMALLEST_FIRST_ID
        ):
            self._initial(header, data, address, now, mark)

    def _forward(self, connection_id: bytes, data: bytes, address: Any, mark: int) -> bool:
        """Pass a datagram on to the worker that it belongs to; False: that is this one."""
        mailbox = self._mailbox
        if mailbox is None:
            return False
        if mailbox.pass_on(connection_id, data, address, mark):
            return True
        if len(connection_id) == ID_LENGTH:
            owner = self._ids.identity(connection_id)
            if owner == self._ids.own:
                return False
            if mailbox.forward(owner, data, address, mark):
                return True
        # An ID that a client made up, or one of a worker that is gone.
        if not data[0] & 0x80:
            return False
        return mailbox.forward_first(connection_id, data, address, mark)

    def _initial(
        self, header: LongHeader, data: bytes, address: Any, now: float, mark: int
    ) -> None:
        """A connection may begin."""
        if self._retired or self._paused:
            if self._retired:
                self._answers.refuse(header, CONNECTION_REFUSED, address, now)
            return
        token = header.token(data)
        if token is None:
            return
        original, retry, validated = header.destination, None, False
        if token:
            try:
                claim = self._tokens.read(token, address, header.destination, time.time())
            except BadRetryTokenError:
                self._answers.refuse(header, INVALID_TOKEN, address, now)
                return
            if claim is not None:
                validated = True
                if claim.original is not None:
                    original, retry = claim.original, header.destination
        if not validated and (
            self._settings.retry or len(self._unproved) >= self._settings.handshakes
        ):
            self._answers.retry(header, address)
            return
        if self._begun >= _MOST_YOUNG * self._settings.handshakes:
            return
        arrival = Arrival(address=address, original=original, retry=retry, validated=validated)
        self._begin(header.destination, arrival, data, now, mark)

    def _begin(
        self, destination: bytes, arrival: Arrival, data: bytes, now: float, mark: int
    ) -> None:
        try:
            port = EnginePort(self, arrival)
        except Exception as error:  # noqa: BLE001  # one that cannot begin hinders no other
            self.report(arrival.address, error)
            return
        self._ports.add(port)
        self._begun += 1
        if not arrival.validated:
            self._unproved.add(port)
        self.learn(destination, port)
        port.arrived(data, arrival.address, now, mark)
        if not port.begun:
            port.drop()
            self._ports.discard(port)
            self._unproved.discard(port)
            self._begun -= 1
            for connection_id in tuple(port.ids):
                self.unlearn(connection_id, port)
