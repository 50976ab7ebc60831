"""Every hook a plugin may implement, grouped by phase. This file is the reference.

Hooks run at start-up, in the supervisor, synchronously, and return descriptions; the kernel
compiles them into a Plan from which workers are built. Built-in plugins are called first, then the
others by name. There is no hook per connection, request or event: what wants to see those is an
`Observer` or a middleware, named by a spec. `None` and an empty list both mean "nothing from me". A
hook that raises ends the start-up with a `PluginError` that names the plugin and its distribution.

A descriptor module imports `nonecorn.spi` only, states the API that it was written for, and marks
its functions:

    from nonecorn.spi import ObserverSpec, Ref, hookimpl

    PLUGIN_API = 1

    @hookimpl
    def nonecorn_observers() -> list[ObserverSpec]:
        return [ObserverSpec(name="echo", observer=Ref("nonecorn_echo._observer:make"))]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from nonecorn.config import Config, ConfigDraft
    from nonecorn.spi import (
        AppLoaderSpec,
        AppWrapperSpec,
        CommandSpec,
        MiddlewareSpec,
        ObserverSpec,
        ProtocolSpec,
        Settings,
        StreamSpec,
        TransportSpec,
        WorkerSpec,
    )

hookspec = pluggy.HookspecMarker("nonecorn")


# Configuration and command line -------------------------------------------------------------------


@hookspec
def nonecorn_settings() -> Sequence[type[Settings]]:  # type: ignore[empty-body]
    """Settings dataclasses, one per TOML table; the table is the plugin's name.

    Called for every loaded plugin before options are parsed, also for `serve --help`: import
    nothing heavy.
    """


@hookspec
def nonecorn_commands() -> Sequence[CommandSpec]:  # type: ignore[empty-body]
    """Sub-commands of `nonecorn`."""


@hookspec
def nonecorn_configure(draft: ConfigDraft) -> None:
    """Adjust the merged configuration before it freezes.

    The origin of what is set here is shown as `plugin <name>`.
    """


@hookspec
def nonecorn_validate(config: Config) -> Iterable[str]:  # type: ignore[empty-body]
    """Problems of the frozen configuration, one line each.

    All plugins' problems are shown together, and the command exits with 2.
    """


# Registries ---------------------------------------------------------------------------------------


@hookspec
def nonecorn_workers() -> Sequence[WorkerSpec]:  # type: ignore[empty-body]
    """Runtimes for `--worker`."""


@hookspec
def nonecorn_transports() -> Sequence[TransportSpec]:  # type: ignore[empty-body]
    """Forms of bind address."""


@hookspec
def nonecorn_protocols() -> Sequence[ProtocolSpec]:  # type: ignore[empty-body]
    """Wire protocols."""


@hookspec
def nonecorn_streams() -> Sequence[StreamSpec]:  # type: ignore[empty-body]
    """Translators between an exchange and the application interface."""


@hookspec
def nonecorn_app_loaders() -> Sequence[AppLoaderSpec]:  # type: ignore[empty-body]
    """Forms of the APP argument."""


@hookspec
def nonecorn_app_wrappers() -> Sequence[AppWrapperSpec]:  # type: ignore[empty-body]
    """Application interfaces for `--interface`."""


@hookspec
def nonecorn_middleware() -> Sequence[MiddlewareSpec]:  # type: ignore[empty-body]
    """Named layers, used only where configured."""


@hookspec
def nonecorn_observers() -> Sequence[ObserverSpec]:  # type: ignore[empty-body]
    """Observers; each is built in every worker."""


# Start --------------------------------------------------------------------------------------------


@hookspec
def nonecorn_report(config: Config) -> Sequence[str]:  # type: ignore[empty-body]
    """Lines for the start-up banner."""
