"""What to install: the ends of error messages.

The kernel names no plugin in what it does. These few names are in texts only: a user who lacks a
protocol is better served by a command to type than by a principle.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final

from nonecorn.plugins.info import PluginInfo, canonical
from nonecorn.plugins.installed import KERNEL

SUGGESTED: Final = {
    "worker": "asyncio",
    "stream": "h11",
    "datagram": "h3",
    "interface": "asgi",
    "dev_tls": "dev_tls",
}
"""A plugin for a job that nobody does; the first one to try."""


@functools.cache
def extras() -> frozenset[str]:
    """Extras of the installed kernel, in plugin spelling; empty where its metadata is missing."""
    from importlib import metadata  # noqa: PLC0415  # only errors and listings pay for it

    try:
        found = metadata.metadata(KERNEL).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return frozenset()
    return frozenset(canonical(extra) for extra in found)


def first_party(info: PluginInfo) -> bool:
    """Is its distribution one that the kernel itself offers as an extra?"""
    return canonical(info.distribution) == f"nonecorn_{info.name}" and info.name in extras()


def install(name: str) -> str:
    """The command that installs a plugin: by the kernel's extra, or by the naming rule."""
    written = name.replace("_", "-")
    if canonical(name) in extras() or name in SUGGESTED.values():
        return f'pip install "nonecorn[{written}]"'
    return f"pip install nonecorn-{written}"


def upgrade(distribution: str) -> str:
    """The command that brings a distribution up to date."""
    return f"pip install --upgrade {distribution}"


def near(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing."""
    import difflib  # noqa: PLC0415  # only mistakes need it

    found = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def listed(names: Iterable[str]) -> str:
    """Names for a sentence: `asyncio, uvloop`, or `none`."""
    return ", ".join(names) or "none"
