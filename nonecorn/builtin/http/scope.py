"""Parts of the ASGI scope of an HTTP request (ASGI HTTP specification 2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from nonecorn.spi import Connection, Exchange

SPEC_VERSION = "2.5"

# The extensions that hold for every exchange; each scope gets a dictionary of its own.
_EXTENSIONS: dict[str, Any] = {
    "http.response.early_hint": {},
    "http.response.pathsend": {},
    "http.response.trailers": {},
    "http.response.zerocopysend": {},
    "http.request.trailers": {},
}


def extensions_of(exchange: Exchange, port: Connection) -> dict[str, Any]:
    """What `scope["extensions"]` offers on this exchange."""
    extensions = _EXTENSIONS.copy()
    if port.tls is not None:
        extensions["tls"] = port.tls.extension
    if exchange.can_push:
        extensions["http.response.push"] = {}
    return extensions


def decode_path(raw_path: bytes) -> str:
    """Percent- and UTF-8-decode a path; bytes that are no UTF-8 become U+FFFD."""
    path = raw_path.decode("latin-1")
    return unquote(path) if "%" in path else path
