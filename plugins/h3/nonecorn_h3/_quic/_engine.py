"""The seam: what keeps RFC 9000, 9001 and 9002 for one connection.

Everything about sockets, workers, connections that are not there yet or not there any more, and
about protocols is written once, on this side: `_endpoint`, `_port`, `_mailbox`, `_tokens`. An
engine knows packets, keys, frames, loss and congestion, and TLS. It does no I/O, reads no clock and
has no timer: it is told of datagrams and of the time, and asked what to send and when to ask again.

A plugin with another engine registers a transport of its own:

    TransportSpec(
        name="quic",
        kind=Kind.DATAGRAM,
        option="quic_bind",
        bind=Ref("nonecorn_h3.quic:bind"),
        steer=Ref("nonecorn_h3.quic:steer"),
        endpoint=Ref("my_plugin:endpoint"),
        priority=10,
    )

    def endpoint(context, port, accept, lane):
        return QuicEndpoint(context, port, accept, lane, MyEngines)
"""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

if typing.TYPE_CHECKING:
    from nonecorn.spi import Context, Datagram, TLSInfo
    from nonecorn_h3._quic._ids import ConnectionIDs
    from nonecorn_h3._quic._tokens import Tokens
    from nonecorn_h3._settings import H3Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What all engines of an endpoint share.

    Attributes:
        context: The listener's.
        settings: `[h3]`.
        ids: Where connection IDs and reset tokens come from: every one that an engine uses for
            itself, from the first on.
        tokens: Where tokens for later connections come from.
        alpn: Protocols that are served, preferred ones first.
    """

    context: Context
    settings: H3Settings
    ids: ConnectionIDs
    tokens: Tokens
    alpn: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The Initial packet that begins a connection, as far as the endpoint has read it.

    Attributes:
        address: Peer's socket address.
        original: Destination connection ID of the client's very first packet.
        retry: Source connection ID of our Retry, where there was one.
        validated: The client has proved that it receives at its address: no limit of three times
            what it sent (RFC 9000 section 8.1).
    """

    address: Any
    original: bytes
    retry: bytes | None
    validated: bool


class EngineEvents(typing.Protocol):
    """What an engine tells; from within `received` and `expired` only, never from other calls."""

    def established(self, tls: TLSInfo, early: bool) -> None:
        """The handshake has told which protocol is wanted, and stream data may follow.

        Args:
            tls: What it settled.
            early: It is not complete yet, and what follows is 0-RTT data, which may be a replay.
        """
        ...

    def confirmed(self) -> None:
        """The handshake is complete: what follows is no replay, and the client is where it says."""
        ...

    def stream_data(self, stream: int, data: bytes, end: bool) -> None:
        """As for `QuicProtocol`."""
        ...

    def stream_reset(self, stream: int, code: int) -> None:
        """As for `QuicProtocol`."""
        ...

    def stream_stopped(self, stream: int, code: int) -> None:
        """As for `QuicProtocol`."""
        ...

    def datagram_received(self, data: bytes) -> None:
        """As for `QuicProtocol`."""
        ...

    def id_issued(self, connection_id: bytes) -> None:
        """The peer may send to this ID from now on, beside those before."""
        ...

    def id_retired(self, connection_id: bytes) -> None:
        """The peer will not send to this ID any more."""
        ...

    def moved(self, address: Any) -> None:
        """The peer has another address now."""
        ...


class Engine(typing.Protocol):
    """One connection.

    Attributes:
        begun: A packet was authentic. False after the first datagram: it was garbage.
        closed: Nothing is exchanged any more; what `outgoing` returned last is the farewell, if
            there was one.
        error: Why it closed; None where either side closed it without an error.
        closing_time: Seconds that packets of a connection just closed may still arrive: three probe
            timeouts (RFC 9000 section 10.2).
        client: Peer's socket address now.
        max_datagram: As that of `QuicPort`.
        settled: The same.
    """

    @property
    def begun(self) -> bool:
        """See the class."""
        ...

    @property
    def closed(self) -> bool:
        """See the class."""
        ...

    @property
    def error(self) -> Exception | None:
        """See the class."""
        ...

    @property
    def closing_time(self) -> float:
        """See the class."""
        ...

    @property
    def max_datagram(self) -> int:
        """See the class."""
        ...

    @property
    def settled(self) -> bool:
        """See the class."""
        ...

    def received(self, data: bytes, address: Any, now: float, mark: int) -> None:
        """A datagram, with the ECN field of its IP header. May raise: the connection is then given
        up.
        """
        ...

    def outgoing(self, now: float) -> Sequence[Datagram]:
        """Datagrams to send now, with their addresses, and the ECN fields of their IP headers."""
        ...

    def deadline(self) -> float | None:
        """When `expired` is to be called, if nothing happens before."""
        ...

    def expired(self, now: float) -> None:
        """That time has come, or some earlier one."""
        ...

    def write(self, stream: int, data: bytes, end: bool) -> None:
        """As for `QuicPort`."""
        ...

    def buffered(self, stream: int) -> int:
        """As for `QuicPort`; 0 for streams that have gone."""
        ...

    def open(self, bidirectional: bool) -> int:
        """As for `QuicPort`."""
        ...

    def reset(self, stream: int, code: int) -> None:
        """As for `QuicPort`."""
        ...

    def stop(self, stream: int, code: int) -> None:
        """As for `QuicPort`."""
        ...

    def consumed(self, stream: int, count: int) -> None:
        """As for `QuicPort`."""
        ...

    def prioritize(self, stream: int, urgency: int, incremental: bool) -> None:
        """As for `QuicPort`."""
        ...

    def send_datagram(self, data: bytes) -> bool:
        """As for `QuicPort`."""
        ...

    def end(self, code: int, reason: str, *, application: bool) -> None:
        """Have CONNECTION_CLOSE sent with the next `outgoing`; then it is closed.

        Args:
            code: Of the application protocol, or of QUIC (RFC 9000 section 20).
            reason: For the peer's log.
            application: Which of the two.
        """
        ...


class Engines(typing.Protocol):
    """Makes the engines of one endpoint; made itself with the `Environment`.

    Attributes:
        versions: QUIC versions spoken, preferred ones first.
    """

    @property
    def versions(self) -> tuple[int, ...]:
        """See the class."""
        ...

    def make(self, events: EngineEvents, arrival: Arrival) -> Engine:
        """A connection that begins; the datagram that began it follows by `received`."""
        ...


class EnginesFactory(typing.Protocol):
    """Makes what makes engines."""

    def __call__(self, environment: Environment, /) -> Engines:
        """Return it.

        Raises:
            ConfigError: The settings or certificates cannot be used.
        """
        ...
