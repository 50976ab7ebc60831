"""Who a proxy says it got a request from: an address with or without a port, or nobody known."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

Client = tuple[str, int] | None
"""As in the scope; None for a client whose address the proxy does not tell."""

_NODE = re.compile(
    r"(?:(?P<ipv4>[0-9.]{7,15})|\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\]|(?P<bare>[0-9A-Fa-f:.]{2,45})|"
    r"(?P<hidden>[uU][nN][kK][nN][oO][wW][nN]|_[A-Za-z0-9._-]{1,254}))"
    r"(?::(?:(?P<port>[0-9]{1,5})|_[A-Za-z0-9._-]{1,254}))?"
)


def parse_node(text: str, *, bare: bool) -> Client:
    """An identifier of RFC 7239 section 6, or an element of X-Forwarded-For.

    Args:
        text: Without quotes.
        bare: IPv6 addresses need no brackets, as in X-Forwarded-For; what follows a colon is then
            part of the address.

    Returns:
        Address and port, 0 where none is told; None for `unknown` and for obfuscated names.

    Raises:
        ValueError: It is neither.
    """
    if bare and text.count(":") > 1 and not text.startswith("["):
        return _ipv6(text), 0
    found = _NODE.fullmatch(text)
    if found is None or found["bare"] is not None:
        message = f"{text!r} is no address"
        raise ValueError(message)
    if found["hidden"] is not None:
        return None
    port = int(found["port"] or 0)
    if port > 65535:
        message = f"{text!r} has no such port"
        raise ValueError(message)
    if found["ipv4"] is not None:
        try:
            return str(IPv4Address(found["ipv4"])), port
        except AddressValueError:
            message = f"{text!r} is no address"
            raise ValueError(message) from None
    return _ipv6(found["ipv6"]), port


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        message = f"{text!r} is no address"
        raise ValueError(message) from None
    if address.scope_id is not None:
        message = f"{text!r} is of one machine only"
        raise ValueError(message)
    # A proxy that listens on IPv6 alone shows IPv4 so (RFC 4291 section 2.5.5.2).
    return str(address.ipv4_mapped or address)
