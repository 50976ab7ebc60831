"""The sending half of `FrameEngine`: frames into `out`, and nothing else.

DATA costs nine bytes a frame and no copy: the payload goes into `out` as it is, or as views of it.
Its frames have the size that every client takes (RFC 9113 section 4.2), and no more: larger ones
are hardly cheaper, and a frame once begun is in the way of all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nonecorn.spi import Header
from nonecorn_h2 import _frames as f
from nonecorn_h2._hpack import NO_TABLE, encode, encode_status
from nonecorn_h2._stream_state import StreamState

_FRAME = f.DEFAULT_FRAME_SIZE
_REMEMBERED_RESETS = 1024


class FrameWriter:
    """See `nonecorn_h2._engine.Engine`, of which this is what sends.

    Attributes:
        window_in: Bytes of DATA that the client may send on the connection.
    """

    __slots__ = (
        "_pushed", "_reset", "_table_said", "_wanted_in", "can_push", "frame_out", "initial_in",
        "initial_out", "last_id", "out", "push_limit", "streams", "window_in", "window_out",
    )  # fmt: skip

    def __init__(self) -> None:
        self.out: list[Any] = []
        self.streams: dict[int, Any] = {}
        self.window_in = self.window_out = f.DEFAULT_WINDOW
        self.initial_in = self.initial_out = f.DEFAULT_WINDOW
        self.frame_out = f.DEFAULT_FRAME_SIZE
        self.last_id = 0
        self.can_push = True  # RFC 9113 section 6.5.2
        self.push_limit = f.MOST_STREAM_ID
        self._pushed = 0
        self._reset: dict[int, None] = {}
        self._table_said = False
        self._wanted_in = f.DEFAULT_WINDOW

    def start(self, settings: Mapping[int, int], window: int) -> None:
        """See `Engine`."""
        self._wanted_in = settings.get(f.INITIAL_WINDOW_SIZE, f.DEFAULT_WINDOW)
        # A smaller one holds once the client has heard of it (section 6.9.3).
        self.initial_in = max(self._wanted_in, f.DEFAULT_WINDOW)
        self.out.append(f.settings(settings))
        if window > f.DEFAULT_WINDOW:
            self.open_window(None, window - f.DEFAULT_WINDOW)

    @staticmethod
    def encode(fields: list[Header]) -> bytes:
        """See `Engine`."""
        return encode(fields)

    @staticmethod
    def encode_head(status: int, fields: list[Header]) -> bytes:
        """See `Engine`."""
        return encode_status(status) + encode(fields)

    def headers(self, state: StreamState, block: bytes, *, end: bool) -> None:
        """See `Engine`."""
        if not self._table_said:
            self._table_said = True
            block = NO_TABLE + block
        flags = f.END_STREAM if end else 0
        self.out.append(f.field_block(f.HEADERS, flags, state.id, block, self.frame_out))

    def data(self, state: StreamState, data: bytes | memoryview, *, end: bool) -> int:
        """See `Engine`."""
        size = len(data)
        state.window_out -= size
        self.window_out -= size
        frames = 1
        if size > _FRAME:
            data = memoryview(data)
            out = self.out
            header = f.frame_header(_FRAME, f.DATA, 0, state.id)
            position = 0
            while size > _FRAME:
                out += (header, data[position : position + _FRAME])
                position += _FRAME
                size -= _FRAME
                frames += 1
            data = data[position:]
        self.out += (f.frame_header(size, f.DATA, f.END_STREAM if end else 0, state.id), data)
        return frames

    def push(self, state: StreamState, fields: list[Header]) -> int:
        """See `Engine`."""
        self._pushed += 2
        block = encode(fields)
        if not self._table_said:
            self._table_said = True
            block = NO_TABLE + block
        promised = self._pushed.to_bytes(4, "big")
        self.out.append(
            f.field_block(f.PUSH_PROMISE, 0, state.id, promised + block, self.frame_out)
        )
        return self._pushed

    def reset(self, stream_id: int, code: int) -> None:
        """See `Engine`."""
        resets = self._reset
        resets[stream_id] = None
        if len(resets) > _REMEMBERED_RESETS:
            del resets[next(iter(resets))]
        self.out.append(f.rst_stream(stream_id, code))

    def open_window(self, state: StreamState | None, increment: int) -> None:
        """See `Engine`."""
        if state is None:
            self.window_in += increment
            self.out.append(f.window_update(0, increment))
        else:
            state.window_in += increment
            self.out.append(f.window_update(state.id, increment))

    def ping(self, payload: bytes) -> None:
        """See `Engine`."""
        self.out.append(f.ping(payload, ack=False))

    def goaway(self, last_id: int, code: int) -> None:
        """See `Engine`."""
        self.out.append(f.goaway(last_id, code))
