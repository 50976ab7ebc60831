"""QUIC (RFC 9000): what a transport gives the protocol that runs over one connection.

A QUIC transport turns the datagrams of a socket into connections and their streams. Its `Endpoint`
is told of datagrams and asks the host, for each connection whose handshake is complete, which
`QuicProtocol` serves it: HTTP/3 by ALPN `h3`, or any other. That protocol is given a `QuicPort`.
Neither knows which engine is behind the other.

As everywhere between loop and application, both sides are synchronous and do no I/O. What a
protocol writes is sent at the end of the tick, gathered.
"""

from __future__ import annotations

import hashlib
import hmac
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nonecorn.spi.runtime import Connection

if typing.TYPE_CHECKING:
    import socket

    from nonecorn.spi.context import Context
    from nonecorn.spi.runtime import DatagramPort


class QuicPort(Connection, typing.Protocol):
    """One QUIC connection, as its protocol sees it. Streams are named by their IDs (RFC 9000
    section 2.1). No method raises for a stream or connection that has gone: it does nothing.

    Attributes:
        early: The handshake is not complete: what arrives is 0-RTT data, and may be a replay (RFC
            8470).
        max_datagram: Most bytes of a datagram (RFC 9221) that the peer takes now; 0 where it
            takes none.
        settled: The peer has acknowledged all that was sent, from an address that is known to be
            its own, and nothing waits that could be sent now.
    """

    early: bool

    @property
    def protocol(self) -> QuicProtocol:
        """Whose methods are called."""
        ...

    @property
    def max_datagram(self) -> int:
        """See the class."""
        ...

    @property
    def settled(self) -> bool:
        """See the class."""
        ...

    def write(self, stream: int, data: bytes, end: bool) -> None:
        """Send bytes on a stream; `end` ends our direction of it.

        Never waits. While more than `limits.send_buffer` bytes of the stream have not been sent
        for the first time, for want of the peer's credit or of room in the network, its protocol
        is told by `pause_writing`.
        """
        ...

    def buffered(self, stream: int) -> int:
        """Bytes written to a stream that have not been sent for the first time yet."""
        ...

    def open(self, *, bidirectional: bool) -> int:
        """A new stream of ours. Where the peer allows no more yet, what is written to it waits."""
        ...

    def reset(self, stream: int, code: int) -> None:
        """End our direction of a stream abruptly (RESET_STREAM); what waits is dropped."""
        ...

    def stop(self, stream: int, code: int) -> None:
        """Ask the peer to end its direction (STOP_SENDING). Neither `stream_data` nor
        `stream_reset` is called for this stream any more; what it still sends, and what was not
        consumed yet, is credited.
        """
        ...

    def consumed(self, stream: int, count: int) -> None:
        """So many received bytes have found their reader: the peer may send as many more, on this
        stream and on the connection. Without this it may send `limits.receive_buffer` bytes.

        A unidirectional stream of the peer's that has ended counts as open, and the peer may open
        none in its place, until all of it was consumed.
        """
        ...

    def prioritize(self, stream: int, urgency: int, incremental: bool) -> None:
        """Send what waits on streams in this order (RFC 9218): lower urgency first, incremental
        ones of the same urgency in turn. Streams begin with 3 and false; those of ours that are
        to come before all others get -1.
        """
        ...

    def send_datagram(self, data: bytes) -> bool:
        """Send an unreliable datagram (RFC 9221). False: it was dropped, being too long, or
        behind too many others.
        """
        ...

    def close(self, code: int = 0, reason: str = "") -> None:
        """Send CONNECTION_CLOSE with an error code of the application protocol, then forget the
        connection; what waits is dropped. `connection_lost` follows, not from within this call.
        """
        ...


class QuicProtocol(typing.Protocol):
    """What runs over one QUIC connection. No method may raise.

    Attributes:
        deadline: As that of `Protocol`.
    """

    deadline: float

    def stream_data(self, stream: int, data: bytes, end: bool) -> None:
        """Bytes of a stream, in order, maybe none; `end`: the peer has ended its direction.

        A stream that was not heard of before is a new one of the peer's.
        """
        ...

    def stream_reset(self, stream: int, code: int) -> None:
        """The peer has ended its direction abruptly (RESET_STREAM): no more data follows."""
        ...

    def stream_stopped(self, stream: int, code: int) -> None:
        """The peer wants no more of ours (STOP_SENDING). The port has reset our direction."""
        ...

    def pause_writing(self, stream: int) -> None:
        """Too much of the stream waits to be sent."""
        ...

    def resume_writing(self, stream: int) -> None:
        """It has gone, or at most a quarter is left."""
        ...

    def datagram_received(self, data: bytes) -> None:
        """An unreliable datagram (RFC 9221)."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has gone: closed by either side, timed out, or aborted. Called exactly
        once, last.
        """
        ...

    def sweep(self) -> None:
        """`deadline` has passed, by up to a tick."""
        ...

    def shutdown(self) -> None:
        """Drain: take no new work, finish what is begun, say farewell, then close the port."""
        ...


class QuicProtocolFactory(typing.Protocol):
    """Makes the engine of a connection whose ALPN chose this protocol."""

    def __call__(self, context: Context, port: QuicPort, /) -> QuicProtocol:
        """Return the engine; it has heard nothing yet, and may write."""
        ...


class Endpoint(typing.Protocol):
    """What serves one datagram socket in one worker: sync, as a protocol is."""

    def datagrams_received(self, packets: list[tuple[bytes, Any, int]]) -> None:
        """Datagrams, all that one tick found, oldest first: each with its peer's address and the
        ECN field of its IP header (RFC 3168), 0 where that is not known.
        """
        ...

    def pause(self) -> None:
        """Take no new connections for now: there are too many. Idempotent."""
        ...

    def resume(self) -> None:
        """Take them again. Idempotent."""
        ...

    def retire(self, *, succeeded: bool) -> None:
        """Take no new connections from now on. Those that are open stay, and their datagrams are
        still received: the host ends them one by one.

        Args:
            succeeded: Another worker reads this socket already, or will: leave it alone, and send
                through it only. What it reads for us comes by way of `Place.directory`.
        """
        ...

    def close(self) -> None:
        """Abort what is open, and close the port. Idempotent."""
        ...


class EndpointFactory(typing.Protocol):
    """Makes what serves a datagram socket."""

    def __call__(
        self,
        context: Context,
        port: DatagramPort,
        accept: Callable[[QuicPort], QuicProtocol],
        lane: Lane,
        /,
    ) -> Endpoint:
        """Return it.

        Args:
            context: The listener's; `context.quic` has the protocols, `context.tls` the
                certificates.
            port: The socket.
            accept: Makes the protocol of a new connection by `port.tls.alpn`, and counts it;
                the endpoint calls `port.on_close` when the connection has gone, and tells the
                runtime by `join` and `leave`.
            lane: Which of the sockets with this address it is.
        """
        ...


class Steer(typing.Protocol):
    """Has the kernel spread datagrams over the sockets of one address as `Lane` says, where it
    can, and gives each of them the options that the first one has. Called where sockets are bound,
    again whenever there are more or fewer of them; must not raise.
    """

    def __call__(self, sockets: Sequence[socket.socket], /) -> None:
        """The sockets, lane 0 first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One of several sockets with one address, each a worker's own.

    By agreement a datagram belongs to the lane that the first byte of its destination connection
    ID names, modulo their number: so the kernel can be told, and so workers tell each other.

    Attributes:
        index: From 0.
        count: How many there are; 1 where workers share one socket, or there is one worker.
        listener: Which bind option's value and address this is: the same in every worker.
    """

    index: int = 0
    count: int = 1
    listener: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a worker stands among those of its server, present, past and next.

    Attributes:
        identity: A number from 0 to 65535 that no other worker has while it lives.
        directory: Where each of them may have a datagram socket for what others receive in its
            place, named by its identity in decimal; private to the server. Empty where there is
            one process, or the platform has no such sockets.
        secret: The same for all workers, over reloads and replacements of the program too, and
            known to nobody else. Use `key`.
    """

    identity: int = 0
    directory: str = ""
    secret: bytes = field(default=b"", repr=False)

    def key(self, purpose: str, length: int = 32) -> bytes:
        """A key that all workers of this server derive alike.

        Args:
            purpose: What for; each use its own: `h3 retry token`.
            length: In bytes, 64 at most.
        """
        digest = hmac.new(self.secret, purpose.encode(), hashlib.sha512)
        return digest.digest()[:length]
