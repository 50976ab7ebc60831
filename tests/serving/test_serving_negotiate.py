"""Who serves a clear connection, decided by its first bytes."""

from __future__ import annotations

import pytest

from nonecorn.serving.negotiate import PrefaceSniffer
from nonecorn.spi import NEVER, Limits
from nonecorn.testing import SPLITTERS, MemoryPort, MemoryRuntime, make_context
from nonecorn.testing.apps import hello

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Chosen:
    def __init__(self, name, port):
        self.name = name
        self.port = port
        self.deadline = NEVER
        self.data = b""

    def data_received(self, data):
        self.data += data

    def connection_lost(self, error):
        pass


@pytest.fixture
def runtime():
    return MemoryRuntime()


@pytest.fixture
def port(runtime):
    context = make_context(
        hello,
        runtime,
        default=lambda context, port: Chosen("default", port),
        prefaces=(
            (PREFACE, lambda context, port: Chosen("h2", port)),
            (b"PROXY ", lambda context, port: Chosen("proxy", port)),
        ),
        limits=Limits(head_timeout=10),
    )
    port = MemoryPort(runtime)
    port.set_protocol(PrefaceSniffer(context, port))
    return port


@pytest.mark.parametrize("split", SPLITTERS.values(), ids=SPLITTERS)
@pytest.mark.parametrize(
    ("data", "name"),
    [
        (PREFACE + b"\0\0\0\4\0\0\0\0\0", "h2"),
        (b"PROXY TCP4 ", "proxy"),
        (b"PRI * HTTP/2.0\r\n\r\nGET", "default"),
        (b"PROPFIND / HTTP/1.1\r\n", "default"),
        (b"GET / HTTP/1.1\r\n", "default"),
    ],
)
def test_the_first_bytes_decide_and_all_of_them_are_passed_on(port, data, name, split):
    for piece in split(data):
        port.protocol.data_received(piece)
    assert port.protocol.name == name
    assert port.protocol.data == data


def test_what_may_still_become_a_preface_is_held(port):
    port.protocol.data_received(PREFACE[:10])
    assert repr(port.protocol) == f"<PrefaceSniffer {PREFACE[:10]!r}>"
    assert not port.protocol.eof_received()


def test_a_client_that_does_not_go_on_is_closed_in_time(port, runtime):
    assert port.protocol.deadline == runtime.clock.now + 10
    port.protocol.sweep()
    assert port.closing


def test_the_end_of_the_server_closes_it(port):
    port.protocol.shutdown()
    assert port.closing
