"""Who a request is from, as far as rates go."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Hashable
from functools import lru_cache

from nonecorn.spi import Scope

_KEY = 256
"""Bytes of a header field that tell clients apart: nobody fills the table with long ones."""


def client_of(header: str, ipv4_prefix: int, ipv6_prefix: int) -> Callable[[Scope], Hashable]:
    """What tells clients apart: a function of the scope.

    A client without the field is known by its address, and so cannot pass for another by leaving it
    out. Whoever has no address either (a unix socket) shares one place with all others: behind a
    proxy, `proxy_fix` gives each its own.

    Args:
        header: Name of the field; empty for addresses alone.
        ipv4_prefix: Bits of an address that count.
        ipv6_prefix: The same for IPv6, whose clients have many addresses each (RFC 6177).
    """

    @lru_cache(maxsize=1024)
    def network(host: str) -> Hashable:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return host
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        prefix = ipv4_prefix if address.version == 4 else ipv6_prefix
        return address.version, int(address) >> (address.max_prefixlen - prefix)

    def by_address(scope: Scope) -> Hashable:
        client = scope.get("client")
        return network(client[0]) if client else None

    if not header:
        return by_address
    wanted = header.lower().encode("ascii")

    def by_field(scope: Scope) -> Hashable:
        for name, value in scope["headers"]:
            if name == wanted and value:
                return bytes(value[:_KEY])
        return by_address(scope)

    return by_field
