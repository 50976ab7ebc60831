"""Push, and tunnels by extended CONNECT (RFC 9113 section 8.4, RFC 8441)."""

from __future__ import annotations

from nonecorn.testing import EchoTunnel, MemoryRuntime, WirePair, make_context
from nonecorn.testing.apps import hello, pushing
from nonecorn.testing.clients.h2 import H2Client
from nonecorn_h2._connection import H2Connection
from nonecorn_h2._settings import H2Settings


def pair(app, client: H2Client | None = None, *, settings=(), **context) -> WirePair[H2Client]:
    runtime = MemoryRuntime()
    made = make_context(app, runtime, settings=settings, **context)
    return WirePair(lambda port: H2Connection(made, port), client or H2Client(), runtime=runtime)


def answer(app, **context):
    both = pair(app, **context)
    response = both.client.get("/")
    both.pump()
    return response


# Push ---------------------------------------------------------------------------------------------


PUSH = (H2Settings(push=True),)


def test_a_push_is_promised_and_made():
    response = answer(pushing, settings=PUSH)
    [(fields, pushed)] = response.pushed
    assert (b":path", b"/pushed") in fields
    assert (b":authority", b"test") in fields
    assert (pushed.body, pushed.complete) == (b"asked", True)
    assert response.body == b"page"


def test_there_is_no_push_by_default():
    assert answer(pushing).pushed == []


def test_there_is_no_push_to_a_client_that_does_not_want_it():
    both = pair(pushing, H2Client(settings={2: 0}), settings=PUSH)
    response = both.client.get("/")
    both.pump()
    assert (response.body, response.pushed) == (b"page", [])


# Tunnels ------------------------------------------------------------------------------------------


CONNECT = [(":method", "CONNECT"), (":protocol", "websocket")]


def tunnels() -> tuple[WirePair[H2Client], list[EchoTunnel]]:
    both = pair(hello, stream_upgrades={b"websocket": EchoTunnel})
    return both, both.port.protocol.context.cache.setdefault(EchoTunnel, [])


def test_extended_connect_opens_a_tunnel():
    both, made = tunnels()
    assert both.client.connection.remote_settings.enable_connect_protocol == 1
    response = both.client.request("CONNECT", "/chat", CONNECT, end=False)
    both.pump()
    assert made[0].facts == ("2", "websocket", b"/chat", True)
    assert (response.status, dict(response.headers)) == (200, {b"sec-websocket-protocol": b"x"})
    both.client.send(response, b"hello")
    both.pump()
    assert response.body == b"HELLO"
    both.runtime.advance(3600)
    both.client.send(response, b"!", end=True)
    both.pump()
    assert (response.body, response.complete) == (b"HELLO!", True)


def test_tunnels_are_incremental_unless_the_client_says_otherwise():
    both, made = tunnels()
    for value in (None, "u=1", "i=?0", "u=5, i=?0"):
        fields = CONNECT if value is None else [*CONNECT, ("priority", value)]
        both.client.request("CONNECT", "/", fields, end=False)
    both.pump()
    found = [(tunnel.exchange.urgency, tunnel.exchange.incremental) for tunnel in made]
    assert found == [(3, True), (1, True), (3, False), (5, False)]


def test_tunnels_take_turns():
    both, made = tunnels()
    first, second = (both.client.request("CONNECT", "/", CONNECT, end=False) for _ in range(2))
    both.pump()
    both.client.credit = False
    for tunnel in made:
        tunnel.exchange.body(tunnel, b"x" * 100_000, False)
    both.pump()
    assert len(first.body) + len(second.body) == 65535
    assert 0 <= len(first.body) - len(second.body) <= 16384


def test_a_protocol_that_nobody_serves_is_501():
    both, made = tunnels()
    response = both.client.request("CONNECT", "/", [CONNECT[0], (":protocol", "telepathy")])
    both.pump()
    assert (response.status, made) == (501, [])


def test_a_tunnel_that_is_reset_hears_of_it():
    both, made = tunnels()
    response = both.client.request("CONNECT", "/", CONNECT, end=False)
    both.pump()
    both.client.reset(response)
    both.pump()
    assert made[0].gone == ["client-gone"]


def test_a_tunnel_that_ends_first_is_given_time():
    both, made = tunnels()
    response = both.client.request("CONNECT", "/", CONNECT, end=False)
    both.pump()
    made[0].exchange.body(made[0], b"bye", True)
    both.pump()
    assert (response.body, response.complete) == (b"bye", True)
    both.runtime.advance(4)
    both.pump()
    assert made[0].gone == ["client-gone"]
    assert response.reset == 0
