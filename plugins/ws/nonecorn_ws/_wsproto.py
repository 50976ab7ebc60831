"""The codec on wsproto.

wsproto's `FrameDecoder` reads frames and judges them, for any role and any extension: an enum,
three named tuples, three objects and half a dozen copies for each. Most frames are plain: right,
whole, and of less than 64 KiB. These are known by their form and read here; any other, and any part
of one, goes to wsproto. What is accepted is therefore what wsproto accepts, and what is read here
is a shorter way to the same.

Frames are given to the decoder one at a time, up to where they end: what follows may be plain
again.
"""

from __future__ import annotations

from wsproto.extensions import Extension
from wsproto.frame_protocol import (
    CloseReason,
    Frame,
    FrameDecoder,
    FrameProtocol,
    Opcode,
    ParseFailed,
    RsvBits,
    XorMaskerSimple,
)

from nonecorn_ws._assembly import Assembly
from nonecorn_ws._closing import close_of
from nonecorn_ws._codec import (
    WEIGHT,
    CodecLimits,
    Event,
    Failure,
    FrameError,
    Ping,
    Pong,
    weight,
)
from nonecorn_ws._deflate import Deflate
from nonecorn_ws._encoder import FrameEncoder
from nonecorn_ws._stream import WebSocketStream

_CONTINUATION, _TEXT_OPCODE, _CLOSE, _PING = 0x0, 0x1, 0x8, 0x9
_FIN, _RSV1, _OPCODE = 0x80, 0x40, 0xF

# Forms of plain frames, by their first byte. The first four are whole messages.
_TEXT, _BINARY, _DEFLATED_TEXT, _DEFLATED_BINARY, _FRAGMENT, _CONTROL = range(6)
_FORMS = {
    0x81: _TEXT,
    0x82: _BINARY,
    0x01: _FRAGMENT,
    0x02: _FRAGMENT,
    0x00: _FRAGMENT,
    0x80: _FRAGMENT,
    0x88: _CONTROL,
    0x89: _CONTROL,
    0x8A: _CONTROL,
}
_FORMS_WITH_DEFLATE = {
    **_FORMS,
    0xC1: _DEFLATED_TEXT,
    0xC2: _DEFLATED_BINARY,
    0x41: _FRAGMENT,
    0x42: _FRAGMENT,
}

_SHORT = 1024
"""Up to this length a payload is unmasked as one number faster than by tables."""


class WsprotoCodec(FrameEncoder):
    """See `nonecorn_ws.FrameCodec`.

    Args:
        limits: Of what the peer sends.
        deflate: The connection's compression, or None.

    Attributes:
        stalled: See `nonecorn_ws.FrameCodec`.
    """

    __slots__ = (
        "_assembly", "_decoder", "_ended", "_forms", "_kept", "_limits", "_longest",
        "_position", "_rsv1", "_within", "stalled",
    )  # fmt: skip

    def __init__(self, limits: CodecLimits, deflate: Deflate | None) -> None:
        super().__init__(deflate)
        self._limits = limits
        self._longest = min(limits.frame, limits.message)
        self._forms = _FORMS if deflate is None else _FORMS_WITH_DEFLATE
        self._rsv1 = None if deflate is None else _Rsv1()
        self._assembly: Assembly | None = None
        self._decoder: FrameDecoder | None = None
        """Holds a part of a frame; None where one begins next."""
        self._within = False
        """Some of that frame's payload was taken already."""
        self._kept: bytearray | None = None
        """What came and was not all read."""
        self._position = 0
        self._ended = False
        self.stalled = False

    def __repr__(self) -> str:
        state = "ended" if self._ended else "stalled" if self.stalled else "reading"
        return f"<WsprotoCodec {state} {self._assembly!r}>"

    def receive(self, data: bytes | bytearray, room: int, /) -> list[Event]:
        """See `nonecorn_ws.FrameCodec`."""
        events: list[Event] = []
        position = 0
        if self._kept is not None:
            self._kept += data
            if room <= 0:
                return events
            data, position = self._kept, self._position
            self._kept = None
            self.stalled = False
        end = len(data)
        forms = self._forms
        try:
            while position < end and not self._ended:
                if room <= 0:
                    self._keep(data, position)
                    break
                form = forms.get(data[position])
                if form is not None and self._decoder is None and end - position > 5:
                    size = data[position + 1] - 128  # without a mask it is below zero
                    after = position + 6 + size
                    if size == 126 and end - position > 7:
                        size = data[position + 2] << 8 | data[position + 3]
                        after = position + 8 + size
                        # Section 5.2: the length in as few bytes as hold it; 5.5: at most 125.
                        plain = size > 125 and form != _CONTROL
                    else:
                        plain = 0 <= size < 126
                    if (
                        plain
                        and after <= end
                        and size <= self._longest
                        and (self._assembly is None or form >= _FRAGMENT)
                    ):
                        start = after - size
                        if size <= _SHORT:
                            mask = (data[start - 4 : start] * (size // 4 + 1))[:size]
                            payload = (
                                int.from_bytes(data[start:after], "little")
                                ^ int.from_bytes(mask, "little")
                            ).to_bytes(size, "little")
                        else:
                            masker = XorMaskerSimple(data[start - 4 : start])
                            payload = bytes(masker.process(data[start:after]))  # type: ignore[arg-type]  # it copies
                        if form == _TEXT:
                            events.append(payload.decode())
                        elif form == _BINARY:
                            events.append(payload)
                        elif form == _CONTROL:
                            self._control(data[position] & _OPCODE, payload, events)
                        elif form == _FRAGMENT:
                            first = data[position]
                            position = after
                            self._begin_frame(first & _OPCODE, first & _RSV1 > 0)
                            if self._add(payload, first & _FIN > 0, events):
                                room -= weight(events[-1])
                            continue
                        else:
                            size = self._deflated(payload, form == _DEFLATED_TEXT, events)
                        room -= size + WEIGHT
                        position = after
                        continue
                found = len(events)
                position = self._by_decoder(data, position, end, events)
                if len(events) > found:
                    room -= weight(events[-1])
        except FrameError as error:
            self._fail(error.code, error.reason, events)
        except UnicodeDecodeError:
            self._fail(1007, "invalid UTF-8", events)
        except ParseFailed as error:
            self._fail(int(error.code), "protocol error", events)
        return events

    def _keep(self, data: bytes | bytearray, position: int) -> None:
        """Stop here. What was read is dropped when it is most, so that each byte moves once."""
        kept = data if isinstance(data, bytearray) else bytearray(data)
        if position > len(kept) // 2:
            del kept[:position]
            position = 0
        self._kept, self._position = kept, position
        self.stalled = True

    def _control(self, opcode: int, payload: bytes, events: list[Event]) -> None:
        if opcode == _PING:
            events.append(Ping(data=payload))
        elif opcode == _CLOSE:
            events.append(close_of(payload))
            self._end()
        else:
            events.append(Pong(data=payload))

    def _deflated(self, payload: bytes, text: bool, events: list[Event]) -> int:
        """A compressed message in one frame. Returns its length."""
        message = Assembly(self._limits, text, self._deflate)
        message.add(payload, True)
        event = message.finish()
        events.append(event)
        return len(event)

    def _by_decoder(
        self, data: bytes | bytearray, position: int, end: int, events: list[Event]
    ) -> int:
        """Give the decoder the frame that begins at `position`, or more of the one it has.

        Returns:
            The position after it, or after what came of it.
        """
        decoder = self._decoder
        if decoder is None:
            extensions: list[Extension] = [] if self._rsv1 is None else [self._rsv1]
            self._decoder = decoder = FrameDecoder(client=False, extensions=extensions)
            after = _end_of_frame(data, position, end)
        elif decoder.header is None:
            after = position + 1  # a head that was cut: it ends within the next few bytes
        else:
            held = decoder.payload_consumed + len(decoder.buffer)
            after = min(end, position + decoder.header.payload_len - held)
        decoder.receive_bytes(bytes(data[position:after]))
        frame = decoder.process_buffer()
        if decoder.header is not None and decoder.header.payload_len > self._limits.frame:
            raise FrameError(1009, "frame too big")
        if frame is not None:
            self._frame(frame, events)
            if frame.frame_finished:
                self._within = False
                self._decoder = None
        return after

    def _frame(self, frame: Frame, events: list[Event]) -> None:
        """A frame, or a part of one, that wsproto has found right."""
        assert isinstance(frame.payload, bytes | bytearray)  # as wsproto 1.2 has it
        payload = bytes(frame.payload)
        if frame.opcode.iscontrol():
            self._control(int(frame.opcode), payload, events)
            return
        if not self._within:
            compressed = self._rsv1 is not None and self._rsv1.found
            self._begin_frame(int(frame.opcode), compressed)
            self._within = True
        if len(payload) > self._limits.frame:
            raise FrameError(1009, "frame too big")
        self._add(payload, frame.frame_finished and frame.message_finished, events)

    def _begin_frame(self, opcode: int, compressed: bool) -> None:
        """A data frame begins. Section 5.4: a message's first has its opcode, the others none."""
        assembly = self._assembly
        if (assembly is None) is (opcode == _CONTINUATION):
            raise FrameError(1002, "fragments out of order")
        if assembly is None:
            deflate = self._deflate if compressed else None
            self._assembly = assembly = Assembly(self._limits, opcode == _TEXT_OPCODE, deflate)
        assembly.begin_frame()

    def _add(self, payload: bytes, final: bool, events: list[Event]) -> bool:
        """Take some of the message's payload. Returns whether it is complete."""
        assembly = self._assembly
        assert assembly is not None  # a frame has begun
        assembly.add(payload, final)
        if final:
            self._assembly = None
            events.append(assembly.finish())
        return final

    def _fail(self, code: int, reason: str, events: list[Event]) -> None:
        events.append(Failure(code=code, reason=reason))
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._assembly = self._decoder = None


class _Rsv1(Extension):
    """Lets wsproto pass the bit that says "compressed" (RFC 7692 section 6), where it may be.

    Attributes:
        found: The last data frame had it.
    """

    name = "permessage-deflate"

    def __init__(self) -> None:
        self.found = False

    def offer(self) -> bool | str:
        """Only clients offer."""
        return False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> CloseReason | RsvBits:
        """The bit stands in the first frame of a message, and in no other."""
        if not opcode.iscontrol():
            self.found = rsv.rsv1
        return RsvBits(opcode in (Opcode.TEXT, Opcode.BINARY), False, False)


def _end_of_frame(data: bytes | bytearray, position: int, end: int) -> int:
    """Where the frame that begins at `position` ends, or `end` if it goes beyond."""
    if end - position < 2:
        return end
    size = data[position + 1] & 0x7F
    start = position + 2 + (data[position + 1] & 0x80 and 4)
    if size > 125:
        wide = 2 if size == 126 else 8
        size = int.from_bytes(data[position + 2 : position + 2 + wide], "big")
        start += wide
    if start > end:
        return end
    return min(end, start + size)


class WsprotoStream(WebSocketStream):
    """The WebSocket stream with this codec."""

    __slots__ = ()

    codec = WsprotoCodec
