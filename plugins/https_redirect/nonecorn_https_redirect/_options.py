"""What an entry `use = "https_redirect"` may hold."""

from __future__ import annotations

from dataclasses import dataclass

from nonecorn.spi import Unit, setting
from nonecorn.spi.authority import HostNames

ANY = "*"
"""Stands for whatever host a request names."""

_YEAR = 31_536_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPSRedirectOptions:
    """Options of the middleware."""

    hosts: tuple[str, ...] = setting(
        (), help="Hosts to redirect to: shop.example, *.shop.example; * for any that is asked for."
    )
    status: int = setting(307, help="307 for now, 308 for good.")
    port: int = setting(443, help="Where TLS is served, as clients see it.", minimum=1)
    ports: tuple[str, ...] = setting(
        (), help="The same for single ports without TLS: 8080:8443; port is for all others."
    )
    exempt: tuple[str, ...] = setting(
        ("/.well-known/acme-challenge/",), help="Paths that are served without TLS too."
    )
    hsts_max_age: float = setting(
        0.0,
        help="Tell browsers to use TLS alone for so long (RFC 6797); 0 tells them nothing.",
        unit=Unit.SECONDS,
        minimum=0,
    )
    hsts_include_subdomains: bool = setting(False, help="And for all subdomains.")
    hsts_preload: bool = setting(False, help="And that lists in browsers may say so.")

    def __post_init__(self) -> None:
        if not self.hosts:
            message = (
                "hosts names nobody: a request may name any host at all, "
                f"so name those of this server, or {ANY!r} to believe it"
            )
            raise ValueError(message)
        try:
            HostNames(host for host in self.hosts if host != ANY)
        except ValueError as error:
            message = f"hosts: {error}"
            raise ValueError(message) from None
        if self.status not in {307, 308}:
            message = f"status: {self.status} is neither 307 nor 308"
            raise ValueError(message)
        if self.port > 65535:
            message = f"port: {self.port} is no port"
            raise ValueError(message)
        _ = self.port_map
        for path in self.exempt:
            if not path.startswith("/"):
                message = f"exempt: {path!r} is no path: it begins with no slash"
                raise ValueError(message)
        self._check_hsts()

    @property
    def port_map(self) -> dict[int, int]:
        """Ports with TLS by those without.

        Raises:
            ValueError: An item of `ports` is no pair of ports.
        """
        found: dict[int, int] = {}
        for item in self.ports:
            clear, _, secure = item.partition(":")
            if not (_is_port(clear) and _is_port(secure)):
                message = f"ports: {item!r} is no pair of ports: write 8080:8443"
                raise ValueError(message)
            found[int(clear)] = int(secure)
        return found

    def _check_hsts(self) -> None:
        if not self.hsts_max_age:
            for name in ("hsts_include_subdomains", "hsts_preload"):
                if getattr(self, name):
                    message = f"{name} means nothing without hsts_max_age"
                    raise ValueError(message)
        if self.hsts_preload and not (self.hsts_max_age >= _YEAR and self.hsts_include_subdomains):
            # What hstspreload.org asks of a domain before it lists it.
            message = (
                "hsts_preload needs hsts_include_subdomains and an hsts_max_age of a year, 8760h"
            )
            raise ValueError(message)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65536
