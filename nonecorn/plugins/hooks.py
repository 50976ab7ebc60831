"""The typed facade of the hooks: one method per hook of `nonecorn.hookspecs`.

It is the only place that touches pluggy's relay. pluggy finds the implementations, checks their
signatures and keeps `tryfirst` and `trylast`. The calls are made here, one by one: so each result,
and each exception, is known to be a certain plugin's, and a draft of the configuration can note who
changed it. Wrappers (pluggy's `wrapper=True`) would see the results of others; they are refused.

Every method returns a list of (plugin, result) in the order of calls: built-in plugins first, then
by name. A result of None is left out.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from nonecorn import hookspecs
from nonecorn.plugins import advice, validation
from nonecorn.plugins.descriptor import load_error
from nonecorn.plugins.info import PluginInfo
from nonecorn.spi import (
    AppLoaderSpec,
    AppWrapperSpec,
    BadSpecError,
    CommandSpec,
    ConfigError,
    MiddlewareSpec,
    ObserverSpec,
    ProtocolSpec,
    Settings,
    StreamSpec,
    TransportSpec,
    WorkerSpec,
)

if TYPE_CHECKING:
    from nonecorn.config import Config, ConfigDraft

S = TypeVar("S")

KINDS: dict[str, str] = {
    "nonecorn_workers": "worker",
    "nonecorn_transports": "transport",
    "nonecorn_protocols": "protocol",
    "nonecorn_streams": "stream",
    "nonecorn_app_loaders": "app-loader",
    "nonecorn_app_wrappers": "interface",
    "nonecorn_middleware": "middleware",
    "nonecorn_observers": "observer",
    "nonecorn_commands": "command",
    "nonecorn_settings": "settings",
}
"""What implementing a hook makes of a plugin, in the order of listings."""


class Hooks:
    """The hooks of the loaded plugins.

    Args:
        plugins: Each loaded plugin and its descriptor, in the order in which they are called.

    Raises:
        BadSpecError: An implementation does not fit its hook, or there is no such hook.
    """

    __slots__ = ("_infos", "_manager")

    def __init__(self, plugins: list[tuple[PluginInfo, types.ModuleType]]) -> None:
        self._manager = pluggy.PluginManager("nonecorn")
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        # pluggy calls the implementation first that was registered last.
        for info, module in reversed(plugins):
            self._register(info, module)
            self._infos[info.name] = info

    def __repr__(self) -> str:
        return f"<Hooks {' '.join(reversed(self._infos)) or 'of no plugin'}>"

    # Configuration and command line

    def settings(self) -> list[tuple[PluginInfo, tuple[type[Settings], ...]]]:
        """Settings classes."""
        hook = "nonecorn_settings"
        return [
            (info, validation.settings(info, hook, result)) for info, result in self._call(hook)
        ]

    def commands(self) -> list[tuple[PluginInfo, tuple[CommandSpec, ...]]]:
        """Sub-commands."""
        return self._specs("nonecorn_commands", CommandSpec)

    def configure(self, draft: ConfigDraft) -> list[tuple[PluginInfo, None]]:
        """Let every plugin adjust the merged configuration."""
        done: list[tuple[PluginInfo, None]] = []
        for info, impl in self._implementations("nonecorn_configure"):
            with draft.attributed_to(f"plugin {info.name}"):
                self._run(info, "nonecorn_configure", impl, draft=draft)
            done.append((info, None))
        return done

    def validate(self, config: Config) -> list[tuple[PluginInfo, tuple[str, ...]]]:
        """Problems of the frozen configuration."""
        return self._lines("nonecorn_validate", config=config)

    # Registries

    def workers(self) -> list[tuple[PluginInfo, tuple[WorkerSpec, ...]]]:
        """Runtimes."""
        return self._specs("nonecorn_workers", WorkerSpec)

    def transports(self) -> list[tuple[PluginInfo, tuple[TransportSpec, ...]]]:
        """Forms of bind address."""
        return self._specs("nonecorn_transports", TransportSpec)

    def protocols(self) -> list[tuple[PluginInfo, tuple[ProtocolSpec, ...]]]:
        """Wire protocols."""
        return self._specs("nonecorn_protocols", ProtocolSpec)

    def streams(self) -> list[tuple[PluginInfo, tuple[StreamSpec, ...]]]:
        """Translators between an exchange and the application interface."""
        return self._specs("nonecorn_streams", StreamSpec)

    def app_loaders(self) -> list[tuple[PluginInfo, tuple[AppLoaderSpec, ...]]]:
        """Forms of the APP argument."""
        return self._specs("nonecorn_app_loaders", AppLoaderSpec)

    def app_wrappers(self) -> list[tuple[PluginInfo, tuple[AppWrapperSpec, ...]]]:
        """Application interfaces."""
        return self._specs("nonecorn_app_wrappers", AppWrapperSpec)

    def middleware(self) -> list[tuple[PluginInfo, tuple[MiddlewareSpec, ...]]]:
        """Named layers."""
        return self._specs("nonecorn_middleware", MiddlewareSpec)

    def observers(self) -> list[tuple[PluginInfo, tuple[ObserverSpec, ...]]]:
        """Observers."""
        return self._specs("nonecorn_observers", ObserverSpec)

    # Start

    def report(self, config: Config) -> list[tuple[PluginInfo, tuple[str, ...]]]:
        """Lines for the start-up banner."""
        return self._lines("nonecorn_report", config=config)

    # Inside

    def _register(self, info: PluginInfo, module: types.ModuleType) -> None:
        try:
            self._manager.register(module, info.name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise self._unfit(info, error) from error
        for caller in self._manager.get_hookcallers(module) or ():
            for impl in caller.get_hookimpls():
                if impl.plugin is module and (impl.wrapper or impl.hookwrapper):
                    raise validation.bad(info, caller.name, "is a wrapper: hooks cannot be wrapped")

    def _unfit(self, info: PluginInfo, error: pluggy.PluginValidationError) -> BadSpecError:
        known = set(vars(self._manager.hook)) & set(vars(hookspecs))
        for caller in self._manager.get_hookcallers(error.plugin) or ():
            if not caller.has_spec():
                hint = advice.near(caller.name, sorted(known))
                return validation.bad(info, caller.name, f"there is no such hook{hint}")
        text = " ".join(str(error).split())
        message = f"plugin {info}: {text}"
        return BadSpecError(message, plugin=info.name, distribution=info.label)

    def _implementations(self, hook: str) -> Iterator[tuple[PluginInfo, pluggy.HookImpl]]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        for impl in reversed(caller.get_hookimpls()):
            yield self._infos[impl.plugin_name], impl

    def _run(self, info: PluginInfo, hook: str, impl: pluggy.HookImpl, **arguments: object) -> Any:
        try:
            result = impl.function(*[arguments[name] for name in impl.argnames])
            # A generator runs while it is drained, so that must be here.
            return list(result) if isinstance(result, types.GeneratorType) else result
        except ConfigError:
            raise  # about what the user wrote, and says so
        except BadSpecError as error:
            raise validation.bad(info, hook, str(error)) from error
        except Exception as error:
            raise load_error(info, f"{hook} failed", error) from error

    def _call(self, hook: str, **arguments: object) -> Iterator[tuple[PluginInfo, Any]]:
        for info, impl in self._implementations(hook):
            result = self._run(info, hook, impl, **arguments)
            if result is not None:
                yield info, result

    def _specs(self, hook: str, kind: type[S]) -> list[tuple[PluginInfo, tuple[S, ...]]]:
        return [
            (info, validation.specs(info, hook, result, kind)) for info, result in self._call(hook)
        ]

    def _lines(self, hook: str, **arguments: object) -> list[tuple[PluginInfo, tuple[str, ...]]]:
        return [
            (info, validation.lines(info, hook, result))
            for info, result in self._call(hook, **arguments)
        ]


def implemented(module: types.ModuleType) -> tuple[str, ...]:
    """Names of the hooks that a descriptor implements, in the order of `nonecorn.hookspecs`."""
    found = set()
    for name, value in vars(module).items():
        if isinstance(value, types.FunctionType):
            options = getattr(value, "nonecorn_impl", None)
            if options is not None:
                found.add(options.get("specname") or name)
    return tuple(name for name in vars(hookspecs) if name in found)


def kinds(module: types.ModuleType) -> tuple[str, ...]:
    """What a descriptor offers, told by the hooks it implements; none is called."""
    hooks = implemented(module)
    return tuple(kind for hook, kind in KINDS.items() if hook in hooks)
