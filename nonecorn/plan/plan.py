"""The Plan: everything a worker needs, decided in the supervisor, frozen and picklable.

It holds settings and specs, never objects: a worker imports only what the Plan's references
name. Sockets travel beside it, since they are passed by other means than values are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nonecorn.config.schema import ServerSettings
from nonecorn.spi import (
    AppLoaderSpec,
    AppWrapperSpec,
    Kind,
    Limits,
    MiddlewareSpec,
    ObserverSpec,
    ProtocolSpec,
    Settings,
    StreamSpec,
    TransportSpec,
    WorkerSpec,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerPlan:
    """One bind string and who serves it.

    Attributes:
        address: As configured.
        transport: Who binds it.
        tls: Connections are TLS.
        health: They are for those who look after the server, not for the application.
        follows: Index of the listener whose addresses it has, over another kind of transport.
    """

    address: str
    transport: TransportSpec
    tls: bool
    health: bool = False
    follows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MiddlewarePlan:
    """One configured layer around the application."""

    spec: MiddlewareSpec
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one worker is to be.

    Attributes:
        worker: The runtime.
        listeners: In the order configured.
        protocols: Selected protocols, one per `serves`, ALPN preference first.
        streams: Selected streams, one per upgrade token; exactly one has no token and serves
            plain requests.
        app_loaders: Highest priority first.
        app_wrappers: Highest priority first.
        middleware: Outermost first.
        observers: In order of name.
        settings: Every table; `""` is the server's own.
        report: Lines that plugins add to the banner.
        plugins: Names and versions of the plugins in use, for the banner: `h11 1.0.0`.
    """

    worker: WorkerSpec
    listeners: tuple[ListenerPlan, ...]
    protocols: tuple[ProtocolSpec, ...]
    streams: tuple[StreamSpec, ...]
    app_loaders: tuple[AppLoaderSpec, ...]
    app_wrappers: tuple[AppWrapperSpec, ...]
    middleware: tuple[MiddlewarePlan, ...]
    observers: tuple[ObserverSpec, ...]
    settings: Mapping[str, Settings]
    report: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()

    @property
    def server(self) -> ServerSettings:
        """The top-level table."""
        found = self.settings[""]
        assert isinstance(found, ServerSettings)  # the kernel's own table
        return found

    @property
    def datagrams(self) -> bool:
        """There are listeners over datagrams."""
        return any(listener.transport.kind is Kind.DATAGRAM for listener in self.listeners)

    @property
    def standalone(self) -> bool:
        """Middleware has answers of its own: there need be no application."""
        return any(layer.spec.standalone for layer in self.middleware)

    @property
    def health(self) -> bool:
        """Somebody may ask how the server is."""
        return any(listener.health for listener in self.listeners)

    @property
    def limits(self) -> Limits:
        """`[limits]`."""
        found = self.settings["limits"]
        assert isinstance(found, Limits)
        return found
