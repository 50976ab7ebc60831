"""Upgrades: a stream that tunnels, a protocol that takes the connection over, and prefaces."""

from __future__ import annotations

import pytest

from nonecorn.serving.negotiate import PrefaceSniffer
from nonecorn.spi import NEVER, Limits
from nonecorn.testing import MemoryRuntime, bytewise, make_context, read_responses
from nonecorn.testing.apps import Recorder, hello
from tests.builtin.http.server import GET, Held, Server, get

UPGRADE = get(b"/up?q", b"Connection: keep-alive, Upgrade", b"Upgrade: nobody, Test")
ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nx-a: 1\r\nconnection: upgrade\r\nupgrade: test\r\n\r\n"
)


class Tunnel:
    """A stream that does what the test says. See `nonecorn.spi.Stream`."""

    made: list[Tunnel]

    def __init__(
        self, context, exchange, port, version, method, path, query, headers, has_body, /
    ) -> None:
        self.facts = (version, method, path, query, has_body)
        self.headers = headers
        self.context = context
        self.exchange = exchange
        self.blocked = None
        self.remaining = 0
        self.expect_continue = False
        self.job = None
        self.data = b""
        self.ended = False
        self.gone: list[str] = []
        self.expired = False
        self.done = context.runtime.waiter()
        self.made.append(self)

    def feed(self, data: bytes, end: bool) -> None:
        assert not self.ended, "feed after the end"
        self.data += data
        self.ended = end

    def feed_trailers(self, headers) -> None:
        raise AssertionError("a tunnel has no trailers")

    def disconnect(self, reason: str = "client-gone", status: int | None = None) -> None:
        self.gone.append(reason)
        self.done.set()

    def half_close(self) -> None:
        raise AssertionError("a tunnel's end is fed")

    def expire(self) -> None:
        self.expired = True
        self.done.set()

    async def run(self) -> None:
        self.context.running.add(self)
        try:
            await self.done.wait()
        finally:
            self.context.running.discard(self)

    async def receive(self):
        raise AssertionError

    async def send(self, message) -> None:
        raise AssertionError

    # What the test makes it do

    def accept(self) -> None:
        self.exchange.tunnel(
            self, [(b"x-a", b"1"), (b"connection", b"x"), (b"content-length", b"3")]
        )

    def refuse(self, status: int) -> None:
        self.exchange.respond(self, status, [], b"no", True, False)
        self.done.set()

    def write(self, data: bytes, *, end: bool = False) -> None:
        self.exchange.body(self, data, end)


@pytest.fixture
def tunnels(serve):
    """A server with the upgrade `test`: returns it, a connection and where its streams are kept."""

    def make(app=hello, **options) -> tuple[Server, list[Tunnel]]:
        made: list[Tunnel] = []
        factory = type("Own", (Tunnel,), {"made": made})
        return serve(app, stream_upgrades={b"test": factory}, **options), made

    return make


def test_the_stream_is_made_for_the_upgrade(tunnels) -> None:
    server, made = tunnels()
    port = server.connect()
    assert port.exchange(UPGRADE) == b""
    (stream,) = made
    assert stream.facts == ("1.1", "GET", b"/up", b"q", True)
    assert (b"upgrade", b"nobody, Test") in stream.headers
    assert stream.job is not None
    assert not stream.expect_continue
    stream.accept()
    assert port.take() == ACCEPTED


def test_raw_bytes_go_both_ways(tunnels) -> None:
    server, (made) = tunnels()
    port = server.connect()
    port.exchange(UPGRADE)
    (stream,) = made
    stream.accept()
    port.take()
    port.receive(GET)
    port.receive(b"\r\n\r\n\0\xff")
    assert stream.data == GET + b"\r\n\r\n\0\xff"
    stream.write(b"\0raw")
    stream.write(b"")
    assert port.take() == b"\0raw"


@pytest.mark.parametrize("early", [b"early", b"\r\n", GET * 3])
def test_bytes_before_the_accept_are_delivered_in_order(tunnels, early: bytes) -> None:
    server, made = tunnels()
    port = server.connect()
    port.receive(UPGRADE + early)
    port.receive(b"later")
    server.run()
    (stream,) = made
    stream.accept()
    port.receive(b"last")
    assert stream.data == early + b"later" + b"last"


def test_cut_byte_by_byte_too(tunnels) -> None:
    server, made = tunnels()
    port = server.connect()
    for piece in bytewise(UPGRADE + b"early"):
        port.receive(piece)
    server.run()
    assert made[0].data == b"early"


def test_what_it_does_not_consume_is_bounded(tunnels) -> None:
    server, made = tunnels(limits={"receive_buffer": 2048})
    port = server.connect()
    port.exchange(UPGRADE)
    for _ in range(100):
        port.receive(b"x" * 100)
    (stream,) = made
    assert len(stream.data) <= 2048 + 100
    assert not port.reading
    stream.exchange.consumed(stream, len(stream.data))
    server.run()
    assert len(stream.data) > 2048 + 100
    while len(stream.data) < 10_000:
        stream.exchange.consumed(stream, 2000)
        server.run()
    assert stream.data == b"x" * 10_000


def test_what_the_peer_does_not_take_is_shown_to_it(tunnels) -> None:
    server, made = tunnels(limits={"send_buffer": 1024, "write_timeout": 5})
    port = server.connect()
    port.exchange(UPGRADE)
    (stream,) = made
    stream.accept()
    port.block()
    stream.write(b"x" * 2000)
    blocked = stream.blocked
    assert blocked is not None
    port.drain()
    assert stream.blocked is None
    port.block()
    stream.write(b"x" * 2000)
    server.runtime.advance(7)
    assert port.aborted
    assert stream.gone == ["write-timeout"]


def test_a_tunnel_is_no_request_that_takes_too_long(tunnels) -> None:
    server, made = tunnels(limits={"app_timeout": 5})
    port = server.connect()
    port.exchange(UPGRADE)
    (stream,) = made
    stream.accept()
    assert port.protocol.deadline == NEVER
    server.runtime.advance(10_000)
    assert not stream.expired
    assert not port.closed


def test_one_that_is_never_accepted_is(tunnels) -> None:
    server, made = tunnels(limits={"app_timeout": 5})
    server.connect().exchange(UPGRADE)
    server.runtime.advance(7)
    assert made[0].expired


# Ends ---------------------------------------------------------------------------------------------


def test_the_peer_ends_its_direction_first(tunnels) -> None:
    server, made = tunnels()
    port = server.connect()
    port.exchange(UPGRADE)
    (stream,) = made
    stream.accept()
    port.eof()
    server.run()
    assert stream.ended
    assert not port.closed
    server.runtime.advance(1000)
    assert not port.closed
    port.take()
    stream.write(b"farewell", end=True)
    server.run()
    assert port.take() == b"farewell"
    assert port.closed
    assert stream.gone == []


def test_the_peer_ends_its_direction_before_the_accept(tunnels) -> None:
    server, made = tunnels()
    port = server.connect()
    port.receive(UPGRADE + b"all")
    port.eof()
    server.run()
    (stream,) = made
    assert (stream.data, stream.ended) == (b"all", True)
    stream.accept()
    stream.write(b"x", end=True)
    server.run()
    assert port.take() == ACCEPTED + b"x"
    assert port.closed


def test_we_end_ours_first_and_still_hear_the_peer(tunnels) -> None:
    server, made = tunnels()
    port = server.connect()
    port.exchange(UPGRADE)
    (stream,) = made
    stream.accept()
    stream.write(b"last", end=True)
    assert port.eof_sent
    assert not port.closed
    port.receive(b"more of the peer's")
    assert stream.data == b"more of the peer's"
    stream.write(b"too late", end=True)
    port.eof()
    server.run()
    assert stream.ended
    assert port.closed
    assert port.take() == ACCEPTED + b"last"
    assert stream.gone == []


def test_the_peer_then_has_a_while_to_end_its_own(tunnels) -> None:
    server, made = tunnels(limits={"close_timeout": 3})
    port = server.connect()
    port.exchange(UPGRADE)
    (stream,) = made
    stream.accept()
    stream.write(b"", end=True)
    for _ in range(2):
        server.runtime.advance(1)
        port.receive(b"x")
        assert not port.closed
    server.runtime.advance(2)
    assert port.aborted
    assert stream.gone == ["client-gone"]


def test_a_lost_connection_ends_it(tunnels) -> None:
    server, made = tunnels()
    port = server.connect()
    port.exchange(UPGRADE)
    made[0].accept()
    port.lose(ConnectionResetError())
    assert made[0].gone == ["client-gone"]
    sent = port.sent
    made[0].write(b"late")
    assert port.sent == sent
    server.run()
    assert not server.runtime.jobs


def test_reset_aborts_the_connection(tunnels) -> None:
    server, made = tunnels()
    port = server.connect()
    port.exchange(UPGRADE)
    made[0].accept()
    made[0].exchange.reset(made[0])
    assert port.aborted
    made[0].done.set()


def test_shutdown_leaves_an_open_tunnel_to_its_stream(tunnels) -> None:
    server, made = tunnels()
    port = server.connect()
    port.exchange(UPGRADE)
    made[0].accept()
    port.protocol.shutdown()
    server.run()
    assert not port.closed
    made[0].write(b"", end=True)
    port.eof()
    server.run()
    assert port.closed


# Not accepted -------------------------------------------------------------------------------------


def test_a_refused_upgrade_is_a_response_and_the_end(tunnels) -> None:
    server, made = tunnels()
    port = server.connect()
    port.exchange(UPGRADE)
    made[0].refuse(403)
    server.run()
    (response,) = read_responses(port.take())
    assert (response.status, response.body) == (403, b"no")
    assert response.values(b"connection") == [b"close"]
    assert port.eof_sent
    assert port.exchange(GET) == b""


@pytest.mark.parametrize("line", [b"Content-Length: 3", b"Transfer-Encoding: chunked"])
def test_an_upgrade_with_a_body_is_refused(tunnels, line: bytes) -> None:
    server, made = tunnels()
    port = server.connect()
    (response,) = read_responses(port.exchange(UPGRADE[:-2] + line + b"\r\n\r\n" + GET))
    assert response.status == 400
    assert made == []
    assert server.reasons == ["upgrade-with-body"]
    assert port.eof_sent


@pytest.mark.parametrize(
    "request_bytes",
    [
        get(b"/", b"Upgrade: test"),
        get(b"/", b"Connection: upgrade", b"Upgrade: other"),
        get(b"/", b"Connection: upgrade", b"Upgrade: test/1"),
        get(b"/", b"Connection: upgrade"),
        get(b"/", b"Connection: upgrade, keep-alive", b"Upgrade: test", version=b"HTTP/1.0"),
    ],
)
def test_a_request_that_does_not_ask_for_it_is_a_request(tunnels, request_bytes: bytes) -> None:
    server, made = tunnels()
    assert server.ask(request_bytes).status == 200
    assert made == []


def test_requests_before_an_upgrade_are_served_first(tunnels) -> None:
    app = Held()
    server, made = tunnels(app)
    port = server.connect()
    port.exchange(get(b"/0") + UPGRADE + b"raw")
    assert made == []
    app.gates[0].open()
    server.run()
    assert made[0].data == b"raw"


def test_an_upgrade_is_not_remembered_for_the_next_request(tunnels) -> None:
    server, made = tunnels()
    first, second = server.connect(), server.connect()
    first.exchange(UPGRADE)
    assert server.ask(port=second).status == 200
    second.exchange(UPGRADE)
    assert len(made) == 2


# A protocol takes over ----------------------------------------------------------------------------


class Takeover:
    """A protocol that keeps what it gets. See `nonecorn.spi.Protocol`."""

    def __init__(self, context, port) -> None:
        self.context, self.port = context, port
        self.deadline = NEVER
        self.data = b""
        self.events: list[str] = []

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> bool:
        self.events.append("eof")
        return False

    def connection_lost(self, exc) -> None:
        self.events.append("lost")

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")

    def sweep(self) -> None:
        self.events.append("sweep")

    def shutdown(self) -> None:
        self.events.append("shutdown")


class Upgrades:
    """`ProtocolUpgrade` for the token `take`."""

    def __init__(self, *, accept: bool = True) -> None:
        self.accept = accept
        self.requests = []
        self.protocols: list[Takeover] = []

    def __call__(self, context, port, request, /):
        self.requests.append(request)
        if not self.accept:
            return None

        def make() -> Takeover:
            port.write(b"settings")
            self.protocols.append(Takeover(context, port))
            return self.protocols[-1]

        return make


TAKE = get(b"/t?q", b"Connection: upgrade", b"Upgrade: take")


@pytest.mark.parametrize("rest", [b"", b"rest", GET * 2])
def test_a_protocol_gets_the_connection_and_the_rest(serve, rest: bytes) -> None:
    upgrades = Upgrades()
    server = serve(Recorder(), protocol_upgrades={b"take": upgrades})
    port = server.connect()
    data = port.exchange(TAKE + rest)
    assert (
        data == b"HTTP/1.1 101 Switching Protocols\r\n"
        b"connection: upgrade\r\nupgrade: take\r\n\r\nsettings"
    )
    (protocol,) = upgrades.protocols
    assert port.protocol is protocol
    port.receive(b"+")
    assert protocol.data == rest + b"+"
    (request,) = upgrades.requests
    assert (request.method, request.target) == (b"GET", b"/t?q")
    assert (b"host", b"a") in request.headers
    port.eof()
    server.run()
    assert protocol.events == ["eof", "lost"]
    assert server.app.requests == []


def test_a_protocol_that_does_not_want_to_leaves_a_request(serve) -> None:
    upgrades = Upgrades(accept=False)
    server = serve(protocol_upgrades={b"take": upgrades})
    port = server.connect()
    assert server.ask(TAKE, port=port).status == 200
    assert server.ask(port=port).status == 200
    assert len(upgrades.requests) == 1


def test_with_a_body_the_wish_is_ignored(serve) -> None:
    upgrades = Upgrades()
    recorder = Recorder()
    server = serve(recorder, protocol_upgrades={b"take": upgrades})
    assert server.ask(TAKE[:-2] + b"Content-Length: 3\r\n\r\nabc").status == 200
    assert recorder.requests[0].body == b"abc"
    assert upgrades.protocols == []


def test_the_first_of_several_wishes_that_can_be_granted_is(serve) -> None:
    upgrades = Upgrades()
    server = serve(protocol_upgrades={b"take": upgrades})
    port = server.connect()
    data = port.exchange(get(b"/", b"Connection: upgrade", b"Upgrade: x, y/2", b"Upgrade: TAKE"))
    assert data.startswith(b"HTTP/1.1 101 ")


def test_a_protocol_that_takes_a_blocked_connection_knows(serve) -> None:
    upgrades = Upgrades()
    server = serve(protocol_upgrades={b"take": upgrades}, limits={"send_buffer": 1024})
    port = server.connect()
    server.app = Held(b"x" * 980)
    port.block()
    port.exchange(get(b"/0") + TAKE)
    server.app.gates[0].open()
    server.run()
    (protocol,) = upgrades.protocols
    assert protocol.events == ["pause"]
    port.drain()
    assert protocol.events == ["pause", "resume"]


# Prefaces -----------------------------------------------------------------------------------------

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Listener:
    """A clear listener where two protocols are told apart by their first bytes."""

    def __init__(self, **limits: float) -> None:
        self.runtime = MemoryRuntime()
        self.other: list[Takeover] = []
        self.default: list[Takeover] = []
        self.context = make_context(
            hello,
            self.runtime,
            limits=Limits(**limits),
            default=self._default,
            prefaces=((PREFACE, self._other), (b"\x16", self._other)),
        )
        self.port = self.runtime.connect(lambda port: PrefaceSniffer(self.context, port))

    def _default(self, context, port) -> Takeover:
        self.default.append(Takeover(context, port))
        return self.default[-1]

    def _other(self, context, port) -> Takeover:
        self.other.append(Takeover(context, port))
        return self.other[-1]


@pytest.mark.parametrize("split", [lambda data: [data], bytewise])
@pytest.mark.parametrize("data", [PREFACE, PREFACE + b"frames", b"\x16\x03\x01"])
def test_a_preface_chooses(split, data: bytes) -> None:
    listener = Listener()
    for piece in split(data):
        listener.port.receive(piece)
    assert [each.data for each in listener.other] == [data]
    assert listener.default == []
    assert listener.port.protocol is listener.other[0]


@pytest.mark.parametrize("split", [lambda data: [data], bytewise])
@pytest.mark.parametrize(
    "data",
    [GET, b"POST / HTTP/1.1\r\n", b"PRI * HTTP/1.1\r\n\r\n", b"PRIX", b"\0", PREFACE[:-1] + b"x"],
)
def test_anything_else_is_the_defaults(split, data: bytes) -> None:
    listener = Listener()
    for piece in split(data):
        listener.port.receive(piece)
    assert [each.data for each in listener.default] == [data]
    assert listener.other == []


def test_a_connection_that_does_not_say_what_it_is_is_closed_in_time() -> None:
    for sent in (b"", b"PRI * HT"):
        listener = Listener(head_timeout=5)
        listener.port.receive(sent)
        listener.runtime.advance(4)
        listener.port.receive(PREFACE[len(sent) : len(sent) + 1] if sent else b"")
        assert not listener.port.closed
        listener.runtime.advance(2)
        assert listener.port.closed
        assert listener.port.sent == b""


@pytest.mark.parametrize("end", ["eof", "lose", "shutdown"])
def test_the_end_before_that_is_the_end(end: str) -> None:
    listener = Listener()
    listener.port.receive(b"PRI")
    if end == "shutdown":
        listener.port.protocol.shutdown()
    else:
        getattr(listener.port, end)()
    listener.runtime.run_until_idle()
    assert listener.port.closed
    assert listener.default == listener.other == []


def test_its_repr_shows_what_came() -> None:
    listener = Listener()
    listener.port.receive(b"PR")
    assert repr(listener.port.protocol) == "<PrefaceSniffer b'PR'>"
