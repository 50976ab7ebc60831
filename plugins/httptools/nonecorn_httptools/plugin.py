"""Descriptor: HTTP/1.1 by httptools."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import ProtocolSpec, Ref, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_protocols() -> Sequence[ProtocolSpec]:
    """HTTP/1.1 and 1.0, on clear connections by default and by ALPN (RFC 7301)."""
    return [
        ProtocolSpec(
            name="httptools",
            serves="http/1.1",
            factory=Ref("nonecorn_httptools._connection:HttptoolsConnection"),
            alpn=(b"http/1.1",),
            default=True,
            priority=10,
        )
    ]
