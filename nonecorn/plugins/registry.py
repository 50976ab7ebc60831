"""All specs of the loaded plugins, by kind, checked for claims that exclude each other.

Priorities among alternatives are not a conflict; which of them serves is `choice`'s question. It is
asked here once, so that a tie is found when plugins are listed and not only when a server starts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar

from nonecorn.plugins.choice import choose_protocols, choose_streams, choose_transports
from nonecorn.plugins.conflicts import conflict
from nonecorn.plugins.entry import Entry
from nonecorn.plugins.hooks import Hooks
from nonecorn.plugins.info import PluginInfo
from nonecorn.spi import (
    AppLoaderSpec,
    AppWrapperSpec,
    MiddlewareSpec,
    ObserverSpec,
    ProtocolSpec,
    StreamSpec,
    TransportSpec,
    WorkerSpec,
)

__all__ = ["Entry", "Registry", "check_unique", "collect"]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Specs by kind; within a kind, built-in ones first, then in order of the plugins' names."""

    workers: tuple[Entry[WorkerSpec], ...] = ()
    transports: tuple[Entry[TransportSpec], ...] = ()
    protocols: tuple[Entry[ProtocolSpec], ...] = ()
    streams: tuple[Entry[StreamSpec], ...] = ()
    app_loaders: tuple[Entry[AppLoaderSpec], ...] = ()
    app_wrappers: tuple[Entry[AppWrapperSpec], ...] = ()
    middleware: tuple[Entry[MiddlewareSpec], ...] = ()
    observers: tuple[Entry[ObserverSpec], ...] = ()

    def of(self, plugin: PluginInfo) -> list[Any]:
        """The specs of one plugin, of every kind."""
        return [
            entry.spec
            for field in fields(self)
            for entry in getattr(self, field.name)
            if entry.plugin.name == plugin.name
        ]

    def __repr__(self) -> str:
        counts = ((field.name, len(getattr(self, field.name))) for field in fields(self))
        return "<Registry " + " ".join(f"{name}={count}" for name, count in counts) + ">"


def collect(hooks: Hooks, required: Collection[str]) -> Registry:
    """Ask every plugin for its specs.

    Args:
        hooks: Of the loaded plugins.
        required: Plugins named by `--plugin`: they win over others that do the same job.

    Raises:
        BadSpecError: A hook returned something unusable.
        PluginConflictError: Two plugins claim the same thing.
    """
    registry = Registry(
        workers=_entries(hooks.workers()),
        transports=_entries(hooks.transports()),
        protocols=_entries(hooks.protocols()),
        streams=_entries(hooks.streams()),
        app_loaders=_entries(hooks.app_loaders()),
        app_wrappers=_entries(hooks.app_wrappers()),
        middleware=_entries(hooks.middleware()),
        observers=_entries(hooks.observers()),
    )
    _unique_names(registry.workers, "worker")
    _unique_names(registry.transports, "transport")
    _unique_names(registry.protocols, "protocol")
    _unique_names(registry.streams, "stream")
    _unique_names(registry.app_loaders, "application loader")
    _unique_names(registry.app_wrappers, "interface")
    _unique_names(registry.middleware, "middleware")
    _unique_names(registry.observers, "observer")
    choose_transports(registry.transports, required)
    choose_protocols(registry.protocols, required, datagrams=False)
    choose_streams(registry.streams, required)
    return registry


def check_unique(entries: Iterable[Entry[N]], claim: Callable[[N], str]) -> None:
    """Raise where two specs make the same claim.

    Raises:
        PluginConflictError: Names both plugins.
    """
    owners: dict[str, Entry[N]] = {}
    for entry in entries:
        what = claim(entry.spec)
        other = owners.setdefault(what, entry)
        if other is not entry:
            raise conflict(other.plugin, entry.plugin, what)


def _unique_names(entries: Iterable[Entry[N]], kind: str) -> None:
    check_unique(entries, lambda spec: f"provide the {kind} {spec.name!r}")


def _entries(
    contributions: Iterable[tuple[PluginInfo, Iterable[N]]],
) -> tuple[Entry[N], ...]:
    return tuple(Entry(info, spec) for info, specs in contributions for spec in specs)
