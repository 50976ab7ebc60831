"""Packets with a short header, on the way that nearly all of them take.

aioquic reads a packet by steps that serve every kind of it. One that came on the active path, for
the connection ID in use and under the present keys is read here in one go; any other, and all where
a qlog is written, is left to it.
"""

# ruff: noqa: SLF001  # what is kept behind aioquic's private names is the matter of this file

from __future__ import annotations

from typing import Any

from aioquic import tls
from aioquic._buffer import Buffer
from aioquic.quic.connection import (
    END_STATES,
    QuicConnectionError,
    QuicReceiveContext,
)
from aioquic.quic.packet import QuicErrorCode, QuicFrameType, decode_packet_number
from aioquic.quic.recovery import MAX_ACK_RANGES
from cryptography.exceptions import InvalidTag

from nonecorn_h3._quic._aioquic._marks import CONGESTED
from nonecorn_h3._quic._aioquic._receiving import Receiving
from nonecorn_h3._quic._aioquic._varint import BufferReadError, read_varint
from nonecorn_h3._quic._ids import ID_LENGTH

_ONE_RTT = tls.Epoch.ONE_RTT
_NUMBER_AT = 1 + ID_LENGTH
_SAMPLE_AT = _NUMBER_AT + 4
_SHORTEST = _SAMPLE_AT + 16
"""A packet from which header protection can be taken (RFC 9001 section 5.4.2)."""

_LONG, _FIXED, _SPIN, _RESERVED, _PHASE = 0x80, 0x40, 0x20, 0x18, 0x04
"""Bits of the first byte (RFC 9000 section 17.3.1)."""

_ACK_DELAY = 0.02
"""Seconds that an acknowledgement may wait for company; 5 ms less than what the peer was told."""


class Short(Receiving):
    """Receives packets with a short header."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ack_delay = _ACK_DELAY
        self._handlers = self._QuicConnection__frame_handlers  # type: ignore[attr-defined]

    def receive_datagram(self, data: bytes, addr: Any, now: float) -> None:
        """A datagram."""
        if (
            self._handshake_confirmed
            and not data[0] & _LONG
            and len(data) >= _SHORTEST
            and data[1:_NUMBER_AT] == self.host_cid
            and self._network_paths[0].addr == addr
            and self._quic_logger is None
            and self._state not in END_STATES
        ):
            self._receive_short(data, now)
        else:
            super().receive_datagram(data, addr, now)

    def _receive_short(self, data: bytes, now: float) -> None:
        path = self._network_paths[0]
        crypto = self._cryptos[_ONE_RTT].recv
        protection, aead = crypto.hp, crypto.aead
        assert protection is not None
        assert aead is not None
        mask = protection._mask(data[_SAMPLE_AT:_SHORTEST])
        first = data[0] ^ (mask[0] & 0x1F)
        if (first & _PHASE) >> 2 != crypto.key_phase:
            super().receive_datagram(data, path.addr, now)
            return
        if not path.is_validated:
            path.bytes_received += len(data)
        if not first & _FIXED:
            return
        width = (first & 3) + 1
        payload_at = _NUMBER_AT + width
        masked = int.from_bytes(data[_NUMBER_AT:payload_at], "big")
        truncated = masked ^ int.from_bytes(mask[1 : 1 + width], "big")
        space = self._spaces[_ONE_RTT]
        number = decode_packet_number(truncated, width << 3, space.expected_packet_number)
        header = bytes((first,)) + self.host_cid + truncated.to_bytes(width, "big")
        nonce = (aead._iv ^ number).to_bytes(12, "big")
        try:
            plain = aead._aead.decrypt(nonce, data[payload_at:], header)
        except InvalidTag:
            return
        if number in space.received_packets:
            return
        if first & _RESERVED:
            self.close(QuicErrorCode.PROTOCOL_VIOLATION, 0, "reserved bits are set")
            return
        if number > space.expected_packet_number:
            space.expected_packet_number = number + 1
        if number > self._spin_highest_pn:
            self._spin_bit = bool(first & _SPIN)
            self._spin_highest_pn = number
        zero_rtt = self._cryptos[tls.Epoch.ZERO_RTT].recv
        if zero_rtt.aead is not None:
            zero_rtt.teardown()  # RFC 9001 section 4.9.3
        try:
            eliciting = self._read_frames(plain, now)
        except QuicConnectionError as error:
            self.close(error.error_code, error.frame_type, error.reason_phrase)
        if self._state in END_STATES or self._close_pending:
            return
        self._close_at = now + self._idle_timeout()
        self._ack_eliciting_sent_since_receipt = False
        self._record(space, number, now, eliciting)

    def _record(self, space: Any, number: int, now: float, eliciting: bool) -> None:
        """Acknowledge it, at once or with the next one (RFC 9000 section 13.2.1)."""
        in_order = number == space.largest_received_packet + 1
        if number > space.largest_received_packet:
            space.largest_received_packet = number
            space.largest_received_time = now
        space.ack_queue.add(number)
        space.received_packets.add(number)
        if len(space.ack_queue) > MAX_ACK_RANGES:
            space.ack_queue.shift()
        if self._mark_here:
            self._count_mark(_ONE_RTT)
        if eliciting:
            if space.ack_at is None and in_order and self._mark_here != CONGESTED:
                space.ack_at = now + _ACK_DELAY
            else:
                space.ack_at = now

    def _payload_received(
        self,
        context: QuicReceiveContext,
        plain: bytes,
        crypto_frame_required: bool = False,  # noqa: FBT002  # aioquic's
    ) -> tuple[bool, bool]:
        """Frames of a packet that aioquic has read."""
        if self._mark_here:
            zero_rtt = context.epoch is tls.Epoch.ZERO_RTT
            self._count_mark(_ONE_RTT if zero_rtt else context.epoch)
        return super()._payload_received(context, plain, crypto_frame_required)

    def _read_frames(self, plain: bytes, now: float) -> bool:
        """Handle the frames of a packet.

        Returns:
            One of them wants to be acknowledged.

        Raises:
            QuicConnectionError: The peer has broken the protocol.
        """
        size = len(plain)
        at = 0
        eliciting = False
        if not size:
            raise QuicConnectionError(
                QuicErrorCode.PROTOCOL_VIOLATION, QuicFrameType.PADDING, "a packet without frames"
            )
        frame_type = 0
        try:
            while at < size:
                frame_type = plain[at]
                if 0x08 <= frame_type <= 0x0F:
                    at = self._read_stream(plain, at + 1, frame_type)
                    eliciting = True
                elif frame_type == 0:
                    at = size - len(plain[at:].lstrip(b"\0"))
                elif frame_type in (0x02, 0x03):
                    at = self._acknowledged(plain, at + 1, frame_type, _ONE_RTT, now)
                else:
                    at = self._read_other(plain, at, now)
                    if frame_type not in (0x1C, 0x1D):
                        eliciting = True
        except BufferReadError:
            raise QuicConnectionError(
                QuicErrorCode.FRAME_ENCODING_ERROR, frame_type, "a frame is cut off"
            ) from None
        return eliciting

    def _read_stream(self, plain: bytes, at: int, frame_type: int) -> int:
        """STREAM (RFC 9000 section 19.8)."""
        stream_id, at = read_varint(plain, at)
        offset = 0
        if frame_type & 4:
            offset, at = read_varint(plain, at)
        if frame_type & 2:
            length, at = read_varint(plain, at)
            end = at + length
            if end > len(plain):
                message = "data is cut off"
                raise BufferReadError(message)
        else:
            end = len(plain)
        self._data_received(stream_id, offset, plain[at:end], frame_type)
        return end

    def _read_other(self, plain: bytes, at: int, now: float) -> int:
        """Any other frame, by aioquic's handlers or those in their place."""
        buf = Buffer(data=plain)
        buf.seek(at)
        frame_type = buf.pull_uint_var()
        found = self._handlers.get(frame_type)
        if found is None:
            raise QuicConnectionError(
                QuicErrorCode.FRAME_ENCODING_ERROR, frame_type, "an unknown frame"
            )
        handler, epochs = found
        if _ONE_RTT not in epochs:
            raise QuicConnectionError(
                QuicErrorCode.PROTOCOL_VIOLATION, frame_type, "a frame that does not belong here"
            )
        handler(
            QuicReceiveContext(
                epoch=_ONE_RTT,
                host_cid=self.host_cid,
                network_path=self._network_paths[0],
                quic_logger_frames=None,
                time=now,
                version=None,
            ),
            frame_type,
            buf,
        )
        return buf.tell()
