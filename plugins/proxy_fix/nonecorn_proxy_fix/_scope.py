"""From facts to a scope; the one that came is never touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nonecorn.spi.authority import Authority, parse_authority

if TYPE_CHECKING:
    from nonecorn.spi import Headers, Scope
    from nonecorn_proxy_fix._facts import Facts

_SCHEMES = {"websocket": ("ws", "wss")}
_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def corrected(scope: Scope, headers: Headers, facts: Facts) -> Scope:
    """A copy of `scope` in which the facts stand."""
    scope = {**scope}
    if facts.told:
        scope["client"] = facts.client
    if facts.secure is not None:
        scope["scheme"] = _SCHEMES.get(scope["type"], ("http", "https"))[facts.secure]
    if facts.host is not None or facts.port is not None:
        _set_authority(scope, headers, facts)
    if facts.prefix:
        _set_prefix(scope, facts.prefix, facts.raw_prefix)
    return scope


def without(scope: Scope, headers: Headers, unwanted: Callable[[bytes], bool]) -> Scope:
    """`scope` if none of its fields is unwanted, or a copy without those."""
    kept = [field for field in headers if not unwanted(field[0])]
    return scope if len(kept) == len(headers) else {**scope, "headers": kept}


def _set_authority(scope: Scope, headers: Headers, facts: Facts) -> None:
    """Host field and `server`: whom the client asked, and at which port."""
    default = _DEFAULT_PORTS.get(scope.get("scheme", "http"), 80)
    host = facts.host or _host_of(headers)
    if host is None:
        return
    port = facts.port if facts.port is not None else host.port
    scope["server"] = (host.host, default if port is None else port)
    # A proxy that tells the default port means none: browsers send none either.
    shown = Authority(host.host, None if facts.port is not None and port == default else port)
    scope["headers"] = [
        (b"host", str(shown).encode("ascii")),
        *(field for field in headers if field[0] != b"host"),
    ]


def _host_of(headers: Headers) -> Authority | None:
    for name, value in headers:
        if name == b"host":
            return parse_authority(value.decode("latin-1"))
    return None


def _set_prefix(scope: Scope, prefix: str, raw_prefix: str) -> None:
    """Put back what a proxy took off the path: an ASGI path has its `root_path` in front."""
    path = scope.get("path", "")
    root = scope.get("root_path", "")
    inside = root and (path == root or path.startswith(f"{root}/"))
    scope["root_path"] = prefix + root if inside else prefix
    scope["path"] = prefix + path
    raw_path = scope.get("raw_path")
    if raw_path is not None:
        scope["raw_path"] = raw_prefix.encode("ascii") + raw_path
