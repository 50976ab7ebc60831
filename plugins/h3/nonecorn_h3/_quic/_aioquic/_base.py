"""What the parts of the connection share: its streams, credit, and who is told of things.

    QuicConnection ─► Base ─► Receiving ─► Sending ─► Connection
      (aioquic)      streams   frames in    frames out   the engine

Credit (RFC 9000 section 4) is what the reader has taken, plus a window. A stream begins with
`limits.receive_buffer`; where its reader keeps up, its window doubles, as long as the connection's
budget for that lasts. The connection's own window covers all streams at once, so that streams whose
reader has left them alone never block another.
"""

# ruff: noqa: SLF001  # what is kept behind aioquic's private names is the matter of this file

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aioquic import tls
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import Limit, QuicConnection, QuicConnectionError
from aioquic.quic.packet import QuicErrorCode
from aioquic.quic.packet_builder import QuicSentPacket
from aioquic.quic.recovery import QuicPacketSpace

from nonecorn_h3._quic._aioquic._pacer import Pacer
from nonecorn_h3._quic._aioquic._queue import Queue
from nonecorn_h3._quic._aioquic._quiet import Quiet
from nonecorn_h3._quic._aioquic._streams import Stream

if TYPE_CHECKING:
    from nonecorn_h3._quic._engine import EngineEvents

_PUSH = 2
"""Bit of a stream ID that says unidirectional (RFC 9000 section 2.1)."""


_MOST_DATA = 1 << 60
"""A quarter of what a frame can say: more than anybody will ever send."""


class Base(QuicConnection):
    """Streams and their credit.

    Args:
        configuration: aioquic's.
        listener: Who is told.
        original: As `Arrival.original`.
        retry: As `Arrival.retry`.
        max_streams: That the peer may have open, of each kind.
        stream_window: Bytes that a stream may have under way.
        spare_window: Bytes that streams may have beyond that, together.
    """

    _streams: dict[int, Stream]  # type: ignore[assignment]

    def __init__(
        self,
        configuration: QuicConfiguration,
        listener: EngineEvents,
        *,
        original: bytes,
        retry: bytes | None,
        max_streams: int,
        stream_window: int,
        spare_window: int,
    ) -> None:
        super().__init__(
            configuration=configuration,
            original_destination_connection_id=original,
            retry_source_connection_id=retry,
        )
        self._logger = Quiet()  # type: ignore[assignment]
        self._loss._logger = None
        self._pacer = self._loss._pacer = Pacer(max_datagram_size=configuration.max_datagram_size)
        self._listener = listener
        self._recall = self._loss.on_packet_sent
        self._loss.on_packet_sent = self._remember  # type: ignore[method-assign]
        self._news: deque[tuple[Callable[..., None], Any]] = deque()
        self._queue = Queue()
        self._marked: list[Stream] = []
        self._starved: dict[Stream, None] = {}
        self._limits_due = False
        self._now = 0.0
        self._mark_here = 0
        self._marks: dict[tls.Epoch, list[int]] = {}
        self._stream_window = stream_window
        self._spare_window = spare_window
        wanted = 2 * max_streams * stream_window + spare_window
        self._data_window = min(wanted, _MOST_DATA)
        self._streams_due = max_streams >> 2
        for limit in (self._local_max_streams_bidi, self._local_max_streams_uni):
            limit.value = limit.sent = max_streams
        self._local_max_data.value = self._local_max_data.sent = self._data_window
        self._local_max_stream_data_bidi_local = stream_window
        self._local_max_stream_data_bidi_remote = stream_window
        self._local_max_stream_data_uni = stream_window

    def _remember(self, *, packet: QuicSentPacket, space: QuicPacketSpace) -> None:
        """A packet was sent. Acknowledgements alone are not acknowledged in turn, and so would be
        kept for as long as a peer sends and has nothing to say of what it gets.
        """
        if packet.in_flight or packet.is_ack_eliciting:
            self._recall(packet=packet, space=space)

    # Streams --------------------------------------------------------------------------------------

    def _get_or_create_stream(self, frame_type: int, stream_id: int) -> Stream | None:  # type: ignore[override]
        """The stream that a frame is about; None for one that has come to its end.

        Raises:
            QuicConnectionError: The peer may not have it.
        """
        found = self._streams.get(stream_id)
        if found is not None:
            return found
        if stream_id & 1:
            # Ours: it must have been opened.
            opened = (
                self._local_next_stream_id_uni
                if stream_id & _PUSH
                else self._local_next_stream_id_bidi
            )
            if stream_id < opened:
                return None
            raise QuicConnectionError(
                QuicErrorCode.STREAM_STATE_ERROR, frame_type, "a stream that was not opened"
            )
        limit = self._stream_limit(stream_id)
        count = (stream_id >> 2) + 1
        if count <= limit.used:
            return None
        if count > limit.value:
            raise QuicConnectionError(
                QuicErrorCode.STREAM_LIMIT_ERROR, frame_type, "more streams than allowed"
            )
        sends = not stream_id & _PUSH
        credit = self._remote_max_stream_data_bidi_local if sends else 0
        # Those with lower IDs are open from now on as well (RFC 9000 section 2.1).
        for number in range(limit.used * 4 + (stream_id & 3), stream_id + 4, 4):
            made = Stream(number, credit, self._stream_window, sends=sends, receives=True)
            self._streams[number] = made
        limit.used = count
        return made

    def _open(self, bidirectional: bool) -> Stream:
        """A new stream of ours; blocked where the peer allows no more yet."""
        if bidirectional:
            stream_id = self._local_next_stream_id_bidi
            self._local_next_stream_id_bidi += 4
            credit, most = self._remote_max_stream_data_bidi_remote, self._remote_max_streams_bidi
            waiting = self._streams_blocked_bidi
        else:
            stream_id = self._local_next_stream_id_uni
            self._local_next_stream_id_uni += 4
            credit, most = self._remote_max_stream_data_uni, self._remote_max_streams_uni
            waiting = self._streams_blocked_uni
        stream = Stream(stream_id, credit, self._stream_window, sends=True, receives=bidirectional)
        self._streams[stream_id] = stream
        if stream_id >> 2 >= most:
            stream.is_blocked = True
            waiting.append(stream)  # type: ignore[arg-type]
            self._streams_blocked_pending = True
        return stream

    def _unblock_streams(self, is_unidirectional: bool) -> None:
        """The peer allows more streams of ours."""
        if is_unidirectional:
            credit, most = self._remote_max_stream_data_uni, self._remote_max_streams_uni
            waiting = self._streams_blocked_uni
        else:
            credit, most = self._remote_max_stream_data_bidi_remote, self._remote_max_streams_bidi
            waiting = self._streams_blocked_bidi
        while waiting and waiting[0].stream_id >> 2 < most:  # type: ignore[operator]
            stream: Any = waiting.pop(0)
            stream.is_blocked = False
            stream.max_stream_data_remote = max(stream.max_stream_data_remote, credit)
            if stream.sendable:
                self._queue.add(stream)
        if not self._streams_blocked_bidi and not self._streams_blocked_uni:
            self._streams_blocked_pending = False

    def _discard(self, stream: Stream) -> None:
        """Both directions have come to their end."""
        if stream.consumed < stream.received and stream.stream_id & 3 == _PUSH:
            # Nothing of ours says that it is done with: that its reader has had all of it does.
            return
        if self._streams.pop(stream.stream_id, None) is None:
            return
        self._queue.remove(stream)
        self._spare_window += stream.window - self._stream_window
        self._give(stream.highest - stream.consumed)
        if not stream.stream_id & 1:
            # The peer may open another in its place (RFC 9000 section 4.6).
            limit = self._stream_limit(stream.stream_id)
            limit.value += 1
            if self._is_due(limit):
                self._limits_due = True

    def _is_due(self, limit: Limit) -> bool:
        """Whether the peer is to be told how many streams more it may open: long before it has none
        left, since some clients fail to open another then, instead of waiting.
        """
        more = limit.value - limit.sent
        return more > 0 and (more >= self._streams_due or limit.sent - limit.used < more)

    def _mark(self, stream: Stream) -> None:
        """The stream has a frame about itself to send."""
        if not stream.marked:
            stream.marked = True
            self._marked.append(stream)

    # Credit ---------------------------------------------------------------------------------------

    def _give(self, count: int) -> None:
        """So many bytes of the connection's credit have been given back."""
        if count > 0:
            data = self._local_max_data
            data.value += count
            if data.value - data.sent >= self._data_window >> 1:
                self._limits_due = True

    def _take_in(self, stream: Stream, count: int) -> None:
        """So many bytes of a stream have found their reader."""
        count = min(count, stream.received - stream.consumed)
        if count <= 0:
            return
        stream.consumed += count
        self._give(count)
        if stream.final is not None or stream.receiving_done:
            if stream.done and stream.consumed == stream.received:
                self._discard(stream)
            return
        half = stream.window >> 1
        due = stream.limit - stream.limit_sent >= half
        stream.limit = stream.consumed + stream.window
        if not due and stream.limit - stream.limit_sent >= half:
            self._widen(stream)
            self._mark(stream)

    def _widen(self, stream: Stream) -> None:
        """A reader that empties half a window within two round trips holds the sender up."""
        more = min(stream.window, self._spare_window)
        if more and self._now - stream.raised_at < 2 * self._loss._rtt_smoothed:
            self._spare_window -= more
            stream.window += more
            stream.limit += more
        stream.raised_at = self._now
