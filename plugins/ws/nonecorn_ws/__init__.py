"""WebSocket plugin of nonecorn.

A faster codec is a distribution of its own: a class that is a `FrameCodec`, a subclass of
`WebSocketStream` with it as `codec`, and a `StreamSpec` of a higher priority for the same token.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_ws._assembly import Assembly
    from nonecorn_ws._closing import close_of
    from nonecorn_ws._codec import (
        WEIGHT,
        Close,
        CodecLimits,
        Event,
        Failure,
        FrameCodec,
        FrameError,
        Ping,
        Pong,
    )
    from nonecorn_ws._deflate import Deflate
    from nonecorn_ws._encoder import FrameEncoder
    from nonecorn_ws._settings import WebSocketSettings
    from nonecorn_ws._stream import WebSocketStream

__all__ = [
    "WEIGHT",
    "Assembly",
    "Close",
    "CodecLimits",
    "Deflate",
    "Event",
    "Failure",
    "FrameCodec",
    "FrameEncoder",
    "FrameError",
    "Ping",
    "Pong",
    "WebSocketSettings",
    "WebSocketStream",
    "close_of",
]

_HOMES = {
    "Assembly": "_assembly",
    "Deflate": "_deflate",
    "FrameEncoder": "_encoder",
    "WebSocketSettings": "_settings",
    "WebSocketStream": "_stream",
    "close_of": "_closing",
}


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; the stream only where it serves.
    if name in __all__:
        return getattr(import_module(f"{__name__}.{_HOMES.get(name, '_codec')}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
