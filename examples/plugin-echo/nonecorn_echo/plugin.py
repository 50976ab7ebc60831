"""Descriptor: the echo observer and the echo middleware."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import MiddlewareSpec, ObserverSpec, Ref, Settings, hookimpl
from nonecorn_echo._settings import EchoSettings

PLUGIN_API = 1


@hookimpl
def nonecorn_settings() -> Sequence[type[Settings]]:
    """`[echo]`."""
    return [EchoSettings]


@hookimpl
def nonecorn_observers() -> Sequence[ObserverSpec]:
    """A line per request."""
    return [ObserverSpec(name="echo", observer=Ref("nonecorn_echo._observer:make"))]


@hookimpl
def nonecorn_middleware() -> Sequence[MiddlewareSpec]:
    """`--middleware echo`."""
    return [
        MiddlewareSpec(
            name="echo",
            middleware=Ref("nonecorn_echo._middleware:wrap"),
            help="Adds a field to every response.",
        )
    ]
