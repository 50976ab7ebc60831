"""The seam for other codecs, and the descriptor."""

from types import SimpleNamespace

import nonecorn_ws
from nonecorn_ws import Deflate, WebSocketSettings, WebSocketStream, plugin
from nonecorn_ws._wsproto import WsprotoCodec, WsprotoStream
from plugins.ws.tests._opened import HANDSHAKE, Opened


def test_another_codec_takes_a_subclass_with_one_attribute(monkeypatch):
    made = []

    def other(limits, deflate):
        made.append((limits, deflate))
        return WsprotoCodec(limits, deflate)

    class Other(WebSocketStream):
        __slots__ = ()
        codec = staticmethod(other)

    monkeypatch.setattr("plugins.ws.tests._opened.WsprotoStream", Other)
    offer = (b"sec-websocket-extensions", b"permessage-deflate")
    opened = Opened(headers=[*HANDSHAKE, offer], max_frame=1000)
    opened.feed("a")
    assert type(opened.stream) is Other
    assert opened.received == [{"type": "websocket.receive", "text": "a"}]
    [(limits, deflate)] = made
    assert limits.frame == 1000
    assert isinstance(deflate, Deflate)


def test_the_descriptor_names_the_stream_and_looks_at_the_settings():
    [spec] = plugin.nonecorn_streams()
    assert (spec.name, spec.upgrade, spec.on_by_default) == ("websocket", b"websocket", True)
    assert spec.factory.load() is WsprotoStream
    assert plugin.nonecorn_settings() == [WebSocketSettings]
    config = SimpleNamespace(tables={"ws": WebSocketSettings(deflate_level=10, drain_code=1000)})
    assert len(list(plugin.nonecorn_validate(config))) == 2


def test_the_package_offers_what_codecs_are_made_of():
    for name in nonecorn_ws.__all__:
        assert getattr(nonecorn_ws, name) is not None
