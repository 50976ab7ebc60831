"""CRYPTO frames: the handshake's own stream, with bounds on what may come out of order."""

from __future__ import annotations

from aioquic.quic import events
from aioquic.quic.connection import QuicConnectionError
from aioquic.quic.packet import QuicErrorCode, QuicFrameType, QuicStreamFrame
from aioquic.quic.stream import QuicStreamReceiver

from nonecorn_h3._quic._aioquic._pieces import Pieces, TooManyPiecesError

MOST_AHEAD = 65536
"""Bytes beyond a gap (RFC 9000 section 7.5 asks for 4096 at least)."""


class CryptoReceiver(QuicStreamReceiver):
    """Takes the place of aioquic's, whose work grows with the square of the gaps."""

    def __init__(self) -> None:
        super().__init__(stream_id=None, readable=True)
        self._pieces = Pieces()

    def handle_frame(self, frame: QuicStreamFrame) -> events.StreamDataReceived | None:
        """What can go to TLS, once this has come; None for nothing.

        Raises:
            QuicConnectionError: Too much is ahead of a gap.
        """
        start, data = frame.offset, frame.data
        end = start + len(data)
        if end <= self._buffer_start:
            return None
        if end > self._buffer_start + MOST_AHEAD:
            reason = "too far ahead of a gap"
            raise _exceeded(reason)
        try:
            self._pieces.add(start, data)
        except TooManyPiecesError as error:
            raise _exceeded(str(error)) from error
        ready = self._pieces.pull(self._buffer_start)
        if not ready:
            return None
        self._buffer_start += len(ready)
        self.highest_offset = max(self.highest_offset, self._buffer_start)
        return events.StreamDataReceived(data=ready, end_stream=False, stream_id=0)


def _exceeded(reason: str) -> QuicConnectionError:
    return QuicConnectionError(
        QuicErrorCode.CRYPTO_BUFFER_EXCEEDED, QuicFrameType.CRYPTO, f"handshake data: {reason}"
    )
