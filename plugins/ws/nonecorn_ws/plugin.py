"""Descriptor: WebSocket on wsproto."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import StreamSpec, hookimpl

PLUGIN_API = 1


@hookimpl
def nonecorn_streams() -> Sequence[StreamSpec]:
    """WebSocket, for `Upgrade: websocket` and extended CONNECT with that protocol."""
    return []
