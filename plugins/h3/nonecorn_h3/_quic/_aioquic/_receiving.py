"""Frames that were received: those about streams and credit, which aioquic keeps otherwise."""

from __future__ import annotations

from typing import NoReturn

from aioquic._buffer import Buffer
from aioquic.buffer import UINT_VAR_MAX
from aioquic.quic.connection import QuicConnectionError, QuicReceiveContext
from aioquic.quic.packet import QuicErrorCode, QuicFrameType

from nonecorn_h3._quic._aioquic._acks import Acks
from nonecorn_h3._quic._aioquic._pieces import Pieces, TooManyPiecesError
from nonecorn_h3._quic._aioquic._streams import Stream

_UNIDIRECTIONAL = 2
_OURS = 1
"""Bits of stream IDs (RFC 9000 section 2.1)."""


class Receiving(Acks):
    """Handles frames, and keeps what is to be told of them in `_news`."""

    def _handle_stream_frame(
        self, context: QuicReceiveContext, frame_type: int, buf: Buffer
    ) -> None:
        """STREAM (RFC 9000 section 19.8)."""
        stream_id = buf.pull_uint_var()
        offset = buf.pull_uint_var() if frame_type & 4 else 0
        length = buf.pull_uint_var() if frame_type & 2 else buf.capacity - buf.tell()
        data = buf.pull_bytes(length)
        if context.quic_logger_frames is not None:
            context.quic_logger_frames.append(
                {"frame_type": "stream", "stream_id": stream_id, "offset": offset, "length": length}
            )
        self._data_received(stream_id, offset, data, frame_type)

    def _data_received(self, stream_id: int, offset: int, data: bytes, frame_type: int) -> None:
        if offset + len(data) > UINT_VAR_MAX:
            _refuse(QuicErrorCode.FRAME_ENCODING_ERROR, frame_type, "offset beyond 2^62 - 1")
        if stream_id & 3 == 3:
            _refuse(QuicErrorCode.STREAM_STATE_ERROR, frame_type, "data on a send-only stream")
        stream = self._streams.get(stream_id)
        if stream is None:
            stream = self._get_or_create_stream(frame_type, stream_id)
        if stream is not None:
            self._receive(stream, offset, data, bool(frame_type & 1), frame_type)

    def _receive(
        self, stream: Stream, offset: int, data: bytes, end: bool, frame_type: int
    ) -> None:
        stop = offset + len(data)
        if stop > stream.highest or end or stream.final is not None:
            self._account(stream, stop, end, frame_type)
        if stream.receiving_done:
            return
        if offset == stream.received and stream.pieces is None:
            stream.received = stop
        elif stop <= stream.received and not end:
            return
        else:
            data = self._reorder(stream, offset, data, frame_type)
        done = stream.received == stream.final
        if not data and not done:
            return
        if stream.stop_code is None:
            self._news.append((self._deliver, (stream, data, done)))
        else:
            self._take_in(stream, len(data))
        if done:
            stream.receiving_done = True
            if stream.sending_done:
                self._discard(stream)

    def _deliver(self, stream: Stream, data: bytes, done: bool) -> None:
        """Tell of data, unless what was told before has made it unwanted."""
        if stream.stop_code is None:
            self._listener.stream_data(stream.stream_id, data, done)

    def _reorder(self, stream: Stream, offset: int, data: bytes, frame_type: int) -> bytes:
        """What can be delivered, once this has come."""
        pieces = stream.pieces
        if pieces is None:
            pieces = stream.pieces = Pieces()
        if offset < stream.received:
            data = data[stream.received - offset :]
            offset = stream.received
        try:
            if data:
                pieces.add(offset, data)
        except TooManyPiecesError as error:
            _refuse(QuicErrorCode.INTERNAL_ERROR, frame_type, str(error))
        data = pieces.pull(stream.received)
        stream.received += len(data)
        if not len(pieces):
            stream.pieces = None
        return data

    def _account(self, stream: Stream, stop: int, end: bool, frame_type: int) -> None:
        """Limits and final sizes (RFC 9000 sections 4.1 and 4.5)."""
        final = stream.final
        if final is not None and (stop > final or (end and stop != final)):
            _refuse(QuicErrorCode.FINAL_SIZE_ERROR, frame_type, "data beyond the final size")
        if end:
            if stop < stream.highest:
                _refuse(QuicErrorCode.FINAL_SIZE_ERROR, frame_type, "final size below what came")
            stream.final = stop
        if stop > stream.highest:
            if stop > stream.limit:
                _refuse(
                    QuicErrorCode.FLOW_CONTROL_ERROR, frame_type, "more than the stream's limit"
                )
            data = self._local_max_data
            data.used += stop - stream.highest
            if data.used > data.value:
                _refuse(QuicErrorCode.FLOW_CONTROL_ERROR, frame_type, "more than the limit of all")
            stream.highest = stop

    def _handle_reset_stream_frame(
        self, context: QuicReceiveContext, frame_type: int, buf: Buffer
    ) -> None:
        """RESET_STREAM (RFC 9000 section 19.4)."""
        stream_id = buf.pull_uint_var()
        code = buf.pull_uint_var()
        final = buf.pull_uint_var()
        if stream_id & 3 == 3:
            _refuse(QuicErrorCode.STREAM_STATE_ERROR, frame_type, "reset of a send-only stream")
        stream = self._get_or_create_stream(frame_type, stream_id)
        if stream is None:
            return
        self._account(stream, final, True, frame_type)
        if stream.receiving_done:
            return
        stream.receiving_done = True
        stream.pieces = None
        # What was not delivered will not be: nobody else can give that credit back.
        self._give(stream.highest - stream.received)
        stream.highest = stream.received
        if stream.stop_code is None:
            self._news.append((self._deliver_reset, (stream, code)))
        if stream.sending_done:
            self._discard(stream)

    def _deliver_reset(self, stream: Stream, code: int) -> None:
        if stream.stop_code is None:
            self._listener.stream_reset(stream.stream_id, code)

    def _handle_stop_sending_frame(
        self, context: QuicReceiveContext, frame_type: int, buf: Buffer
    ) -> None:
        """STOP_SENDING (RFC 9000 section 19.5): answered by RESET_STREAM, with the same code
        (section 3.5).
        """
        stream_id = buf.pull_uint_var()
        code = buf.pull_uint_var()
        if stream_id & 3 == _UNIDIRECTIONAL:
            _refuse(QuicErrorCode.STREAM_STATE_ERROR, frame_type, "STOP_SENDING, and it sends")
        stream = self._get_or_create_stream(frame_type, stream_id)
        if stream is not None and stream.reset(code):
            self._queue.remove(stream)
            self._mark(stream)
            self._news.append((self._listener.stream_stopped, (stream_id, code)))

    def _handle_max_data_frame(
        self, context: QuicReceiveContext, frame_type: int, buf: Buffer
    ) -> None:
        """MAX_DATA (RFC 9000 section 19.9)."""
        most = buf.pull_uint_var()
        if most > self._remote_max_data:
            self._remote_max_data = most
            waiting, self._starved = self._starved, {}
            for stream in waiting:
                if stream.sendable:
                    self._queue.add(stream)

    def _handle_max_stream_data_frame(
        self, context: QuicReceiveContext, frame_type: int, buf: Buffer
    ) -> None:
        """MAX_STREAM_DATA (RFC 9000 section 19.10)."""
        stream_id = buf.pull_uint_var()
        most = buf.pull_uint_var()
        if stream_id & 3 == _UNIDIRECTIONAL:
            _refuse(
                QuicErrorCode.STREAM_STATE_ERROR, frame_type, "credit for the peer's own stream"
            )
        stream = self._get_or_create_stream(frame_type, stream_id)
        if stream is not None and most > stream.max_stream_data_remote:
            stream.max_stream_data_remote = most
            if stream.sendable:
                self._queue.add(stream)

    def _handle_stream_data_blocked_frame(
        self, context: QuicReceiveContext, frame_type: int, buf: Buffer
    ) -> None:
        """STREAM_DATA_BLOCKED (RFC 9000 section 19.13): credit follows the reader, not this."""
        stream_id = buf.pull_uint_var()
        buf.pull_uint_var()
        if stream_id & 3 == 3:
            _refuse(QuicErrorCode.STREAM_STATE_ERROR, frame_type, "the peer does not send on it")
        self._get_or_create_stream(frame_type, stream_id)

    def _handle_datagram_frame(
        self, context: QuicReceiveContext, frame_type: int, buf: Buffer
    ) -> None:
        """DATAGRAM (RFC 9221)."""
        with_length = frame_type == QuicFrameType.DATAGRAM_WITH_LENGTH
        length = buf.pull_uint_var() if with_length else buf.capacity - buf.tell()
        self._news.append((self._listener.datagram_received, (buf.pull_bytes(length),)))


def _refuse(code: int, frame_type: int, reason: str) -> NoReturn:
    """The peer has broken the protocol: the connection is closed with this.

    Raises:
        QuicConnectionError: It.
    """
    raise QuicConnectionError(code, frame_type, reason)
