"""Streams both ways and datagrams: what the application receives, sends, and who waits for whom."""

import pytest

from nonecorn.spi import ClientDisconnectedError, Limits, LocalProtocolError
from nonecorn_webtransport import StreamClosedError
from plugins.webtransport.tests._opened import FIRST_CODE, REFUSED, Opened

CLIENT_GONE = "is not open for sending"


def receive(stream, data, *, end=False):
    return {
        "type": "webtransport.stream.receive", "stream": stream, "data": data, "end_stream": end,
    }  # fmt: skip


@pytest.fixture(params=[False, True], ids=["lazy", "eager"])
def opened(request):
    return Opened(eager=request.param)


# Receiving ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("uni", [False, True])
def test_a_stream_of_the_clients(opened, uni):
    stream = opened.open(b"one", uni=uni)
    opened.write(stream, b"two", end=True)
    assert opened.received == [
        {"type": "webtransport.stream.open", "stream": stream, "bidirectional": not uni},
        receive(stream, b"one"),
        receive(stream, b"two", end=True),
    ]
    assert opened.port.owed == 0


def test_an_empty_stream_is_told_of(opened):
    stream = opened.open(uni=True, end=True)
    assert opened.received[1:] == [receive(stream, b"", end=True)]


def test_a_reset_drops_what_waits():
    opened = Opened()
    stream = opened.open(b"one")
    opened.do("stream.pause", stream=stream)
    opened.write(stream, b"two")
    opened.client.reset_stream(stream, FIRST_CODE + 5)
    opened.client.pump()
    assert opened.last() == {"type": "webtransport.stream.reset", "stream": stream, "code": 5}
    assert opened.port.owed == 0
    opened.do("stream.send", stream=stream, data=b"still here", end_stream=True)
    assert opened.got(stream) == b"still here"


def test_a_reset_with_a_code_of_no_applications_has_none(opened):
    stream = opened.open(b"one")
    opened.client.reset_stream(stream, 0x10C)
    opened.client.pump()
    assert opened.last()["code"] is None


def test_a_paused_stream_gets_no_credit_and_holds_up_no_other():
    opened = Opened()
    held = opened.open(b"begin")
    opened.do("stream.pause", stream=held)
    opened.write(held, bytes(200_000), end=True)
    assert opened.port.credit(held) == 0
    other = opened.open(b"other")
    assert opened.last() == receive(other, b"other")
    opened.do("stream.resume", stream=held)
    messages = [each for each in opened.received if each.get("stream") == held]
    assert sum(len(each.get("data", b"")) for each in messages) == 200_005
    assert opened.last()["end_stream"]
    assert opened.port.owed == 0


def test_what_the_application_does_not_receive_is_not_credited():
    opened = Opened(held="receive")
    streams = [opened.open(bytes(100_000)) for _ in range(3)]
    assert [opened.port.credit(stream) for stream in streams] == [0, 0, 0]
    opened.release()
    turns = [each["stream"] for each in opened.received if "data" in each]
    assert turns[:3] == streams  # in turn
    assert opened.port.owed == 0


def test_stopping_drops_what_waits_and_tells_the_client():
    opened = Opened()
    stream = opened.open(b"one")
    opened.do("stream.pause", stream=stream)
    opened.write(stream, b"two")
    opened.do("stream.stop", stream=stream, code=9)
    assert opened.state(stream).stopped == FIRST_CODE + 9
    assert opened.port.owed == 0
    opened.do("stream.resume", stream=stream)
    assert opened.last()["data"] == b"one"


@pytest.mark.parametrize("uni", [False, True])
def test_stopping_what_has_ended_is_no_news_to_the_client(uni):
    opened = Opened()
    stream = opened.open(b"one", uni=uni)
    opened.do("stream.pause", stream=stream)
    opened.write(stream, b"two", end=True)
    opened.do("stream.stop", stream=stream)
    assert opened.state(stream).stopped is None
    assert opened.port.owed == 0


# Sending ------------------------------------------------------------------------------------------


def test_streams_of_the_applications(opened):
    opened.do("stream.open", stream="both")
    opened.do("stream.open", stream="one", bidirectional=False)
    opened.do("stream.send", stream="both", data=b"data")
    opened.do("stream.send", stream="one", data=bytearray(b"all"), end_stream=True)
    both, one = opened.ours()
    assert (both & 3, one & 3) == (1, 3)
    assert (opened.got(both), opened.got(one)) == (b"data", b"all")
    assert (opened.ended(both), opened.ended(one)) == (False, True)
    opened.write(both, b"back", end=True)
    assert opened.last() == receive("both", b"back", end=True)
    opened.do("stream.send", stream="both", end_stream=True)
    assert opened.ended(both)


def test_a_name_may_be_used_again_once_its_stream_has_ended(opened):
    opened.do("stream.open", stream="a", bidirectional=False)
    [error] = opened.do("stream.open", stream="a", wait=False)
    assert isinstance(error, LocalProtocolError)
    opened.do("stream.send", stream="a", end_stream=True)
    opened.do("stream.open", stream="a")
    assert len(opened.ours()) == 2


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("stream.open", {"stream": 4}),
        ("stream.open", {}),
        ("stream.send", {"stream": 4, "data": "text"}),
        ("stream.reset", {"stream": 4, "code": 1 << 32}),
        ("stream.stop", {"stream": 4, "code": -1}),
        ("datagram.send", {"data": "text"}),
        ("close", {"code": "1"}),
        ("close", {"reason": "x" * 1025}),
        ("accept", {}),
        ("stream.connect", {}),
    ],
)
def test_messages_are_checked(opened, kind, fields):
    assert opened.open(b"x") == 4
    [error] = opened.do(kind, wait=False, **fields)
    assert isinstance(error, LocalProtocolError)
    opened.do("stream.send", stream=4, data=b"fine")
    assert opened.got(4) == b"fine"


@pytest.mark.parametrize("kind", ["send", "reset", "stop", "pause", "resume"])
@pytest.mark.parametrize("name", [8, "a", None, ("a",)])
def test_a_stream_that_is_not_there_is_closed(opened, kind, name):
    opened.open(b"x")
    [error] = opened.do(f"stream.{kind}", wait=False, stream=name)
    assert isinstance(error, StreamClosedError)
    assert isinstance(error, ClientDisconnectedError)
    assert error.stream == name


def test_nothing_is_sent_on_a_stream_of_the_clients_direction(opened):
    stream = opened.open(b"x", uni=True)
    for kind in ("send", "reset"):
        [error] = opened.do(f"stream.{kind}", wait=False, stream=stream)
        assert isinstance(error, StreamClosedError)


def test_resetting_ends_our_direction(opened):
    stream = opened.open(b"x")
    opened.do("stream.reset", stream=stream, code=30)
    assert opened.state(stream).reset == FIRST_CODE + 31
    assert opened.state(stream).stopped is None
    [error] = opened.do("stream.send", wait=False, stream=stream, data=b"more")
    assert isinstance(error, StreamClosedError)
    opened.write(stream, b"y", end=True)
    assert opened.last() == receive(stream, b"y", end=True)


def test_sending_waits_for_the_client_on_that_stream_alone():
    opened = Opened()
    slow, fast = opened.open(b"slow"), opened.open(b"fast")
    opened.port.block(slow)
    outcome = opened.do("stream.send", stream=slow, data=bytes(100_000), wait=False)
    assert outcome == []
    opened.do("stream.send", stream=fast, data=b"goes")
    assert opened.got(fast) == b"goes"
    assert opened.do("stream.send", stream=slow, data=b"x", wait=False) == []
    opened.port.drain(slow)
    opened.client.pump()
    assert outcome == [None]
    assert opened.got(slow) == bytes(100_000) + b"x"


@pytest.mark.parametrize("ours", [False, True])
def test_the_last_message_of_a_stream_may_wait(ours):
    opened = Opened()
    name = opened.open(b"x", end=True)
    if ours:
        name = "a"
        opened.do("stream.open", stream=name, bidirectional=False)
    stream = opened.ours()[0] if ours else name
    opened.port.block(stream)
    outcome = opened.do(
        "stream.send", stream=name, data=bytes(100_000), end_stream=True, wait=False
    )
    assert outcome == []
    opened.port.drain(stream)
    opened.client.pump()
    assert outcome == [None]
    assert opened.ended(stream)
    assert stream not in opened.port.protocol.streams


def test_a_client_that_stops_a_stream_wakes_who_waits():
    opened = Opened()
    stream = opened.open(b"x")
    opened.port.block(stream)
    outcome = opened.do("stream.send", stream=stream, data=bytes(100_000), wait=False)
    opened.client.stop_stream(stream, FIRST_CODE + 3)
    opened.client.pump()
    assert [type(error) for error in outcome] == [StreamClosedError]
    assert opened.last() == {"type": "webtransport.stream.stop", "stream": stream, "code": 3}
    [error] = opened.do("stream.send", wait=False, stream=stream, data=b"more")
    assert isinstance(error, StreamClosedError)
    opened.write(stream, b"y", end=True)
    assert opened.last() == receive(stream, b"y", end=True)
    assert opened.records == []


def test_a_client_that_takes_nothing_loses_that_stream():
    opened = Opened(limits=Limits(write_timeout=3, keep_alive_timeout=0))
    stuck, slow = opened.open(b"stuck"), opened.open(b"slow")
    outcomes = []
    for stream in (stuck, slow):
        opened.port.block(stream)
        outcomes.append(opened.do("stream.send", stream=stream, data=bytes(100_000), wait=False))
    for _ in range(6):
        opened.runtime.advance(1)
        opened.port.drain(slow, 1)
    assert opened.state(stuck).reset == FIRST_CODE
    assert opened.state(slow).reset is None
    [error] = outcomes[0]
    assert isinstance(error, StreamClosedError)
    assert outcomes[1] == []
    assert opened.last() == {"type": "webtransport.stream.stop", "stream": stuck, "code": None}


def test_streams_share_the_connection():
    opened = Opened()
    stream = opened.open(b"x")
    assert opened.state(stream).priority == (3, True)


def test_the_application_opens_no_more_streams_than_it_may():
    opened = Opened(max_streams=2)
    for name in "ab":
        opened.do("stream.open", stream=name, bidirectional=False)
    waits = opened.do("stream.open", stream="c", bidirectional=False, wait=False)
    opened.do("stream.open", stream="d")  # the other kind
    opened.runtime.advance(1)
    assert waits == []
    opened.port.block(opened.ours()[0])
    opened.do("stream.send", stream="a", data=b"stays", end_stream=True)
    opened.runtime.advance(1)
    assert waits == []  # it was ended, and has not left
    opened.port.drain()
    opened.runtime.advance(1)
    assert waits == [None]
    assert len(opened.ours()) == 4


def test_who_waits_for_a_stream_hears_of_the_end():
    opened = Opened(max_streams=1)
    opened.do("stream.open", stream="a")
    waits = opened.do("stream.open", stream="b", wait=False)
    opened.capsule(0x2843, b"\0\0\0\0", end=True)
    opened.runtime.advance(1)
    assert [type(error) for error in waits] == [ClientDisconnectedError]
    assert not opened.runtime.jobs


def test_an_application_that_never_waits_lets_others_have_their_turn():
    sent = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "webtransport.accept"})
        while True:
            await send({"type": "webtransport.datagram.send", "data": b"x"})
            sent.append(1)
            if len(sent) == 1000:
                return

    async def other():
        seen.append(len(sent))

    seen = []
    opened = Opened(app, connect=False)
    opened.client.request("CONNECT", "/", [(":protocol", "webtransport")], end=False)
    opened.runtime.spawn(other)
    opened.client.pump()
    assert len(sent) == 1000


# Datagrams ----------------------------------------------------------------------------------------


def test_datagrams_go_both_ways(opened):
    opened.datagram(b"in")
    assert opened.last() == {"type": "webtransport.datagram.receive", "data": b"in"}
    opened.do("datagram.send", data=b"out")
    opened.do("datagram.send", data=bytes(5000))  # no packet has room for it
    assert opened.datagrams == [b"out"]


def test_of_many_datagrams_the_newest_are_kept():
    opened = Opened(held="receive", max_datagrams=3)
    stream = opened.open(b"stream")
    for number in range(10):
        opened.datagram(b"%d" % number)
    opened.release()
    found = [each["data"] for each in opened.received if "datagram" in each["type"]]
    assert found == [b"7", b"8", b"9"]
    # Neither kind waits for the end of the other.
    assert receive(stream, b"stream") in opened.received[:4]


# Limits -------------------------------------------------------------------------------------------


def test_a_client_has_no_more_streams_than_it_may():
    opened = Opened(max_streams=2)
    first, second = opened.open(b"1"), opened.open(b"2")
    refused = opened.open(b"3")
    state = opened.state(refused)
    assert (state.reset, state.stopped) == (REFUSED, REFUSED)
    assert opened.open(b"4", uni=True) & 2  # the other kind
    opened.do("stream.send", stream=first, end_stream=True)
    opened.write(first, b"", end=True)
    opened.open(b"5")
    data = [each["data"] for each in opened.received if each.get("data")]
    assert data == [b"1", b"2", b"4", b"5"]
    assert second in opened.port.protocol.streams


def test_a_place_is_free_once_the_end_was_received():
    opened = Opened(held="receive")
    streams = [opened.open(b"abc", uni=True, end=True) for _ in range(5)]
    states = [opened.state(stream) for stream in streams]
    assert [state.received - state.consumed for state in states] == [4] * 5
    opened.release()
    assert opened.port.owed == 0
    assert not set(streams) & set(opened.port.protocol.streams)
