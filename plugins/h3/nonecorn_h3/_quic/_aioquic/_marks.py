"""Explicit congestion notification (RFC 9000 section 13.4): what routers have marked, both ways.

So either side learns of congestion before anything is lost. Marks of packets that were received are
counted for each packet number space and told at the end of its acknowledgements. What this side
sends is marked where the path bears it (`_marking`): what the peer has counted is judged with every
acknowledgement that brings news, and an increase of those marked by routers is what a loss is to
congestion control (RFC 9002 section 7.1).
"""

# ruff: noqa: SLF001  # what is kept behind aioquic's private names is the matter of this file

from __future__ import annotations

from typing import Any

from aioquic import tls
from aioquic.quic.connection import ACK_FRAME_CAPACITY
from aioquic.quic.packet import QuicFrameType, push_ack_frame
from aioquic.quic.packet_builder import QuicDeliveryState, QuicPacketBuilder, QuicSentPacket
from aioquic.quic.recovery import QuicPacketSpace

from nonecorn_h3._quic._aioquic._base import Base
from nonecorn_h3._quic._aioquic._marking import Marking, State
from nonecorn_h3._quic._aioquic._varint import varint

CONGESTED = 0b11
_PLACES = {0b10: 0, 0b01: 1, CONGESTED: 2}
"""Where the count of ECT(0), ECT(1) and CE stands in a frame (RFC 9000 section 19.3.2)."""
_COUNTS_CAPACITY = 3 * 8

Counts = tuple[int, int, int]
"""Packets that have arrived with ECT(0), ECT(1) and CE."""


class _Echo:
    """What the peer has told of our marks, for one packet number space.

    Attributes:
        sent: Packets that were marked, on any path.
        ect0: How many of them had arrived as they were, when it last told.
        congested: How many with CE.
    """

    __slots__ = ("congested", "ect0", "sent")

    def __init__(self) -> None:
        self.sent = self.ect0 = self.congested = 0


class _Notice:
    """What congestion control is told in place of a lost packet: its loss takes nothing away."""

    __slots__ = ("sent_time",)

    sent_bytes = 0

    def __init__(self, sent_time: float) -> None:
        self.sent_time = sent_time


class Marks(Base):
    """Counts marks, and judges what the peer has counted.

    Args:
        *args: Those of `Base`.
        marks: What is sent may be marked.
        **kwargs: Those of `Base`.
    """

    def __init__(self, *args: Any, marks: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._marks_wanted = marks
        self._marking = Marking(wanted=marks)
        self._logged = State.TESTING
        self._field_out = 0
        self._echoes = {
            epoch: _Echo() for epoch in (tls.Epoch.INITIAL, tls.Epoch.HANDSHAKE, tls.Epoch.ONE_RTT)
        }

    # What is sent ---------------------------------------------------------------------------------

    def _begin_marking(self) -> None:
        """The path is another: of that nothing is known."""
        self._marking = Marking(wanted=self._marks_wanted)
        self._log_marking()

    def _log_marking(self) -> None:
        """Tell the qlog, where there is one, what is known of the path now."""
        state = self._marking.state
        if self._quic_logger is not None and state is not self._logged:
            self._logged = state
            self._quic_logger.log_event(
                category="recovery", event="ecn_state_updated", data={"new": state.value}
            )

    def _remember(self, *, packet: QuicSentPacket, space: QuicPacketSpace) -> None:
        """A packet was sent that aioquic has built."""
        packet.marking = None  # type: ignore[attr-defined]
        if self._field_out:
            kept = packet.in_flight or packet.is_ack_eliciting
            self._sent_marked(packet if kept else None, packet.epoch)
        super()._remember(packet=packet, space=space)

    def _sent_marked(self, packet: Any, epoch: tls.Epoch) -> None:
        """A packet leaves with a mark; None for one that will not be acknowledged."""
        self._echoes[epoch].sent += 1
        marking = self._marking
        if packet is not None:
            packet.marking = marking
        if marking.testing:
            marking.sent(kept=packet is not None)
            self._log_marking()
            if packet is not None:
                args = (marking, packet.packet_number, epoch)
                packet.delivery_handlers.append((self._on_test_delivery, args))

    def _on_test_delivery(
        self, delivery: QuicDeliveryState, marking: Marking, number: int, epoch: tls.Epoch
    ) -> None:
        if delivery is QuicDeliveryState.ACKED:
            marking.settled()
        else:
            marking.lost(number, epoch)
        self._log_marking()

    def _judge(
        self, epoch: tls.Epoch, counts: Counts | None, taken: list[Any], late: int, now: float
    ) -> None:
        """Compare what the peer has counted with what was sent (RFC 9000 section 13.4.2.1).

        Args:
            epoch: Which packet number space.
            counts: From an acknowledgement of a packet newer than all acknowledged before: older
                ones may have been overtaken. None where it has none.
            taken: Packets that it acknowledges first.
            late: Packets of the path's test among those that counted as lost.
            now: When it came.
        """
        marking = self._marking
        marked, elsewhere = late, False
        for packet in taken:
            if packet.marking is marking:
                marked += 1
            elif packet.marking is not None:
                elsewhere = True
        if counts is None:
            if marked:
                marking.refute()
            return
        echo = self._echoes[epoch]
        arrived, congested = counts[0] - echo.ect0, counts[2] - echo.congested
        echo.ect0, echo.congested = counts[0], counts[2]
        if elsewhere or (marking.state is State.FAILED and not late):
            return  # it is about another path, too, or we do not look any more
        if (
            arrived < 0
            or congested < 0
            or arrived + congested < marked
            or counts[0] + counts[2] > echo.sent
            or counts[1]  # never sent
        ):
            marking.refute()
            return
        if arrived:
            marking.heard()
            if marked:
                marking.confirm()
        if congested and taken and marking.state is State.CAPABLE:
            self._congested(max(packet.sent_time for packet in taken), now)

    def _congested(self, sent: float, now: float) -> None:
        """Routers are congested (RFC 9002 section 7.1): one reduction for what was under way.

        Args:
            sent: When the newest packet acknowledged was sent. Nothing follows where that was
                before the last reduction.
            now: When it was acknowledged.
        """
        loss = self._loss
        loss._cc.on_packets_lost(now=now, packets=(_Notice(sent),))  # type: ignore[arg-type]
        loss._pacer.update_rate(
            congestion_window=loss._cc.congestion_window, smoothed_rtt=loss._rtt_smoothed
        )

    # What is received -----------------------------------------------------------------------------

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
