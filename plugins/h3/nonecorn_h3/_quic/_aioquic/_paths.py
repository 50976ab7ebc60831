"""The network path: how large a datagram it carries, and what follows when the client moves.

aioquic validates paths and changes connection IDs (RFC 9000 section 9).
"""

# ruff: noqa: SLF001  # what is kept behind aioquic's private names is the matter of this file

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aioquic import tls
from aioquic._buffer import Buffer
from aioquic.quic.congestion.base import create_congestion_control
from aioquic.quic.connection import (
    END_STATES,
    QuicConnectionError,
    QuicNetworkPath,
    QuicReceiveContext,
)
from aioquic.quic.packet import (
    QuicErrorCode,
    QuicFrameType,
    QuicPacketType,
    pull_quic_transport_parameters,
)
from aioquic.quic.packet_builder import QuicDeliveryState, QuicPacketBuilder

from nonecorn_h3._quic._aioquic._assembly import Assembly
from nonecorn_h3._quic._aioquic._path_size import BASE, PathSize

if TYPE_CHECKING:
    from nonecorn.spi import Datagram

_WORTH_A_PROBE = 16384
"""Bytes sent from which on it pays to know what the path carries."""
_BLACK_HOLE = 3
"""Probe timeouts in a row after which the path is suspected to carry less than it did."""


class Paths(Assembly):
    """Looks after the path.

    Args:
        *args: Those of `Base`.
        most_size: Largest datagram wanted.
        **kwargs: Those of `Base`.
    """

    def __init__(self, *args: Any, most_size: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._path_size = PathSize(most_size)
        self._told_address: Any = None

    def _moved(self, address: Any) -> None:
        """The peer sends from another address now, which is or is being validated."""
        if address[0] != self._told_address[0]:
            # Another path, of which nothing is known (RFC 9000 section 9.4).
            self._path_size.restart()
            self._use_size(BASE)
            self._forget_path()
        self._begin_marking()
        self._told_address = address
        self._listener.moved(address)

    def _forget_path(self) -> None:
        """Begin anew with round trips and congestion."""
        loss = self._loss
        fresh = create_congestion_control(
            self._configuration.congestion_control_algorithm, max_datagram_size=BASE
        )
        fresh.bytes_in_flight = loss._cc.bytes_in_flight
        loss._cc = fresh
        loss._rtt_initialized = False
        loss._rtt_min = float("inf")

    def _use_size(self, size: int) -> None:
        """Send datagrams of this size from now on."""
        self._max_datagram_size = size
        self._loss._pacer._max_datagram_size = size
        self._loss._cc._max_datagram_size = size  # type: ignore[attr-defined]

    def _is_worth_a_probe(self) -> bool:
        """Enough is sent for the size of packets to matter, and all else is settled."""
        return (
            self._remote_max_data_used >= _WORTH_A_PROBE
            and self._handshake_confirmed
            and self._network_paths[0].is_validated
            and self._state not in END_STATES
        )

    def _probe_path(self, now: float) -> list[Datagram]:
        """A datagram of the size to be tried (RFC 9000 section 14.4); none where none is."""
        size = self._path_size.probe()
        if not size:
            return []
        path = self._network_paths[0]
        builder = QuicPacketBuilder(
            host_cid=self.host_cid,
            is_client=False,
            max_datagram_size=size,
            packet_number=self._packet_number,
            peer_cid=self._peer_cid.cid,
            spin_bit=self._spin_bit,
            version=self._version or 0,
        )
        builder.start_packet(QuicPacketType.ONE_RTT, self._cryptos[tls.Epoch.ONE_RTT])
        builder.start_frame(
            QuicFrameType.PING, handler=self._on_probe_delivery, handler_args=(size,)
        )
        builder._datagram_needs_padding = True
        (data,), (packet,) = builder.flush()
        self._packet_number = builder.packet_number
        packet.sent_time = now
        packet.in_flight = False  # its loss is no sign of congestion
        self._loss.on_packet_sent(packet=packet, space=self._spaces[tls.Epoch.ONE_RTT])
        path.bytes_sent += size
        return [(data, path.addr, 0)]

    def _on_probe_delivery(self, delivery: QuicDeliveryState, size: int) -> None:
        if delivery is not QuicDeliveryState.ACKED:
            self._path_size.lost(size)
        elif self._path_size.arrived(size):
            self._use_size(size)

    def _build(self, now: float) -> list[Datagram]:
        """What aioquic builds, and for which path."""
        path = self._network_paths[0]
        # A farewell has no answer that could tell how it arrived; and a path to which the client
        # has moved is validated first, by what is the likeliest to arrive.
        allowed = path.is_validated or not self._handshake_complete
        mark = self._marking.mark if allowed and not self._close_pending else 0
        self._field_out = mark
        found = self.datagrams_to_send(now)
        self._field_out = 0
        return [(data, addr, mark if addr == path.addr else 0) for data, addr in found]

    def _send_probing_frames(
        self, network_path: QuicNetworkPath, now: float
    ) -> list[tuple[bytes, Any]]:
        """Something for another path, unmarked."""
        mark, self._field_out = self._field_out, 0
        found = super()._send_probing_frames(network_path, now)
        self._field_out = mark
        return found

    def handle_timer(self, now: float) -> None:
        """A timer is due."""
        timeouts = self._loss._pto_count
        super().handle_timer(now)
        if self._loss._pto_count > timeouts:
            self._marking.timed_out()
            self._log_marking()
        self._suspect_path()

    def _suspect_path(self) -> None:
        """Nothing large seems to arrive any more (RFC 8899 section 4.3): see what does."""
        if self._loss._pto_count >= _BLACK_HOLE and self._path_size.size > BASE:
            self._path_size.restart()
            self._use_size(BASE)

    def _handle_new_connection_id_frame(
        self, context: QuicReceiveContext, frame_type: int, buf: Buffer
    ) -> None:
        """For aioquic it would violate the protocol to retire what comes later; it is an error of
        the frame (RFC 9000 section 19.15).
        """
        begin = buf.tell()
        sequence_number, retire_prior_to = buf.pull_uint_var(), buf.pull_uint_var()
        if retire_prior_to > sequence_number:
            raise QuicConnectionError(
                error_code=QuicErrorCode.FRAME_ENCODING_ERROR,
                frame_type=frame_type,
                reason_phrase="Retire Prior To is greater than Sequence Number",
            )
        buf.seek(begin)
        super()._handle_new_connection_id_frame(context, frame_type, buf)

    def _parse_transport_parameters(
        self,
        data: bytes,
        from_session_ticket: bool = False,  # noqa: FBT002  # aioquic's
    ) -> None:
        """What the peer allows; nothing of it twice (RFC 9000 section 7.4)."""
        super()._parse_transport_parameters(data, from_session_ticket)
        names = list(_parameter_names(Buffer(data=data)))
        if len(set(names)) < len(names):
            raise QuicConnectionError(
                error_code=QuicErrorCode.TRANSPORT_PARAMETER_ERROR,
                frame_type=QuicFrameType.CRYPTO,
                reason_phrase="A transport parameter stands there twice",
            )
        most = pull_quic_transport_parameters(Buffer(data=data)).max_udp_payload_size
        if most is not None:
            self._path_size.limit(most)


def _parameter_names(buf: Buffer) -> Iterator[int]:
    """Names of encoded transport parameters that are well formed (RFC 9000 section 18)."""
    while not buf.eof():
        yield buf.pull_uint_var()
        size = buf.pull_uint_var()
        buf.seek(buf.tell() + size)
