"""The client's control stream (RFC 9114 sections 6.2.1 and 7.2): SETTINGS first, then whatever
concerns the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn_h3._http import _budget as budget
from nonecorn_h3._http import _frames as f
from nonecorn_h3._http._critical import CriticalStream
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode
from nonecorn_h3._http._settings_frame import read_settings

if TYPE_CHECKING:
    from nonecorn_h3._http._connection import H3Connection

_MOST_PAYLOAD = 4096
"""Of a frame that is read; none that is known needs more."""
_NOT_HERE = f.FROM_HTTP2 | {f.DATA, f.HEADERS, f.PUSH_PROMISE}
_KNOWN = frozenset(
    (
        f.SETTINGS, f.GOAWAY, f.CANCEL_PUSH, f.MAX_PUSH_ID, f.PRIORITY_UPDATE_REQUEST,
        f.PRIORITY_UPDATE_PUSH,
    )
)  # fmt: skip


class ControlStream(CriticalStream):
    """See the module."""

    __slots__ = ("_buffer", "_goaway", "_greeted", "_left")

    def __init__(self, connection: H3Connection, stream_id: int) -> None:
        super().__init__(connection, stream_id)
        self._buffer = b""
        self._left = 0
        self._greeted = False
        self._goaway = f.MOST_INTEGER

    def receive(self, data: bytes, end: bool) -> None:
        """Read what is whole, skip what is unknown as it comes, and keep the rest."""
        fresh = len(data)
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        position = 0
        while position < len(data):
            if self._left:
                step = min(self._left, len(data) - position)
                self._left -= step
                position += step
                continue
            try:
                kind, start = f.read_integer(data, position)
                length, start = f.read_integer(data, start)
            except IndexError:
                self._buffer = data[position:]
                break
            self._check(kind, length)
            if kind not in _KNOWN:
                self._connection.noise(budget.FRAME)
                self._left = length
                position = start
                continue
            if start + length > len(data):
                self._buffer = data[position:]
                break
            position = start + length
            self._frame(kind, data[start:position])
        self.took(fresh, end=end)

    def _check(self, kind: int, length: int) -> None:
        """As soon as its head is there, before any of it is kept."""
        if not self._greeted and kind != f.SETTINGS:
            raise ConnectionFault(ErrorCode.MISSING_SETTINGS, "settings")
        if kind in _NOT_HERE or (kind == f.SETTINGS and self._greeted):
            raise ConnectionFault(ErrorCode.FRAME_UNEXPECTED, "frame-type")
        if kind in _KNOWN and length > _MOST_PAYLOAD:
            raise ConnectionFault(ErrorCode.EXCESSIVE_LOAD, "control-frame")

    def _frame(self, kind: int, payload: bytes) -> None:
        connection = self._connection
        if kind == f.SETTINGS:
            self._greeted = True
            connection.settings_received(read_settings(payload))
            return
        connection.noise(budget.FRAME)
        if kind in (f.PRIORITY_UPDATE_REQUEST, f.PRIORITY_UPDATE_PUSH):
            try:
                element, start = f.read_integer(payload, 0)
            except IndexError as error:
                raise ConnectionFault(ErrorCode.FRAME_ERROR, "priority-update") from error
            if kind == f.PRIORITY_UPDATE_REQUEST:
                connection.prioritized(element, payload[start:])
            else:
                connection.pushes.prioritized(element, payload[start:])
            return
        number = _one_integer(payload)
        if kind == f.MAX_PUSH_ID:
            connection.pushes.allow(number)
        elif kind == f.CANCEL_PUSH:
            connection.pushes.cancel(number)
        else:
            # Section 5.2: a client's GOAWAY names a push, and may only go down.
            if number > self._goaway:
                raise ConnectionFault(ErrorCode.ID_ERROR, "goaway")
            self._goaway = number
            connection.pushes.stop(number)


def _one_integer(payload: bytes) -> int:
    """Sections 7.2.3, 7.2.6 and 7.2.7."""
    try:
        number, end = f.read_integer(payload, 0)
    except IndexError:
        end = -1
    if end != len(payload):
        raise ConnectionFault(ErrorCode.FRAME_ERROR, "length")
    return number
