"""Which files the configuration is read from: those are watched whatever else is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nonecorn.config.python import PREFIX
from nonecorn.config.toml import FILE, PROJECT
from nonecorn.reload.tree import absolute

if TYPE_CHECKING:
    from nonecorn.config.schema import ServerSettings


def configuration_files(
    named: object, server: ServerSettings, *, discover: bool = False
) -> tuple[str, ...]:
    """Absolute paths; they need not be there.

    Args:
        named: The configuration that was asked for: a path, `python:module`, or an object.
        server: Names the environment file.
        discover: Without a name, files of the current directory are looked for.
    """
    found: list[str | os.PathLike[str]] = []
    if isinstance(named, str | os.PathLike) and not str(named).startswith(PREFIX):
        found.append(Path(named).expanduser())
    elif named is None and discover:
        found += [FILE, PROJECT]
    if server.env_file:
        found.append(Path(server.env_file).expanduser())
    return tuple(absolute(path) for path in found)
