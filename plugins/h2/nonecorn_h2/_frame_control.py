"""Frames that carry no message: what each must look like, and what it does (RFC 9113 section 6).

The methods have the signature by which `FrameEngine.receive` calls them: flags, stream, and where
in the bytes the payload lies.
"""

from __future__ import annotations

from nonecorn_h2 import _budget as budget
from nonecorn_h2 import _frames as f
from nonecorn_h2._engine import Receiver, Weight
from nonecorn_h2._errors import ConnectionFault, ErrorCode, StreamFault
from nonecorn_h2._frame_writer import FrameWriter

_PROTOCOL = ErrorCode.PROTOCOL_ERROR
_SIZE = ErrorCode.FRAME_SIZE_ERROR
_FLOW = ErrorCode.FLOW_CONTROL_ERROR


class FrameControl(FrameWriter):
    """Part of `FrameEngine`.

    Attributes:
        greeted: See `nonecorn_h2._engine.Engine`.
    """

    __slots__ = ("_acknowledged", "_receiver", "_stopped", "_weights_wanted", "greeted")

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()
        self._receiver = receiver
        self._stopped = f.MOST_STREAM_ID
        self._acknowledged = False
        self._weights_wanted = True
        self.greeted = False

    # Streams --------------------------------------------------------------------------------------

    def _rst_stream(self, flags: int, stream_id: int, data: bytes, start: int, end: int) -> None:
        if end - start != 4:
            raise ConnectionFault(_SIZE, "rst-stream")
        state = self.streams.get(stream_id)
        if state is not None:
            self._receiver.was_reset(state, f.unpack_word(data, start)[0])
            return
        if self._is_idle(stream_id) and stream_id <= self._stopped:
            raise ConnectionFault(_PROTOCOL, "idle-stream")
        self._receiver.noise(budget.FRAME)

    def _window_update(self, flags: int, stream_id: int, data: bytes, start: int, end: int) -> None:
        if end - start != 4:
            raise ConnectionFault(_SIZE, "window-update")
        receiver = self._receiver
        receiver.noise(budget.FRAME)
        increment = f.unpack_word(data, start)[0] & 0x7FFFFFFF
        if not stream_id:
            self.window_out += increment
            if not increment:
                raise ConnectionFault(_PROTOCOL, "window-update")
            if self.window_out > f.MOST_WINDOW:
                raise ConnectionFault(_FLOW, "window-update")
            receiver.window_opened(None)
            return
        state = self.streams.get(stream_id)
        if state is None:
            if self._is_idle(stream_id) and stream_id <= self._stopped:
                raise ConnectionFault(_PROTOCOL, "idle-stream")
            return
        state.window_out += increment
        if not increment:
            receiver.fault(state, StreamFault(_PROTOCOL, "window-update"))
        elif state.window_out > f.MOST_WINDOW:
            receiver.fault(state, StreamFault(_FLOW, "window-update"))
        else:
            receiver.window_opened(state)

    def _priority(self, flags: int, stream_id: int, data: bytes, start: int, end: int) -> None:
        if not stream_id:
            raise ConnectionFault(_PROTOCOL, "priority")
        if end - start != 5:
            # Section 6.3: of the stream; but an idle one cannot be reset.
            self._stream_fault(stream_id, StreamFault(_SIZE, "priority"))
            return
        self._receiver.noise(budget.FRAME)
        weight = read_weight(data, start)
        if weight[0] == stream_id:
            self._stream_fault(stream_id, StreamFault(_PROTOCOL, "self-dependency"))
        elif self._weights_wanted:
            self._receiver.weighted(stream_id, weight)

    def _stream_fault(self, stream_id: int, fault: StreamFault) -> None:
        state = self.streams.get(stream_id)
        if state is None:
            raise ConnectionFault(fault.code, fault.reason)
        self._receiver.fault(state, fault)

    def _priority_update(self, stream_id: int, payload: bytes) -> None:
        """RFC 9218 section 7.1."""
        if len(payload) < 4:
            raise ConnectionFault(_SIZE, "priority-update")
        prioritized = f.unpack_word(payload)[0] & 0x7FFFFFFF
        if stream_id or not prioritized or (not prioritized & 1 and prioritized > self._pushed):
            raise ConnectionFault(_PROTOCOL, "priority-update")
        self._receiver.noise(budget.FRAME)
        self._receiver.prioritized(prioritized, payload[4:])

    def _push_promise(self, flags: int, stream_id: int, data: bytes, start: int, end: int) -> None:
        # Section 8.4: a client cannot push.
        raise ConnectionFault(_PROTOCOL, "push-promise")

    # The connection -------------------------------------------------------------------------------

    def _settings(self, flags: int, stream_id: int, data: bytes, start: int, end: int) -> None:
        if stream_id:
            raise ConnectionFault(_PROTOCOL, "settings")
        if flags & f.ACK:
            if start != end:
                raise ConnectionFault(_SIZE, "settings")
            self._acknowledge()
            return
        if (end - start) % 6:
            raise ConnectionFault(_SIZE, "settings")
        if self.greeted:
            self._receiver.noise(budget.SETTINGS)
        self._apply(data[start:end])
        self.greeted = True
        self.out.append(f.frame_header(0, f.SETTINGS, f.ACK, 0))
        self._receiver.settings_received()

    def _apply(self, payload: bytes) -> None:
        """Section 6.5.2."""
        for number, value in f.iter_settings(payload):
            check_setting(number, value)
            if number == f.INITIAL_WINDOW_SIZE:
                self._set_initial_window(value)
            elif number == f.MAX_FRAME_SIZE:
                self.frame_out = value
            elif number == f.ENABLE_PUSH:
                self.can_push = bool(value)
            elif number == f.MAX_CONCURRENT_STREAMS:
                self.push_limit = value
            elif number == f.NO_RFC7540_PRIORITIES:
                self._weights_wanted = not value

    def _set_initial_window(self, value: int) -> None:
        """Section 6.9.2: open streams are moved, even below zero."""
        change = value - self.initial_out
        self.initial_out = value
        for state in self.streams.values():
            state.window_out += change
            if state.window_out > f.MOST_WINDOW:
                raise ConnectionFault(_FLOW, "settings")

    def _acknowledge(self) -> None:
        """Section 6.5.3: what we asked for holds from here on."""
        if self._acknowledged:
            self._receiver.noise(budget.FRAME)
            return
        self._acknowledged = True
        excess = self.initial_in - self._wanted_in
        self.initial_in = self._wanted_in
        for state in self.streams.values():
            state.window_in -= excess

    def _ping(self, flags: int, stream_id: int, data: bytes, start: int, end: int) -> None:
        if stream_id:
            raise ConnectionFault(_PROTOCOL, "ping")
        if end - start != 8:
            raise ConnectionFault(_SIZE, "ping")
        self._receiver.noise(budget.FRAME)
        if flags & f.ACK:
            self._receiver.ponged(data[start:end])
        else:
            self.out.append(f.ping(data[start:end], ack=True))
            self._receiver.pinged()

    def _goaway(self, flags: int, stream_id: int, data: bytes, start: int, end: int) -> None:
        """Section 6.8: the client takes no more pushes. It closes when it has what it wants."""
        if stream_id:
            raise ConnectionFault(_PROTOCOL, "goaway")
        if end - start < 8:
            raise ConnectionFault(_SIZE, "goaway")
        self._receiver.noise(budget.FRAME)
        self.can_push = False

    def _is_idle(self, stream_id: int) -> bool:
        if stream_id & 1:
            return stream_id > self.last_id
        return stream_id > self._pushed or not stream_id


def read_weight(data: bytes, start: int) -> Weight:
    depends_on: int = f.unpack_word(data, start)[0]
    return depends_on & 0x7FFFFFFF, data[start + 4] + 1, bool(depends_on >> 31)


_SWITCHES = (f.ENABLE_PUSH, f.ENABLE_CONNECT_PROTOCOL, f.NO_RFC7540_PRIORITIES)


def check_setting(number: int, value: int) -> None:
    """Is it a value that this setting may have (section 6.5.2)?

    Raises:
        ConnectionFault: It is not.
    """
    if number in _SWITCHES:
        if value > 1:
            raise ConnectionFault(_PROTOCOL, "settings")
    elif number == f.INITIAL_WINDOW_SIZE:
        if value > f.MOST_WINDOW:
            raise ConnectionFault(_FLOW, "settings")
    elif number == f.MAX_FRAME_SIZE and not f.DEFAULT_FRAME_SIZE <= value <= f.MOST_FRAME_SIZE:
        raise ConnectionFault(_PROTOCOL, "settings")
