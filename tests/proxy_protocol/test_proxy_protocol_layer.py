"""Who may send a header, and what becomes of the connection; in memory."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from nonecorn.builtin.proxy_protocol.layer import HeaderReader, ProxyGate
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import NEVER, Limits
from nonecorn.spi.trust import TrustedPeers
from nonecorn.testing import MemoryRuntime, at, bytewise, make_context, whole
from tests.proxy_protocol.headers import V1, V2, block

REQUEST = b"anything"


class Recorder:
    """Serves a connection by writing down what it is told."""

    deadline = NEVER

    def __init__(self, context, port):
        self.port = port
        self.ends = (port.client, port.server)
        self.data = b""
        self.calls = []

    def data_received(self, data):
        assert data
        self.data += data

    def eof_received(self):
        self.calls.append("eof")

    def connection_lost(self, exc):
        self.calls.append("lost")

    def pause_writing(self):
        self.calls.append("pause")

    def resume_writing(self):
        self.calls.append("resume")

    def sweep(self):
        self.calls.append("sweep")

    def shutdown(self):
        self.calls.append("shutdown")
        self.port.close()


async def app(scope, receive, send):
    raise AssertionError


@pytest.fixture
def runtime():
    return MemoryRuntime()


def gate(mode="required", trusted=("127.0.0.1",)):
    settings = ServerSettings(proxy_protocol=mode, proxy_protocol_trusted=trusted)
    return ProxyGate(settings, Recorder)


def connect(runtime, made=None, *, context=None, **facts):
    context = context or make_context(app, runtime)
    made = made or gate()
    return runtime.connect(lambda port: made(context, port), **facts)


@pytest.mark.parametrize("header", [V1, V2])
def test_what_follows_the_header_is_served_with_the_clients_address(runtime, header):
    data = header + REQUEST
    for split in (whole, bytewise, *(at(place) for place in range(1, len(data)))):
        port = connect(runtime)
        for piece in split(data):
            port.receive(piece)
        assert isinstance(port.protocol, Recorder)
        assert port.protocol.ends == (("192.0.2.7", 51000), ("198.51.100.9", 443))
        assert port.protocol.data == REQUEST


def test_the_protocol_is_there_before_the_client_has_said_anything(runtime):
    port = connect(runtime)
    port.receive(V2)
    assert isinstance(port.protocol, Recorder)
    assert port.protocol.data == b""


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", block(0x00, command=0x20)])
def test_a_proxy_may_speak_for_itself(runtime, header):
    port = connect(runtime)
    port.receive(header + REQUEST)
    assert port.protocol.ends == (("127.0.0.1", 50000), ("127.0.0.1", 8000))


def test_a_client_of_a_unix_socket_is_nobody(runtime):
    port = connect(runtime)
    port.receive(block(0x31, bytes(216)))
    assert port.protocol.ends == (None, ("127.0.0.1", 8000))


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", V1[:-1] + b"x" * 99])
def test_a_trusted_peer_without_a_header_is_closed(runtime, data, caplog):
    caplog.set_level(logging.DEBUG, "nonecorn.error")
    port = connect(runtime)
    port.receive(data)
    runtime.run_until_idle()
    assert port.closed
    assert port.sent == b""
    [message] = caplog.messages
    assert message.startswith("PROXY protocol: the peer ('127.0.0.1', 50000) sent ")


def test_a_header_of_somebody_else_is_never_believed(runtime, caplog):
    port = connect(runtime, client=("192.0.2.66", 1))
    reader = port.protocol
    reader.data_received(V2 + REQUEST)  # as a loop might that had read it already
    runtime.run_until_idle()
    assert port.closed
    assert port.protocol is reader
    assert port.client == ("192.0.2.66", 1)
    assert caplog.messages == [
        "a connection from 192.0.2.66 was closed: it is not in proxy_protocol_trusted"
    ]


def test_many_strangers_are_one_line_a_minute(runtime, caplog):
    made = gate()
    for seconds in (0, 59, 2):
        runtime.clock.advance(seconds)
        connect(runtime, made, client=("192.0.2.66", 1))
        connect(runtime, made, client=None)
    assert len(caplog.messages) == 2


def test_others_are_served_as_they_come_where_that_is_wanted(runtime):
    port = connect(runtime, gate("trusted"), client=("192.0.2.66", 1))
    assert isinstance(port.protocol, Recorder)
    port.receive(V1)
    assert port.protocol.ends[0] == ("192.0.2.66", 1)
    assert port.protocol.data == V1  # what it means to the server is the server's business
    assert isinstance(connect(runtime, gate("trusted")).protocol, HeaderReader)


def test_a_header_has_a_deadline(runtime, caplog):
    caplog.set_level(logging.DEBUG, "nonecorn.error")
    context = make_context(app, runtime, limits=Limits(head_timeout=3))
    port = connect(runtime, context=context)
    port.receive(V1[:10])
    runtime.clock.advance(2)
    assert not port.closed
    runtime.clock.advance(2)
    assert port.closed
    assert "took too long for its header" in caplog.text


def test_without_a_deadline_it_waits(runtime):
    context = make_context(app, runtime, limits=Limits(head_timeout=0))
    assert connect(runtime, context=context).protocol.deadline == NEVER


def test_a_peer_that_goes_before_its_header_is_nothing(runtime):
    port = connect(runtime)
    port.receive(V1[:10])
    port.eof()
    runtime.run_until_idle()
    assert port.closed
    connect(runtime).lose(ConnectionResetError())


def test_a_drain_closes_who_has_sent_no_header(runtime):
    port = connect(runtime)
    port.protocol.shutdown()
    runtime.run_until_idle()
    assert port.closed


def test_who_comes_through_while_connections_may_linger_is_served(runtime):
    # A worker that others replace serves who comes once more, before it tells its connections.
    context = make_context(app, runtime)
    port = connect(runtime, context=context)
    context.draining = True
    port.receive(V2 + REQUEST)
    assert port.protocol.calls == []
    assert port.protocol.data == REQUEST


def test_reprs_say_what_is_going_on(runtime):
    port = connect(runtime)
    port.receive(V1[:7])
    assert repr(port.protocol) == "<HeaderReader b'PROXY T'>"
    assert repr(gate()) == "<ProxyGate required <TrustedPeers 127.0.0.1>>"


# The list -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peers", "client", "trusted"),
    [
        (["10.0.0.0/8"], ("10.255.0.1", 1), True),
        (["10.0.0.0/8"], ("11.0.0.1", 1), False),
        (["10.0.0.0/8"], ("::ffff:10.0.0.1", 1), True),
        (["10.0.0.1"], ("10.0.0.2", 1), False),
        (["2001:db8::/32", "10.0.0.1"], ("2001:db8:1::1", 1), True),
        (["2001:db8::/32"], ("10.0.0.1", 1), False),
        (["fe80::/10"], ("fe80::1%eth0", 1), True),
        (["0.0.0.0/0", "::/0"], None, False),
        (["0.0.0.0/0"], ("no address", 1), False),
        (["unix"], None, True),
        (["unix"], ("127.0.0.1", 1), False),
        ([], ("127.0.0.1", 1), False),
    ],
)
def test_who_is_on_the_list(peers, client, trusted):
    assert (client in TrustedPeers(peers)) is trusted


@pytest.mark.parametrize(
    ("peer", "hint"),
    [
        ("10.0.0.1/8", "is 10.0.0.0/8 meant"),
        ("localhost", "no address, no network"),
        ("", "no address, no network"),
        ("10.0.0.0/33", "no address, no network"),
    ],
)
def test_what_is_no_peer_is_an_error(peer, hint):
    with pytest.raises(ValueError, match=hint):
        TrustedPeers([peer])


def test_the_default_list_is_this_machine():
    trusted = TrustedPeers(ServerSettings().proxy_protocol_trusted)
    assert all(client in trusted for client in [("127.0.0.1", 1), ("::1", 1), None])
    assert ("192.0.2.1", 1) not in trusted


def test_the_layer_is_off_unless_it_is_asked_for():
    assert ServerSettings().proxy_protocol == "off"
    assert replace(ServerSettings(), proxy_protocol="required").proxy_protocol == "required"
