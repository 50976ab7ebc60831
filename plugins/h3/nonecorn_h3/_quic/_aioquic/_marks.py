"""Explicit congestion notification (RFC 9000 section 13.4): what routers have marked is told back.

So a client that marks what it sends learns of congestion before anything is lost. Counts are kept
for each packet number space and stand at the end of its acknowledgements. What this side sends is
not marked: whether a path bears that must be validated for each, and aioquic's congestion control
knows of losses alone.
"""

from __future__ import annotations

from aioquic import tls
from aioquic.quic.connection import ACK_FRAME_CAPACITY
from aioquic.quic.packet import QuicFrameType, push_ack_frame
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.recovery import QuicPacketSpace

from nonecorn_h3._quic._aioquic._base import Base
from nonecorn_h3._quic._aioquic._varint import varint

CONGESTED = 0b11
_PLACES = {0b10: 0, 0b01: 1, CONGESTED: 2}
"""Where the count of ECT(0), ECT(1) and CE stands in a frame (RFC 9000 section 19.3.2)."""
_COUNTS_CAPACITY = 3 * 8


class Marks(Base):
    """Counts marks."""

    def _count_mark(self, epoch: tls.Epoch) -> None:
        """A packet was received, and bore the mark of its datagram."""
        counts = self._marks.get(epoch)
        if counts is None:
            counts = self._marks[epoch] = [0, 0, 0]
        counts[_PLACES[self._mark_here]] += 1

    def _counts(self, epoch: tls.Epoch) -> bytes:
        """The end of an acknowledgement; empty where nothing was marked."""
        counts = self._marks.get(epoch)
        return b"" if counts is None else b"".join(map(varint, counts))

    def _write_ack_frame(
        self, builder: QuicPacketBuilder, space: QuicPacketSpace, now: float
    ) -> None:
        """ACK, or ACK_ECN where there are counts; in packets that aioquic builds."""
        epoch = next(epoch for epoch, each in self._spaces.items() if each is space)
        counts = self._counts(epoch)
        if not counts:
            super()._write_ack_frame(builder, space, now)
            return
        buf = builder.start_frame(
            QuicFrameType.ACK_ECN,
            capacity=ACK_FRAME_CAPACITY + _COUNTS_CAPACITY,
            handler=self._on_ack_delivery,
            handler_args=(space, space.largest_received_packet),
        )
        delay = int((now - (space.largest_received_time or now)) * 1000000)
        room = builder.remaining_buffer_space - _COUNTS_CAPACITY
        push_ack_frame(buf, space.ack_queue, delay >> self._local_ack_delay_exponent, room)
        buf.push_bytes(counts)
        space.ack_at = None
