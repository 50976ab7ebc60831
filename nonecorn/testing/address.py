"""Addresses as the server prints them, taken apart for a socket."""

from __future__ import annotations

from typing import TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = tuple[str, int] | str
"""`(host, port)`, or the path of a unix socket."""


def address_of(url: str) -> Address:
    """What `socket.connect` takes for `http://127.0.0.1:8000`, `https://[::1]:1`, `unix:/path`."""
    if url.startswith("unix:"):
        return url.removeprefix("unix:")
    parts = urlsplit(url)
    if parts.hostname is None or parts.port is None:
        message = f"{url!r} is not an address that can be connected to"
        raise ValueError(message)
    return parts.hostname, parts.port
