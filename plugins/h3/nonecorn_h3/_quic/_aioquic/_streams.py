"""One stream: what waits to be sent on it, and what was received out of order.

Sending keeps no copy of what is in flight: a frame's bytes belong to the packet that carries them.
The packet is acknowledged or lost, one of both and once; lost, it gives them back to be sent again.
"""

from __future__ import annotations

from collections import deque

from aioquic.quic.packet_builder import QuicDeliveryState

from nonecorn_h3._quic._aioquic._pieces import Pieces

Frame = tuple[int, bytes, bool]
"""Offset, data, and whether the stream ends with it."""


class Stream:
    """State of both directions (RFC 9000 sections 3.1 and 3.2).

    Args:
        stream_id: Its ID.
        credit: Bytes that the peer takes on it.
        window: Bytes that we take before the reader has had any.
        sends: We may send.
        receives: The peer may send.

    Attributes:
        stream_id: As given.
        unsent: Bytes written and not sent for the first time.
        sent: Offset of the next byte to be sent for the first time.
        lost: Frames to be sent again.
        ended: Our direction ends after what was written.
        end_sent: It was said so.
        flying: Frames sent whose fate is not known.
        reset_code: Our direction was ended abruptly, with this code.
        reset_pending: The peer has not been told.
        sending_done: The peer has all, or knows that it will not get it.
        max_stream_data_remote: `credit`; aioquic's name.
        is_blocked: It is ours, and the peer has not allowed so many; aioquic's name.
        urgency: RFC 9218; -1 before all others.
        incremental: RFC 9218.
        queued: It stands in the queue of streams with something to send.
        marked: It stands among those with a frame about itself to send.
        received: Offset up to which all data was delivered.
        highest: Highest offset heard of.
        final: Length of the peer's direction, once known.
        receiving_done: All of it was delivered, or nothing will be.
        limit: Offset that the peer may send up to.
        limit_sent: What it was told of that.
        window: How far `limit` is ahead of `consumed`.
        consumed: Bytes that found their reader.
        raised_at: When `limit` was raised last.
        stop_code: The peer was asked to stop, with this code.
        stop_pending: It has not been asked yet.
        pieces: What came out of order; None for nothing.
    """

    __slots__ = (
        "_chunks", "_position", "consumed", "end_sent", "ended", "final", "flying", "highest",
        "incremental", "is_blocked", "limit", "limit_sent", "lost", "marked",
        "max_stream_data_remote", "pieces", "queued", "raised_at", "received", "receiving_done",
        "reset_code", "reset_pending", "sending_done", "sent", "stop_code", "stop_pending",
        "stream_id", "unsent", "urgency", "window",
    )  # fmt: skip

    def __init__(
        self, stream_id: int, credit: int, window: int, *, sends: bool, receives: bool
    ) -> None:
        self.stream_id = stream_id
        self._chunks: deque[bytes] = deque()
        self._position = 0
        self.unsent = 0
        self.sent = 0
        self.lost: deque[Frame] | None = None
        self.ended = False
        self.end_sent = False
        self.flying = 0
        self.reset_code: int | None = None
        self.reset_pending = False
        self.sending_done = not sends
        self.max_stream_data_remote = credit
        self.is_blocked = False
        self.urgency = 3
        self.incremental = False
        self.queued = False
        self.marked = False
        self.received = 0
        self.highest = 0
        self.final: int | None = None
        self.receiving_done = not receives
        self.limit = window
        self.limit_sent = window
        self.window = window
        self.consumed = 0
        self.raised_at = 0.0
        self.stop_code: int | None = None
        self.stop_pending = False
        self.pieces: Pieces | None = None

    def __repr__(self) -> str:
        return (
            f"<Stream {self.stream_id} sent={self.sent} unsent={self.unsent}"
            f" received={self.received} consumed={self.consumed}>"
        )

    # Sending --------------------------------------------------------------------------------------

    def write(self, data: bytes, end: bool) -> None:
        """Take what is to be sent."""
        if data:
            self._chunks.append(data)
            self.unsent += len(data)
        if end:
            self.ended = True

    @property
    def sendable(self) -> bool:
        """A frame could be taken, if the connection's credit allows."""
        if self.reset_code is not None or self.is_blocked:
            return False
        return (
            bool(self.lost)
            or (self.unsent > 0 and self.sent < self.max_stream_data_remote)
            or (self.ended and not self.end_sent and not self.unsent)
        )

    def take(self, room: int, credit: int) -> Frame | None:
        """The next frame.

        Args:
            room: Bytes of data that fit the packet.
            credit: Bytes that may be sent for the first time, on the whole connection.
        """
        if self.lost:
            return self._take_lost(room)
        start = self.sent
        size = min(room, credit, self.unsent, self.max_stream_data_remote - start)
        if size <= 0 and (self.unsent or not self.ended or self.end_sent or room < 0):
            return None
        data = self._take_fresh(size) if size else b""
        self.sent = start + size
        self.unsent -= size
        end = self.ended and not self.unsent
        if end:
            self.end_sent = True
        self.flying += 1
        return start, data, end

    def _take_fresh(self, size: int) -> bytes:
        chunks = self._chunks
        first = chunks[0]
        start = self._position
        stop = start + size
        if stop < len(first):
            self._position = stop
            return first[start:stop]
        self._position = 0
        chunks.popleft()
        if stop == len(first):
            return first[start:] if start else first
        parts = [first[start:]]
        left = stop - len(first)
        while left:
            following = chunks[0]
            if left < len(following):
                parts.append(following[:left])
                self._position = left
                break
            parts.append(following)
            left -= len(following)
            chunks.popleft()
        return b"".join(parts)

    def _take_lost(self, room: int) -> Frame | None:
        assert self.lost is not None
        start, data, end = self.lost[0]
        if len(data) <= room:
            self.lost.popleft()
            self.flying += 1
            return start, data, end
        if room <= 0:
            return None
        self.lost[0] = start + room, data[room:], end
        self.flying += 1
        return start, data[:room], False

    def delivered(self, state: QuicDeliveryState, frame: Frame) -> bool:
        """A frame was acknowledged or lost; aioquic's word for both is delivery.

        Returns:
            It has to be sent again, or our direction is done.
        """
        self.flying -= 1
        if self.reset_code is not None:
            return False
        if state is QuicDeliveryState.ACKED:
            if self.flying or not self.end_sent or self.unsent or self.lost:
                return False
            self.sending_done = True
            return True
        if self.lost is None:
            self.lost = deque()
        self.lost.append(frame)
        return True

    def reset(self, code: int) -> bool:
        """End our direction abruptly; what waits is dropped. False: it has ended already."""
        if self.sending_done or self.reset_code is not None:
            return False
        self.reset_code = code
        self.reset_pending = True
        self._chunks.clear()
        self.unsent = 0
        self.lost = None
        return True

    # Receiving ------------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Both directions have come to their end."""
        return self.receiving_done and self.sending_done
