"""Where the CA lives: once per user, where the platform keeps data of programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from nonecorn.spi import ConfigError


def data_directory(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """The directory, which may not be there yet.

    Args:
        environ: The environment.
        platform: As `sys.platform`.

    Raises:
        ConfigError: The user has no home directory.
    """
    return _root(environ, platform) / "nonecorn" / "dev-tls"


def _root(environ: Mapping[str, str], platform: str) -> Path:
    if platform == "win32":
        local = environ.get("LOCALAPPDATA", "")
        return Path(local) if local else _home() / "AppData" / "Local"
    # The XDG specification: relative paths are to be ignored. Who sets it on macOS means it too.
    chosen = environ.get("XDG_DATA_HOME", "")
    if chosen and Path(chosen).is_absolute():
        return Path(chosen)
    if platform == "darwin":
        return _home() / "Library" / "Application Support"
    return _home() / ".local" / "share"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        message = "dev_tls: there is no home directory for the CA: set XDG_DATA_HOME"
        raise ConfigError(message) from error
