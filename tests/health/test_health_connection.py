"""Connections to `health_bind` on a loop that a test turns by hand."""

from types import SimpleNamespace

import pytest

from nonecorn.serving.health.connection import TIMEOUT, HealthConnection
from nonecorn.serving.health.facts import Facts
from nonecorn.serving.health.service import CONNECTIONS, HealthService
from nonecorn.testing import MemoryRuntime, read_responses

GET = b"GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n"
FACTS = Facts(state="serving")


@pytest.fixture
def runtime():
    return MemoryRuntime()


def connected(runtime):
    return runtime.connect(lambda port: HealthConnection(port, lambda: FACTS))


def test_a_request_is_answered_and_our_direction_ends(runtime):
    port = connected(runtime)
    port.receive(GET)
    [found] = read_responses(port.sent)
    assert found.status == 200
    assert port.eof_sent
    assert not port.closed
    assert repr(port.protocol) == "<HealthConnection answered>"
    port.eof()
    runtime.run_until_idle()
    assert port.closed


def test_it_may_come_byte_by_byte(runtime):
    port = connected(runtime)
    for index in range(len(GET)):
        assert port.sent == b""
        assert repr(port.protocol) == f"<HealthConnection received={index}>"
        port.receive(GET[index : index + 1])
    assert read_responses(port.sent)[0].status == 200


def test_the_facts_are_those_of_the_moment(runtime):
    asked = []
    port = runtime.connect(
        lambda port: HealthConnection(port, lambda: asked.append(1) or Facts(state="serving"))
    )
    port.receive(GET[:-1])
    assert asked == []
    port.receive(GET[-1:])
    assert asked == [1]


def test_what_follows_the_request_is_thrown_away(runtime):
    port = connected(runtime)
    port.receive(GET + GET)
    port.receive(GET * 10000)
    assert len(read_responses(port.sent)) == 1


def test_what_is_no_request_is_told_so(runtime):
    port = connected(runtime)
    port.receive(b"\x16\x03\x01\r\n\r\n")
    assert read_responses(port.sent)[0].status == 400
    assert port.eof_sent


@pytest.mark.parametrize("data", [b"", b"GET /", GET])
def test_no_connection_lasts(runtime, data):
    port = connected(runtime)
    if data:
        port.receive(data)
    runtime.advance(TIMEOUT - 1)
    assert not port.closed
    runtime.advance(2)
    assert port.closed


def test_who_leaves_within_a_request_is_let_go(runtime):
    port = connected(runtime)
    port.receive(GET[:9])
    port.eof()
    runtime.run_until_idle()
    assert port.closed
    assert port.sent == b""


def listening(runtime):
    service = HealthService(runtime, lambda: FACTS)
    sock = object()
    binding = SimpleNamespace(bound=SimpleNamespace(sock=sock))
    jobs = []

    async def listen():
        await service.listen([binding], 100)
        jobs.append(service._listenings[0])

    runtime.spawn(listen)
    runtime.run_until_idle()
    return service, jobs[0]


def test_idle_connections_keep_nobody_out(runtime):
    service, listener = listening(runtime)
    idle = [listener.connect() for _ in range(CONNECTIONS + 10)]
    runtime.run_until_idle()
    assert [port.closed for port in idle[:11]] == [True] * 10 + [False]
    assert len(service.ports) == CONNECTIONS
    port = listener.connect()
    port.receive(GET)
    assert read_responses(port.sent)[0].status == 200


def test_it_lets_go_of_everything_at_the_end(runtime):
    service, listener = listening(runtime)
    ports = [listener.connect() for _ in range(3)]
    assert repr(service) == "<HealthService 1 listeners, 3 connections>"
    service.close()
    runtime.run_until_idle()
    assert listener.closed
    assert all(port.closed for port in ports)
    assert repr(service) == "<HealthService 0 listeners, 0 connections>"
    service.close()
