"""What an entry `use = "limits"` may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nonecorn.spi import Unit, setting

_RATE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})?(s|second|m|minute|h|hour|d|day)s?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsOptions:
    """Options of the middleware; what is off by default is all of it."""

    concurrency: int = setting(0, help="Requests at once; 0 for no bound.", minimum=0)
    queue: int = setting(100, help="Requests that wait for a place at most.", minimum=0)
    queue_timeout: float = setting(
        5.0, help="A request that waited so long is answered 503.", unit=Unit.SECONDS, minimum=0.001
    )
    rate: str = setting("", help="Requests of one client: 100/minute, 10/s, 1000/6h.")
    burst: int = setting(0, help="How many of them may come at once; all of them by 0.", minimum=0)
    key: str = setting("", help="Header field that tells clients apart; their address without it.")
    ipv4_prefix: int = setting(32, help="Addresses that share so many bits are one client.")
    ipv6_prefix: int = setting(64, help="The same for IPv6, where a client has a network.")
    clients: int = setting(10_000, help="Clients that are remembered.", minimum=1)
    paths: tuple[str, ...] = setting((), help="Only paths that begin so; all by default.")
    exempt: tuple[str, ...] = setting((), help="Not paths that begin so.")
    fields: bool = setting(True, help="Tell clients where they stand, in RateLimit fields.")

    def __post_init__(self) -> None:
        if not self.concurrency and not self.rate:
            message = "there is nothing to limit: give concurrency, rate, or both"
            raise ValueError(message)
        if self.rate and not _RATE.fullmatch(self.rate):
            message = f"rate = {self.rate!r} is no rate: write 100/minute, 10/s or 1000/6h"
            raise ValueError(message)
        if self.key and not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", self.key):
            message = f"key = {self.key!r} is no name of a header field"
            raise ValueError(message)
        for name, bits in (("ipv4_prefix", 32), ("ipv6_prefix", 128)):
            if not 1 <= getattr(self, name) <= bits:
                message = f"{name} = {getattr(self, name)} is not between 1 and {bits}"
                raise ValueError(message)
        for path in (*self.paths, *self.exempt):
            if not path.startswith("/"):
                message = f"{path!r} is no path: it begins with no slash"
                raise ValueError(message)

    @property
    def quota(self) -> tuple[int, float]:
        """Requests, and the seconds that they are for; (0, 0) for no bound."""
        found = _RATE.fullmatch(self.rate)
        if found is None:
            return 0, 0.0
        return int(found[1]), float(int(found[2] or 1) * _SECONDS[found[3][0]])
