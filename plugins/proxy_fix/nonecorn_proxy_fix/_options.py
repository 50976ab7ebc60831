"""What an entry `use = "proxy_fix"` may hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nonecorn.spi import setting
from nonecorn.spi.trust import TrustedPeers

FIELDS = {
    "legacy": ("for", "proto", "host", "port", "prefix"),
    "modern": ("for", "proto", "host"),
}
"""What each kind of header can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyFixOptions:
    """Options of the middleware."""

    trusted: tuple[str, ...] = setting(
        (), help="Proxies that are believed: addresses, networks (10.0.0.0/8), unix."
    )
    mode: Literal["legacy", "modern"] = setting(
        "legacy", help="legacy reads X-Forwarded-*, modern reads Forwarded (RFC 7239)."
    )
    fields: tuple[str, ...] = setting(
        ("for", "proto"),
        help="What the proxies set themselves, out of for, proto, host, port, prefix.",
    )
    hops: int = setting(
        0, help="So many proxies are believed at most; 0 for all that are trusted.", minimum=0
    )
    strip: bool = setting(
        True, help="Take the headers away from requests of peers that are not trusted."
    )

    def __post_init__(self) -> None:
        if not self.trusted:
            message = "trusted names nobody: name the proxies, such as 10.0.0.0/8"
            raise ValueError(message)
        try:
            TrustedPeers(self.trusted)
        except ValueError as error:
            message = f"trusted: {error}"
            raise ValueError(message) from None
        known = FIELDS[self.mode]
        for name in self.fields:
            if name not in known:
                message = f"fields: {name!r} is none of {', '.join(known)}, which {self.mode} has"
                raise ValueError(message)
        if not self.fields:
            message = "fields is empty: there is nothing to believe"
            raise ValueError(message)
