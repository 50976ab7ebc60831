"""Peers that do harm: floods, resets for nothing, and what is held for them."""

from __future__ import annotations

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from nonecorn.spi import Clock
from nonecorn.spi.messages.budget import NoiseBudget
from nonecorn.testing import Gate, MemoryRuntime, make_context
from nonecorn.testing.apps import Chunks, echo, hello, never_receives, never_responds
from nonecorn.testing.clients.h2_frames import POST, H2Frames
from nonecorn_h2 import _budget as budget
from nonecorn_h2._connection import H2Connection
from nonecorn_h2._errors import ConnectionFault, ErrorCode
from nonecorn_h2._settings import H2Settings

CALM = 11
NOISE = 200


class Counted:
    """Count how often an application is begun."""

    def __init__(self, app) -> None:
        self.app = app
        self.begun = 0

    async def __call__(self, scope, receive, send) -> None:
        self.begun += 1
        await self.app(scope, receive, send)


def peer(app=never_responds, *, max_streams: int = 100, **context) -> H2Frames:
    runtime = MemoryRuntime()
    settings = (H2Settings(noise=NOISE, max_streams=max_streams),)
    made = make_context(app, runtime, settings=settings, **context)
    found = H2Frames(lambda port: H2Connection(made, port), runtime)
    found.greet()
    return found


def flood(one: H2Frames, *frames: Frame | bytes, count: int = 1000) -> int:
    """Send the same again and again; how often it was before the connection ended."""
    for number in range(count):
        if one.port.protocol.dead:
            return number
        one.send(*frames)
    return count


UPDATE = b"\x00\x00\x07\x10\x00\x00\x00\x00\x00\x00\x00\x00\x09u=1"
FLOODS = {
    "PING": PingFrame(0, b"12345678"),
    "PING answers": PingFrame(0, b"12345678", flags=["ACK"]),
    "SETTINGS": SettingsFrame(0),
    "SETTINGS answers": SettingsFrame(0, flags=["ACK"]),
    "empty DATA": DataFrame(1),
    "DATA of padding": DataFrame(1, pad_length=20, flags=["PADDED"]),
    "PRIORITY": PriorityFrame(9, depends_on=0),
    "PRIORITY_UPDATE": UPDATE,
    "WINDOW_UPDATE": WindowUpdateFrame(1, window_increment=1),
    "WINDOW_UPDATE of the connection": WindowUpdateFrame(0, window_increment=1),
    "WINDOW_UPDATE of closed streams": WindowUpdateFrame(3, window_increment=1),
    "RST_STREAM of closed streams": RstStreamFrame(3, error_code=8),
    "unknown frames": b"\x00\x00\x00\x42\x00\x00\x00\x00\x00",
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_the_connection(name):
    one = peer()
    one.send(one.headers(1, POST), one.headers(3, end=True), RstStreamFrame(3, error_code=8))
    assert flood(one, FLOODS[name]) <= NOISE
    assert [code for _, code in one.goaways] == [CALM]
    assert not one.runtime.jobs


def test_a_block_that_goes_on_for_ever_ends_the_connection():
    for part in (b"", b"\x00\x01x\x01y", b"\x82" * 10_000):
        one = peer()
        one.send(HeadersFrame(1, b"\x82"))
        assert flood(one, ContinuationFrame(1, part)) <= 129
        assert one.goaways == [(0, CALM)]


def test_a_bomb_of_fields_ends_the_connection():
    one = peer()
    bomb = b"\x40\x01x\x7f\x81\x1e" + b"y" * 3968 + b"\xbe" * 12000
    one.send(HeadersFrame(1, bomb, flags=["END_HEADERS", "END_STREAM"]))
    assert one.goaways == [(1, CALM)]


def test_rapid_reset():
    """CVE-2023-44487."""
    app = Counted(never_responds)
    one = peer(app)
    stream = 1
    while not one.port.eof_sent:
        one.send(one.headers(stream, end=True), RstStreamFrame(stream, error_code=8))
        stream += 2
    assert [code for _, code in one.goaways] == [CALM]
    assert app.begun <= NOISE / budget.RESET + 1
    assert not one.runtime.jobs


def test_rapid_reset_in_one_piece():
    app = Counted(lambda *_: Gate().wait())
    one = peer(app)
    one.send(
        *[
            frame
            for stream in range(1, 2001, 2)
            for frame in (one.headers(stream, end=True), RstStreamFrame(stream, error_code=8))
        ]
    )
    assert [code for _, code in one.goaways] == [CALM]
    assert app.begun <= NOISE / budget.RESET + 1


def test_reset_requests_count_while_their_applications_run():
    gate = Gate()
    one = peer(Counted(lambda *_: gate.wait()))
    protocol = one.port.protocol
    protocol._max_streams = 10
    for stream in range(1, 21, 2):
        one.send(one.headers(stream, end=True), RstStreamFrame(stream, error_code=8))
    assert len(one.runtime.jobs) == 10
    assert not protocol.engine.streams
    one.send(one.headers(21, end=True))
    assert [frame.error_code for frame in one.got(RstStreamFrame)] == [7]
    assert len(one.runtime.jobs) == 10
    gate.open()
    one.read()
    one.send(one.headers(23, end=True))
    assert not one.got(RstStreamFrame, 23)


def test_requests_that_were_reset_before_they_began_count():
    one = peer(lambda *_: Gate().wait())
    one.port.protocol._max_streams = 10
    frames = [
        frame
        for stream in range(1, 31, 2)
        for frame in (one.headers(stream, end=True), RstStreamFrame(stream, error_code=8))
    ]
    one.send(*frames)
    assert len(one.runtime.jobs) == 10


@pytest.mark.parametrize(
    "fault",
    [
        lambda stream: WindowUpdateFrame(stream, window_increment=2**31 - 1),
        lambda stream: b"\x00\x00\x04\x08\x00" + stream.to_bytes(4, "big") + bytes(4),
        lambda stream: PriorityFrame(stream, depends_on=stream),
        lambda stream: DataFrame(stream, b"after the end"),
        lambda stream: HeadersFrame(stream, b"\x82", flags=["END_HEADERS"]),
    ],
    ids=["window", "nothing", "priority", "data", "headers"],
)
def test_resets_that_we_are_made_to_send(fault):
    """CVE-2025-8671."""
    app = Counted(lambda *_: Gate().wait())
    one = peer(app)
    stream = 1
    while not one.port.eof_sent and stream < 5000:
        one.send(one.headers(stream, end=True), fault(stream))
        stream += 2
    assert one.goaways[-1][1] == CALM
    assert app.begun <= NOISE / budget.RESET + 1


def test_malformed_requests_are_noise():
    one = peer()
    stream = 1
    while not one.port.eof_sent and stream < 5000:
        one.send(one.headers(stream, [(b":method", b"GET")], end=True))
        stream += 2
    assert [code for _, code in one.goaways] == [CALM]


def test_honest_work_gives_back():
    one = peer(hello)
    for stream in range(1, 4001, 2):
        one.send(one.headers(stream, end=True), PingFrame(0, b"12345678"))
        one.send(WindowUpdateFrame(0, window_increment=13))
    assert not one.goaways
    assert one.port.protocol.budget.left == NOISE


def early(*streams: int) -> bytes:
    """PRIORITY_UPDATE frames for streams."""
    head = b"\x00\x00\x07\x10" + bytes(5)
    return b"".join(head + stream.to_bytes(4, "big") + b"u=1" for stream in streams)


def test_priorities_for_more_streams_than_may_be_open_end_the_connection():
    one = peer(never_responds, max_streams=5)
    one.send(one.headers(1, end=True), one.headers(3, end=True), early(1, 3, 5, 7, 9, 9, 5))
    assert not one.goaways
    one.send(early(11))
    assert one.goaways == [(3, 1)]


def test_priorities_for_streams_that_opened_or_never_will_do_not_count():
    one = peer(hello, max_streams=2)
    for stream in range(1, 41, 4):
        malformed = [*POST[:1], *POST]
        one.send(early(stream, stream + 2), one.headers(stream + 2, malformed, end=True))
    assert not one.goaways
    one.send(early(43, 45))
    assert not one.goaways
    one.send(early(47))
    assert [code for _, code in one.goaways] == [1]


def test_a_long_download_with_a_window_update_for_each_frame_is_honest():
    one = peer(Chunks([b"x" * 16384] * 500))
    one.send(one.headers(1, end=True))
    for _ in range(1000):
        one.send(
            WindowUpdateFrame(0, window_increment=8192), WindowUpdateFrame(1, window_increment=8192)
        )
    assert not one.goaways
    assert len(one.body(1)) == 500 * 16384


def test_credit_for_each_of_many_small_messages_is_honest():
    one = peer(echo)
    one.send(one.headers(1, POST))
    for _ in range(1000):
        one.send(
            one.data(1, b"tick"),
            WindowUpdateFrame(0, window_increment=4),
            WindowUpdateFrame(1, window_increment=4),
        )
    assert not one.goaways
    assert one.body(1) == b"tick" * 1000


def test_an_upload_in_small_pieces_is_honest():
    one = peer()
    one.send(one.headers(1, POST))
    for _ in range(3000):
        one.send(one.data(1, b"x"))
    assert not one.goaways


def test_a_body_that_nobody_wants_costs_no_budget_and_no_memory():
    one = peer(never_receives)
    one.send(one.headers(1, POST))
    for _ in range(20):
        one.send(one.data(1, b"x" * 16384))
    assert not one.goaways
    assert one.port.protocol.budget.left == NOISE
    assert not one.port.protocol.engine.streams


def test_answers_that_are_not_taken_are_bounded():
    one = peer(hello)
    one.port.block()
    one.port.protocol.pause_writing()
    assert flood(one, PingFrame(0, b"12345678")) <= NOISE + 1
    assert sum(map(len, one.port.protocol.engine.out)) < 100_000


def test_what_resets_leave_behind_is_bounded():
    one = peer(hello)
    for stream in range(1, 6001, 2):
        one.send(one.headers(stream, POST), one.data(stream, b"", end=False))
        one.port.protocol.budget.left = NOISE
    assert len(one.port.protocol.engine._reset) <= 1024


# The budget itself --------------------------------------------------------------------------------


def test_a_budget_is_spent():
    clock = Clock()
    noise = NoiseBudget(clock, 10, ErrorCode.ENHANCE_YOUR_CALM)
    noise.spend(10)
    with pytest.raises(ConnectionFault, match="ENHANCE_YOUR_CALM noise"):
        noise.spend(1)


def test_time_refills_a_budget():
    clock = Clock()
    noise = NoiseBudget(clock, 60, ErrorCode.ENHANCE_YOUR_CALM)
    noise.spend(60)
    clock.tick(10.0, 0)
    for _ in range(10):
        noise.spend(1)
    with pytest.raises(ConnectionFault):
        noise.spend(1)


def test_time_does_not_overfill_a_budget():
    clock = Clock()
    noise = NoiseBudget(clock, 60, ErrorCode.ENHANCE_YOUR_CALM)
    clock.tick(10_000.0, 0)
    noise.spend(60)
    noise.spend(1)
    with pytest.raises(ConnectionFault):
        noise.spend(120)


def test_work_refills_a_budget_up_to_its_size():
    noise = NoiseBudget(Clock(), 10, ErrorCode.ENHANCE_YOUR_CALM)
    noise.spend(10)
    noise.data_sent(1)
    noise.request_served()
    assert repr(noise) == "<NoiseBudget 6 of 10>"
    noise.spend(6)
    noise.data_sent(3)
    assert repr(noise) == "<NoiseBudget 6 of 10>"
    for _ in range(10):
        noise.request_served()
    assert noise.left == 10
