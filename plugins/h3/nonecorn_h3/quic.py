"""The QUIC transport for other plugins: for one with another engine, see `Engine`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nonecorn_h3._quic._bind import bind
from nonecorn_h3._quic._endpoint import QuicEndpoint
from nonecorn_h3._quic._engine import (
    Arrival,
    Engine,
    EngineEvents,
    Engines,
    EnginesFactory,
    Environment,
)
from nonecorn_h3._quic._ids import ID_LENGTH, ConnectionIDs
from nonecorn_h3._quic._steer import steer
from nonecorn_h3._quic._tokens import Tokens
from nonecorn_h3._settings import H3Settings

if TYPE_CHECKING:
    from nonecorn.spi import Context, DatagramPort, Lane, QuicPort, QuicProtocol

__all__ = [
    "ID_LENGTH",
    "Arrival",
    "ConnectionIDs",
    "Engine",
    "EngineEvents",
    "Engines",
    "EnginesFactory",
    "Environment",
    "H3Settings",
    "QuicEndpoint",
    "Tokens",
    "bind",
    "endpoint",
    "steer",
]


def endpoint(
    context: Context,
    port: DatagramPort,
    accept: Callable[[QuicPort], QuicProtocol],
    lane: Lane,
    /,
) -> QuicEndpoint:
    """The endpoint on aioquic: a `nonecorn.spi.EndpointFactory`."""
    # Other engines come without it.
    from nonecorn_h3._quic._aioquic._engines import AioquicEngines  # noqa: PLC0415

    return QuicEndpoint(context, port, accept, lane, AioquicEngines)
