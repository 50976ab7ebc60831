"""By which names this machine may be asked for: here, and from the local network."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")

_ELSEWHERE = (
    (socket.AF_INET, ("192.0.2.1", 9)),
    (socket.AF_INET6, ("2001:db8::1", 9)),
)
"""Addresses for documentation (RFC 5737, RFC 3849). Nothing is sent to them: connecting a UDP
socket only asks for a route, and so tells which of our addresses faces the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a certificate is for.

    Attributes:
        hosts: Host names, in lower case.
        addresses: IP addresses.
    """

    hosts: frozenset[str]
    addresses: frozenset[Address]

    def covers(self, other: Names) -> bool:
        """Whether nothing of `other` is missing here."""
        return self.hosts >= other.hosts and self.addresses >= other.addresses


def wanted_names(binds: Iterable[str] = ()) -> Names:
    """Names for this machine: itself, its address in the local network, and what it binds.

    Args:
        binds: Bind addresses, as configured.
    """
    hosts = {"localhost"}
    addresses: set[Address] = {ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1")}
    own = socket.gethostname().lower()
    for name in (own, f"{own}.local" if "." not in own else own):  # .local: RFC 6762
        if _HOST_NAME.fullmatch(name):
            hosts.add(name)
    addresses.update(_facing_the_network())
    for bind in binds:
        host = _bound_host(bind)
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            if _HOST_NAME.fullmatch(host):
                hosts.add(host)
        else:
            if not address.is_unspecified:
                addresses.add(address)
    return Names(hosts=frozenset(hosts), addresses=frozenset(addresses))


def _bound_host(bind: str) -> str:
    """The host in `HOST:PORT`, `HOST` or `[V6]:PORT`; nothing for other forms."""
    if "/" in bind or bind.startswith("unix:"):
        return ""
    if bind.startswith("["):
        return bind[1:].partition("]")[0].partition("%")[0]
    host, colon, _ = bind.rpartition(":")
    return (host if colon else bind).lower()


def _facing_the_network() -> Iterable[Address]:
    for family, target in _ELSEWHERE:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect(target)
            yield ipaddress.ip_address(sock.getsockname()[0].partition("%")[0])
