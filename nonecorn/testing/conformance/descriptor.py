"""The rules for descriptors: subclass `DescriptorConformance` and name the module.

class TestDescriptor(DescriptorConformance):
module = "nonecorn_echo.plugin"
name = "echo"
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args

import pytest

from nonecorn.spi import (
    PLUGIN_API,
    AppLoaderSpec,
    AppWrapperSpec,
    CommandSpec,
    MiddlewareSpec,
    ObserverSpec,
    ProtocolSpec,
    Ref,
    Settings,
    Spec,
    StreamSpec,
    TransportSpec,
    WorkerSpec,
    info_of,
)

__all__ = ["DescriptorConformance"]

_REGISTRIES: dict[str, type[Any]] = {
    "nonecorn_app_loaders": AppLoaderSpec,
    "nonecorn_app_wrappers": AppWrapperSpec,
    "nonecorn_commands": CommandSpec,
    "nonecorn_middleware": MiddlewareSpec,
    "nonecorn_observers": ObserverSpec,
    "nonecorn_protocols": ProtocolSpec,
    "nonecorn_streams": StreamSpec,
    "nonecorn_transports": TransportSpec,
    "nonecorn_workers": WorkerSpec,
}

_HEAVY = ("asyncio", "ssl", "click", "multiprocessing", "logging.config")

_SCRIPT = """
import importlib, json, sys
import nonecorn.spi
from nonecorn.spi import hookimpl
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


class DescriptorConformance:
    """Every rule for a plugin's descriptor.

    Attributes:
        module: The descriptor's module.
        name: The plugin's name: its entry point's.
    """

    module: str
    name: str

    @pytest.fixture
    def descriptor(self) -> ModuleType:
        """The module, imported."""
        return importlib.import_module(self.module)

    def test_d01_its_import_is_thin(self) -> None:
        """D1. Its import brings in `nonecorn.spi`, its own package and what is light of the
        standard library: no event loop, no ssl, nothing of others.
        """  # the docstring is the rule
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, self.module], capture_output=True, text=True, check=True
        )
        own = self.module.partition(".")[0]
        for module in json.loads(done.stdout):
            top = module.partition(".")[0]
            light = top in sys.stdlib_module_names and module not in _HEAVY
            assert light or top == own, f"{self.module} imports {module}"

    def test_d02_it_states_the_api(self, descriptor: ModuleType) -> None:
        """D2. `PLUGIN_API` is the version of the contract it was written for, and is this one."""
        assert descriptor.PLUGIN_API == PLUGIN_API

    def test_d03_its_hooks_exist(self, descriptor: ModuleType) -> None:
        """D3. Each function that is marked as a hook is one of `nonecorn.hookspecs`, and is
        documented.
        """
        specs = importlib.import_module("nonecorn.hookspecs")
        hooks = list(self._hooks(descriptor))
        assert hooks, "no hook is implemented"
        for name, function in hooks:
            assert hasattr(specs, name), f"{name} is no hook"
            assert inspect.getdoc(function), f"{name} has no docstring"

    def test_d04_hooks_return_their_specs(self, descriptor: ModuleType) -> None:
        """D4. A registry hook returns specs of its own kind, and each has a name."""
        for name, kind in _REGISTRIES.items():
            for spec in self._specs(descriptor, name):
                assert isinstance(spec, kind), f"{name} returned {spec!r}"
                assert spec.name

    def test_d05_specs_can_be_pickled(self, descriptor: ModuleType) -> None:
        """D5. Specs and settings travel to workers: they are frozen and come back equal from
        pickle.
        """
        values: list[Any] = self._all_specs(descriptor)
        values += [kind() for kind in self._settings(descriptor)]
        for value in values:
            assert pickle.loads(pickle.dumps(value)) == value
            parameters = getattr(type(value), "__dataclass_params__")  # noqa: B009
            assert parameters.frozen, f"{type(value).__name__} is not frozen"

    def test_d06_references_lead_somewhere(self, descriptor: ModuleType) -> None:
        """D6. Every reference can be loaded, and is something to call."""
        for spec in self._all_specs(descriptor):
            for field in dataclasses.fields(spec):
                value = getattr(spec, field.name)
                if isinstance(value, Ref):
                    assert callable(value.load()) or isinstance(spec, CommandSpec), value

    def test_d07_names_are_its_own(self, descriptor: ModuleType) -> None:
        """D7. Within a kind it uses a name once."""
        for hook in _REGISTRIES:
            names = [spec.name for spec in self._specs(descriptor, hook)]
            assert len(names) == len(set(names)), names

    def test_d08_settings_are_whole(self, descriptor: ModuleType) -> None:
        """D8. Its table is its name; each field was made by `setting`, has a help sentence and a
        default of the type that it is declared with.
        """
        for kind in self._settings(descriptor):
            assert issubclass(kind, Settings)
            assert kind.table == self.name
            defaults = kind()
            for field in dataclasses.fields(kind):
                info = info_of(field)
                assert info.help.strip().endswith("."), f"{field.name}: {info.help!r}"
                value = getattr(defaults, field.name)
                if info.minimum is not None and value is not None:
                    assert value >= info.minimum, field.name

    def _hooks(self, descriptor: ModuleType) -> Iterator[tuple[str, Any]]:
        for name, value in vars(descriptor).items():
            if getattr(value, "nonecorn_impl", None) is not None:
                yield name, value

    def _specs(self, descriptor: ModuleType, hook: str) -> list[Any]:
        function = getattr(descriptor, hook, None)
        return list(function() or ()) if function is not None else []

    def _all_specs(self, descriptor: ModuleType) -> list[Any]:
        specs = [spec for hook in _REGISTRIES for spec in self._specs(descriptor, hook)]
        assert all(isinstance(spec, get_args(Spec)) for spec in specs)
        return specs

    def _settings(self, descriptor: ModuleType) -> list[type[Settings]]:
        return self._specs(descriptor, "nonecorn_settings")
