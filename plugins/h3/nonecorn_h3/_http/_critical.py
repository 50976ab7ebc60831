"""Streams that a connection cannot be without (RFC 9114 section 6.2.1, RFC 9204 section 4.2): its
control streams and those of the field compression. Whoever ends one ends the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn_h3._http import _budget as budget
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode

if TYPE_CHECKING:
    from nonecorn_h3._http._connection import H3Connection

_STREAM_CANCELLATION = 0x40


class CriticalStream:
    """One of ours; those of the client's add what they read.

    Args:
        connection: Whose.
        stream_id: Its number.
    """

    __slots__ = ("_connection", "_id")

    def __init__(self, connection: H3Connection, stream_id: int) -> None:
        self._connection = connection
        self._id = stream_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id}>"

    def receive(self, data: bytes, end: bool) -> None:
        """Nothing is received on a stream of ours."""

    def was_reset(self, code: int) -> None:
        """See `nonecorn.spi.QuicProtocol.stream_reset`."""
        raise ConnectionFault(ErrorCode.CLOSED_CRITICAL_STREAM, "critical-stream")

    def was_stopped(self, code: int) -> None:
        """See `nonecorn.spi.QuicProtocol.stream_stopped`."""
        raise ConnectionFault(ErrorCode.CLOSED_CRITICAL_STREAM, "critical-stream")

    def pause_writing(self) -> None:
        """What is said here is little, and bounded by what the client may ask for."""

    def resume_writing(self) -> None:
        """See `pause_writing`."""

    def took(self, size: int, *, end: bool) -> None:
        """Credit what was read. Section 6.2.1: FIN is as bad as a reset."""
        self._connection.port.consumed(self._id, size)
        if end:
            raise ConnectionFault(ErrorCode.CLOSED_CRITICAL_STREAM, "critical-stream")


class EncoderStream(CriticalStream):
    """The client's instructions for the table that its field sections refer to."""

    __slots__ = ()

    def receive(self, data: bytes, end: bool) -> None:
        """Apply them, and go on with the streams that were waiting for them."""
        self.took(len(data), end=end)
        connection = self._connection
        connection.noise(budget.FRAME)
        connection.table_changed(data)


class DecoderStream(CriticalStream):
    """The client's acknowledgements of what our field sections refer to: nothing, ever.

    All that it may say is that it has cancelled a stream (RFC 9204 section 4.4.2).
    """

    __slots__ = ("_within",)

    def __init__(self, connection: H3Connection, stream_id: int) -> None:
        super().__init__(connection, stream_id)
        self._within = False

    def receive(self, data: bytes, end: bool) -> None:
        """Check that there is nothing else."""
        self.took(len(data), end=end)
        for octet in data:
            if self._within:
                self._within = octet >= 0x80
            elif octet & 0xC0 == _STREAM_CANCELLATION:
                self._within = octet & 0x3F == 0x3F
            else:
                raise ConnectionFault(ErrorCode.QPACK_DECODER_STREAM_ERROR, "qpack")
