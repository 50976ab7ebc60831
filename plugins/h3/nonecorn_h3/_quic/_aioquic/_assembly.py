"""1-RTT packets with nothing but data and acknowledgements, made in one go.

That is what nearly all packets of a server are. The others, and whatever is sent before a handshake
and a path are confirmed, are aioquic's `QuicPacketBuilder`'s; so are all where a qlog is written.
"""

# ruff: noqa: SLF001  # what is kept behind aioquic's private names is the matter of this file

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aioquic import tls
from aioquic.quic.connection import QuicNetworkPath
from aioquic.quic.packet import QuicPacketType
from aioquic.quic.recovery import QuicPacketSpace

from nonecorn_h3._quic._aioquic._marking import Marking
from nonecorn_h3._quic._aioquic._sending import Sending
from nonecorn_h3._quic._aioquic._varint import varint

if TYPE_CHECKING:
    from nonecorn.spi import Datagram

_ONE_RTT = tls.Epoch.ONE_RTT
_FIXED, _SPIN, _PHASE = 0x40, 5, 2
"""Bits of the first byte (RFC 9000 section 17.3.1)."""
_NUMBER = 2
"""Bytes of a packet number."""
_TAG = 16
_ACK, _PING = 0x02, 0x01
_STREAM, _OFFSET, _LENGTH, _FIN = 0x08, 0x04, 0x02, 0x01
_SMALLEST = 4 - _NUMBER
"""Bytes of a payload from which header protection can take its sample (RFC 9001 section 5.4.2)."""
_MOST_RANGES = 32
"""Acknowledged ranges told at once; older ones were told before."""
_MOST_AHEAD = 1 << 14
"""Packets that may be under way: a number of two bytes can tell twice as many apart (RFC 9000
section 17.1).
"""
_PROBE_ACKS = 8
"""Packets with an acknowledgement of several ranges between two that want one themselves, so that
the ranges need not be told for ever.
"""


class SentPacket:
    """As aioquic's `QuicSentPacket`, for packets made here."""

    __slots__ = (
        "delivery_handlers", "marking", "packet_number", "sent_bytes", "sent_time",
    )  # fmt: skip

    epoch = _ONE_RTT
    in_flight = True
    is_ack_eliciting = True
    is_crypto_packet = False
    packet_type = QuicPacketType.ONE_RTT

    def __init__(self, number: int, size: int, now: float, handlers: list[tuple[Any, Any]]) -> None:
        self.packet_number = number
        self.sent_bytes = size
        self.sent_time = now
        self.delivery_handlers = handlers
        self.marking: Marking | None = None

    def __repr__(self) -> str:
        return f"<SentPacket {self.packet_number} {self.sent_bytes}>"


class Assembly(Sending):
    """Makes packets."""

    def _is_plain(self) -> bool:
        """There is nothing to send but data and acknowledgements."""
        paths = self._network_paths
        return (
            self._handshake_confirmed
            and paths[0].is_validated
            and not self._probes_paths()
            and not self._close_pending
            and self._quic_logger is None
            and not self._cryptos[_ONE_RTT]._update_key_requested
            and not self._has_control(paths[0])
        )

    def _assemble(self, now: float) -> list[Datagram]:
        """As many packets as congestion control and pacing allow."""
        space = self._spaces[_ONE_RTT]
        path = self._network_paths[0]
        control = self._loss._cc
        pacer = self._pacer
        marking = self._marking
        made: list[Datagram] = []
        self._pacing_at = None
        while True:
            due = space.ack_at is not None and space.ack_at <= now
            room = control.congestion_window - control.bytes_in_flight
            far = self._packet_number - space.largest_acked_packet
            data = bool(self._queue) and room >= self._max_datagram_size and far < _MOST_AHEAD
            if data:
                wait = pacer.next_send_time(now=now)
                if wait is not None:
                    self._pacing_at = wait
                    data = False
            if not data and not due:
                return made
            # An acknowledgement alone would prove nothing, and could be what does not arrive.
            mark = marking.mark if data or not marking.testing else 0
            packet = self._one(space, path, now, mark, data=data)
            if packet is None:
                return made
            made.append((packet, path.addr, mark))

    def _one(
        self, space: QuicPacketSpace, path: QuicNetworkPath, now: float, mark: int, *, data: bool
    ) -> bytes | None:
        """One packet; None where there was nothing to put in."""
        number = self._packet_number
        parts: list[bytes] = []
        handlers: list[tuple[Any, Any]] = []
        peer = self._peer_cid.cid
        room = self._max_datagram_size - 1 - len(peer) - _NUMBER - _TAG
        eliciting = False
        if space.ack_at is not None:
            ranges = space.ack_queue
            frame = self._ack_frame(space, now)
            parts.append(frame)
            room -= len(frame)
            handlers.append((self._on_ack_delivery, (space, space.largest_received_packet)))
            if len(ranges) > 1 and not number % _PROBE_ACKS:
                parts.append(bytes((_PING,)))
                handlers.append((self._on_ping_delivery, ((),)))
                room -= 1
                eliciting = True
        if data and self._add_data(parts, handlers, room):
            eliciting = True
        if not handlers:
            return None
        packet = self._protect(peer, number, b"".join(parts))
        size = len(packet)
        self._packet_number = number + 1
        loss = self._loss
        if eliciting:
            record = SentPacket(number, size, now, handlers)
            space.sent_packets[number] = record  # type: ignore[assignment]
            space.ack_eliciting_in_flight += 1
            loss._time_of_last_sent_ack_eliciting_packet = now
            loss._cc.on_packet_sent(packet=record)  # type: ignore[arg-type]
            self._pacer.update_after_send(now=now)
            if not self._ack_eliciting_sent_since_receipt:
                # RFC 9000 section 10.1.
                self._ack_eliciting_sent_since_receipt = True
                self._close_at = now + self._idle_timeout()
            if mark:
                self._sent_marked(record, _ONE_RTT)
        elif mark:
            self._sent_marked(None, _ONE_RTT)
        path.bytes_sent += size
        return packet

    def _add_data(self, parts: list[bytes], handlers: list[tuple[Any, Any]], room: int) -> bool:
        """STREAM frames, as many as fit."""
        queue = self._queue
        added = False
        while (stream := queue.first()) is not None:
            offset = stream.lost[0][0] if stream.lost else stream.sent
            head = varint(stream.stream_id)
            frame_type = _STREAM
            if offset:
                head += varint(offset)
                frame_type |= _OFFSET
            left = room - 1 - len(head)
            if left < 3:
                break
            before = stream.sent
            frame = stream.take(left, self._remote_max_data - self._remote_max_data_used)
            if frame is None:
                queue.remove(stream)
                if stream.sendable:
                    self._starved[stream] = None
                continue
            self._remote_max_data_used += stream.sent - before
            data = frame[1]
            if frame[2]:
                frame_type |= _FIN
            if left - len(data) < 2:
                # It reaches to the end of the packet: or almost, and then a PADDING frame or two go
                # before it.
                parts.append(bytes(left - len(data)) + bytes((frame_type,)) + head)
                room = 0
            else:
                size = len(data)
                parts.append(bytes((frame_type | _LENGTH,)) + head + varint(size))
                room = left - size - (1 if size < 0x40 else 2)
            parts.append(data)
            handlers.append((self._on_stream_delivery, (stream, frame)))
            added = True
            queue.served(stream, more=stream.sendable)
            if room < 8:
                break
        return added

    def _ack_frame(self, space: QuicPacketSpace, now: float) -> bytes:
        """ACK (RFC 9000 section 19.3), of the newest ranges."""
        ranges = space.ack_queue
        newest = ranges[-1]
        delay = max(0, int((now - (space.largest_received_time or now)) * 1000000))
        count = min(len(ranges), _MOST_RANGES)
        parts = [
            b"\x02",
            varint(newest.stop - 1),
            varint(delay >> self._local_ack_delay_exponent),
            varint(count - 1),
            varint(newest.stop - 1 - newest.start),
        ]
        start = newest.start
        for index in range(2, count + 1):
            older = ranges[-index]
            parts.append(varint(start - older.stop - 1))
            parts.append(varint(older.stop - older.start - 1))
            start = older.start
        space.ack_at = None
        counts = self._counts(_ONE_RTT)
        if counts:
            parts[0] = b"\x03"
            parts.append(counts)
        return b"".join(parts)

    def _protect(self, peer: bytes, number: int, payload: bytes) -> bytes:
        """Encrypt (RFC 9001 sections 5.3 and 5.4)."""
        crypto = self._cryptos[_ONE_RTT].send
        aead, protection = crypto.aead, crypto.hp
        assert aead is not None
        assert protection is not None
        if len(payload) < _SMALLEST:
            payload += bytes(_SMALLEST - len(payload))
        first = _FIXED | self._spin_bit << _SPIN | crypto.key_phase << _PHASE | (_NUMBER - 1)
        low = number & 0xFFFF
        header = bytes((first,)) + peer + low.to_bytes(_NUMBER, "big")
        nonce = (aead._iv ^ number).to_bytes(12, "big")
        sealed = aead._aead.encrypt(nonce, payload, header)
        mask = protection._mask(sealed[_SMALLEST : _SMALLEST + 16])
        return b"".join(
            (
                bytes((first ^ mask[0] & 0x1F,)),
                peer,
                bytes((low >> 8 ^ mask[1], low & 0xFF ^ mask[2])),
                sealed,
            )
        )
