"""Push, priorities, and tunnels by extended CONNECT (RFC 9114 section 4.6, RFC 9218, RFC 9220)."""

from __future__ import annotations

import pytest

from nonecorn.spi import Limits, LocalProtocolError
from nonecorn.testing import EchoTunnel, Gate, MemoryRuntime, make_context
from nonecorn.testing.apps import hello, pushing, respond
from nonecorn.testing.clients.h3_frames import (
    CANCEL_PUSH,
    CONTROL,
    GET,
    GOAWAY,
    MAX_PUSH_ID,
    PUSH_PROMISE,
    H3Frames,
    data,
    frame,
    integer,
)
from nonecorn_h3._http._connection import H3Connection
from nonecorn_h3._settings import H3Settings
from nonecorn_ws._wsproto import WsprotoStream

PRIORITY_REQUEST, PRIORITY_PUSH = 0xF0700, 0xF0701


def peer(app, settings: H3Settings | None = None, *, port=None, **context) -> H3Frames:
    runtime = MemoryRuntime()
    made = make_context(app, runtime, settings=(settings or H3Settings(),), **context)
    found = H3Frames(lambda port: H3Connection(made, port), runtime, **(port or {}))
    found.greet()
    return found


# Push ---------------------------------------------------------------------------------------------

PUSH = H3Settings(push=True)


def test_a_push_is_promised_and_made():
    one = peer(pushing, PUSH, scheme="https")
    one.send(CONTROL, frame(MAX_PUSH_ID, integer(0)))
    stream = one.get()
    [(_, promise)] = [found for found in one.frames(stream) if found[0] == PUSH_PROMISE]
    assert promise[0] == 0
    fields = one._decoder.feed_header(0, promise[1:])[1]
    assert (b":path", b"/pushed") in fields
    assert (b":authority", b"test") in fields
    [pushed] = one.uni(1)
    assert (one.status(pushed), one.body(pushed), one.complete(pushed)) == (200, b"asked", True)
    assert one.body(stream) == b"page"
    assert len(one.port.protocol.pushes) == 0
    # MAX_PUSH_ID was 0: there is no second.
    assert PUSH_PROMISE not in [kind for kind, _ in one.frames(one.get())]
    one.send(CONTROL, frame(MAX_PUSH_ID, integer(10)))
    assert PUSH_PROMISE in [kind for kind, _ in one.frames(one.get())]


def test_there_is_no_push_by_default_or_unasked():
    for settings, allowed in ((H3Settings(), True), (PUSH, False)):
        one = peer(pushing, settings)
        if allowed:
            one.send(CONTROL, frame(MAX_PUSH_ID, integer(10)))
        stream = one.get()
        assert (one.body(stream), one.uni(1)) == (b"page", [])


def test_there_is_no_push_beyond_the_clients_goaway():
    one = peer(pushing, PUSH)
    one.send(CONTROL, frame(MAX_PUSH_ID, integer(10)))
    one.get()
    one.send(CONTROL, frame(GOAWAY, integer(1)))
    one.get()
    assert len(one.uni(1)) == 1


@pytest.mark.parametrize("how", ["cancel", "stop"])
def test_a_push_may_be_cancelled(how):
    gate = Gate()
    seen = []

    async def app(scope, receive, send):
        if scope["path"] != "/pushed":
            await pushing(scope, receive, send)
            return
        while (await receive())["type"] != "http.disconnect":
            pass
        seen.append("gone")
        await gate.wait()

    one = peer(app, PUSH)
    one.send(CONTROL, frame(MAX_PUSH_ID, integer(10)))
    one.get()
    [pushed] = one.uni(1)
    if how == "cancel":
        one.send(CONTROL, frame(CANCEL_PUSH, integer(0)))
        assert one.port.streams[pushed].reset == 0x10C
    else:
        one.stop(pushed)
    assert seen == ["gone"]
    assert one.port.protocol.exchanges == {}
    one.send(CONTROL, frame(CANCEL_PUSH, integer(0)))
    assert not one.port.closed


def test_a_push_has_a_priority():
    gate = Gate()

    async def app(scope, receive, send):
        if scope["path"] == "/pushed":
            await gate.wait()
        await pushing(scope, receive, send)

    one = peer(app, PUSH)
    one.send(CONTROL, frame(MAX_PUSH_ID, integer(10)))
    one.get()
    [pushed] = one.uni(1)
    one.send(CONTROL, frame(PRIORITY_PUSH, integer(0) + b"u=6, i"))
    assert one.port.streams[pushed].priority == (6, True)


@pytest.mark.parametrize("path", ["pushed", "", "/a b", "/#x"])
def test_a_push_needs_a_path(path):
    errors = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await send({"type": "http.response.push", "path": path, "headers": []})
        except LocalProtocolError as error:
            errors.append(error)
        await send({"type": "http.response.body", "body": b""})

    one = peer(app, PUSH)
    one.send(CONTROL, frame(MAX_PUSH_ID, integer(10)))
    one.get()
    assert len(errors) == 1


# Priorities ---------------------------------------------------------------------------------------


def test_the_priority_field_is_handed_to_the_port():
    one = peer(hello)
    streams = [
        one.get(b"/", (b"priority", value)) for value in (b"u=1", b"i", b"u=7, i", b"u=3", b"?")
    ]
    priorities = [one.port.streams[stream].priority for stream in streams]
    assert priorities == [(1, False), (3, True), (7, True), (3, False), (3, False)]


def test_an_update_prevails_whenever_it_comes():
    gate = Gate()

    async def app(scope, receive, send):
        await gate.wait()
        await respond(send, b"")

    one = peer(app)
    one.send(CONTROL, frame(PRIORITY_REQUEST, integer(0) + b"u=0"))
    stream = one.get(b"/", (b"priority", b"u=5"))
    assert one.port.streams[stream].priority == (0, False)
    one.send(CONTROL, frame(PRIORITY_REQUEST, integer(0) + b"u=6, i"))
    assert one.port.streams[stream].priority == (6, True)
    slow = one.open(one.headers()[:5])
    one.send(CONTROL, frame(PRIORITY_REQUEST, integer(slow) + b"u=2"))
    one.send(slow, one.headers()[5:], end=True)
    assert one.port.streams[slow].priority == (2, False)
    gate.open()
    one.run()
    one.send(CONTROL, frame(PRIORITY_REQUEST, integer(0) + b"u=1"))
    assert one.port.streams[0].priority == (6, True)


def test_an_application_may_say_better():
    async def app(scope, receive, send):
        headers = [(b"priority", b"u=1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    one = peer(app)
    stream = one.get(b"/", (b"priority", b"u=5, i"))
    assert one.port.streams[stream].priority == (1, True)


# Tunnels ------------------------------------------------------------------------------------------


def connect(one: H3Frames, protocol: bytes = b"Echo", *more) -> int:
    fields = [(b":method", b"CONNECT"), *GET[1:], (b":protocol", protocol), *more]
    return one.open(one.headers(fields))


def tunnelled(**context):
    one = peer(hello, stream_upgrades={b"echo": EchoTunnel}, **context)
    stream = connect(one)
    [tunnel] = one.port.protocol.context.cache[EchoTunnel]
    return one, stream, tunnel


def test_a_tunnel_carries_bytes_both_ways():
    one, stream, tunnel = tunnelled()
    assert one.settings[8] == 1
    assert tunnel.facts == ("3", "echo", b"/", True)
    assert one.fields(stream) == [[(b":status", b"200"), (b"sec-websocket-protocol", b"x")]]
    one.send(stream, data(b"abc"), frame(0x21, b"grease"), data(b"def"))
    assert one.body(stream) == b"ABCDEF"
    one.send(stream, end=True)
    assert one.complete(stream)
    assert one.port.protocol.exchanges == {}
    assert one.port.owed == 0


def test_a_tunnel_is_incremental_unless_it_says_otherwise():
    one, stream, _ = tunnelled()
    assert one.port.streams[stream].priority == (3, True)
    stream = connect(one, b"echo", (b"priority", b"i=?0"))
    assert one.port.streams[stream].priority == (3, False)


def test_only_data_in_a_tunnel():
    one, stream, tunnel = tunnelled()
    one.send(stream, one.headers([(b"x", b"y")]))
    assert one.port.close_code == 0x105
    assert tunnel.gone == ["headers"]


@pytest.mark.parametrize("how", ["reset", "stop"])
def test_a_tunnel_that_is_broken_off_is_told(how):
    one, stream, tunnel = tunnelled()
    one.reset(stream) if how == "reset" else one.stop(stream)
    assert tunnel.gone == ["client-gone"]
    tunnel.exchange.body(tunnel, b"too late", False)
    assert not one.port.closed


def test_a_tunnel_that_we_have_ended_has_its_time():
    one, stream, tunnel = tunnelled(limits=Limits(close_timeout=2))
    tunnel.exchange.body(tunnel, b"bye", True)
    one.runtime.advance(1)
    assert one.port.streams[stream].stopped is None
    one.runtime.advance(3)
    assert one.port.streams[stream].stopped == 0x100
    assert one.body(stream) == b"bye"
    assert one.port.streams[stream].reset is None


def test_a_tunnel_may_be_silent():
    one, stream, tunnel = tunnelled(limits=Limits(body_timeout=1, app_timeout=1))
    one.runtime.advance(3600)
    assert (tunnel.gone, one.port.streams[stream].reset) == ([], None)


def test_a_protocol_that_nobody_serves_is_answered():
    one, _, _ = tunnelled()
    stream = connect(one, b"webtransport")
    assert one.status(stream) == 501


def test_a_websocket_is_what_it_is_over_http2():
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"].upper()})
        await send({"type": "websocket.close", "code": 1001})

    one = peer(app, stream_upgrades={b"websocket": WsprotoStream}, scheme="https")
    stream = connect(one, b"websocket", (b"sec-websocket-version", b"13"))
    assert one.status(stream) == 200
    masked = bytes(byte ^ mask for byte, mask in zip(b"hello", b"\1\2\3\4\1", strict=True))
    one.send(stream, data(b"\x81\x85\x01\x02\x03\x04" + masked))
    assert one.body(stream) == b"\x81\x05HELLO" + b"\x88\x02\x03\xe9"
    [scope] = scopes
    assert (scope["type"], scope["http_version"], scope["scheme"]) == ("websocket", "3", "wss")
