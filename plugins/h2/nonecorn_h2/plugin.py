"""Descriptor: HTTP/2 on h2."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import ProtocolSpec, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_protocols() -> Sequence[ProtocolSpec]:
    """HTTP/2, by ALPN, by its preface on clear connections, and by `Upgrade: h2c`."""
    return []
