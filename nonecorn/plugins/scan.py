"""Entry points of one group, out of the metadata of installed distributions.

Two ways, one result. `importlib.metadata` knows every kind of installation, and its import alone
costs as much as two bare interpreters, most of it for the e-mail parser. `scan` reads the same few
files itself. It steps aside (returns None) where it cannot be sure: a zip archive or an egg on
`sys.path`, or a foreign finder that has distributions of its own. Both keep the first of several
distributions of one name, as imports do, and a test compares them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple


class EntryPoint(NamedTuple):
    """One entry point and where it came from."""

    name: str
    module: str
    """Its value, without extras: `nonecorn_h11.plugin`."""

    distribution: str
    version: str
    location: str
    """The directory on `sys.path` that holds the distribution."""

    direct_url: str
    """Contents of `direct_url.json` (PEP 610), or empty."""


def entry_points(group: str) -> list[EntryPoint]:
    """Every entry point of `group`, sorted; nothing is imported."""
    found = scan(group)
    if found is None:
        found = ask_importlib(group)
    return sorted(found)


def ask_importlib(group: str) -> list[EntryPoint]:
    """The entry points as `importlib.metadata` sees them."""
    from importlib import metadata  # noqa: PLC0415  # dear: see above

    found = []
    for point in metadata.entry_points(group=group):
        owner = point.dist
        if owner is None:  # pragma: no cover  # only EntryPoint objects that somebody made by hand
            continue
        found.append(
            EntryPoint(
                name=point.name,
                module=_without_extras(point.value),
                distribution=owner.metadata["Name"],
                version=owner.version,
                location=str(owner.locate_file("")),
                direct_url=owner.read_text("direct_url.json") or "",
            )
        )
    return found


def scan(group: str) -> list[EntryPoint] | None:
    """The entry points by a plain look; None where that may not be the whole truth."""
    if any(
        hasattr(finder, "find_distributions") and finder is not PathFinder
        for finder in sys.meta_path
    ):
        return None
    found: list[EntryPoint] = []
    seen: set[str] = set()
    for location in sys.path:
        directory = Path(location)
        if directory.is_file() or directory.suffix == ".egg":
            return None
        try:
            children = list(directory.iterdir())
        except OSError:  # not there, or not ours to read: imports pass it over as well
            continue
        for child in children:
            if child.suffix not in (".dist-info", ".egg-info"):
                continue
            name = child.stem.partition("-")[0].replace(".", "_").lower()
            if name in seen:
                continue
            seen.add(name)
            found.extend(_read(group, child))
    return found


def _read(group: str, info: Path) -> Iterator[EntryPoint]:
    text = _text(info, "entry_points.txt")
    if f"[{group}]" not in text:
        return
    name = version = ""
    for line in _text(info, "METADATA" if info.suffix == ".dist-info" else "PKG-INFO").splitlines():
        if not line:
            break
        key, _, value = line.partition(":")
        if key == "Name":
            name = value.strip()
        elif key == "Version":
            version = value.strip()
    direct_url = _text(info, "direct_url.json")
    for point, value in _section(text, group):
        yield EntryPoint(
            name=point,
            module=_without_extras(value),
            distribution=name,
            version=version,
            location=str(info.parent),
            direct_url=direct_url,
        )


def _section(text: str, group: str) -> Iterator[tuple[str, str]]:
    inside = False
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            inside = line[1:-1] == group
        elif inside:
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()


def _text(directory: Path, name: str) -> str:
    try:
        return directory.joinpath(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _without_extras(value: str) -> str:
    return value.partition("[")[0].strip()
