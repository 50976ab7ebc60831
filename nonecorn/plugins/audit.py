"""`nonecorn plugins check`: is a plugin made as plugins should be? Nothing of it is imported here.

It must speak our API, its descriptor must be thin and its specs usable; its distribution must be
named, typed and licensed so that people can find, check and ship it.
"""

from __future__ import annotations

import enum
import importlib.util
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

from nonecorn.plugins.info import PluginInfo, canonical
from nonecorn.plugins.installed import KERNEL
from nonecorn.plugins.probe import Report, probe

KEYWORD: Final = "nonecorn-plugin"
"""By which indexes find plugins."""

ALLOWED: Final = ("nonecorn.spi", "pluggy")
"""What a descriptor may import beside the standard library and its own package."""

HEAVY: Final = ("asyncio", "ssl")
"""Parts of the standard library that help texts must not wait for."""


class Level(enum.Enum):
    """How a check ended."""

    OK = "ok"
    ADVICE = "advice"
    FAIL = "fail"


class Finding(NamedTuple):
    """One check."""

    level: Level
    topic: str
    text: str


def audit(info: PluginInfo) -> list[Finding]:
    """Check one installed plugin."""
    findings = [*_descriptor(info, probe(info)), *_typed(info)]
    if info.distribution and not info.builtin:
        found = metadata.distribution(info.distribution)
        findings += [*_names(info), *_metadata(found), *_requirement(found)]
    return findings


def _descriptor(info: PluginInfo, report: Report) -> Iterator[Finding]:
    if report.error:
        yield Finding(Level.FAIL, "import", f"{info.module}: {report.error}")
        return
    own = info.module.partition(".")[0]
    foreign = sorted({name for name in report.imported if not _may_import(name, own)})
    heavy = [name for name in HEAVY if name in report.imported]
    if foreign:
        shown = ", ".join(_tops(foreign))
        text = f"{info.module} imports {shown}: name it by a Ref in a spec instead"
        yield Finding(Level.FAIL, "import", text)
    elif heavy:
        text = f"{info.module} imports {', '.join(heavy)}: every --help would wait for it"
        yield Finding(Level.FAIL, "import", text)
    else:
        text = f"{info.module} imports nonecorn.spi and the standard library only"
        yield Finding(Level.OK, "import", text)
    for problem in report.problems:
        yield Finding(Level.FAIL, "hooks", problem)
    if not report.problems:
        shown = ", ".join(report.hooks)
        if shown:
            yield Finding(Level.OK, "hooks", shown)
        else:
            yield Finding(Level.ADVICE, "hooks", "implements no hook: is @hookimpl missing?")


def _may_import(name: str, own: str) -> bool:
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top == own:
        return True
    return any(name == allowed or name.startswith(f"{allowed}.") for allowed in ALLOWED)


def _tops(names: list[str]) -> list[str]:
    """Names without the submodules of others in the list."""
    return [name for name in names if name.rpartition(".")[0] not in names]


def _typed(info: PluginInfo) -> Iterator[Finding]:
    package = info.module.partition(".")[0]
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if any(Path(place, "py.typed").is_file() for place in places):
        yield Finding(Level.OK, "types", f"{package} has py.typed")
    elif info.distribution:
        yield Finding(
            Level.FAIL, "types", f"{package} has no py.typed: checkers will ignore its types"
        )


def _names(info: PluginInfo) -> Iterator[Finding]:
    expected = f"nonecorn_{info.name}"
    package = info.module.partition(".")[0]
    wrong = []
    if not re.fullmatch(r"[a-z][a-z0-9_]*", info.name):
        wrong.append(f"entry point {info.name!r} is not in lower case with underscores")
    if canonical(info.distribution.lower()) != expected:
        written = expected.replace("_", "-")
        wrong.append(f"distribution {info.distribution!r} is not called {written!r}")
    if package != expected:
        wrong.append(f"package {package!r} is not called {expected!r}")
    for text in wrong:
        yield Finding(Level.FAIL, "names", text)
    if not wrong:
        yield Finding(Level.OK, "names", f"{info.name}, {info.distribution}, {package}")


def _metadata(found: metadata.Distribution) -> Iterator[Finding]:
    fields = found.metadata
    summary = _field(fields, "Summary")
    if summary and summary != "UNKNOWN":
        yield Finding(Level.OK, "summary", summary)
    else:
        yield Finding(Level.FAIL, "summary", "the distribution has no summary")
    files = fields.get_all("License-File") or []
    licence = _field(fields, "License-Expression") or _field(fields, "License")
    if files and licence:
        yield Finding(Level.OK, "license", f"{licence}, {', '.join(files)}")
    elif files:
        yield Finding(Level.FAIL, "license", 'metadata names no license: license = "MIT"')
    else:
        yield Finding(Level.FAIL, "license", 'no LICENSE is shipped: license-files = ["LICENSE"]')
    words = re.split(r"[,\s]+", _field(fields, "Keywords"))
    if KEYWORD not in words:
        yield Finding(Level.ADVICE, "keywords", f"{KEYWORD!r} is missing: people search for it")


def _field(fields: metadata.PackageMetadata, name: str) -> str:
    found: list[str] = fields.get_all(name) or [""]
    return found[0]


def _requirement(found: metadata.Distribution) -> Iterator[Finding]:
    for requirement in found.requires or ():
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        if name is not None and name[0].lower() == KERNEL:
            if "<" in requirement:
                yield Finding(Level.OK, "requires", requirement)
            else:
                text = f"{requirement}: give an upper bound, the next major version"
                yield Finding(Level.ADVICE, "requires", text)
            return
    yield Finding(Level.FAIL, "requires", f"the distribution does not require {KERNEL}")
