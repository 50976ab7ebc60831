"""The WebSocket stream keeps the stream contract."""

from nonecorn.testing.conformance.stream import StreamConformance
from nonecorn_ws._wsproto import WsprotoStream
from nonecorn_ws.testing import client_message
from plugins.ws.tests._opened import HANDSHAKE


class TestWebSocketStream(StreamConformance):
    factory = staticmethod(WsprotoStream)
    scope_type = "websocket"
    method = "GET"
    headers = HANDSHAKE
    first = ("websocket.connect",)
    answer = ({"type": "websocket.accept"}, {"type": "websocket.send", "bytes": b"some"})
    closing = "websocket.disconnect"

    def encode(self, data):
        return client_message(data)

    def decode(self, message):
        return message["bytes"]
