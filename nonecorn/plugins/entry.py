"""A spec and the plugin that it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from nonecorn.plugins.info import PluginInfo

S_co = TypeVar("S_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Entry(Generic[S_co]):
    """One spec of the registry."""

    plugin: PluginInfo
    spec: S_co
