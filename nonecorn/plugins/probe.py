"""What importing a descriptor brings along, seen in a fresh process.

Only there can it be seen: in the process that asks, everything may be imported already. The new
process gets `sys.path` as JSON on standard input, and writes its report as JSON to standard output.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

from nonecorn.plugins.info import PluginInfo

TIMEOUT: Final = 60.0
"""Seconds that the import of a descriptor may take before it counts as hanging."""

START: Final = (
    "import sys, json; sys.path[:] = json.load(sys.stdin); "
    "from nonecorn.plugins.probe import main; main()"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was seen.

    Attributes:
        error: Why the descriptor could not be imported; empty if it was.
        imported: Modules that came with it.
        hooks: Names of the hooks it implements.
        problems: What is wrong with its API, hooks, specs and references.
    """

    error: str = ""
    imported: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def probe(info: PluginInfo) -> Report:
    """Import a descriptor in a process of its own, and look."""
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter
            [sys.executable, "-c", START, info.name, info.module, info.distribution, info.version],
            input=json.dumps(sys.path),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Report(error=f"takes longer than {TIMEOUT:.0f} s")
    if done.returncode != 0:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        return Report(error=last)
    # What the descriptor itself prints comes before.
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Report(
        error=found["error"],
        imported=tuple(found["imported"]),
        hooks=tuple(found["hooks"]),
        problems=tuple(found["problems"]),
    )


def main() -> None:
    """The other side of `probe`."""
    name, module, distribution, version = sys.argv[1:]
    info = PluginInfo(
        name=name, module=module, distribution=distribution, version=version, path=module
    )
    spi = importlib.import_module("nonecorn.spi")
    assert spi.hookimpl  # imports pluggy, as every descriptor does
    before = set(sys.modules)
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever it is, it is the report
        report = Report(error=f"{type(error).__name__}: {error}")
    else:
        imported = tuple(sorted(set(sys.modules) - before))
        hooks, problems = _inspect(info)
        report = Report(imported=imported, hooks=hooks, problems=problems)
    shown = {field.name: getattr(report, field.name) for field in fields(report)}
    sys.stdout.write("\n" + json.dumps(shown) + "\n")


def _inspect(info: PluginInfo) -> tuple[tuple[str, ...], tuple[str, ...]]:
    # Imported here: all this must not have been imported before the descriptor was.
    from nonecorn.plugins import settings  # noqa: PLC0415
    from nonecorn.plugins.descriptor import check_api  # noqa: PLC0415
    from nonecorn.plugins.hooks import Hooks, implemented  # noqa: PLC0415
    from nonecorn.plugins.registry import collect  # noqa: PLC0415
    from nonecorn.spi import PluginError  # noqa: PLC0415

    module = sys.modules[info.module]
    try:
        check_api(info, module)
        hooks = Hooks([(info, module)])
        specs = collect(hooks, ()).of(info)
        specs += [spec for _, found in hooks.commands() for spec in found]
        settings.check(hooks.settings())
    except PluginError as error:
        return implemented(module), (str(error),)
    problems = tuple(problem for spec in specs for problem in _dangling(spec))
    return implemented(module), problems


def _dangling(spec: Any) -> Iterator[str]:
    """References of a spec to modules that do not exist. The modules are not imported."""
    from nonecorn.spi import Ref  # noqa: PLC0415

    for field in fields(spec):
        value = getattr(spec, field.name)
        if not isinstance(value, Ref):
            continue
        target = value.path.partition(":")[0]
        try:
            found = importlib.util.find_spec(target)
        except ImportError:
            found = None
        if found is None:
            yield f"{type(spec).__name__} {spec.name!r}: {field.name}: there is no module {target}"
