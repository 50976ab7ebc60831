"""Acknowledgements that were received (RFC 9000 section 19.3, RFC 9002).

A peer says which packets it has, in as many ranges as it likes, maybe for packets that we have
never sent: so as to have us send faster (RFC 9000 section 21.4), or to have us look long. What is
looked at here is bounded by what is in flight. Now and then a packet number is left out; who
acknowledges it does not look at what it gets.
"""

# ruff: noqa: SLF001  # what is kept behind aioquic's private names is the matter of this file

from __future__ import annotations

import os
from collections import deque
from typing import Any

from aioquic import tls
from aioquic.quic.connection import QuicConnectionError, QuicReceiveContext
from aioquic.quic.packet import QuicErrorCode, QuicFrameType
from aioquic.quic.packet_builder import QuicDeliveryState
from aioquic.quic.recovery import QuicPacketSpace

from nonecorn_h3._quic._aioquic._marks import Marks
from nonecorn_h3._quic._aioquic._varint import read_varint

_ACKED = QuicDeliveryState.ACKED
_SKIP_EVERY = 200
"""Packets between two numbers left out, on average."""
_SHORTEST = 0.001
"""Round trip below which nothing is measured, in seconds; aioquic's as well."""


class Acks(Marks):
    """Handles ACK frames."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._skipped: deque[int] = deque(maxlen=8)
        self._skip_at = 10 + os.urandom(1)[0] % 50

    def _skip_number(self) -> None:
        """Leave a packet number out, when it is time to."""
        if self._packet_number >= self._skip_at:
            self._skipped.append(self._packet_number)
            self._packet_number += 1
            self._skip_at = self._packet_number + 1 + os.urandom(1)[0] * _SKIP_EVERY // 128

    def _handle_ack_frame(self, context: QuicReceiveContext, frame_type: int, buf: Any) -> None:
        """ACK, of any packet number space."""
        at = buf.tell()
        data = buf.data_slice(0, buf.capacity)
        end = self._acknowledged(data, at, frame_type, context.epoch, context.time)
        buf.seek(end)

    def _acknowledged(
        self, data: bytes, at: int, frame_type: int, epoch: tls.Epoch, now: float
    ) -> int:
        """Take in an ACK frame.

        Args:
            data: Payload of the packet.
            at: Where the frame begins in it, behind its type.
            frame_type: ACK, or ACK_ECN.
            epoch: Which packet number space.
            now: When it came.

        Returns:
            Where the frame ends.
        """
        largest, at = read_varint(data, at)
        delay, at = read_varint(data, at)
        count, at = read_varint(data, at)
        length, at = read_varint(data, at)
        if largest >= self._packet_number:
            raise _violation(frame_type, "a packet acknowledged that was not sent")
        loss = self._loss
        if epoch is not tls.Epoch.INITIAL:
            loss.peer_completed_address_validation = True
        space = self._spaces[epoch]
        sent = space.sent_packets
        oldest = next(iter(sent)) if sent else largest + 1
        taken: list[Any] = []
        marking = self._marking
        late = 0
        high = largest
        while True:
            low = high - length
            if low < 0:
                raise QuicConnectionError(
                    QuicErrorCode.FRAME_ENCODING_ERROR, frame_type, "a negative packet number"
                )
            if high >= oldest:
                for number in range(max(low, oldest), high + 1):
                    packet = sent.pop(number, None)
                    if packet is not None:
                        taken.append(packet)
            if marking.late:
                late += marking.recover(low, high, epoch)
            for skipped in self._skipped:
                if low <= skipped <= high:
                    raise _violation(frame_type, "a packet acknowledged that was not sent")
            if not count:
                break
            count -= 1
            gap, at = read_varint(data, at)
            length, at = read_varint(data, at)
            high = low - gap - 2
        counts = None
        if frame_type == QuicFrameType.ACK_ECN:
            ect0, at = read_varint(data, at)
            ect1, at = read_varint(data, at)
            congested, at = read_varint(data, at)
            counts = (ect0, ect1, congested)
        # aioquic's largest is 0 where there is none yet.
        if largest > space.largest_acked_packet or (taken and not largest):
            space.largest_acked_packet = largest
            if counts is not None or marking.mark or late:
                self._judge(epoch, counts, taken, late, now)
                self._log_marking()
        if taken:
            seconds = (delay << self._remote_ack_delay_exponent) / 1000000
            self._settle(space, taken, largest, seconds, now)
        return at

    def _settle(
        self, space: QuicPacketSpace, taken: list[Any], largest: int, delay: float, now: float
    ) -> None:
        """So many packets have arrived."""
        loss = self._loss
        control = loss._cc
        eliciting = 0
        newest = None
        for packet in taken:
            if packet.is_ack_eliciting:
                eliciting += 1
            if packet.in_flight:
                control.on_packet_acked(packet=packet, now=now)
            if packet.packet_number == largest:
                newest = packet
            for handler, args in packet.delivery_handlers:
                handler(_ACKED, *args)
        space.ack_eliciting_in_flight -= eliciting
        if newest is not None and eliciting:
            self._measure(now - newest.sent_time, delay, now)
        sent = space.sent_packets
        if sent and next(iter(sent)) < space.largest_acked_packet:
            loss._detect_loss(now=now, space=space)
        else:
            space.loss_time = None
        if loss.peer_completed_address_validation:
            loss._pto_count = 0
        if loss._quic_logger is not None:
            loss._log_metrics_updated(log_rtt=True)

    def _measure(self, trip: float, delay: float, now: float) -> None:
        """A round trip (RFC 9002 section 5)."""
        loss = self._loss
        latest = max(trip, _SHORTEST)
        least = loss._rtt_min = min(loss._rtt_min, latest)
        if loss.handshake_confirmed:
            delay = min(delay, loss.max_ack_delay)
        if latest >= least + delay:
            latest -= delay
        loss._rtt_latest = latest
        if loss._rtt_initialized:
            loss._rtt_variance = 0.75 * loss._rtt_variance + 0.25 * abs(loss._rtt_smoothed - latest)
            loss._rtt_smoothed = 0.875 * loss._rtt_smoothed + 0.125 * latest
        else:
            loss._rtt_initialized = True
            loss._rtt_first_sample_time = now
            loss._rtt_variance = latest / 2
            loss._rtt_smoothed = latest
        loss._cc.on_rtt_measurement(now=now, rtt=max(trip, _SHORTEST))
        loss._pacer.update_rate(
            congestion_window=loss._cc.congestion_window, smoothed_rtt=loss._rtt_smoothed
        )


def _violation(frame_type: int, reason: str) -> QuicConnectionError:
    return QuicConnectionError(QuicErrorCode.PROTOCOL_VIOLATION, frame_type, reason)
