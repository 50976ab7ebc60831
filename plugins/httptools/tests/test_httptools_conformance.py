"""The engine keeps the protocol contract, and its descriptor the plugins'."""

from __future__ import annotations

from nonecorn.testing.clients.h11 import H11Client
from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.protocol import ProtocolConformance, ProtocolRules
from nonecorn.testing.conformance.protocol_flow import ProtocolFlowConformance
from nonecorn_httptools._connection import HttptoolsConnection


class _Rules(ProtocolRules):
    factory = staticmethod(HttptoolsConnection)

    def client(self) -> H11Client:
        return H11Client()


class TestHttptoolsConnection(_Rules, ProtocolConformance):
    pass


class TestHttptoolsFlow(_Rules, ProtocolFlowConformance):
    pass


class TestHttptoolsDescriptor(DescriptorConformance):
    module = "nonecorn_httptools.plugin"
    name = "httptools"
