"""What goes into 1-RTT packets, and in which order.

An acknowledgement rides along with whatever else is sent, and travels alone only when it is due.
Nothing here looks at a stream that has nothing to say: those with data stand in `_queue`, those
with a frame about themselves in `_marked`.
"""

# ruff: noqa: SLF001  # what is kept behind aioquic's private names is the matter of this file

from __future__ import annotations

import contextlib
from typing import Any

from aioquic import tls
from aioquic.buffer import size_uint_var
from aioquic.quic.connection import (
    CONNECTION_LIMIT_FRAME_CAPACITY,
    MAX_STREAM_DATA_FRAME_CAPACITY,
    RESET_STREAM_FRAME_CAPACITY,
    STOP_SENDING_FRAME_CAPACITY,
    QuicNetworkPath,
)
from aioquic.quic.packet import QuicFrameType, QuicPacketType
from aioquic.quic.packet_builder import (
    QuicDeliveryState,
    QuicPacketBuilder,
    QuicPacketBuilderStop,
)
from aioquic.quic.recovery import QuicPacketSpace

from nonecorn_h3._quic._aioquic._short import Short
from nonecorn_h3._quic._aioquic._streams import Frame, Stream

_ACKED = QuicDeliveryState.ACKED
_NEW_TOKEN = 0x07
_LEAST = 64
"""Bytes of the congestion window for which no packet is begun."""


class Sending(Short):
    """Writes frames."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._token_due = b""
        self._ids_due = False

    def _write_application(
        self, builder: QuicPacketBuilder, network_path: QuicNetworkPath, now: float
    ) -> None:
        """As many packets as there is something for, and congestion control and pacing allow."""
        crypto = self._cryptos[tls.Epoch.ONE_RTT]
        if not crypto.send.is_valid():
            return
        space = self._spaces[tls.Epoch.ONE_RTT]
        pacer = self._pacer
        while True:
            ack_at = space.ack_at
            due = ack_at is not None and ack_at <= now
            if not due:
                self._pacing_at = pacer.next_send_time(now=now)
                if self._pacing_at is not None:
                    return
            builder.start_packet(QuicPacketType.ONE_RTT, crypto)
            if due or (ack_at is not None and self._has_more(network_path)):
                self._write_ack_frame(builder=builder, space=space, now=now)
            # A packet that is full is followed by another; where nothing may be sent, it is empty.
            with contextlib.suppress(QuicPacketBuilderStop):
                if self._handshake_complete:
                    self._write_connection_frames(builder, network_path, space, now)
                self._write_stream_frames(builder)
            if builder.packet_is_empty:
                return
            pacer.update_after_send(now=now)

    def _is_quiet(self, now: float) -> bool:
        """Nothing would be sent now: not worth the making of a packet."""
        paths = self._network_paths
        if not self._handshake_confirmed or not paths[0].is_validated or self._probes_paths():
            return False
        due = self._spaces[tls.Epoch.ONE_RTT].ack_at
        if (due is not None and due <= now) or self._close_pending:
            return False
        if self._has_control(paths[0]):
            return False
        self._pacing_at = None
        control = self._loss._cc
        return not self._queue or control.bytes_in_flight + _LEAST >= control.congestion_window

    def _probes_paths(self) -> bool:
        """There is something to send on another path than the active one."""
        return any(
            path.remote_challenges or not (path.is_validated or path.local_challenge_sent)
            for path in self._network_paths[1:]
        )

    def _has_more(self, path: QuicNetworkPath) -> bool:
        """There is something to send beside acknowledgements."""
        return bool(self._queue) or self._has_control(path)

    def _has_control(self, path: QuicNetworkPath) -> bool:
        """There is something to send that is no data of a stream."""
        return bool(
            self._marked
            or self._limits_due
            or self._datagrams_pending
            or self._ping_pending
            or self._probe_pending
            or self._handshake_done_pending
            or self._retire_connection_ids
            or path.remote_challenges
            or self._ids_due
            or self._token_due
            or self._streams_blocked_pending
            or not self._crypto_streams[tls.Epoch.ONE_RTT].sender.buffer_is_empty
        )

    def _write_connection_frames(
        self, builder: QuicPacketBuilder, path: QuicNetworkPath, space: QuicPacketSpace, now: float
    ) -> None:
        if not (path.is_validated or path.local_challenge_sent):
            self._write_path_challenge_frame(builder=builder, network_path=path)
            if path.validation_deadline is None:
                # RFC 9000 section 8.2.4.
                path.validation_deadline = now + 3 * max(
                    self._loss.get_probe_timeout(), 2 * self._configuration.initial_rtt
                )
        if self._handshake_done_pending:
            self._write_handshake_done_frame(builder=builder)
            self._handshake_done_pending = False
        while path.remote_challenges:
            self._write_path_response_frame(builder=builder, challenge=path.remote_challenges[0])
            path.remote_challenges.popleft()
        if self._ids_due:
            for connection_id in self._host_cids:
                if not connection_id.was_sent:
                    self._write_new_connection_id_frame(
                        builder=builder, connection_id=connection_id
                    )
            self._ids_due = False
        while self._retire_connection_ids:
            self._write_retire_connection_id_frame(
                builder=builder, sequence_number=self._retire_connection_ids[0]
            )
            self._retire_connection_ids.pop(0)
        if self._streams_blocked_pending:
            for waiting, frame_type, limit in (
                (
                    self._streams_blocked_bidi,
                    QuicFrameType.STREAMS_BLOCKED_BIDI,
                    self._remote_max_streams_bidi,
                ),
                (
                    self._streams_blocked_uni,
                    QuicFrameType.STREAMS_BLOCKED_UNI,
                    self._remote_max_streams_uni,
                ),
            ):
                if waiting:
                    self._write_streams_blocked_frame(
                        builder=builder, frame_type=frame_type, limit=limit
                    )
            self._streams_blocked_pending = False
        if self._limits_due:
            self._write_connection_limits(builder=builder, space=space)
        if self._token_due:
            self._write_new_token(builder)

    def _write_stream_frames(self, builder: QuicPacketBuilder) -> None:
        while self._marked:
            stream = self._marked[-1]
            self._write_marked(builder, stream)
            stream.marked = False
            self._marked.pop()
        if self._ping_pending:
            self._write_ping_frame(builder, self._ping_pending)
            self._ping_pending.clear()
        if self._probe_pending:
            self._write_ping_frame(builder)
            self._probe_pending = False
        crypto_stream = self._crypto_streams[tls.Epoch.ONE_RTT]
        if not crypto_stream.sender.buffer_is_empty:
            self._write_crypto_frame(
                builder=builder, space=self._spaces[tls.Epoch.ONE_RTT], stream=crypto_stream
            )
        while self._datagrams_pending:
            data = self._datagrams_pending[0]
            if 3 + len(data) > builder.remaining_flight_space:
                break
            self._write_datagram_frame(
                builder=builder, data=data, frame_type=QuicFrameType.DATAGRAM_WITH_LENGTH
            )
            self._datagrams_pending.popleft()
        if self._queue:
            self._write_data(builder)

    def _write_data(self, builder: QuicPacketBuilder) -> None:
        """Fill the packet with data of streams."""
        queue = self._queue
        while (stream := queue.first()) is not None:
            offset = stream.lost[0][0] if stream.lost else stream.sent
            overhead = 3 + size_uint_var(stream.stream_id)
            if offset:
                overhead += size_uint_var(offset)
            room = builder.remaining_flight_space - overhead
            if room < 0:
                return  # the packet is full: there may be another one
            before = stream.sent
            frame = stream.take(room, self._remote_max_data - self._remote_max_data_used)
            if frame is None:
                if not room:
                    return
                # The connection's credit is used up. Frames that were lost need none: others go on.
                queue.remove(stream)
                if stream.sendable:
                    self._starved[stream] = None
                continue
            self._remote_max_data_used += stream.sent - before
            offset, data, end = frame
            buf = builder.start_frame(
                QuicFrameType.STREAM_BASE | (4 if offset else 0) | 2 | end,
                capacity=overhead,
                handler=self._on_stream_delivery,
                handler_args=(stream, frame),
            )
            buf.push_uint_var(stream.stream_id)
            if offset:
                buf.push_uint_var(offset)
            buf.push_uint16(len(data) | 0x4000)
            buf.push_bytes(data)
            if builder.quic_logger_frames is not None and self._quic_logger is not None:
                builder.quic_logger_frames.append(
                    {
                        "frame_type": "stream",
                        "stream_id": stream.stream_id,
                        "offset": offset,
                        "length": len(data),
                        "fin": end,
                    }
                )
            queue.served(stream, more=stream.sendable)

    def _write_marked(self, builder: QuicPacketBuilder, stream: Stream) -> None:
        """The frames that a stream has to send about itself."""
        if stream.stop_pending and not stream.receiving_done:
            buf = builder.start_frame(
                QuicFrameType.STOP_SENDING,
                capacity=STOP_SENDING_FRAME_CAPACITY,
                handler=self._on_stop_delivery,
                handler_args=(stream,),
            )
            buf.push_uint_var(stream.stream_id)
            buf.push_uint_var(stream.stop_code or 0)
        stream.stop_pending = False
        if stream.reset_pending:
            buf = builder.start_frame(
                QuicFrameType.RESET_STREAM,
                capacity=RESET_STREAM_FRAME_CAPACITY,
                handler=self._on_reset_delivery,
                handler_args=(stream,),
            )
            buf.push_uint_var(stream.stream_id)
            buf.push_uint_var(stream.reset_code or 0)
            buf.push_uint_var(stream.sent)
            stream.reset_pending = False
        if stream.limit != stream.limit_sent and stream.final is None:
            buf = builder.start_frame(
                QuicFrameType.MAX_STREAM_DATA,
                capacity=MAX_STREAM_DATA_FRAME_CAPACITY,
                handler=self._on_limit_delivery,
                handler_args=(stream, stream.limit),
            )
            buf.push_uint_var(stream.stream_id)
            buf.push_uint_var(stream.limit)
            stream.limit_sent = stream.limit

    def _write_connection_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace) -> None:
        """MAX_DATA and MAX_STREAMS, once there is enough to give."""
        data = self._local_max_data
        for limit in (data, self._local_max_streams_bidi, self._local_max_streams_uni):
            if limit.value > limit.sent if limit is data else self._is_due(limit):
                buf = builder.start_frame(
                    limit.frame_type,
                    capacity=CONNECTION_LIMIT_FRAME_CAPACITY,
                    handler=self._on_connection_limit_delivery,
                    handler_args=(limit,),
                )
                buf.push_uint_var(limit.value)
                limit.sent = limit.value
        self._limits_due = False

    def _write_new_token(self, builder: QuicPacketBuilder) -> None:
        """NEW_TOKEN (RFC 9000 section 19.7)."""
        token = self._token_due
        buf = builder.start_frame(
            _NEW_TOKEN,
            capacity=3 + len(token),
            handler=self._on_token_delivery,
            handler_args=(token,),
        )
        buf.push_uint_var(len(token))
        buf.push_bytes(token)
        self._token_due = b""

    # What became of frames ------------------------------------------------------------------------

    def _on_stream_delivery(
        self, delivery: QuicDeliveryState, stream: Stream, frame: Frame
    ) -> None:
        if not stream.delivered(delivery, frame):
            return
        if delivery is _ACKED:
            if stream.receiving_done:
                self._discard(stream)
        else:
            self._queue.add(stream)

    def _on_reset_delivery(self, delivery: QuicDeliveryState, stream: Stream) -> None:
        if delivery is _ACKED:
            stream.sending_done = True
            if stream.receiving_done:
                self._discard(stream)
        else:
            stream.reset_pending = True
            self._mark(stream)

    def _on_stop_delivery(self, delivery: QuicDeliveryState, stream: Stream) -> None:
        if delivery is not _ACKED and not stream.receiving_done:
            stream.stop_pending = True
            self._mark(stream)

    def _on_limit_delivery(self, delivery: QuicDeliveryState, stream: Stream, limit: int) -> None:
        # An older limit that was lost is made good by the newer one.
        if delivery is not _ACKED and stream.limit_sent == limit and stream.final is None:
            stream.limit_sent = 0
            self._mark(stream)

    def _on_connection_limit_delivery(self, delivery: QuicDeliveryState, limit: Any) -> None:
        if delivery is not _ACKED:
            limit.sent = 0
            self._limits_due = True

    def _on_new_connection_id_delivery(
        self, delivery: QuicDeliveryState, connection_id: Any
    ) -> None:
        if delivery is not _ACKED:
            connection_id.was_sent = False
            self._ids_due = True

    def _on_token_delivery(self, delivery: QuicDeliveryState, token: bytes) -> None:
        if delivery is not _ACKED:
            self._token_due = token
