"""Descriptor: HTTP/1.1 by h11."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import ProtocolSpec, Ref, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_protocols() -> Sequence[ProtocolSpec]:
    """HTTP/1.1 and 1.0, on clear connections by default and by ALPN (RFC 7301)."""
    return [
        ProtocolSpec(
            name="h11",
            serves="http/1.1",
            factory=Ref("nonecorn_h11._connection:H11Connection"),
            alpn=(b"http/1.1",),
            default=True,
            priority=0,
        )
    ]
