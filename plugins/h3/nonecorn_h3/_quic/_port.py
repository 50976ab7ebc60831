"""One QUIC connection, as its protocol sees it: `nonecorn.spi.QuicPort` over an engine.

What the protocol does is kept by the engine and sent at the end of the tick, with that of all other
connections of the endpoint. There is one timer, which is moved only when it fires too early: it is
set to some time at or before the engine's deadline, and looks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nonecorn_h3._quic._nobody import Nobody

if TYPE_CHECKING:
    from collections.abc import Callable

    from nonecorn.spi import QuicProtocol, Runtime, Timer, TLSInfo
    from nonecorn.spi.runtime import Address
    from nonecorn_h3._quic._endpoint import QuicEndpoint
    from nonecorn_h3._quic._engine import Arrival, Engine

INTERNAL_ERROR = 0x01
CONNECTION_REFUSED = 0x02
"""RFC 9000 section 20.1."""


class EnginePort:
    """See `nonecorn.spi.QuicPort`.

    Attributes:
        ids: Connection IDs under which the endpoint knows it.
        early: The handshake is not complete: what arrives may be a replay (RFC 8470).
        proved: The client has proved that it receives at its address.
        young: The handshake is not complete.
    """

    __slots__ = (
        "_armed", "_dirty", "_due", "_endpoint", "_engine", "_high", "_lost", "_low", "_paused",
        "_timer", "client", "early", "ids", "on_close", "protocol", "proved", "runtime", "server",
        "tls", "young",
    )  # fmt: skip

    def __init__(self, endpoint: QuicEndpoint, arrival: Arrival) -> None:
        self.runtime: Runtime = endpoint.runtime
        self.protocol: QuicProtocol = Nobody()
        self.client: tuple[str, int] | None = _readable(arrival.address)
        self.server: Address | None = endpoint.server
        self.tls: TLSInfo | None = None
        self.on_close: Callable[[Any], None] | None = None
        self.ids: set[bytes] = set()
        self.early = False
        self.proved = arrival.validated
        self.young = True
        self._endpoint = endpoint
        self._high = endpoint.send_buffer
        self._low = endpoint.send_buffer // 4
        self._paused: set[int] = set()
        self._dirty = False
        self._lost = False
        self._timer: Timer | None = None
        self._armed = 0.0
        self._due = endpoint.handshake_until()
        self._engine: Engine = endpoint.engines.make(self, arrival)

    def __repr__(self) -> str:
        state = "lost" if self._lost else "open" if self.tls is not None else "handshake"
        return f"<EnginePort {state} client={self.client}>"

    # nonecorn.spi.QuicPort ------------------------------------------------------------------------

    @property
    def max_datagram(self) -> int:
        """See `QuicPort`."""
        return self._engine.max_datagram

    @property
    def settled(self) -> bool:
        """See `QuicPort`."""
        return self._lost or self._engine.settled

    def write(self, stream: int, data: bytes, end: bool) -> None:
        """See `QuicPort`."""
        engine = self._engine
        engine.write(stream, data, end)
        if not self._dirty:
            self._touch()
        if engine.buffered(stream) > self._high and stream not in self._paused:
            self._paused.add(stream)
            self.protocol.pause_writing(stream)

    def buffered(self, stream: int) -> int:
        """See `QuicPort`."""
        return self._engine.buffered(stream)

    def open(self, *, bidirectional: bool) -> int:
        """See `QuicPort`."""
        return self._engine.open(bidirectional)

    def reset(self, stream: int, code: int) -> None:
        """See `QuicPort`."""
        self._paused.discard(stream)
        self._engine.reset(stream, code)
        self._touch()

    def stop(self, stream: int, code: int) -> None:
        """See `QuicPort`."""
        self._engine.stop(stream, code)
        self._touch()

    def consumed(self, stream: int, count: int) -> None:
        """See `QuicPort`."""
        self._engine.consumed(stream, count)
        self._touch()

    def prioritize(self, stream: int, urgency: int, incremental: bool) -> None:
        """See `QuicPort`."""
        self._engine.prioritize(stream, urgency, incremental)

    def send_datagram(self, data: bytes) -> bool:
        """See `QuicPort`."""
        taken = self._engine.send_datagram(data)
        self._touch()
        return taken

    def close(self, code: int = 0, reason: str = "") -> None:
        """See `QuicPort`."""
        self._engine.end(code, reason, application=True)
        self._touch()

    def abort(self) -> None:
        """The same, with an error of QUIC's own: it is the server that has no more use for it."""
        self._engine.end(0, "", application=False)
        self._touch()

    # What the endpoint calls ----------------------------------------------------------------------

    def arrived(self, data: bytes, address: Any, now: float, mark: int) -> None:
        """A datagram for this connection, with its ECN field."""
        try:
            self._engine.received(data, address, now, mark)
        except Exception as error:  # noqa: BLE001  # it ends this connection and no other
            self._failed(error)
        if not self._dirty:
            self._touch()

    @property
    def begun(self) -> bool:
        """A packet was authentic."""
        return self._engine.begun

    def flush(self, now: float) -> None:
        """Send what there is; the tick ends."""
        self._dirty = False
        if self._lost:
            return
        engine = self._engine
        try:
            packets = engine.outgoing(now)
        except Exception as error:  # noqa: BLE001  # it ends this connection and no other
            self._failed(error)
            self._depart((), now)
            return
        if packets:
            self._endpoint.send(packets)
        if engine.closed:
            self._depart(packets, now)
            return
        if self._paused:
            self._resume()
        deadline = self._deadline()
        if self._timer is None or deadline < self._armed:
            self._arm(deadline)

    def drop(self) -> None:
        """Forget it, without a word to anybody: it never was a connection."""
        self._lost = True
        self._disarm()

    # nonecorn_h3._quic._engine.EngineEvents -------------------------------------------------------

    def established(self, tls: TLSInfo, early: bool) -> None:
        """See `EngineEvents`."""
        self.tls = tls
        self.early = early
        self.protocol = self._endpoint.accept(self)

    def confirmed(self) -> None:
        """See `EngineEvents`."""
        self.early = self.young = False
        self.proved = True
        self._due = float("inf")
        self._endpoint.proved(self)

    def stream_data(self, stream: int, data: bytes, end: bool) -> None:
        """See `EngineEvents`."""
        self.protocol.stream_data(stream, data, end)

    def stream_reset(self, stream: int, code: int) -> None:
        """See `EngineEvents`."""
        self.protocol.stream_reset(stream, code)

    def stream_stopped(self, stream: int, code: int) -> None:
        """See `EngineEvents`."""
        self._paused.discard(stream)
        self.protocol.stream_stopped(stream, code)

    def datagram_received(self, data: bytes) -> None:
        """See `EngineEvents`."""
        self.protocol.datagram_received(data)

    def id_issued(self, connection_id: bytes) -> None:
        """See `EngineEvents`."""
        self._endpoint.learn(connection_id, self)

    def id_retired(self, connection_id: bytes) -> None:
        """See `EngineEvents`."""
        self._endpoint.unlearn(connection_id, self)

    def moved(self, address: Any) -> None:
        """See `EngineEvents`."""
        self.client = _readable(address)

    # Within ---------------------------------------------------------------------------------------

    def _touch(self) -> None:
        if not self._dirty and not self._lost:
            self._dirty = True
            self._endpoint.touch(self)

    def _failed(self, error: Exception) -> None:
        """The engine has raised: this connection cannot go on, all others can."""
        self._endpoint.report(self, error)
        self._engine.end(INTERNAL_ERROR, "", application=False)

    def _resume(self) -> None:
        for stream in tuple(self._paused):
            if self._engine.buffered(stream) <= self._low:
                self._paused.discard(stream)
                self.protocol.resume_writing(stream)

    def _deadline(self) -> float:
        """When the engine, or the handshake, has to be looked at."""
        deadline = self._engine.deadline()
        return self._due if deadline is None else min(deadline, self._due)

    def _arm(self, deadline: float) -> None:
        self._disarm()
        self._armed = deadline
        if deadline < float("inf"):
            self._timer = self.runtime.call_at(deadline, self._fired)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fired(self) -> None:
        self._timer = None
        if self._lost:
            return
        deadline = self._deadline()
        # Loops round the time of a timer: what comes a trifle early is due.
        now = max(self.runtime.time(), self._armed)
        if deadline > now:
            self._arm(deadline)
            return
        try:
            if now >= self._due:
                self._engine.end(CONNECTION_REFUSED, "handshake timeout", application=False)
            else:
                self._engine.expired(now)
        except Exception as error:  # noqa: BLE001  # it ends this connection and no other
            self._failed(error)
        self.flush(now)

    def _depart(self, farewell: Any, now: float) -> None:
        """The connection is over; its protocol is told, once."""
        self._lost = True
        self._disarm()
        self._endpoint.departed(self, farewell, now + self._engine.closing_time)
        if self.tls is None:
            return
        self.protocol.connection_lost(self._engine.error)
        if self.on_close is not None:
            self.on_close(self)


def _readable(address: Any) -> tuple[str, int]:
    """Host and port of a socket address."""
    return (address[0], address[1])
