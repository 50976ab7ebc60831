"""What each frame may look like, and what happens otherwise (RFC 9113 sections 4 to 6)."""

from __future__ import annotations

import struct

import pytest
from hyperframe.frame import PingFrame, RstStreamFrame, SettingsFrame

from nonecorn.testing import MemoryRuntime, make_context
from nonecorn.testing.apps import echo, hello, never_responds
from nonecorn.testing.clients.h2_frames import GET, POST, PREFACE, H2Frames
from nonecorn_h2._connection import H2Connection

PROTOCOL, FLOW, CLOSED, SIZE, REFUSED, COMPRESSION = 1, 3, 5, 6, 7, 9
BLOCK = b"\x82\x86\x41\x01a\x84"  # GET http://a/


def peer(app=never_responds, *, greet: bool = True) -> H2Frames:
    runtime = MemoryRuntime()
    context = make_context(app, runtime)
    found = H2Frames(lambda port: H2Connection(context, port), runtime)
    if greet:
        found.greet()
    return found


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(4, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


OPEN = frame(1, 0x4, 1, BLOCK)
WHOLE = frame(1, 0x5, 1, BLOCK)
OVER = WHOLE + frame(3, 0, 1, bytes(4))
THREE = frame(1, 0x4, 1, BLOCK + b"\x0f\x0d\x013")
"""A request with a content-length of 3."""
CONNECTION_ERRORS = {
    "a frame that is too large": (SIZE, frame(0, 0, 1, bytes(16385))[:9]),
    "DATA of no stream": (PROTOCOL, frame(0, 0, 0, b"x")),
    "DATA of an idle stream": (PROTOCOL, frame(0, 0, 1, b"x")),
    "DATA with more padding than frame": (PROTOCOL, OPEN + frame(0, 8, 1, b"\x05x")),
    "DATA without its padding length": (SIZE, OPEN + frame(0, 8, 1)),
    "DATA of a stream that has closed": (CLOSED, OVER + frame(0, 0, 1, b"x")),
    "HEADERS of no stream": (PROTOCOL, frame(1, 4, 0, BLOCK)),
    "HEADERS of a stream of ours": (PROTOCOL, frame(1, 5, 2, BLOCK)),
    "HEADERS of a stream that was skipped": (
        PROTOCOL, frame(1, 5, 5, BLOCK) + frame(1, 5, 3, BLOCK),
    ),
    "HEADERS of a stream that has closed": (CLOSED, OVER + WHOLE),
    "HEADERS with more padding than frame": (PROTOCOL, frame(1, 0xC, 1, b"\xff" + BLOCK)),
    "HEADERS too short for a priority": (SIZE, frame(1, 0x24, 1, b"\0\0")),
    "HEADERS that are no block": (COMPRESSION, frame(1, 5, 1, b"\xff\xff\xff\xff\xff\xff")),
    "another frame within a block": (PROTOCOL, frame(1, 0, 1, BLOCK) + frame(6, 0, 0, bytes(8))),
    "another stream's CONTINUATION": (PROTOCOL, frame(1, 0, 1, BLOCK) + frame(9, 4, 3)),
    "CONTINUATION without HEADERS": (PROTOCOL, OPEN + frame(9, 4, 1)),
    "PRIORITY of no stream": (PROTOCOL, frame(2, 0, 0, bytes(5))),
    "PRIORITY of another size": (SIZE, frame(2, 0, 1, bytes(4))),
    "PRIORITY of an idle stream on itself": (PROTOCOL, frame(2, 0, 1, b"\0\0\0\x01\x10")),
    "RST_STREAM of no stream": (PROTOCOL, frame(3, 0, 0, bytes(4))),
    "RST_STREAM of an idle stream": (PROTOCOL, frame(3, 0, 1, bytes(4))),
    "RST_STREAM of another size": (SIZE, OPEN + frame(3, 0, 1, bytes(5))),
    "SETTINGS of a stream": (PROTOCOL, frame(4, 0, 1)),
    "SETTINGS of another size": (SIZE, frame(4, 0, 0, bytes(5))),
    "SETTINGS that acknowledge and set": (SIZE, frame(4, 1, 0, bytes(6))),
    "an ENABLE_PUSH that is none": (PROTOCOL, settings((2, 2))),
    "a window that is too large": (FLOW, settings((4, 2**31))),
    "a frame size that is too small": (PROTOCOL, settings((5, 16383))),
    "a frame size that is too large": (PROTOCOL, settings((5, 2**24))),
    "an ENABLE_CONNECT_PROTOCOL that is none": (PROTOCOL, settings((8, 2))),
    "a NO_RFC7540_PRIORITIES that is none": (PROTOCOL, settings((9, 2))),
    "a window that SETTINGS make too large": (
        FLOW, OPEN + frame(8, 0, 1, struct.pack(">I", 2**31 - 1 - 65535)) + settings((4, 65536)),
    ),
    "PUSH_PROMISE": (PROTOCOL, OPEN + frame(5, 4, 1, b"\0\0\0\x02" + BLOCK)),
    "PING of a stream": (PROTOCOL, frame(6, 0, 1, bytes(8))),
    "PING of another size": (SIZE, frame(6, 0, 0, bytes(7))),
    "GOAWAY of a stream": (PROTOCOL, frame(7, 0, 1, bytes(8))),
    "GOAWAY of another size": (SIZE, frame(7, 0, 0, bytes(7))),
    "WINDOW_UPDATE of another size": (SIZE, frame(8, 0, 0, bytes(3))),
    "WINDOW_UPDATE of nothing": (PROTOCOL, frame(8, 0, 0, bytes(4))),
    "WINDOW_UPDATE of an idle stream": (PROTOCOL, frame(8, 0, 1, b"\0\0\0\x01")),
    "PRIORITY_UPDATE of a stream": (PROTOCOL, frame(16, 0, 1, b"\0\0\0\x01u=1")),
    "PRIORITY_UPDATE for no stream": (PROTOCOL, frame(16, 0, 0, b"\0\0\0\0u=1")),
    "PRIORITY_UPDATE for no push": (PROTOCOL, frame(16, 0, 0, b"\0\0\0\x02u=1")),
    "PRIORITY_UPDATE of another size": (SIZE, frame(16, 0, 0, b"\0\0\0")),
}  # fmt: skip


@pytest.mark.parametrize("case", CONNECTION_ERRORS)
@pytest.mark.parametrize("cut", [0, 1, 7], ids=["whole", "bytes", "sevens"])
def test_the_connection_ends(case, cut):
    code, sent = CONNECTION_ERRORS[case]
    one = peer()
    for start in range(0, len(sent), cut or len(sent)):
        one.send(sent[start : start + (cut or len(sent))])
    assert [found for _, found in one.goaways] == [code]
    assert one.port.eof_sent
    assert not one.runtime.jobs


STREAM_ERRORS = {
    "DATA after END_STREAM": (CLOSED, WHOLE + frame(0, 0, 1, b"x")),
    "HEADERS after END_STREAM": (CLOSED, WHOLE + frame(1, 5, 1, b"\x00\x01x\x01y")),
    "trailers that do not end the stream": (PROTOCOL, OPEN + frame(1, 4, 1, b"\x00\x01x\x01y")),
    "trailers with a pseudo-field": (PROTOCOL, OPEN + frame(1, 5, 1, b"\x82")),
    "a request that depends on itself": (PROTOCOL, frame(1, 0x25, 1, b"\0\0\0\x01\x10" + BLOCK)),
    "PRIORITY of a stream on itself": (PROTOCOL, OPEN + frame(2, 0, 1, b"\0\0\0\x01\x10")),
    "PRIORITY of a stream, of another size": (SIZE, OPEN + frame(2, 0, 1, bytes(6))),
    "WINDOW_UPDATE of nothing": (PROTOCOL, OPEN + frame(8, 0, 1, bytes(4))),
    "a window that is too large": (FLOW, OPEN + frame(8, 0, 1, struct.pack(">I", 2**31 - 1))),
    "a malformed request": (PROTOCOL, frame(1, 5, 1, b"\x82\x86\x84\x00\x01X\x01y")),
    "a length with no body": (PROTOCOL, frame(1, 5, 1, BLOCK + b"\x0f\x0d\x013")),
    "more body than its length": (PROTOCOL, THREE + frame(0, 0, 1, b"four")),
    "less body than its length": (PROTOCOL, THREE + frame(0, 1, 1, b"xy")),
    "trailers before the length": (PROTOCOL, THREE + frame(1, 5, 1, b"\x00\x01x\x01y")),
}  # fmt: skip


@pytest.mark.parametrize("case", STREAM_ERRORS)
def test_the_stream_ends_and_the_connection_goes_on(case):
    code, sent = STREAM_ERRORS[case]
    one = peer()
    one.send(sent)
    assert [(found.stream_id, found.error_code) for found in one.got(RstStreamFrame)] == [(1, code)]
    assert not one.goaways
    assert not one.runtime.jobs
    one.send(frame(1, 5, 3, BLOCK))
    assert one.runtime.jobs


ALLOWED = {
    "an unknown frame": frame(0x42, 0xFF, 7, b"whatever"),
    "an unknown setting": settings((0x42, 7)),
    "unknown flags": frame(6, 0xFE, 0, bytes(8)),
    "the reserved bit": frame(6, 0, 1 << 31, bytes(8)),
    "GOAWAY": frame(7, 0, 0, bytes(8) + b"bye"),
    "PRIORITY of an idle stream": frame(2, 0, 9, b"\0\0\0\0\x10"),
    "PRIORITY_UPDATE of an idle stream": frame(16, 0, 0, b"\0\0\0\x09u=1"),
    "PRIORITY_UPDATE that is nonsense": frame(16, 0, 0, b"\0\0\0\x09,,,"),
    "RST_STREAM of a stream that has closed": OVER + frame(3, 0, 1, bytes(4)),
    "WINDOW_UPDATE of a stream that has closed": (OVER + frame(8, 0, 1, b"\0\0\0\x01")),
    "PRIORITY of a stream that has closed": (OVER + frame(2, 0, 1, b"\0\0\0\0\x10")),
    "an acknowledgement too many": frame(4, 1),
    "a PING that answers nothing": frame(6, 1, 0, bytes(8)),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_the_connection_goes_on(case):
    one = peer(hello)
    one.send(ALLOWED[case])
    one.send(frame(1, 5, 11, BLOCK))
    assert not one.goaways
    assert one.status(11) == 200


def test_frames_for_a_stream_that_we_reset_are_dropped():
    one = peer()
    one.send(frame(1, 5, 1, b"\x82\x86\x84\x00\x01X\x01y"))
    assert one.got(RstStreamFrame)
    one.send(frame(0, 0, 1, b"x"), frame(8, 0, 1, b"\0\0\0\x01"), frame(1, 5, 1, b"\x40\x01x\x01y"))
    assert not one.goaways
    one.send(frame(1, 5, 3, BLOCK + b"\xbf"))
    [exchange] = one.port.protocol.engine.streams.values()
    assert (b"x", b"y") in exchange.stream.scope["headers"], "the block counts for the table"


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", PREFACE[:-1] + b"x", PREFACE + WHOLE])
def test_a_preface_that_is_none(sent):
    one = peer(greet=False)
    one.send(sent)
    assert [code for _, code in one.goaways] == [PROTOCOL]


def test_an_acknowledgement_is_no_preface():
    one = peer(greet=False)
    one.send(PREFACE, SettingsFrame(0, flags=["ACK"]))
    assert [code for _, code in one.goaways] == [PROTOCOL]


def test_settings_and_pings_are_answered_in_order():
    one = peer()
    one.frames.clear()
    one.send(PingFrame(0, b"01234567"), SettingsFrame(0), PingFrame(0, b"76543210"))
    kinds = [(type(each).__name__, getattr(each, "opaque_data", b"")) for each in one.frames]
    assert kinds == [
        ("PingFrame", b"01234567"), ("SettingsFrame", b""), ("PingFrame", b"76543210"),
    ]  # fmt: skip


@pytest.mark.parametrize("piece", [1, 7, 8, 9, 10, 100, 1000, 16393, 16394, 40000])
def test_however_bytes_are_cut_frames_are_the_same(piece):
    one = peer(echo)
    one.send(settings((4, 1 << 20)), frame(8, 0, 0, struct.pack(">I", 1 << 20)))
    body = [bytes([number]) * size for number, size in enumerate((16384, 0, 1, 9, 16384, 300))]
    wire = OPEN + b"".join(frame(0, 0, 1, part) for part in body) + frame(0, 1, 1)
    wire += frame(1, 0x5, 3, BLOCK) + frame(6, 0, 0, b"the last")
    for start in range(0, len(wire), piece):
        one.send(wire[start : start + piece])
    assert one.body(1) == b"".join(body)
    assert one.status(3) == 200
    assert [ping.opaque_data for ping in one.got(PingFrame)] == [b"the last"]
    assert one.port.protocol.engine.partial == 0
    assert not one.goaways


def test_a_block_in_many_parts_is_one_request():
    one = peer(hello)
    fields = [*GET, (b"x-large", b"y" * 5000)]
    whole = one.headers(1, fields).data
    parts = [whole[start : start + 100] for start in range(0, len(whole), 100)]
    one.send(
        frame(1, 1, 1, parts[0]),
        *[frame(9, 0, 1, part) for part in parts[1:]],
        frame(9, 4, 1),
    )
    assert one.status(1) == 200


def test_a_large_head_of_ours_is_cut():
    async def app(scope, receive, send):
        fields = [(b"x-large", b"y" * 50_000)]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body"})

    runtime = MemoryRuntime()
    context = make_context(app, runtime)
    port = runtime.connect(lambda port: H2Connection(context, port))
    port.exchange(PREFACE + frame(4))
    sent = port.exchange(WHOLE)
    kinds = []
    while sent:
        size = int.from_bytes(sent[:3], "big")
        kinds.append((sent[3], sent[4], size))
        sent = sent[9 + size :]
    assert [kind for kind, _, _ in kinds] == [1, 9, 9, 9]
    assert [flags for _, flags, _ in kinds] == [1, 0, 0, 4]
    assert all(size <= 16384 for _, _, size in kinds)


def test_requests_over_the_limit_are_refused_and_may_come_again():
    one = peer()
    one.send(*[one.headers(stream, POST) for stream in range(1, 203, 2)])
    refused = one.got(RstStreamFrame)
    assert [(each.stream_id, each.error_code) for each in refused] == [(201, REFUSED)]
    assert len(one.runtime.jobs) == 100
