"""The engine in Python: frames and their rules (RFC 9113 sections 4 to 6), for a server.

`receive` walks over the bytes it is given; a frame that is whole goes to the method of its type, by
position in a tuple, with where it lies in the bytes. Only DATA and what begins a field block are
copied out. What is left of an incomplete frame is kept until the frame is whole: nothing is looked
at twice.

A stream is known by its number and by `streams`:

    above last_id                       idle; HEADERS opens it, most others are an error
    in `streams`                        open, or half-closed as its record says
    in `_reset`                         reset by us; what was under way is dropped (section 5.4.2)
    above the last one of a GOAWAY      dropped as well (section 6.8)
    otherwise                           closed, or skipped and so never to be used (section 5.1.1)

A block of fields that changed nothing in the dynamic table means the same when it comes again,
until one changes the table. Clients that ask for one thing after another send the same few blocks,
so the heads of the last ones are kept (`_heads`).
"""

from __future__ import annotations

from typing import Any

from nonecorn.spi import Limits, RemoteProtocolError
from nonecorn_h2 import _budget as budget
from nonecorn_h2 import _frames as f
from nonecorn_h2._engine import IDLE, IN_DATA, IN_HEAD, Receiver, Weight
from nonecorn_h2._errors import ConnectionFault, ErrorCode, StreamFault
from nonecorn_h2._frame_control import FrameControl, read_weight
from nonecorn_h2._hpack import Decoder
from nonecorn_h2._rules import Head, read_head
from nonecorn_h2._stream_state import StreamState

_GAPS = 16
_HEADS = 16
_HEAD_SIZE = 512
_FRAGMENTS = 128

_PROTOCOL = ErrorCode.PROTOCOL_ERROR
_SIZE = ErrorCode.FRAME_SIZE_ERROR
_CLOSED = ErrorCode.STREAM_CLOSED
_FLOW = ErrorCode.FLOW_CONTROL_ERROR


class FrameEngine(FrameControl):
    """See `nonecorn_h2._engine.Engine`.

    Args:
        receiver: Who is told.
        limits: `[limits]`.
        frame_size: SETTINGS_MAX_FRAME_SIZE that the connection will send.
        connect_protocol: So SETTINGS_ENABLE_CONNECT_PROTOCOL.
    """

    __slots__ = (
        "_block", "_block_flags", "_block_id", "_block_weight", "_buffer", "_connect_protocol",
        "_decoder", "_fragments", "_frame_in", "_gaps", "_heads", "_limits", "_needed", "_preface",
        "fresh", "partial", "partial_id",
    )  # fmt: skip

    def __init__(
        self, receiver: Receiver, limits: Limits, *, frame_size: int, connect_protocol: bool
    ) -> None:
        super().__init__(receiver)
        self._limits = limits
        self._frame_in = frame_size
        self._connect_protocol = connect_protocol
        self._decoder = Decoder(limits.head_size, 2 * limits.head_size)
        self._heads: dict[bytes, Head] = {}
        self._preface = f.PREFACE
        self._buffer = bytearray()
        self._needed = 0
        self._block: bytearray | None = None
        self._block_id = self._block_flags = self._fragments = 0
        self._block_weight: Weight | None = None
        self._gaps: list[range] = []
        self.partial = IN_HEAD
        self.partial_id = 0
        self.fresh = False

    def __repr__(self) -> str:
        state = ("idle", "in a head", "in DATA")[self.partial]
        return f"<FrameEngine {state} last={self.last_id} open={list(self.streams)}>"

    def upgrade(self, settings: bytes) -> None:
        """See `Engine`."""
        self._apply(settings)
        self.last_id = 1

    def close(self) -> None:
        """See `Engine`."""
        del self._receiver

    def stop(self, last_id: int) -> None:
        """See `Engine`."""
        self._stopped = last_id

    # Frames ---------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """See `Engine`."""
        self.fresh = False
        buffer = self._buffer
        block = self._block
        begin = position = 0
        if buffer:
            missing = self._needed - len(buffer)
            if len(data) < missing:
                buffer += data
                return
            if len(buffer) < f.HEADER_SIZE or len(data) == missing:
                buffer += data
                data = bytes(buffer)
                buffer.clear()
            else:
                # Its frame alone is put together; what follows is read where it is.
                buffer += data[:missing]
                frame = bytes(buffer)
                buffer.clear()
                self._read_frames(frame, 0)
                position = missing
        elif self._preface:
            begin = position = self._read_preface(data)
        position = self._read_frames(data, position)
        if position < len(data):
            buffer += data[position:] if position else data
        # Of an unfinished block every part is the same head, of which the first byte counts.
        self.fresh = position > begin and (self._block is None or self._block is not block)

    def _read_frames(self, data: bytes, position: int) -> int:
        """Read the frames that are whole, and say in `partial` what is not."""
        size = len(data)
        partial = IDLE
        while position < size:
            start = position + 9
            if start > size:
                self._needed = 9
                partial = IN_HEAD
                break
            high, low, kind, flags, stream_id = f.unpack_header(data, position)
            end = start + (high << 8 | low)
            # Section 4.2: before any of it is kept.
            if end - start > self._frame_in:
                raise ConnectionFault(_SIZE, "frame-size")
            if self._block is not None and kind != f.CONTINUATION:
                raise ConnectionFault(_PROTOCOL, "continuation")
            if not self.greeted and (kind != f.SETTINGS or flags & f.ACK):
                raise ConnectionFault(_PROTOCOL, "preface")
            if end > size:
                self._needed = end - position
                partial = IN_DATA if kind == f.DATA else IN_HEAD
                self.partial_id = stream_id
                break
            position = end
            if kind < 10:
                _HANDLERS[kind](self, flags, stream_id & 0x7FFFFFFF, data, start, end)
            elif kind == f.PRIORITY_UPDATE:
                self._priority_update(stream_id & 0x7FFFFFFF, data[start:end])
            else:  # section 5.5
                self._receiver.noise(budget.FRAME)
        self.partial = partial or (IN_HEAD if self._block is not None or not self.greeted else IDLE)
        return position

    def _read_preface(self, data: bytes) -> int:
        """Section 3.4: returns how much of `data` belonged to it."""
        preface = self._preface
        used = min(len(preface), len(data))
        if data[:used] != preface[:used]:
            raise ConnectionFault(_PROTOCOL, "preface")
        self._preface = preface[used:]
        return used

    # Messages -------------------------------------------------------------------------------------

    def _data(self, flags: int, stream_id: int, data: bytes, start: int, end: int) -> None:
        credit = end - start
        self.window_in -= credit
        if self.window_in < 0:
            raise ConnectionFault(_FLOW, "connection-window")
        if flags & f.PADDED:
            start, end = _unpad(data, start, end)
        receiver = self._receiver
        state = self.streams.get(stream_id)
        if state is None:
            self._check_dropped(stream_id)
            receiver.discarded(credit)
            return
        if state.peer_ended:
            receiver.discarded(credit)
            receiver.fault(state, StreamFault(_CLOSED, "data-after-end"))
            return
        state.window_in -= credit
        if state.window_in < 0:
            receiver.discarded(credit)
            receiver.fault(state, StreamFault(_FLOW, "stream-window"))
            return
        ended = bool(flags & f.END_STREAM)
        if state.expected >= 0:
            # Section 8.1.1
            state.expected -= end - start
            if state.expected < 0 or (ended and state.expected):
                receiver.discarded(credit)
                receiver.fault(state, StreamFault(_PROTOCOL, "content-length"))
                return
        if ended:
            state.peer_ended = True
        receiver.body(state, data[start:end], credit, ended=ended)

    def _headers(self, flags: int, stream_id: int, data: bytes, start: int, end: int) -> None:
        weight: Weight | None = None
        if flags & f.PADDED:
            start, end = _unpad(data, start, end)
        if flags & f.WITH_PRIORITY:
            if end - start < 5:
                raise ConnectionFault(_SIZE, "headers")
            weight = read_weight(data, start)
            start += 5
        if not stream_id & 1:
            raise ConnectionFault(_PROTOCOL, "stream-id")
        if flags & f.END_HEADERS:
            self._read_block(flags, stream_id, data[start:end], weight)
        else:
            self._block = bytearray(data[start:end])
            self._block_id = stream_id
            self._block_flags = flags
            self._block_weight = weight
            self._fragments = 0

    def _continuation(self, flags: int, stream_id: int, data: bytes, start: int, end: int) -> None:
        block = self._block
        if block is None or stream_id != self._block_id:
            raise ConnectionFault(_PROTOCOL, "continuation")
        block += data[start:end]
        self._fragments += 1
        # CVE-2024-27316: bounded in size and number before anything is decoded.
        if len(block) > self._limits.head_size or self._fragments > _FRAGMENTS:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "continuation")
        self._receiver.noise(budget.FRAME if start < end else budget.EMPTY_CONTINUATION)
        if flags & f.END_HEADERS:
            self._block = None
            self._read_block(self._block_flags, stream_id, bytes(block), self._block_weight)

    def _read_block(self, flags: int, stream_id: int, block: bytes, weight: Weight | None) -> None:
        ended = bool(flags & f.END_STREAM)
        state = self.streams.get(stream_id)
        if state is not None or stream_id <= self.last_id:
            self._read_more(state, stream_id, block, ended=ended)
            return
        if stream_id > self._stopped:
            self._decode(block)
            return
        if stream_id > self.last_id + 2:
            self._gaps = [*self._gaps[-_GAPS:], range(self.last_id | 1, stream_id, 2)[1:]]
        self.last_id = stream_id
        try:
            head = self._heads.get(block) or self._read_head(block)
            if ended and head.length > 0:
                raise StreamFault(_PROTOCOL, "content-length")
            if weight is not None and weight[0] == stream_id:
                raise StreamFault(_PROTOCOL, "self-dependency")
        except (RemoteProtocolError, StreamFault) as error:
            self._receiver.refused(stream_id, error, ended=ended)
        else:
            self._receiver.request(
                stream_id, head, weight if self._weights_wanted else None, ended=ended
            )

    def _read_head(self, block: bytes) -> Head:
        changes = self._decoder.changes
        fields = self._decode(block)
        if fields is None:
            raise RemoteProtocolError(431, "head-too-large")
        head = read_head(fields, self._limits, connect_protocol=self._connect_protocol)
        if self._decoder.changes == changes and len(block) <= _HEAD_SIZE:
            heads = self._heads
            if len(heads) >= _HEADS:
                del heads[next(iter(heads))]
            heads[block] = head
        return head

    def _decode(self, block: bytes) -> list[tuple[bytes, bytes]] | None:
        decoder = self._decoder
        changes = decoder.changes
        fields = decoder.decode(block)
        if decoder.changes != changes:
            self._heads.clear()
        return fields

    def _read_more(
        self, state: StreamState | None, stream_id: int, block: bytes, *, ended: bool
    ) -> None:
        """A second block of a stream: trailers."""
        receiver = self._receiver
        if state is None:
            self._check_dropped(stream_id)
        fields = self._decode(block)
        if state is None:
            return
        if state.peer_ended:
            receiver.fault(state, StreamFault(_CLOSED, "headers-after-end"))
        elif not ended:
            receiver.fault(state, StreamFault(_PROTOCOL, "trailers-without-end"))
        elif state.expected > 0:
            receiver.fault(state, StreamFault(_PROTOCOL, "content-length"))
        else:
            state.peer_ended = True
            receiver.trailers(state, fields)

    def _check_dropped(self, stream_id: int) -> None:
        """DATA or HEADERS for a stream that is not open: may it still come?

        Raises:
            ConnectionFault: It may not.
        """
        if stream_id in self._reset or stream_id > self._stopped:
            return
        if self._is_idle(stream_id) or any(stream_id in gap for gap in self._gaps):
            raise ConnectionFault(_PROTOCOL, "idle-stream")
        raise ConnectionFault(_CLOSED, "closed-stream")


_HANDLERS: tuple[Any, ...] = tuple(
    getattr(FrameEngine, name)
    for name in (
        "_data", "_headers", "_priority", "_rst_stream", "_settings", "_push_promise", "_ping",
        "_goaway", "_window_update", "_continuation",
    )
)  # fmt: skip
"""By frame type. Not an attribute of each engine: bound methods would keep it alive."""


def _unpad(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the content of a padded frame lies (section 6.1)."""
    if start == end:
        raise ConnectionFault(_SIZE, "padding")
    end -= data[start]
    start += 1
    if start > end:
        raise ConnectionFault(_PROTOCOL, "padding")
    return start, end
