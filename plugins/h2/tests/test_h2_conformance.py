"""The engine keeps the protocol contract, and its descriptor the plugins'."""

from __future__ import annotations

from nonecorn.testing.clients.h2 import H2Client
from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.protocol import ProtocolConformance, ProtocolRules
from nonecorn.testing.conformance.protocol_flow import ProtocolFlowConformance
from nonecorn_h2._connection import H2Connection
from nonecorn_h2._settings import H2Settings


class _Rules(ProtocolRules):
    factory = staticmethod(H2Connection)
    settings = (H2Settings(),)

    def client(self) -> H2Client:
        return H2Client()


class TestH2Connection(_Rules, ProtocolConformance):
    pass


class TestH2Flow(_Rules, ProtocolFlowConformance):
    pass


class TestH2Descriptor(DescriptorConformance):
    module = "nonecorn_h2.plugin"
    name = "h2"
