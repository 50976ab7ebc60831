"""WebTransport plugin of nonecorn: scope type `webtransport`, over HTTP/3."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn_webtransport._errors import StreamClosedError
    from nonecorn_webtransport._session import WebTransportSession
    from nonecorn_webtransport._settings import WebTransportSettings

__all__ = ["StreamClosedError", "WebTransportSession", "WebTransportSettings"]

_HOMES = {
    "StreamClosedError": "_errors",
    "WebTransportSession": "_session",
    "WebTransportSettings": "_settings",
}


def __getattr__(name: str) -> Any:
    # The descriptor is imported at every start of the command; the session only where it serves.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
