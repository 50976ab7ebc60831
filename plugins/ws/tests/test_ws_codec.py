"""The codec on wsproto keeps the rules for codecs."""

from nonecorn_ws._wsproto import WsprotoCodec
from nonecorn_ws.testing import FrameCodecConformance


class TestWsprotoCodec(FrameCodecConformance):
    codec = WsprotoCodec
