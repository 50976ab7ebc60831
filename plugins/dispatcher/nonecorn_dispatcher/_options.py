"""What an entry `use = "dispatcher"` may hold: `mounts`, a list of tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nonecorn.spi import ConfigError, read_options, setting
from nonecorn.spi.authority import HostNames
from nonecorn_dispatcher._mount import checked_path

_LABEL = "middleware dispatcher"
_EXAMPLE = '[{path = "/api", app = "api:app"}]'


@dataclass(frozen=True, slots=True, kw_only=True)
class MountOptions:
    """One of `mounts`."""

    app: str = setting("", help="The application: module:attribute, file.py:attribute.")
    path: str = setting("", help="Prefix of the path: /api.")
    host: str = setting("", help="Host: shop.example, or *.shop.example for what is below it.")
    interface: str = setting("auto", help="Its interface, as for --interface.")
    factory: bool = setting(False, help="It is a function that makes the application.")
    lifespan: Literal["auto", "on", "off"] = setting("auto", help="As for --lifespan.")

    def __post_init__(self) -> None:
        if not self.app:
            message = "app names no application: write module:attribute"
            raise ValueError(message)
        path = checked_path(self.path)
        if self.host:
            HostNames([self.host])
        if not path and not self.host:
            message = "give path, host or both"
            raise ValueError(message)

    @property
    def place(self) -> str:
        """Host and path."""
        return f"{self.host.lower()}{checked_path(self.path)}"


def read_mounts(options: Mapping[str, Any]) -> list[MountOptions]:
    """The mounts of an entry, as configured.

    Raises:
        ConfigError: There are none; an option is unknown; a mount cannot be one, or two have one
            place. All problems are named.
    """
    problems = [
        f"{_LABEL}: unknown option {name!r}: write mounts, a list of tables"
        for name in options
        if name != "mounts"
    ]
    tables = options.get("mounts", [])
    if not isinstance(tables, list | tuple) or not all(isinstance(t, Mapping) for t in tables):
        problems.append(f"{_LABEL}: mounts is no list of tables: {_EXAMPLE}")
        tables = []
    elif not tables and not problems:
        problems.append(f"{_LABEL}: mounts is empty: {_EXAMPLE}")
    found: list[MountOptions] = []
    for number, table in enumerate(tables, 1):
        try:
            found.append(read_options(MountOptions, table, f"{_LABEL}: mount {number}"))
        except ConfigError as error:
            problems += error.problems
    places = [mount.place for mount in found]
    for number, place in enumerate(places, 1):
        if place in places[: number - 1]:
            problems.append(f"{_LABEL}: mount {number}: {place} is mounted twice")
    if problems:
        raise ConfigError(problems)
    return found
