"""Descriptor: settings shared by the HTTP/1.1 engines."""

from __future__ import annotations

from collections.abc import Sequence

from nonecorn.spi import Settings, hookimpl
from nonecorn_http1._settings import Http1Settings

PLUGIN_API = 1


@hookimpl
def nonecorn_settings() -> Sequence[type[Settings]]:
    """`[http1]`."""
    return [Http1Settings]
