"""Installed plugins: entry points of the group `nonecorn.plugins`. Nothing is imported for that.

The built-in plugins are listed by the same group in the kernel's own metadata. They are also known
by name here, so that a source tree without metadata still has what no server can be without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nonecorn._version import __version__
from nonecorn.plugins.info import PluginInfo, canonical
from nonecorn.plugins.scan import EntryPoint, entry_points

GROUP: Final = "nonecorn.plugins"
KERNEL: Final = "nonecorn"
BUILTIN: Final = {"builtin": "nonecorn.builtin.plugin"}


def catalog() -> list[PluginInfo]:
    """Every installed plugin: built-in ones first, then by name.

    Two distributions that claim one name are both in the list; the loader says if that matters.
    """
    infos = [_info(point) for point in entry_points(GROUP)]
    found = {info.name for info in infos if info.builtin}
    infos += [
        PluginInfo(
            name=name,
            distribution=KERNEL,
            version=__version__,
            module=module,
            path=str(Path(__file__).absolute().parents[2]),
            builtin=True,
        )
        for name, module in BUILTIN.items()
        if name not in found
    ]
    return sorted(infos, key=lambda info: (not info.builtin, info.name, info.distribution))


def _info(point: EntryPoint) -> PluginInfo:
    name = canonical(point.name)
    project = _editable_project(point.direct_url)
    return PluginInfo(
        name=name,
        distribution=point.distribution,
        version=point.version,
        module=point.module,
        path=project or str(Path(point.location).absolute()),
        editable=bool(project),
        builtin=point.distribution == KERNEL and BUILTIN.get(name) == point.module,
    )


def _editable_project(direct_url: str) -> str:
    """The project's directory, if `direct_url.json` (PEP 610) says that it is editable."""
    if "editable" not in direct_url:
        return ""
    import json  # noqa: PLC0415  # only developers' installations need it

    record = json.loads(direct_url)
    if not record.get("dir_info", {}).get("editable"):
        return ""
    path: str = record["url"].removeprefix("file://")
    if "%" in path:
        from urllib.parse import unquote  # noqa: PLC0415

        path = unquote(path)
    # On Windows /C:/project. Not url2pathname: its module brings http.client and ssl.
    return path.removeprefix("/") if path[2:3] == ":" else path
