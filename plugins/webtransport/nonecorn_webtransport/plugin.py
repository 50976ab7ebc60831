"""Descriptor: WebTransport over HTTP/3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nonecorn.spi import Ref, Settings, StreamSpec, hookimpl
from nonecorn_webtransport._settings import WebTransportSettings

PLUGIN_API = 1


@hookimpl
def nonecorn_settings() -> Sequence[type[Settings]]:
    """`[webtransport]`."""
    return [WebTransportSettings]


@hookimpl
def nonecorn_validate(config: Any) -> Iterator[str]:
    """What no capsule could say."""
    settings: WebTransportSettings = config.tables[WebTransportSettings.table]
    return settings.problems()


@hookimpl
def nonecorn_streams() -> Sequence[StreamSpec]:
    """WebTransport, for extended CONNECT with that protocol."""
    return [
        StreamSpec(
            name="webtransport",
            factory=Ref("nonecorn_webtransport._session:WebTransportSession"),
            upgrade=b"webtransport",
        )
    ]
