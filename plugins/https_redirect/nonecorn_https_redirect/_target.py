"""Where to: the URL of the same thing with TLS.

Host and port are those that were asked for, if they can be a host and a port at all, and only if
the host is one of those that somebody configured: else whoever has a hand in the `Host` field
decides where clients go. The rest is the path as it came, with every byte percent-encoded that has
no place in a URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from nonecorn.spi.authority import Authority, HostNames, parse_authority

if TYPE_CHECKING:
    from nonecorn.spi import Scope

# RFC 3986 sections 3.3 and 3.4; escapes that are there stay.
_NO_PATH = re.compile(rb"[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]")
_NO_QUERY = re.compile(rb"[^A-Za-z0-9\-._~!$&'()*+,;=:@/%?]")

_HTTPS = 443


class UnknownHostError(ValueError):
    """The request names a host that is not ours."""


class Targets:
    """Makes the targets of one middleware.

    Args:
        hosts: Whose names may stand in a target.
        any_host: All others may as well.
        ports: Ports with TLS by those without.
        port: Port with TLS for all others.
    """

    __slots__ = ("_any", "_hosts", "_port", "_ports")

    def __init__(
        self, hosts: HostNames, *, any_host: bool, ports: Mapping[int, int], port: int
    ) -> None:
        self._hosts = hosts
        self._any = any_host
        self._ports = ports
        self._port = port

    def __repr__(self) -> str:
        return f"<Targets {'any host' if self._any else self._hosts!r} port={self._port}>"

    def of(self, scope: Scope, scheme: bytes) -> bytes:
        """The URL for a request's scope.

        Raises:
            UnknownHostError: Its host is not one of those configured.
            ValueError: It has no host, or none that can be one.
        """
        fields = [value for name, value in scope["headers"] if name == b"host"]
        asked = parse_authority(fields[0].decode("latin-1")) if len(fields) == 1 else None
        if asked is None:
            message = "no host that could be redirected to"
            raise ValueError(message)
        if not self._any and asked.host not in self._hosts:
            raise UnknownHostError(asked.host)
        port = self._ports.get(asked.port or 80, self._port)
        authority = Authority(asked.host, None if port == _HTTPS else port)
        return b"%b://%b%b" % (scheme, str(authority).encode("ascii"), _rest(scope))


def _rest(scope: Scope) -> bytes:
    """Path and query."""
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
    root: str = scope.get("root_path", "")
    if root and not _is_under(scope["path"], root):
        path = quote(root).encode("ascii") + path  # a proxy has taken it off
    if not path.startswith(b"/"):
        path = b"/"  # OPTIONS *
    path = _NO_PATH.sub(_escape, path)
    query: bytes = scope.get("query_string", b"")
    return b"%b?%b" % (path, _NO_QUERY.sub(_escape, query)) if query else path


def _is_under(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _escape(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]
