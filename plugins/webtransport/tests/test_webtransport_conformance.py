"""The session keeps the stream contract, and the descriptor that of descriptors."""

from nonecorn.testing.conformance.descriptor import DescriptorConformance
from nonecorn.testing.conformance.stream import StreamConformance
from nonecorn.testing.exchange import MemoryExchange
from nonecorn_h3.capsules import DATAGRAM, encode_capsule
from nonecorn_webtransport import WebTransportSession


class _SessionExchange(MemoryExchange):
    """With what HTTP/3 adds, for a session without streams."""

    id = 0
    max_datagram = 1000

    def greeted(self, callback):
        return True

    def join(self, session):
        self.session = session

    def wake_at(self, when):
        self.woken_at = when

    def send_datagram(self, data):
        self._content += data
        return True


def _make(context, exchange, port, version, *rest):
    exchange.__class__ = _SessionExchange
    return WebTransportSession(context, exchange, port, "3", *rest)


class TestWebTransportSession(StreamConformance):
    """What a peer says on the stream itself are capsules: here, datagrams."""

    factory = staticmethod(_make)
    scope_type = "webtransport"
    method = "webtransport"
    first = ("webtransport.connect",)
    answer = (
        {"type": "webtransport.accept"},
        {"type": "webtransport.datagram.send", "data": b"some"},
    )
    closing = "webtransport.disconnect"

    def encode(self, data):
        return encode_capsule(DATAGRAM, data)

    def decode(self, message):
        return message["data"]


class TestDescriptor(DescriptorConformance):
    module = "nonecorn_webtransport.plugin"
    name = "webtransport"
