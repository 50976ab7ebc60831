"""Facts of an established TLS connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSInfo:
    """What a handshake settled.

    Attributes:
        alpn: Protocol chosen by ALPN (RFC 7301), or None.
        server_name: What the client named by SNI (RFC 6066), or None.
        extension: Value of `scope["extensions"]["tls"]` (ASGI TLS extension 0.2).
    """

    alpn: bytes | None
    server_name: str | None
    extension: dict[str, Any]
