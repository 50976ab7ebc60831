"""What a client may not do costs its stream, or its connection, and never anything else; and what a
server has to bear.
"""

from __future__ import annotations

import pytest

from nonecorn.testing import MemoryRuntime, bytewise, make_context, whole
from nonecorn.testing.apps import echo
from nonecorn.testing.clients.h3_frames import (
    CONTROL,
    DECODER,
    ENCODER,
    H3Frames,
    data,
    frame,
    integer,
    settings,
)
from nonecorn.testing.clients.h3_violations import (
    ANSWERED,
    BODIES,
    CANCELLED,
    CLOSED_CRITICAL,
    CONTROL_STREAM,
    DATAGRAM,
    FIRST_ON_CONTROL,
    INCOMPLETE,
    MESSAGE,
    QPACK_STREAMS,
    REQUEST_STREAM,
    STREAM_CREATION,
    STREAM_ERRORS,
    UNIDIRECTIONAL,
    encoded,
    fields,
)
from nonecorn_h3._http._connection import H3Connection


@pytest.fixture(params=[whole, bytewise], ids=["whole", "bytewise"])
def peer(request):
    runtime = MemoryRuntime()
    context = make_context(echo, runtime, scheme="https")
    made: list[H3Frames] = []

    def _connect(*, greet: bool = True) -> H3Frames:
        found = H3Frames(lambda port: H3Connection(context, port), runtime)
        if greet:
            found.greet()
        made.append(found)
        return found

    def _send(found: H3Frames, stream: int, content: bytes, *, end: bool = False) -> None:
        pieces = list(request.param(content)) or [b""]
        for number, piece in enumerate(pieces, 1):
            last = end and number == len(pieces)
            if not found.port.closed:
                found.send(stream, piece, end=last)

    _connect.send = _send
    yield _connect
    for found in [*made, _connect()]:
        # D2: neither the connection, where it was not to blame, nor another is harmed.
        if not found.port.closed:
            stream = 400
            found.send(stream, found.headers(), end=True)
            assert (found.status(stream), found.complete(stream)) == (200, True)
            assert found.port.owed == 0
    assert not made[0].runtime.jobs


def ids(table):
    return pytest.mark.parametrize("case", table.values(), ids=table)


@ids(STREAM_ERRORS)
def test_a_malformed_request_costs_its_stream(peer, case):
    malformed, code = case
    one = peer()
    peer.send(one, 0, encoded(malformed), end=True)
    assert not one.port.closed
    assert one.port.streams[0].reset == code


@ids(STREAM_ERRORS)
def test_a_malformed_request_that_goes_on_is_stopped(peer, case):
    malformed, code = case
    if (b"content-length", b"5") in malformed:
        return  # a body may follow
    one = peer()
    peer.send(one, 0, encoded(malformed))
    assert (one.port.streams[0].reset, one.port.streams[0].stopped) == (code, code)


@ids(ANSWERED)
def test_a_request_that_is_not_served_is_answered(peer, case):
    refused, status = case
    one = peer()
    content = encoded(refused)
    for end in range(0, len(content), 50_000):
        piece = content[end : end + 50_000]
        if one.port.streams.get(0) is None or one.port.streams[0].stopped is None:
            peer.send(one, 0, piece, end=end + 50_000 >= len(content))
    assert not one.port.closed
    assert (one.status(0), one.complete(0)) == (status, True)


@ids(BODIES)
def test_a_malformed_body_costs_its_stream(peer, case):
    parts, ended, code = case
    one = peer()
    head = encoded(fields((b"content-length", b"5"), method=b"POST"))
    peer.send(one, 0, b"".join((head, *parts)), end=ended)
    assert not one.port.closed
    assert one.port.streams[0].reset == code


def test_a_request_that_ends_before_its_head_costs_its_stream(peer):
    one = peer()
    peer.send(one, 0, b"", end=True)
    peer.send(one, 4, frame(0x21, b"grease"), end=True)
    assert [one.port.streams[stream].reset for stream in (0, 4)] == [INCOMPLETE] * 2


@ids(REQUEST_STREAM)
def test_frames_of_a_request_stream(peer, case):
    content, ended, code = case
    one = peer()
    peer.send(one, 0, content, end=ended)
    assert one.port.close_code == code


@ids(CONTROL_STREAM)
def test_frames_of_the_control_stream(peer, case):
    content, code = case
    one = peer()
    peer.send(one, CONTROL, content)
    assert one.port.close_code == code


@ids(FIRST_ON_CONTROL)
def test_the_first_frame_of_the_control_stream(peer, case):
    content, code = case
    one = peer(greet=False)
    peer.send(one, CONTROL, b"\0" + content)
    assert one.port.close_code == code


@ids(UNIDIRECTIONAL)
def test_streams_that_a_client_may_not_open(peer, case):
    content, code = case
    one = peer()
    peer.send(one, 14, content)
    assert one.port.close_code == code


@ids(QPACK_STREAMS)
def test_instructions_of_the_field_compression(peer, case):
    stream, content, code = case
    one = peer()
    peer.send(one, stream, content)
    assert one.port.close_code == code


@pytest.mark.parametrize("stream", [CONTROL, ENCODER, DECODER])
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_critical_stream_may_not_end(peer, stream, how):
    one = peer()
    if how == "end":
        one.send(stream, end=True)
    else:
        one.reset(stream)
    assert one.port.close_code == CLOSED_CRITICAL


def test_ours_may_not_be_stopped(peer):
    for number in (0, 1):
        one = peer()
        one.stop(one.port.opened[number])
        assert one.port.close_code == CLOSED_CRITICAL


@pytest.mark.parametrize("content", [b"", b"\x80", b"\xff" * 8], ids=repr)
def test_a_datagram_that_names_no_stream(peer, content):
    one = peer()
    one.port.peer_datagram(content)
    one.run()
    assert one.port.close_code == DATAGRAM


# What has to be borne -----------------------------------------------------------------------------


def test_unknown_frames_and_settings_are_ignored(peer):
    one = peer(greet=False)
    grease = frame(0x21 + 0x1F * 7, b"grease") + frame(0x40)
    peer.send(one, CONTROL, b"\0" + settings((0x21, 5), (0x1F * 9 + 0x21, 0)) + grease)
    body = encoded(fields(method=b"POST")) + grease + data(b"x") + grease + data(b"y") + grease
    peer.send(one, 0, grease + body, end=True)
    assert (one.body(0), one.complete(0)) == (b"xy", True)


def test_unknown_streams_are_stopped(peer):
    one = peer()
    peer.send(one, 14, integer(0x21) + b"abc")
    peer.send(one, 18, integer(0x54) + b"\0")
    assert [one.port.streams[stream].stopped for stream in (14, 18)] == [STREAM_CREATION] * 2


def test_a_stream_may_end_before_it_says_what_it_is(peer):
    one = peer()
    peer.send(one, 14, b"", end=True)
    peer.send(one, 18, b"\x40", end=True)
    one.port.receive(22, b"\x80")
    one.reset(22)
    assert not one.port.closed


def test_empty_trailers_are_trailers(peer):
    one = peer()
    peer.send(one, 0, encoded(fields(method=b"POST")) + data(b"x") + frame(1, b"\0\0"), end=True)
    assert one.body(0) == b"x"


def test_a_cancelled_stream_is_no_news_to_the_encoder(peer):
    one = peer()
    peer.send(one, DECODER, b"\x40" + b"\x7f\x81\x01")
    assert not one.port.closed


def test_a_datagram_for_no_stream_is_dropped(peer):
    one = peer()
    one.port.peer_datagram(integer(1000) + b"x")
    one.port.peer_datagram(integer(0) + b"x")
    assert not one.port.closed


def test_a_body_may_be_in_parts_of_any_size(peer):
    one = peer()
    body = b"".join(data(bytes([number]) * number) for number in range(1, 100))
    peer.send(one, 0, encoded(fields(method=b"POST")) + body, end=True)
    assert one.body(0) == b"".join(bytes([number]) * number for number in range(1, 100))


def test_our_own_words_are_in_order(peer):
    one = peer()
    assert one.control[0][0] == 4
    assert {1: 4096, 7: 16, 6: 65536, 0x33: 1}.items() <= one.settings.items()
    reserved = [name for name in one.settings if name not in (1, 6, 7, 0x33)]
    assert [(name - 0x21) % 0x1F for name in reserved] == [0]
    assert [(kind - 0x21) % 0x1F for kind, _ in one.control[1:]] == [0]
    assert [one.port.streams[stream].priority for stream in one.port.opened] == [(-1, False)] * 2


@pytest.mark.parametrize("end", [False, True])
def test_what_came_together_with_a_malformed_head_is_not_read(peer, end):
    one = peer()
    head = encoded(fields((b"connection", b"close"), method=b"POST"))
    one.port.receive(0, head)
    one.port.receive(14, integer(0x21))
    # A port may have had these with the same datagram, and tell them before it has been stopped.
    one.port.protocol.stream_data(0, data(b"x"), end)
    one.port.protocol.stream_data(14, b"\0", end)
    one.port.protocol.stream_reset(0, CANCELLED)
    one.run()
    assert not one.port.closed
    assert one.port.streams[0].reset == MESSAGE
