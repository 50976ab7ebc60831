"""The engine keeps the protocol contract, and its descriptor the plugins'."""

from __future__ import annotations

from nonecorn.testing.clients.h11 import H11Client
from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.protocol import ProtocolConformance, ProtocolRules
from nonecorn.testing.conformance.protocol_flow import ProtocolFlowConformance
from nonecorn_h11._connection import H11Connection


class _Rules(ProtocolRules):
    factory = staticmethod(H11Connection)

    def client(self) -> H11Client:
        return H11Client()


class TestH11Connection(_Rules, ProtocolConformance):
    pass


class TestH11Flow(_Rules, ProtocolFlowConformance):
    pass


class TestH11Descriptor(DescriptorConformance):
    module = "nonecorn_h11.plugin"
    name = "h11"
