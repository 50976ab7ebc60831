"""The kit with which codecs prove themselves; needs pytest and Hypothesis.

Install it by `pip install "nonecorn-ws[testing]"`.
"""

from __future__ import annotations

from nonecorn_ws.testing.codec import FrameCodecConformance
from nonecorn_ws.testing.frames import (
    LIMITS,
    client_frame,
    client_message,
    deflated,
    make_deflate,
    server_frames,
)

__all__ = [
    "LIMITS",
    "FrameCodecConformance",
    "client_frame",
    "client_message",
    "deflated",
    "make_deflate",
    "server_frames",
]
