"""Both HTTP/1.1 engines keep the protocol contract."""

from __future__ import annotations

from nonecorn.testing.clients.h11 import H11Client
from nonecorn.testing.conformance.protocol import ProtocolConformance, ProtocolRules
from nonecorn.testing.conformance.protocol_flow import ProtocolFlowConformance
from nonecorn_h11._connection import H11Connection
from nonecorn_http1._settings import Http1Settings
from nonecorn_httptools._connection import HttptoolsConnection


class _WithH11(ProtocolRules):
    factory = staticmethod(H11Connection)
    settings = (Http1Settings(),)

    def client(self) -> H11Client:
        return H11Client()


class _WithHttptools(_WithH11):
    factory = staticmethod(HttptoolsConnection)


class TestH11(_WithH11, ProtocolConformance):
    pass


class TestH11Flow(_WithH11, ProtocolFlowConformance):
    pass


class TestHttptools(_WithHttptools, ProtocolConformance):
    pass


class TestHttptoolsFlow(_WithHttptools, ProtocolFlowConformance):
    pass
