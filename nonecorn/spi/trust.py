"""Whose word is taken for who the client is: proxies, by the PROXY protocol or by header fields."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

_UNIX = "unix"
"""Stands for the peers of unix sockets, which have no address; who may connect to those, the
files' permissions say."""


class TrustedPeers:
    """A list of peers, compiled.

    Args:
        peers: Addresses and networks (`10.0.0.0/8`), and `unix`.

    Raises:
        ValueError: One is neither; says which.
    """

    __slots__ = ("_networks", "_text", "_unix")

    def __init__(self, peers: Sequence[str]) -> None:
        self._text = ", ".join(peers)
        self._unix = _UNIX in peers
        self._networks = [_network(peer) for peer in peers if peer != _UNIX]

    def __repr__(self) -> str:
        return f"<TrustedPeers {self._text}>"

    def __contains__(self, client: tuple[str, int] | None) -> bool:
        """Whether a port's `client` is one of them."""
        if client is None:
            return self._unix
        try:
            address = ipaddress.ip_address(client[0])
        except ValueError:
            return False
        # An inherited IPv6 socket may take IPv4 along, and shows it so (RFC 4291 section 2.5.5.2).
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        message = f"{text!r} is no address, no network (10.0.0.0/8), and not 'unix'"
        raise ValueError(message) from None
    message = f"{text!r} has bits behind its prefix: is {network} meant?"
    raise ValueError(message)
