"""Which mount a request belongs to.

A host that is named goes before a wildcard, a longer wildcard before a shorter one, and any of them
before mounts for every host; among those of one host the longest path wins. Paths are compared in
whole segments, and a slash that the client has percent-encoded separates none (RFC 3986 section
2.2): `/api%2Fsecret` is not below `/api`, whatever becomes of it when it is decoded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from nonecorn.spi.authority import HostNames, parse_authority

if TYPE_CHECKING:
    from nonecorn.spi import Headers, Scope
    from nonecorn_dispatcher._mount import Mount

_NO_SLASH = "\udc2f"
"""Stands for a slash that separates nothing: half of a surrogate pair, which no bytes decode to, so
that it is in no path and no prefix already."""


class Routes:
    """The mounts of one dispatcher, in the order in which they are tried.

    Args:
        mounts: In any order.

    Raises:
        ValueError: Two have the same place.
    """

    __slots__ = ("_hosts", "_routes", "mounts")

    def __init__(self, mounts: Iterable[Mount]) -> None:
        self.mounts = sorted(mounts, key=_rank)
        places = [(mount.host.lower(), mount.path) for mount in self.mounts]
        for place in places:
            if places.count(place) > 1:
                message = f"{''.join(place)} is mounted twice"
                raise ValueError(message)
        self._routes = [
            (HostNames([mount.host]) if mount.host else None, f"{mount.path}/", mount)
            for mount in self.mounts
        ]
        self._hosts = any(mount.host for mount in self.mounts)

    def __repr__(self) -> str:
        return f"<Routes {', '.join(map(str, self.mounts))}>"

    def find(self, scope: Scope) -> Mount | None:
        """The mount that a scope belongs to; None where it is the default application's."""
        path = separated(scope)
        if path is None:
            return None
        host = _host_of(scope.get("headers", ())) if self._hosts else ""
        for hosts, below, mount in self._routes:
            # Every path begins with a slash, or is empty.
            if (path.startswith(below) or path == mount.path) and (hosts is None or host in hosts):
                return mount
        return None


def inner_path(scope: Scope) -> str:
    """The path below `root_path`.

    ASGI has `root_path` in front of `path`; a server that was told what a proxy takes off has not.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :]
    return path


def separated(scope: Scope) -> str | None:
    """The path below `root_path`, with slashes only where the client wrote them as such.

    None where there is no path that could be below a prefix, such as that of `OPTIONS *`.
    """
    if "path" not in scope:
        return None
    path = inner_path(scope)
    raw: bytes | None = scope.get("raw_path")
    if raw and (b"%2F" in raw or b"%2f" in raw):
        written = raw.decode("latin-1").replace("%2f", "%2F").replace("%2F", _NO_SLASH)
        written = unquote(written)
        # One of the two may lack what a proxy took off: they agree from the right.
        end = min(len(written), len(path))
        if written[-end:].replace(_NO_SLASH, "/") == path[-end:]:
            path = path[:-end] + written[-end:]
    return path if path.startswith("/") or not path else None


def _rank(mount: Mount) -> tuple[int, int, int]:
    wildcard = mount.host.startswith("*.")
    kind = 0 if mount.host and not wildcard else 1 if wildcard else 2
    return kind, -len(mount.host) if wildcard else 0, -len(mount.path)


def _host_of(headers: Headers) -> str:
    for name, value in headers:
        if name == b"host":
            found = parse_authority(value.decode("latin-1"))
            return found.host if found is not None else ""
    return ""
