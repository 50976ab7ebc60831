"""The connection: an `Engine` on aioquic's `QuicConnection`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aioquic import tls
from aioquic._buffer import Buffer
from aioquic.quic import events
from aioquic.quic.connection import (
    END_STATES,
    QuicConnectionError,
    QuicConnectionId,
    QuicConnectionState,
    QuicNetworkPath,
)
from aioquic.quic.packet import QuicErrorCode
from aioquic.tls import CipherSuite, Direction, Epoch

from nonecorn.spi import TLSInfo
from nonecorn_h3._quic._aioquic._handshake import CryptoReceiver
from nonecorn_h3._quic._aioquic._paths import Paths
from nonecorn_h3._quic._aioquic._tls import ServerTLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nonecorn.spi import Datagram
    from nonecorn_h3._quic._aioquic._snapshot import Snapshot
    from nonecorn_h3._quic._engine import Arrival, EngineEvents, Environment

KEY_LIFETIME = 1 << 22
"""Packets sent with one key; half of what AES-GCM allows (RFC 9001 section 6.6)."""

_MOST_IDS = 4096
"""Connection IDs that a peer can use up by retiring them."""
_DATAGRAM_QUEUE = 64
"""DATAGRAM frames that may wait."""
_DATAGRAM_OVERHEAD = 3 + 20 + 16 + 3
"""Short header with the longest connection ID, tag, and frame header."""


class ConnectionLostError(ConnectionError):
    """A connection ended with an error, of either side."""


class Connection(Paths):
    """See `nonecorn_h3._quic._engine.Engine`.

    Args:
        environment: What it shares with all others.
        snapshot: Certificates and rules.
        listener: Who is told.
        arrival: How it begins.
    """

    tls: ServerTLS

    def __init__(
        self,
        environment: Environment,
        snapshot: Snapshot,
        listener: EngineEvents,
        arrival: Arrival,
    ) -> None:
        settings = environment.settings
        self._ids = environment.ids
        self._tokens = environment.tokens
        self._snapshot = snapshot
        self._established = False
        super().__init__(
            snapshot.configuration,
            listener,
            original=arrival.original,
            retry=arrival.retry,
            max_streams=settings.max_streams,
            stream_window=environment.context.limits.receive_buffer,
            spare_window=settings.receive_window,
            most_size=settings.max_datagram_size,
            marks=settings.ecn,
        )
        first = self._new_id(0)
        first.was_sent = True
        self._host_cids = [first]
        self.host_cid = first.cid
        self._local_initial_source_connection_id = first.cid
        # Known before its first packet: so what the client has proved is known too.
        self._network_paths = [QuicNetworkPath(arrival.address, is_validated=arrival.validated)]
        self._told_address = arrival.address
        self._keys_until = KEY_LIFETIME

    def __repr__(self) -> str:
        return f"<Connection {self._state.name.lower()} streams={len(self._streams)}>"

    # What it has become ---------------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """See `Engine`."""
        return self._state is not QuicConnectionState.FIRSTFLIGHT

    @property
    def closed(self) -> bool:
        """See `Engine`."""
        return self._state in END_STATES

    @property
    def error(self) -> Exception | None:
        """See `Engine`."""
        event = self._close_event
        if event is None or event.frame_type is None or not event.error_code:
            return None  # a code of the application's is its protocol's own affair
        return ConnectionLostError(event.reason_phrase or f"QUIC error {event.error_code:#x}")

    @property
    def closing_time(self) -> float:
        """See `Engine`."""
        return 3 * self._loss.get_probe_timeout()

    @property
    def max_datagram(self) -> int:
        """See `Engine`."""
        peers = self._remote_max_datagram_frame_size
        if not peers:
            return 0
        return max(0, min(peers - 3, self._max_datagram_size - _DATAGRAM_OVERHEAD))

    @property
    def settled(self) -> bool:
        """See `Engine`."""
        return self._network_paths[0].is_validated and not (
            self._queue or self._marked or self._loss.bytes_in_flight
        )

    # What happens to it ---------------------------------------------------------------------------

    def received(self, data: bytes, address: Any, now: float, mark: int) -> None:
        """See `Engine`."""
        self._now = now
        if self._close_pending:
            return
        self._mark_here = mark
        begun = self.begun
        self.receive_datagram(data, address, now)
        if not begun and self.begun:
            self._listener.id_issued(self.host_cid)
        self._tell()

    def outgoing(self, now: float) -> Sequence[Datagram]:
        """See `Engine`."""
        self._now = now
        if self._quic_logger is None and self._is_quiet(now):
            return ()  # else the file must be closed, whoever has ended the connection
        self._skip_number()
        crypto = self._cryptos.get(tls.Epoch.ONE_RTT)
        if crypto is not None and self._packet_number >= self._keys_until:
            self._keys_until = self._packet_number + KEY_LIFETIME
            self.request_key_update()
        found = self._assemble(now) if self._is_plain() else self._build(now)
        if self._is_worth_a_probe():
            found += self._probe_path(now)
        if self._state in END_STATES:
            path = self._network_paths[0]
            if not path.is_validated and path.bytes_sent > 3 * path.bytes_received:
                found = []  # RFC 9000 section 8.1 allows no exception for a farewell
        if self._quic_logger is not None and self._state in END_STATES:
            self._snapshot.configuration.quic_logger.end_trace(self._quic_logger)  # type: ignore[union-attr]
            self._quic_logger = None
        return found

    def deadline(self) -> float | None:
        """See `Engine`."""
        return self.get_timer()

    def expired(self, now: float) -> None:
        """See `Engine`."""
        self._now = now
        self.handle_timer(now)
        self._tell()

    # What its protocol does -----------------------------------------------------------------------

    def write(self, stream: int, data: bytes, end: bool) -> None:
        """See `Engine`."""
        found = self._streams.get(stream)
        if found is not None and not found.ended and found.reset_code is None:
            found.write(data, end)
            if not found.queued and found.sendable:
                self._queue.add(found)

    def buffered(self, stream: int) -> int:
        """See `Engine`."""
        found = self._streams.get(stream)
        return 0 if found is None else found.unsent

    def open(self, bidirectional: bool) -> int:
        """See `Engine`."""
        return self._open(bidirectional).stream_id

    def reset(self, stream: int, code: int) -> None:
        """See `Engine`."""
        found = self._streams.get(stream)
        if found is not None and found.reset(code):
            self._queue.remove(found)
            self._mark(found)

    def stop(self, stream: int, code: int) -> None:
        """See `Engine`."""
        found = self._streams.get(stream)
        if found is None or found.stop_code is not None:
            return
        found.stop_code = code
        if not found.receiving_done:
            found.stop_pending = True
            self._mark(found)
        self._take_in(found, found.received - found.consumed)

    def consumed(self, stream: int, count: int) -> None:
        """See `Engine`."""
        found = self._streams.get(stream)
        if found is not None:
            self._take_in(found, count)

    def prioritize(self, stream: int, urgency: int, incremental: bool) -> None:
        """See `Engine`."""
        found = self._streams.get(stream)
        if found is not None:
            self._queue.move(found, urgency, incremental)

    def send_datagram(self, data: bytes) -> bool:
        """See `Engine`."""
        most = self.max_datagram
        if not most or len(data) > most or len(self._datagrams_pending) >= _DATAGRAM_QUEUE:
            return False
        self._datagrams_pending.append(data)
        return True

    def end(self, code: int, reason: str, *, application: bool) -> None:
        """See `Engine`."""
        self.close(code, None if application else 0, reason)

    # Within ---------------------------------------------------------------------------------------

    def _new_id(self, number: int) -> QuicConnectionId:
        connection_id = self._ids.issue()
        return QuicConnectionId(
            cid=connection_id,
            sequence_number=number,
            stateless_reset_token=self._ids.reset_token(connection_id),
        )

    def _replenish_connection_ids(self) -> None:
        """As many connection IDs as the peer keeps (RFC 9000 section 5.1.1)."""
        if self._host_cid_seq > _MOST_IDS:
            raise QuicConnectionError(
                QuicErrorCode.CONNECTION_ID_LIMIT_ERROR, 0x19, "too many connection IDs used up"
            )
        most = min(8, self._remote_active_connection_id_limit)
        while len(self._host_cids) < most:
            made = self._new_id(self._host_cid_seq)
            self._host_cid_seq += 1
            self._host_cids.append(made)
            self._ids_due = True
            self._news.append((self._listener.id_issued, (made.cid,)))

    def _tell(self) -> None:
        """Tell the listener what has happened."""
        while self._events:
            event = self._events.popleft()
            if isinstance(event, events.HandshakeCompleted):
                if not self._established:
                    self._establish(early=False)
                self._listener.confirmed()
                self._token_due = self._tokens.for_later(self._told_address, time.time())
            elif isinstance(event, events.ConnectionIdRetired):
                self._listener.id_retired(event.connection_id)
        news = self._news
        if news and not self._established:
            self._establish(early=True)  # only 0-RTT packets bring anything before the handshake
        while news:
            call, args = news.popleft()
            call(*args)
        address = self._network_paths[0].addr
        if address != self._told_address:
            self._moved(address)

    def _establish(self, *, early: bool) -> None:
        """The handshake has told enough for a protocol to begin."""
        self._established = True
        found = self.tls
        schedule = found.key_schedule
        extension = {
            "server_cert": found.credential.leaf,
            "client_cert_chain": found.chain,
            "client_cert_name": found.client_name,
            "client_cert_error": None,  # a certificate with an error ends the handshake
            "tls_version": tls.TLS_VERSION_1_3,
            "cipher_suite": None if schedule is None else int(schedule.cipher_suite),
        }
        alpn = found.alpn_negotiated
        info = TLSInfo(
            alpn=None if alpn is None else alpn.encode("ascii"),
            server_name=found.server_name,
            extension=extension,
        )
        self._listener.established(info, early)

    # The handshake --------------------------------------------------------------------------------

    def _initialize(self, peer_cid: bytes) -> None:
        """Keys, spaces and TLS, once the first packet is there."""
        super()._initialize(peer_cid)
        made = ServerTLS(self._snapshot)
        made.handshake_extensions = self.tls.handshake_extensions
        made.alpn_cb = self.tls.alpn_cb
        made.update_traffic_key_cb = self.tls.update_traffic_key_cb
        self.tls = made
        for epoch, size in made.buffers.items():
            self._crypto_buffers[epoch] = Buffer(capacity=size)
        for stream in self._crypto_streams.values():
            stream.receiver = CryptoReceiver()

    def _update_traffic_key(
        self, direction: Direction, epoch: Epoch, cipher_suite: CipherSuite,
        secret: bytes,
    ) -> None:  # fmt: skip
        """TLS has keys; those for 0-RTT are for nothing where it is not allowed."""
        if epoch is not tls.Epoch.ZERO_RTT or self.tls.early_data_accepted:
            super()._update_traffic_key(direction, epoch, cipher_suite, secret)
