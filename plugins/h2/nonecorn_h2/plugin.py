"""Descriptor: HTTP/2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nonecorn.spi import ProtocolSpec, Ref, Settings, hookimpl
from nonecorn_h2._settings import H2Settings

PLUGIN_API = 1


@hookimpl
def nonecorn_settings() -> Sequence[type[Settings]]:
    """`[h2]`."""
    return [H2Settings]


@hookimpl
def nonecorn_validate(config: Any) -> Iterator[str]:
    """What no frame could say."""
    settings: H2Settings = config.tables[H2Settings.table]
    return settings.problems()


@hookimpl
def nonecorn_protocols() -> Sequence[ProtocolSpec]:
    """HTTP/2, by ALPN, by its preface on clear connections, and by `Upgrade: h2c`."""
    return [
        ProtocolSpec(
            name="h2",
            serves="h2",
            factory=Ref("nonecorn_h2._connection:H2Connection"),
            alpn=(b"h2",),
            alpn_preference=10,
            preface=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            upgrade=b"h2c",
            accept_upgrade=Ref("nonecorn_h2._upgrade:accept_h2c"),
        )
    ]
