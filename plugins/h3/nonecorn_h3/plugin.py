"""Descriptor: QUIC, and HTTP/3 over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nonecorn.spi import Kind, ProtocolSpec, Ref, Settings, TransportSpec, hookimpl
from nonecorn_h3._settings import H3Settings

PLUGIN_API = 1


@hookimpl
def nonecorn_settings() -> Sequence[type[Settings]]:
    """`[h3]`."""
    return [H3Settings]


@hookimpl
def nonecorn_validate(config: Any) -> Iterator[str]:
    """What no packet could say."""
    settings: H3Settings = config.tables[H3Settings.table]
    return settings.problems()


@hookimpl
def nonecorn_transports() -> Sequence[TransportSpec]:
    """QUIC over UDP, on aioquic."""
    return [
        TransportSpec(
            name="quic",
            kind=Kind.DATAGRAM,
            option="quic_bind",
            bind=Ref("nonecorn_h3._quic._bind:bind"),
            endpoint=Ref("nonecorn_h3.quic:endpoint"),
            steer=Ref("nonecorn_h3._quic._steer:steer"),
        )
    ]


@hookimpl
def nonecorn_protocols() -> Sequence[ProtocolSpec]:
    """HTTP/3, by ALPN."""
    return [
        ProtocolSpec(
            name="h3",
            serves="h3",
            factory=Ref("nonecorn_h3._http._connection:H3Connection"),
            kind=Kind.DATAGRAM,
            alpn=(b"h3",),
            on_by_default=False,
        )
    ]
