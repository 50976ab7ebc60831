"""A client's unidirectional stream until it has said what it is (RFC 9114 section 6.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn_h3._http import _budget as budget
from nonecorn_h3._http import _frames as f
from nonecorn_h3._http._control import ControlStream
from nonecorn_h3._http._critical import DecoderStream, EncoderStream
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode

if TYPE_CHECKING:
    from nonecorn_h3._http._connection import H3Connection

_CRITICAL = {
    f.CONTROL_STREAM: ControlStream,
    f.ENCODER_STREAM: EncoderStream,
    f.DECODER_STREAM: DecoderStream,
}


class UntypedStream:
    """One that may become anything; it can end before that, which is nobody's error."""

    __slots__ = ("_buffer", "_connection", "_id")

    def __init__(self, connection: H3Connection, stream_id: int) -> None:
        self._connection = connection
        self._id = stream_id
        self._buffer = b""

    def __repr__(self) -> str:
        return f"<UntypedStream {self._id}>"

    def receive(self, data: bytes, end: bool) -> None:
        """Bytes, up to the type and past it."""
        connection = self._connection
        fresh = len(data)
        if self._buffer:
            data = self._buffer + data
        try:
            kind, start = f.read_integer(data, 0)
            if kind in connection.sessions.stream_types:
                session, start = f.read_integer(data, start)
                # All but the last byte: see `Sessions`.
                connection.port.consumed(self._id, fresh - len(data) + start - 1)
                connection.sessions.stream(self._id, session, data[start:], end)
                return
        except IndexError:
            self._buffer = data
            connection.port.consumed(self._id, fresh)
            if end:
                self._forget(budget.FRAME)
            return
        connection.port.consumed(self._id, fresh - len(data) + start)
        if kind in _CRITICAL:
            if kind in connection.critical:
                # Section 6.2.1, RFC 9204 section 4.2
                raise ConnectionFault(ErrorCode.STREAM_CREATION_ERROR, "second-stream")
            connection.critical.add(kind)
            handler = connection.streams[self._id] = _CRITICAL[kind](connection, self._id)
            if start < len(data) or end:
                handler.receive(data[start:], end)
        elif kind == f.PUSH_STREAM:
            # Section 6.2.2: only servers push.
            raise ConnectionFault(ErrorCode.STREAM_CREATION_ERROR, "push-stream")
        else:
            self._forget(budget.STREAM)
            connection.stop(self._id, ErrorCode.STREAM_CREATION_ERROR)

    def was_reset(self, code: int) -> None:
        """It was nothing."""
        self._forget(budget.STREAM)

    def was_stopped(self, code: int) -> None:
        """There is no direction of ours."""

    def pause_writing(self) -> None:
        """See `was_stopped`."""

    def resume_writing(self) -> None:
        """See `was_stopped`."""

    def _forget(self, noise: int) -> None:
        del self._connection.streams[self._id]
        self._connection.noise(noise)
