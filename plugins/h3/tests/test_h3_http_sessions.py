"""The seam for protocols on top: streams and datagrams of a session, and capsules."""

from __future__ import annotations

import pytest

from nonecorn.spi import NEVER, Limits, RemoteProtocolError
from nonecorn.testing import MemoryRuntime, make_context
from nonecorn.testing.apps import hello
from nonecorn.testing.clients.h3_frames import GET, POST, H3Frames, data, integer, settings
from nonecorn_h3._http._connection import H3Connection
from nonecorn_h3.capsules import CapsuleReader, encode_capsule
from nonecorn_h3.sessions import H3Extension

REFUSED = 0x3994BD84
REQUEST_REJECTED = 0x10B


class Handler:
    """Writes down what it is told."""

    def __init__(self, session, stream):
        self.session = session
        self.stream = stream
        self.data = b""
        self.calls = []

    def receive(self, data, end):
        self.data += data
        self.session.port.consumed(self.stream, len(data))
        self.calls.append(("receive", end))

    def was_reset(self, code):
        self.calls.append(("reset", code))

    def was_stopped(self, code):
        self.calls.append(("stopped", code))

    def pause_writing(self):
        self.calls.append("pause")

    def resume_writing(self):
        self.calls.append("resume")


class Session:
    """A stream that accepts when it is told to."""

    h3 = H3Extension(
        settings={0x2B603742: 1}, stream_type=0x54, frame_type=0x41, refused=REFUSED
    )  # fmt: skip

    blocked = job = None
    expect_continue = False
    remaining = -1

    def __init__(self, context, exchange, port, version, method, path, query, headers, has_body):
        self.exchange = exchange
        self.port = port
        self.handlers = {}
        self.datagrams = []
        self.fed = b""
        self.gone = []
        context.cache["session"] = self

    async def run(self):
        """It is accepted by the test."""

    def accept(self):
        self.exchange.tunnel(self, [])
        self.exchange.join(self)

    def stream_opened(self, stream):
        self.handlers[stream] = Handler(self, stream)
        return self.handlers[stream]

    def datagram_received(self, data):
        self.datagrams.append(data)

    def sweep(self, now):
        return NEVER

    def feed(self, data, end):
        self.fed += data

    def disconnect(self, reason="client-gone", status=None):
        self.gone.append(reason)


def peer(**context) -> H3Frames:
    runtime = MemoryRuntime()
    made = make_context(
        hello, runtime, stream_upgrades={b"thing": Session}, scheme="https", **context
    )
    found = H3Frames(lambda port: H3Connection(made, port), runtime)
    found.open(b"\x00" + settings((0x33, 1)), bidirectional=False)
    return found


def connect(one: H3Frames) -> tuple[int, Session]:
    fields = [(b":method", b"CONNECT"), *GET[1:], (b":protocol", b"thing")]
    stream = one.open(one.headers(fields))
    return stream, one.port.protocol.context.cache["session"]


def uni(session: int, content: bytes = b"") -> bytes:
    return integer(0x54) + integer(session) + content


def bidi(session: int, content: bytes = b"") -> bytes:
    return integer(0x41) + integer(session) + content


def test_its_settings_are_ours():
    one = peer()
    assert {0x2B603742: 1, 8: 1, 0x33: 1}.items() <= one.settings.items()


def test_streams_of_a_client_reach_their_session():
    one = peer()
    connected, session = connect(one)
    session.accept()
    assert one.status(connected) == 200
    first = one.open(uni(connected, b"ab"), bidirectional=False)
    one.send(first, b"c", end=True)
    second = one.open(bidi(connected, b"xyz"), end=True)
    assert session.handlers[first].data == b"abc"
    assert session.handlers[first].calls == [("receive", False), ("receive", True)]
    assert (session.handlers[second].data, session.handlers[second].calls) == (
        b"xyz", [("receive", True)],
    )  # fmt: skip
    one.port.write(second, b"answer", True)
    assert one.port.sent(second) == b"answer"
    assert list(one.port.protocol.exchanges) == [connected]
    session.exchange.close_stream(first)
    assert one.port.owed == 0


def test_sessions_go_on_after_the_farewell_and_requests_do_not():
    one = peer()
    connected, session = connect(one)
    session.accept()
    one.port.protocol._end_farewell()
    one.run()
    assert one.goaways == [connected + 4]
    both = one.open(bidi(connected, b"xyz"), end=True)
    away = one.open(uni(connected, b"abc"), bidirectional=False, end=True)
    assert session.handlers[both].data == b"xyz"
    assert session.handlers[away].data == b"abc"
    asked = one.get()
    assert one.port.streams[asked].reset == REQUEST_REJECTED
    other = one.open(one.headers([(b":method", b"CONNECT"), *GET[1:], (b":protocol", b"thing")]))
    assert one.port.streams[other].reset == REQUEST_REJECTED
    of_the_other = one.open(bidi(other, b"xyz"))
    assert one.port.streams[of_the_other].reset == REFUSED
    assert list(one.port.protocol.exchanges) == [connected]
    # Once they are gone, nothing is looked at any more.
    one.reset(connected)
    assert not one.port.protocol.exchanges
    late = one.open(bidi(connected, b"xyz"))
    assert one.port.streams[late].reset == REQUEST_REJECTED


def test_a_unidirectional_stream_keeps_its_place_until_it_was_read():
    one = peer()
    connected, session = connect(one)
    session.accept()
    stream = one.open(uni(connected, b"abc"), bidirectional=False, end=True)
    assert session.handlers[stream].data == b"abc"
    state = one.port.streams[stream]
    assert state.received - state.consumed == 1
    session.exchange.close_stream(stream)
    assert state.received == state.consumed
    session.exchange.close_stream(stream)


def test_a_session_may_refuse_a_stream():
    one = peer()
    _, session = connect(one)
    early = one.open(uni(0, b"early"), bidirectional=False)
    session.stream_opened = lambda stream: None
    session.accept()
    late = one.open(bidi(0, b"late"), end=False)
    states = [one.port.streams[stream] for stream in (early, late)]
    assert [(state.reset, state.stopped) for state in states] == [(None, REFUSED), (REFUSED,) * 2]
    assert not {early, late} & set(one.port.protocol.streams)
    assert one.port.owed == 0


def test_a_session_is_called_when_it_asks_for_it():
    one = peer(limits=Limits(keep_alive_timeout=0))
    _, session = connect(one)
    session.accept()
    calls = []
    session.sweep = lambda now: calls.append(now) or NEVER
    one.runtime.advance(5)
    assert calls == []
    session.exchange.wake_at(one.runtime.clock.now + 3)
    one.runtime.advance(5)
    assert len(calls) == 1


def test_a_session_hears_when_its_client_has_said_what_it_speaks():
    runtime = MemoryRuntime()
    made = make_context(hello, runtime, stream_upgrades={b"thing": Session})
    one = H3Frames(lambda port: H3Connection(made, port), runtime)
    _, session = connect(one)
    heard = []
    assert not session.exchange.greeted(lambda: heard.append(True))
    one.open(b"\x00" + settings((0x33, 1)), bidirectional=False)
    assert heard == [True]
    assert session.exchange.greeted(lambda: heard.append(True))
    assert heard == [True]


def test_a_stream_may_come_byte_by_byte():
    one = peer()
    connected, session = connect(one)
    session.accept()
    streams = []
    for content, both in ((uni(connected, b"abc"), False), (bidi(connected, b"abc"), True)):
        stream = one.open(b"", bidirectional=both)
        for byte in content:
            one.send(stream, bytes([byte]))
        one.send(stream, end=True)
        streams.append(stream)
    assert [session.handlers[stream].data for stream in streams] == [b"abc"] * 2
    for stream in streams:
        session.exchange.close_stream(stream)
    assert one.port.owed == 0


def test_a_streams_end_and_pauses_are_told():
    one = peer()
    connected, session = connect(one)
    session.accept()
    stream = one.open(bidi(connected))
    one.port.block(stream)
    one.port.write(stream, b"x" * 100_000, False)
    one.port.drain(stream)
    one.reset(stream, 5)
    one.stop(stream, 6)
    calls = session.handlers[stream].calls
    assert calls == ["pause", "resume", ("reset", 5), ("stopped", 6)]
    session.exchange.close_stream(stream)
    assert stream not in one.port.protocol.streams


def test_a_session_opens_streams():
    one = peer()
    connected, session = connect(one)
    session.accept()
    handler = Handler(session, -1)
    handler.stream = ours = session.exchange.open_stream(handler, bidirectional=True)
    silent = session.exchange.open_stream(Handler(session, -1), bidirectional=False)
    one.port.write(silent, b"data", True)
    assert one.port.sent(ours) == bidi(connected)
    assert one.port.sent(silent) == uni(connected, b"data")
    one.send(ours, b"back", end=True)
    assert handler.data == b"back"


def test_streams_that_come_early_wait():
    one = peer()
    early = one.open(uni(0, b"early"), bidirectional=False)
    reset = one.open(uni(0, b"gone"), bidirectional=False)
    one.reset(reset, 7)
    connected, session = connect(one)
    assert connected == 0
    between = one.open(bidi(0, b"between"), end=True)
    assert not session.handlers
    session.accept()
    assert session.handlers[early].data == b"early"
    assert session.handlers[between].calls == [("receive", True)]
    assert session.handlers[reset].calls[-1] == ("reset", 7)
    for stream in (early, reset, between):
        session.exchange.close_stream(stream)
    assert one.port.owed == 0


def test_streams_that_wait_are_few_and_not_for_long():
    one = peer(limits=Limits(head_timeout=2, keep_alive_timeout=0))
    streams = [one.open(uni(0), bidirectional=False) for _ in range(20)]
    stopped = [one.port.streams[stream].stopped for stream in streams]
    assert stopped == [None] * 16 + [REFUSED] * 4
    one.runtime.advance(4)
    assert {one.port.streams[stream].stopped for stream in streams} == {REFUSED}
    assert not one.port.closed


def test_streams_of_a_session_that_has_gone_are_refused():
    one = peer()
    connected, session = connect(one)
    session.accept()
    one.reset(connected)
    assert session.gone == ["client-gone"]
    stream = one.open(bidi(connected, b"late"))
    state = one.port.streams[stream]
    assert (state.reset, state.stopped) == (REFUSED, REFUSED)
    assert one.port.owed == 0


@pytest.mark.parametrize("session", [1, 2, 3, (1 << 62) - 1])
def test_a_session_is_a_request(session):
    one = peer()
    one.open(uni(session), bidirectional=False)
    assert one.port.close_code == 0x108


def test_a_stream_of_a_session_begins_so():
    one = peer()
    _, session = connect(one)
    session.accept()
    one.open(one.headers(POST), integer(0x41) + integer(3) + b"abc", end=True)
    assert not session.handlers  # an unknown frame, behind HEADERS


def test_datagrams_go_both_ways():
    one = peer()
    connected, session = connect(one)
    one.port.peer_datagram(integer(connected // 4) + b"too early")
    session.accept()
    one.port.peer_datagram(integer(connected // 4) + b"in")
    one.port.peer_datagram(integer(100) + b"of another")
    assert session.datagrams == [b"in"]
    assert session.exchange.max_datagram == 1199
    assert session.exchange.send_datagram(b"out")
    assert not session.exchange.send_datagram(b"x" * 1200)
    assert one.port.datagrams == [integer(connected // 4) + b"out"]
    one.send(connected, end=True)
    one.reset(connected)
    assert one.port.protocol.exchanges != {}


def test_there_are_no_datagrams_to_a_client_that_does_not_want_them():
    runtime = MemoryRuntime()
    made = make_context(hello, runtime, stream_upgrades={b"thing": Session})
    one = H3Frames(lambda port: H3Connection(made, port), runtime)
    one.greet()
    _, session = connect(one)
    session.accept()
    assert session.exchange.max_datagram == 0
    assert not session.exchange.send_datagram(b"out")


def test_the_connect_stream_is_a_tunnel():
    one = peer()
    connected, session = connect(one)
    session.accept()
    one.send(connected, data(encode_capsule(0x2843, b"\0\0\0\0bye")), end=True)
    assert session.fed == encode_capsule(0x2843, b"\0\0\0\0bye")


# Capsules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_capsules_may_be_cut_anywhere(step):
    reader = CapsuleReader(100, frozenset((0, 0x2843)))
    stream = encode_capsule(0, b"one") + encode_capsule(0x99, b"x" * 500)
    stream += encode_capsule(0x2843, b"") + encode_capsule(0, b"two")
    found = []
    for start in range(0, len(stream), step):
        found += reader.receive(stream[start : start + step])
    assert found == [(0, b"one"), (0x2843, b""), (0, b"two")]
    assert not reader.partial
    reader.receive(encode_capsule(0, b"abc")[:-1])
    assert reader.partial
    assert " object at " not in repr(reader)


def test_a_capsule_is_bounded():
    reader = CapsuleReader(10, frozenset((0,)))
    with pytest.raises(RemoteProtocolError):
        reader.receive(integer(0) + integer(11))
