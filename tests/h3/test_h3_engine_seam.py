"""Another engine behind the same transport: what the endpoint asks of it is `Engines`, no more."""

from __future__ import annotations

import pytest

from nonecorn_h3._quic._aioquic._engines import AioquicEngines
from nonecorn_h3.quic import ID_LENGTH, QuicEndpoint
from nonecorn_h3.testing import QuicWire


class Others:
    """An engine of somebody else's: here aioquic's, of which nothing but the contract shows."""

    made: list[Others] = []  # noqa: RUF012  # emptied by the test

    def __init__(self, environment):
        self.environment = environment
        self._engines = AioquicEngines(environment)
        self.versions = self._engines.versions[:1]
        self.arrivals = []
        Others.made.append(self)

    def make(self, events, arrival):
        self.arrivals.append(arrival)
        return self._engines.make(events, arrival)


@pytest.fixture(autouse=True)
def none_made():
    Others.made.clear()


def endpoint(context, port, accept, lane):
    return QuicEndpoint(context, port, accept, lane, Others)


def test_every_connection_of_an_endpoint_is_its_engines():
    wire = QuicWire(make=endpoint)
    clients = [wire.connect() for _ in range(3)]
    [engines] = Others.made
    assert len(engines.arrivals) == 3
    for client, protocol in zip(clients, wire.protocols, strict=True):
        client.send_stream_data(0, b"hello", end_stream=True)
        wire.pump()
        protocol.port.write(0, b"welcome", True)
        wire.pump()
        assert (protocol.data, client.received(0)) == ({0: b"hello"}, b"welcome")
        assert len(client._peer_cid.cid) == ID_LENGTH  # chosen by the environment's factory


def test_an_engine_says_which_versions_there_are():
    wire = QuicWire(make=endpoint)
    [version] = Others.made[0].versions
    unknown = 0x1A2A3A4A
    client = wire.connect(
        configuration={
            "original_version": unknown,
            "supported_versions": [unknown, version],
        }
    )
    assert client.ready
    assert client._version == version
