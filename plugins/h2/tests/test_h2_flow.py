"""Flow control both ways: each stream for itself, everything bounded (RFC 9113 section 5.2)."""

from __future__ import annotations

import pytest
from hyperframe.frame import (
    DataFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from nonecorn.spi import Limits
from nonecorn.testing import Gate, MemoryRuntime, make_context
from nonecorn.testing.apps import Chunks, IgnoresDisconnect, Recorder, hello, read_body, respond
from nonecorn.testing.clients.h2_frames import GET, POST, H2Frames
from nonecorn_h2._connection import H2Connection
from nonecorn_h2._frame_writer import FrameWriter
from nonecorn_h2._settings import H2Settings
from nonecorn_h2._stream_state import StreamState

K = 1024


def peer(app, *, greet: bool = True, settings=(), options=None, **context) -> H2Frames:
    runtime = MemoryRuntime()
    made = make_context(app, runtime, settings=settings, **context)
    found = H2Frames(lambda port: H2Connection(made, port), runtime, **(options or {}))
    if greet:
        found.greet()
    return found


def credit(one: H2Frames, stream_id: int) -> int:
    return sum(frame.window_increment for frame in one.got(WindowUpdateFrame, stream_id))


async def unread(scope, receive, send):
    if scope["path"] == "/read":
        body, _ = await read_body(receive)
        await respond(send, b"%d" % len(body))
    else:
        await Gate().wait()


READ = [*POST[:3], (b":path", b"/read")]


# Receiving ----------------------------------------------------------------------------------------


def test_our_settings_say_how_much_we_take():
    one = peer(hello, limits=Limits(receive_buffer=30000, head_size=5000))
    [ours, _] = one.got(SettingsFrame)
    assert ours.settings == {3: 100, 4: 30000, 6: 5000}
    assert credit(one, 0) == 1024 * K - 65535


def test_an_upload_that_is_not_received_takes_its_own_window_and_no_more():
    one = peer(unread)
    one.send(one.headers(1, POST), *[one.data(1, b"x" * 16384) for _ in range(4)])
    assert credit(one, 1) == 0
    one.send(one.headers(3, READ))
    for _ in range(100):
        one.send(one.data(3, b"y" * 8 * K))
    one.send(one.data(3, end=True))
    assert one.body(3) == b"819200"
    assert credit(one, 0) > 1024 * K - 65535, "the connection's window was filled up"
    one.send(one.data(1, b"x"))
    assert [frame.error_code for frame in one.got(RstStreamFrame, 1)] == [3]


def test_a_window_that_is_overrun_ends_the_stream_alone():
    one = peer(unread, limits=Limits(receive_buffer=65536))
    one.send(one.headers(1, POST), *[one.data(1, b"x" * 16384) for _ in range(5)])
    assert [frame.error_code for frame in one.got(RstStreamFrame)] == [3]
    assert not one.goaways


def test_the_connections_window_cannot_be_overrun():
    settings = (H2Settings(receive_window=65535),)
    one = peer(unread, settings=settings, limits=Limits(receive_buffer=10**6))
    one.send(
        one.headers(1, POST), b"".join(one.data(1, b"x" * 16384).serialize() for _ in range(9))
    )
    assert one.goaways or credit(one, 0), "either it was filled up in time, or that is the end"


def test_a_smaller_window_holds_once_it_was_acknowledged():
    one = peer(unread, greet=False, limits=Limits(receive_buffer=1024))
    early = b"".join(one.data(1, b"x" * 1000).serialize() for _ in range(60))
    one.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SettingsFrame(0), one.headers(1, POST), early)
    assert not one.got(RstStreamFrame), "the client may not have heard of our window yet"
    one.send(SettingsFrame(0, flags=["ACK"]), one.headers(3, POST), one.data(3, b"x" * 1025))
    assert [frame.stream_id for frame in one.got(RstStreamFrame)] == [3]
    one.send(one.data(1, b"x" * 1000))
    assert [frame.stream_id for frame in one.got(RstStreamFrame)] == [3, 1]


def test_credit_comes_half_a_window_at_a_time():
    one = peer(Recorder(), limits=Limits(receive_buffer=20 * K))
    one.send(one.headers(1, POST), one.data(1, b"x" * 9 * K))
    assert credit(one, 1) == 0
    one.send(one.data(1, b"x" * 1 * K))
    assert credit(one, 1) >= 10 * K


def test_the_window_of_an_upload_that_is_read_grows_to_a_bound():
    settings = (H2Settings(receive_window=256 * K),)
    one = peer(Recorder(), settings=settings, limits=Limits(receive_buffer=16 * K))
    one.send(one.headers(1, POST))
    sent = 0
    for _ in range(200):
        one.send(one.data(1, b"x" * 8 * K))
        sent += 8 * K
        assert credit(one, 1) + 65536 - sent <= 256 * K + 64 * K
    assert one.port.protocol.engine.streams[1].window == 256 * K
    one.send(one.data(1, end=True))
    assert one.status(1) == 200
    assert one.port.protocol.stock == 256 * K, "what the stream had grown by is free again"


def test_what_all_windows_grow_by_is_bounded_together():
    settings = (H2Settings(receive_window=128 * K),)
    one = peer(Recorder(), settings=settings, limits=Limits(receive_buffer=16 * K))
    for stream in range(1, 21, 2):
        one.send(one.headers(stream, POST))
        for _ in range(20):
            one.send(one.data(stream, b"x" * 8 * K))
    windows = [exchange.window for exchange in one.port.protocol.engine.streams.values()]
    assert sum(windows) <= 10 * 16 * K + 128 * K


def test_padding_is_given_back():
    one = peer(Recorder(), limits=Limits(receive_buffer=4 * K))
    one.send(one.headers(1, POST))
    padded = DataFrame(1, b"", pad_length=255, flags=["PADDED"])
    for _ in range(100):
        one.send(padded)
    assert not one.got(RstStreamFrame)
    assert credit(one, 1) >= 20 * K


def test_the_window_of_a_body_that_is_dropped_does_not_grow():
    async def answers(scope, receive, send):
        await respond(send, b"early")

    one = peer(answers, limits=Limits(receive_buffer=16 * K))
    one.send(one.headers(1, POST), one.data(1, b"x" * 10 * K))
    assert credit(one, 1) <= 16 * K


# Sending ------------------------------------------------------------------------------------------


def test_both_windows_are_obeyed():
    one = peer(Chunks([b"x" * 100 * K]))
    one.send(one.headers(1, end=True))
    assert len(one.body(1)) == 65535
    one.send(WindowUpdateFrame(1, window_increment=5 * K))
    assert len(one.body(1)) == 65535, "the connection has none"
    one.send(WindowUpdateFrame(0, window_increment=1 * K))
    assert len(one.body(1)) == 65535 + 1 * K
    one.send(WindowUpdateFrame(0, window_increment=100 * K))
    assert len(one.body(1)) == 65535 + 5 * K
    one.send(WindowUpdateFrame(1, window_increment=100 * K))
    assert len(one.body(1)) == 100 * K
    assert "END_STREAM" in one.got(DataFrame)[-1].flags


def test_settings_move_the_windows_of_open_streams_even_below_zero():
    one = peer(Chunks([b"x" * 100 * K]))
    one.send(WindowUpdateFrame(0, window_increment=200 * K), one.headers(1, end=True))
    assert len(one.body(1)) == 65535
    one.send(SettingsFrame(0, settings={4: 0}))
    assert one.port.protocol.engine.streams[1].window_out == -65535
    one.send(WindowUpdateFrame(1, window_increment=65535))
    assert len(one.body(1)) == 65535
    one.send(SettingsFrame(0, settings={4: 10}))
    assert len(one.body(1)) == 65545
    one.send(SettingsFrame(0, settings={4: 65535}))
    assert len(one.body(1)) == 100 * K


def test_frames_are_as_large_as_the_client_takes_and_fair():
    one = peer(Chunks([b"x" * 60000]))
    one.send(SettingsFrame(0, settings={5: 1 << 20}), one.headers(1, end=True))
    assert max(len(frame.data) for frame in one.got(DataFrame)) == 16384


@pytest.mark.parametrize("size", [0, 1, 16384, 16385, 32768, 65536, 70000])
def test_data_is_cut_into_frames_that_every_client_takes(size):
    writer = FrameWriter()
    state = StreamState(1, 0, 100_000, ended=True)
    count = writer.data(state, b"x" * size, end=True)
    sizes = [len(part) for part in writer.out[1::2]]
    assert count == len(sizes) == max(1, -(-size // 16384))
    assert sum(sizes) == size
    assert max(sizes) <= 16384
    assert [header[4] for header in writer.out[::2]] == [0] * (count - 1) + [1]
    assert (state.window_out, writer.window_out) == (100_000 - size, 65535 - size)


def test_an_urgent_response_waits_for_no_more_than_a_turn():
    one = peer(Chunks([b"x" * 1000 * K]))
    one.send(WindowUpdateFrame(0, window_increment=1 << 24))
    one.send(one.headers(1, end=True), WindowUpdateFrame(1, window_increment=64 * K))
    one.frames.clear()
    one.port.block()
    one.send(WindowUpdateFrame(1, window_increment=1 << 20))
    assert one.port.protocol.outbox.paused
    before = one.port.buffered()
    assert 0 < before <= 65 * K
    one.send(one.headers(3, [*GET, (b"priority", b"u=0")], end=True))
    one.port.drain()
    one.read()
    streams = [frame.stream_id for frame in one.got(DataFrame)]
    assert streams.index(3) <= 4
    assert streams[streams.index(3) :][:3] == [3, 3, 3]


def test_a_stream_without_window_delays_no_other():
    one = peer(Chunks([b"x" * 30000]))
    one.send(SettingsFrame(0, settings={4: 0}), one.headers(1, end=True), one.headers(3, end=True))
    assert len(one.got(HeadersFrame)) == 2
    one.send(WindowUpdateFrame(3, window_increment=40000))
    assert (len(one.body(1)), len(one.body(3))) == (0, 30000)


def test_an_application_waits_while_its_stream_has_no_window():
    app = IgnoresDisconnect(count=1000)
    one = peer(app, limits=Limits(send_buffer=10 * K))
    one.send(SettingsFrame(0, settings={4: 0}), one.headers(1, end=True))
    [exchange] = one.port.protocol.engine.streams.values()
    assert 10 * K < exchange.queued <= 12 * K
    one.send(WindowUpdateFrame(1, window_increment=1 << 20))
    one.send(WindowUpdateFrame(0, window_increment=1 << 20))
    assert len(one.body(1)) == 1_000_000
    assert not app.errors


def test_all_streams_together_hold_no_more_than_their_bound():
    settings = (H2Settings(send_buffer=64 * K),)
    one = peer(Chunks([b"x" * 4 * K] * 100), settings=settings, limits=Limits(send_buffer=32 * K))
    one.send(SettingsFrame(0, settings={4: 0}))
    for stream in range(1, 101, 2):
        one.send(one.headers(stream, end=True))
    outbox = one.port.protocol.outbox
    assert outbox.queued <= 64 * K + 50 * 4 * K
    one.send(WindowUpdateFrame(0, window_increment=1 << 20))
    for _ in range(3):
        one.send(WindowUpdateFrame(99, window_increment=1 << 20))
    assert len(one.body(99)) == 400 * K, "those that are not read do not hold it up"


def test_what_the_port_does_not_take_is_not_made_into_frames():
    one = peer(
        Chunks([b"x" * 60 * K]), options={"send_buffer": 16 * K}, limits=Limits(send_buffer=16 * K)
    )
    one.port.block()
    one.send(one.headers(1, end=True), one.headers(3, end=True))
    assert one.port.buffered() <= 34 * K
    assert one.port.protocol.outbox.paused
    one.port.drain()
    one.read()
    assert len(one.body(1)) + len(one.body(3)) == 65535


def test_streams_whose_end_was_not_taken_count():
    async def nothing(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    settings = (H2Settings(max_streams=5),)
    one = peer(nothing, settings=settings)
    one.port.block()
    one.port.protocol.pause_writing()
    one.send(*[one.headers(stream, end=True) for stream in range(1, 21, 2)])
    assert one.port.protocol.outbox.unwritten == 5
    one.port.drain()
    one.port.protocol.resume_writing()
    one.read()
    assert [frame.error_code for frame in one.got(RstStreamFrame)] == [7] * 5
    one.send(one.headers(21, end=True))
    assert one.status(21) == 204


@pytest.mark.parametrize("stream", [0, 1])
def test_a_window_cannot_overflow(stream):
    one = peer(waiting())
    one.send(one.headers(1, end=True), WindowUpdateFrame(stream, window_increment=2**31 - 1))
    if stream:
        assert [frame.error_code for frame in one.got(RstStreamFrame)] == [3]
    else:
        assert one.goaways == [(1, 3)]


def waiting():
    async def waits(scope, receive, send):
        await Gate().wait()

    return waits
