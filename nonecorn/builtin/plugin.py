"""Descriptor of the built-in plugins."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import (
    AppLoaderSpec,
    ObserverSpec,
    Ref,
    StreamSpec,
    TransportSpec,
    hookimpl,
)

PLUGIN_API = 1


@hookimpl
def nonecorn_transports() -> Sequence[TransportSpec]:
    """TCP, unix sockets, inherited sockets, sockets that systemd opened."""
    return [
        TransportSpec(name="tcp", bind=Ref("nonecorn.builtin.sockets.tcp:bind")),
        TransportSpec(name="unix", prefix="unix:", bind=Ref("nonecorn.builtin.sockets.unix:bind")),
        TransportSpec(name="fd", prefix="fd://", bind=Ref("nonecorn.builtin.sockets.fd:bind")),
        TransportSpec(
            name="systemd", prefix="systemd:", bind=Ref("nonecorn.builtin.sockets.systemd:bind")
        ),
    ]


@hookimpl
def nonecorn_streams() -> Sequence[StreamSpec]:
    """Plain HTTP requests."""
    return [StreamSpec(name="http", factory=Ref("nonecorn.builtin.http.stream:HTTPStream"))]


@hookimpl
def nonecorn_app_loaders() -> Sequence[AppLoaderSpec]:
    """`module:attribute` and `path/to/file.py:attribute`."""
    return [AppLoaderSpec(name="import", load=Ref("nonecorn.builtin.app_loader:load"))]


@hookimpl
def nonecorn_observers() -> Sequence[ObserverSpec]:
    """The access log."""
    return [ObserverSpec(name="access_log", observer=Ref("nonecorn.builtin.access_log:make"))]
