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


class Addressed:
    """What has addresses, by the first of them.

    Attributes:
        urls: Every address, in the order configured.
    """

    urls: list[str]

    @property
    def url(self) -> str:
        """The first address, such as `http://127.0.0.1:49152`."""
        return self.urls[0]

    @property
    def address(self) -> Address:
        """The first address as `socket.connect` takes it: `(host, port)`, or a path."""
        return address_of(self.url)

    @property
    def port(self) -> int:
        """The first address's port."""
        address = self.address
        if isinstance(address, str):
            message = f"{self.url} has no port"
            raise LookupError(message)  # noqa: TRY004  # a matter of the bind, not of a type
        return address[1]
