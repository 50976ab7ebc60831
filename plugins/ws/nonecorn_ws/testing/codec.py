"""The rules for frame codecs: subclass `FrameCodecConformance` and name the codec.

    class TestMyCodec(FrameCodecConformance):
        codec = MyCodec

Rules are those of RFC 6455 sections 5 to 7 and RFC 7692, and those of `nonecorn_ws.FrameCodec`.
Whatever is read is read whole, byte by byte, and cut at random.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nonecorn.spi import LocalProtocolError
from nonecorn_ws._codec import (
    NO_CODE,
    WEIGHT,
    Close,
    CodecLimits,
    Event,
    Failure,
    FrameCodec,
    FrameCodecFactory,
    Ping,
    Pong,
)
from nonecorn_ws._deflate import Deflate
from nonecorn_ws.testing.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    LIMITS,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    client_frame,
    client_message,
    deflated,
    make_deflate,
)

__all__ = ["FrameCodecConformance"]

_ALL = 1 << 40
_TAIL = b"\x00\x00\xff\xff"


def _bytewise(wire: bytes) -> Iterator[bytes]:
    return (wire[index : index + 1] for index in range(len(wire)))


def _by_sevens(wire: bytes) -> Iterator[bytes]:
    return (wire[index : index + 7] for index in range(0, len(wire), 7))


_CUTS: dict[str, Callable[[bytes], Iterable[bytes]]] = {
    "whole": lambda wire: [wire],
    "bytewise": _bytewise,
    "by sevens": _by_sevens,
}

_every_cut = pytest.mark.parametrize("cut", _CUTS.values(), ids=_CUTS)

_messages = st.lists(
    st.tuples(st.one_of(st.text(max_size=200), st.binary(max_size=400)), st.integers(1, 4)),
    min_size=1,
    max_size=5,
)


class FrameCodecConformance:
    """Every rule for a codec.

    Attributes:
        codec: Makes the codec under test; wrap a function in `staticmethod`.
    """

    codec: FrameCodecFactory

    def make(self, limits: CodecLimits = LIMITS, deflate: Deflate | None = None) -> FrameCodec:
        """A new codec."""
        return self.codec(limits, deflate)

    def read(self, codec: FrameCodec, pieces: Iterable[bytes]) -> list[Event]:
        """All events of some input."""
        return [event for piece in pieces for event in codec.receive(piece, _ALL)]

    def refused(self, wire: bytes, cut: Callable[[bytes], Iterable[bytes]], code: int) -> None:
        """A message, then `wire`, which is refused with `code`, after which nothing is read."""
        after = client_message("never read")
        codec = self.make()
        first, *rest = self.read(codec, cut(client_message("first") + wire + after))
        assert first == "first"
        assert [type(event) for event in rest] == [Failure]
        assert isinstance(rest[0], Failure)
        assert rest[0].code == code
        assert 0 < len(rest[0].reason.encode()) <= 123
        assert codec.receive(after, _ALL) == []

    # Reading --------------------------------------------------------------------------------------

    @_every_cut
    @pytest.mark.parametrize("size", [0, 1, 3, 4, 125, 126, 127, 1023, 1024, 1025, 5000])
    def test_f01_messages_of_every_length(
        self, size: int, cut: Callable[[bytes], Iterable[bytes]]
    ) -> None:
        """F1. Messages come as they were sent, text as `str` and binary as `bytes`."""
        text, data = "x" * size, bytes(index % 256 for index in range(size))
        wire = client_message(text) + client_message(data)
        assert self.read(self.make(), cut(wire)) == [text, data]

    @pytest.mark.parametrize("size", [65535, 65536, 70000, 1 << 20])
    def test_f02_long_messages(self, size: int) -> None:
        """F2. So do long ones, and what follows them at once."""
        data = (b"0123456789abcde" * (size // 15 + 1))[:size]
        wire = client_message(data) + client_message("after") + client_message(data.decode())
        for pieces in ([wire], [wire[i : i + 10007] for i in range(0, len(wire), 10007)]):
            assert self.read(self.make(), pieces) == [data, "after", data.decode()]

    @_every_cut
    def test_f03_fragments(self, cut: Callable[[bytes], Iterable[bytes]]) -> None:
        """F3. A fragmented message is one message, its characters may be cut (section 5.4)."""
        text = "κόσμε 🎉 €"
        wire = client_message(text, 9) + client_message(b"\x00\xff" * 9, 5) + client_message("", 3)
        assert self.read(self.make(), cut(wire)) == [text, b"\x00\xff" * 9, ""]

    @_every_cut
    def test_f04_control_frames_between_fragments(
        self, cut: Callable[[bytes], Iterable[bytes]]
    ) -> None:
        """F4. Control frames come in their place, also within a message (section 5.4)."""
        wire = (
            client_frame(PING)
            + client_frame(TEXT, b"a", fin=False)
            + client_frame(PING, b"1" * 125)
            + client_frame(CONTINUATION, b"b", fin=False)
            + client_frame(PONG, b"2")
            + client_frame(CONTINUATION, b"c")
            + client_frame(PONG)
        )
        assert self.read(self.make(), cut(wire)) == [
            Ping(data=b""),
            Ping(data=b"1" * 125),
            Pong(data=b"2"),
            "abc",
            Pong(data=b""),
        ]

    @_every_cut
    @pytest.mark.parametrize(
        ("payload", "code", "reason"),
        [
            (b"", NO_CODE, ""),
            (b"\x03\xe8", 1000, ""),
            *(
                (code.to_bytes(2, "big") + b"bye \xe2\x82\xac", code, "bye €")
                for code in (1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4999)
            ),
            (b"\x03\xe8" + b"x" * 123, 1000, "x" * 123),
        ],
    )
    def test_f05_close(
        self, payload: bytes, code: int, reason: str, cut: Callable[[bytes], Iterable[bytes]]
    ) -> None:
        """F5. A close has code and reason, and nothing is read after it (section 5.5.1)."""
        codec = self.make()
        wire = client_message("a") + client_frame(CLOSE, payload) + client_message("b")
        assert self.read(codec, cut(wire)) == ["a", Close(code=code, reason=reason)]
        assert codec.receive(client_message("c"), _ALL) == []

    @_every_cut
    @pytest.mark.parametrize(
        "payload",
        [
            b"\x03",
            *(
                code.to_bytes(2, "big")
                for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65535)
            ),
        ],
    )
    def test_f06_bad_close_codes(
        self, payload: bytes, cut: Callable[[bytes], Iterable[bytes]]
    ) -> None:
        """F6. A close with half a code, or one that may not be sent, is 1002 (section 7.4)."""
        self.refused(client_frame(CLOSE, payload), cut, 1002)

    @_every_cut
    @pytest.mark.parametrize(
        "wire",
        [
            client_frame(TEXT, b"a", mask=b""),
            client_frame(TEXT, b"a", rsv=RSV1),
            client_frame(BINARY, b"a", rsv=RSV2),
            client_frame(PING, b"a", rsv=RSV3),
            client_frame(CLOSE, b"", rsv=RSV1),
            *(client_frame(opcode, b"a") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
            client_frame(PING, b"a", fin=False),
            client_frame(CLOSE, b"", fin=False),
            client_frame(PING, b"a" * 126),
            client_frame(PONG, b"a" * 65536),
            client_frame(TEXT, b"a" * 125, wide=2),
            client_frame(TEXT, b"", wide=2),
            client_frame(TEXT, b"a" * 125, wide=8),
            client_frame(BINARY, b"a" * 300, wide=8),
            client_frame(TEXT, b"a", size=1 << 63, wide=8),
            client_frame(CONTINUATION, b"a"),
            client_frame(CONTINUATION, b"a", fin=False),
            client_frame(TEXT, b"a", fin=False) + client_frame(TEXT, b"b"),
            client_frame(TEXT, b"a", fin=False) + client_frame(BINARY, b"b", fin=False),
        ],
    )
    def test_f07_broken_frames(self, wire: bytes, cut: Callable[[bytes], Iterable[bytes]]) -> None:
        """F7. Missing masks, reserved bits and opcodes, control frames that are long or in parts,
        lengths in more bytes than needed, fragments out of order: 1002 (sections 5.1 to 5.5).
        """
        self.refused(wire, cut, 1002)

    @_every_cut
    @pytest.mark.parametrize(
        "payload",
        [
            b"\xff",
            b"\xc3\x28",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xc0\xaf",
            b"abc\xe2\x82",
        ],
    )
    def test_f08_bad_utf8(self, payload: bytes, cut: Callable[[bytes], Iterable[bytes]]) -> None:
        """F8. Text that is no UTF-8, in one frame or in several, and such a reason of a close, are
        1007 (section 8.1). Binary messages may have any bytes.
        """
        self.refused(client_frame(TEXT, payload), cut, 1007)
        fragments = client_frame(TEXT, payload[:1], fin=False)
        self.refused(fragments + client_frame(CONTINUATION, payload[1:]), cut, 1007)
        self.refused(client_frame(CLOSE, b"\x03\xe8" + payload), cut, 1007)
        assert self.read(self.make(), cut(client_message(payload))) == [payload]

    def test_f09_bad_utf8_is_found_at_once(self) -> None:
        """F9. Not at the end of its message, nor of its frame."""
        codec = self.make()
        assert codec.receive(client_frame(TEXT, "κόσμε".encode(), fin=False), _ALL) == []
        [failure] = codec.receive(client_frame(CONTINUATION, b"\xf4\x90", fin=False), _ALL)
        assert isinstance(failure, Failure)
        wire = client_frame(TEXT, b"a" * 2000 + b"\xff" + b"a" * 2000)
        [failure] = self.make().receive(wire[:3000], _ALL)
        assert isinstance(failure, Failure)

    @settings(deadline=None)  # of a machine that is busy, time says nothing
    @given(_messages, st.data())
    def test_f10_however_it_is_cut(
        self, messages: list[tuple[str | bytes, int]], data: st.DataObject
    ) -> None:
        """F10. Messages in any number of fragments, cut anywhere, are the same messages."""
        wire = b"".join(client_message(message, parts) for message, parts in messages)
        positions = data.draw(st.lists(st.integers(0, len(wire)), max_size=20))
        edges = sorted({0, len(wire), *positions})
        pieces = [wire[start:end] for start, end in itertools.pairwise(edges)]
        assert self.read(self.make(), pieces) == [message for message, _ in messages]

    @settings(deadline=None)
    @given(st.binary(max_size=300))
    def test_f11_whatever_comes(self, wire: bytes) -> None:
        """F11. No input raises; what is refused is refused once, and last."""
        events = self.read(self.make(), [wire])
        assert not any(isinstance(event, Failure | Close) for event in events[:-1])

    # Limits ---------------------------------------------------------------------------------------

    @_every_cut
    def test_f12_sizes(self, cut: Callable[[bytes], Iterable[bytes]]) -> None:
        """F12. A frame or message may be as long as the limit; beyond it is 1009."""
        limits = CodecLimits(frame=200, message=300, fragments=9, inflated=300)
        fits = client_message(b"a" * 200) + client_message(b"a" * 300, 3)
        codec = self.make(limits)
        assert self.read(codec, cut(fits)) == [b"a" * 200, b"a" * 300]
        for wire in (client_message(b"a" * 201), client_message("a" * 301, 3)):
            [failure] = self.read(self.make(limits), cut(wire))
            assert isinstance(failure, Failure)
            assert failure.code == 1009

    def test_f13_a_size_is_refused_when_it_is_said(self) -> None:
        """F13. A frame that is too long is refused by its head, before any of it has come."""
        wire = client_frame(BINARY, b"", size=1 << 40, wide=8)
        for pieces in ([wire], _bytewise(wire)):
            [failure] = self.read(self.make(), pieces)
            assert isinstance(failure, Failure)
            assert failure.code == 1009

    def test_f14_fragments_are_counted(self) -> None:
        """F14. So many frames make a message, empty ones included; beyond is 1009."""
        limits = CodecLimits(frame=100, message=100, fragments=4, inflated=100)
        assert self.read(self.make(limits), [client_message("abcd", 4)]) == ["abcd"]
        wire = client_frame(TEXT, b"", fin=False) + 4 * client_frame(CONTINUATION, b"", fin=False)
        [failure] = self.read(self.make(limits), [wire])
        assert isinstance(failure, Failure)
        assert failure.code == 1009

    # Room -----------------------------------------------------------------------------------------

    @pytest.mark.parametrize("parts", [1, 2])
    def test_f15_without_room_nothing_is_read(self, parts: int) -> None:
        """F15. The event that uses up the room is the last; the rest is kept, in order, and `close`
        and all come later.
        """
        codec = self.make()
        names = [f"message {index}" for index in range(10)]
        wire = b"".join(client_message(name, parts) for name in names)
        wire += client_frame(CLOSE)
        one = WEIGHT + len(names[0])
        assert codec.receive(wire, 2 * one + 1) == names[:3]
        assert codec.stalled
        assert codec.receive(b"", 0) == []
        assert codec.receive(client_message("after the close"), -5) == []
        assert codec.receive(b"", one) == names[3:4]
        assert codec.stalled
        assert codec.receive(b"", _ALL) == [*names[4:], Close(code=NO_CODE, reason="")]
        assert not codec.stalled

    def test_f16_incomplete_messages_need_no_room(self) -> None:
        """F16. While there is some, a message of any length may come."""
        codec = self.make()
        wire = client_message(b"a" * 100000, 3)
        assert codec.receive(wire[:-1], 1) == []
        assert not codec.stalled
        assert codec.receive(wire[-1:], 1) == [b"a" * 100000]
        assert not codec.stalled

    # Compression ----------------------------------------------------------------------------------

    @_every_cut
    @pytest.mark.parametrize("takeover", [True, False])
    def test_f17_compressed_messages(
        self, takeover: bool, cut: Callable[[bytes], Iterable[bytes]]
    ) -> None:
        """F17. Compressed messages, whole and in fragments, among others; with the window going on
        or not (RFC 7692 section 7.2.2).
        """
        texts = [b"some text, some text", b"some text, some text", b""]
        packed = deflated(*texts) if takeover else [deflated(text)[0] for text in texts]
        packed[2] = packed[2] or b"\x00"
        wire = (
            client_frame(TEXT, packed[0], rsv=RSV1)
            + client_message("plain")
            + client_frame(TEXT, packed[1][:3], rsv=RSV1, fin=False)
            + client_frame(PING, b"within")
            + client_frame(CONTINUATION, packed[1][3:], fin=False)
            + client_frame(CONTINUATION, b"")
            + client_frame(BINARY, packed[2], rsv=RSV1)
        )
        codec = self.make(deflate=make_deflate(client_takeover=takeover))
        assert self.read(codec, cut(wire)) == [
            texts[0].decode(),
            "plain",
            Ping(data=b"within"),
            texts[1].decode(),
            b"",
        ]

    @_every_cut
    @pytest.mark.parametrize(
        ("wire", "code"),
        [
            (client_frame(PING, b"", rsv=RSV1), 1002),
            (
                client_frame(TEXT, b"a", fin=False) + client_frame(CONTINUATION, b"b", rsv=RSV1),
                1002,
            ),
            (client_frame(BINARY, b"a", rsv=RSV2), 1002),
            (client_frame(BINARY, b"\xff\xff\xff\xff", rsv=RSV1), 1007),
            (client_frame(TEXT, deflated(b"ab\xff")[0], rsv=RSV1), 1007),
        ],
    )
    def test_f18_broken_compression(
        self, wire: bytes, code: int, cut: Callable[[bytes], Iterable[bytes]]
    ) -> None:
        """F18. RSV1 on control frames or continuations is 1002 (RFC 7692 section 6); what is no
        DEFLATE, or no UTF-8 when it is inflated, is 1007.
        """
        [failure] = self.read(self.make(deflate=make_deflate()), cut(wire))
        assert isinstance(failure, Failure)
        assert failure.code == code

    @pytest.mark.parametrize("parts", [1, 3])
    def test_f19_inflated_size(self, parts: int) -> None:
        """F19. What a message becomes is bounded too."""
        limits = CodecLimits(frame=1 << 20, message=1 << 20, fragments=9, inflated=1 << 17)
        for size, fits in ((1 << 17, True), ((1 << 17) + 1, False)):
            [packed] = deflated(b"\x00" * size)
            first = client_message(packed, parts)
            wire = bytes((first[0] | RSV1,)) + first[1:]
            [event] = self.read(self.make(limits, make_deflate()), [wire])
            if fits:
                assert event == b"\x00" * size
            else:
                assert isinstance(event, Failure)
                assert event.code == 1009

    # Writing --------------------------------------------------------------------------------------

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
    def test_f20_messages_sent(self, size: int) -> None:
        """F20. Frames of a server have no mask and the shortest length (section 5.2)."""
        codec = self.make()
        text, data = "x" * size, b"\xff" * size
        for message, opcode in ((text, TEXT), (data, BINARY)):
            payload = message.encode() if isinstance(message, str) else message
            frame = codec.message(message, True)
            assert frame == client_frame(opcode, payload, mask=b"")
            assert type(frame) is bytes

    def test_f21_parts_sent(self) -> None:
        """F21. A message may be sent in parts; they are of one kind."""
        codec = self.make()
        assert codec.message("é", False) == client_frame(TEXT, "é".encode(), fin=False, mask=b"")
        with pytest.raises(LocalProtocolError):
            codec.message(b"b", True)
        assert codec.message("", False) == client_frame(CONTINUATION, fin=False, mask=b"")
        assert codec.message("c", True) == client_frame(CONTINUATION, b"c", mask=b"")
        assert codec.message(b"d", True) == client_frame(BINARY, b"d", mask=b"")
        with pytest.raises(UnicodeEncodeError):
            codec.message("\ud800", True)
        assert codec.message("e", True) == client_frame(TEXT, b"e", mask=b"")

    def test_f22_control_frames_sent(self) -> None:
        """F22. Pings, pongs and closes are single frames (section 5.5)."""
        codec = self.make()
        codec.message("begun", False)
        assert codec.ping(b"") == client_frame(PING, mask=b"")
        assert codec.pong(b"p" * 125) == client_frame(PONG, b"p" * 125, mask=b"")
        assert codec.close(NO_CODE, "") == client_frame(CLOSE, mask=b"")
        assert codec.close(4000, "é") == client_frame(CLOSE, b"\x0f\xa0\xc3\xa9", mask=b"")

    @pytest.mark.parametrize("takeover", [True, False])
    def test_f23_messages_sent_compressed(self, takeover: bool) -> None:
        """F23. Messages of some length are compressed, in one frame or in parts; RSV1 stands on the
        first frame (RFC 7692 sections 6 and 7.2.1).
        """
        codec = self.make(deflate=make_deflate(server_takeover=takeover))
        inflater = zlib.decompressobj(-15)
        text = "some text, some text " * 50
        for parts in ([text], [text, text], ["", text], [text, ""], ["a", "", ""], [text]):
            frames = [codec.message(part, False) for part in parts[:-1]]
            frames.append(codec.message(parts[-1], True))
            payload = b""
            for index, frame in enumerate(frames):
                fin = index == len(frames) - 1
                opcode = CONTINUATION if index else TEXT | RSV1
                assert frame[0] == (0x80 if fin else 0) | opcode
                wide = {126: 2, 127: 8}.get(frame[1], 0)
                payload += frame[2 + wide :]
            inflated = inflater.decompress(payload + _TAIL)
            assert inflated.decode() == "".join(parts)
            if not takeover:
                inflater = zlib.decompressobj(-15)
        assert codec.message("short", True) == client_frame(TEXT, b"short", mask=b"")
