"""Descriptor: WebSocket on wsproto."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nonecorn.spi import Ref, Settings, StreamSpec, hookimpl
from nonecorn_ws._settings import WebSocketSettings

PLUGIN_API = 1


@hookimpl
def nonecorn_settings() -> Sequence[type[Settings]]:
    """`[ws]`."""
    return [WebSocketSettings]


@hookimpl
def nonecorn_validate(config: Any) -> Iterator[str]:
    """What cannot be negotiated, or sent."""
    settings: WebSocketSettings = config.tables[WebSocketSettings.table]
    return settings.problems()


@hookimpl
def nonecorn_streams() -> Sequence[StreamSpec]:
    """WebSocket, for `Upgrade: websocket` and extended CONNECT with that protocol."""
    return [
        StreamSpec(
            name="websocket",
            factory=Ref("nonecorn_ws._wsproto:WsprotoStream"),
            upgrade=b"websocket",
        )
    ]
