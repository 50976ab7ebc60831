"""TLS: what a handshake settled, and what every transport takes its certificates from.

There is one configuration for TLS over TCP and for QUIC. `Context.tls` is a `TLSSource`; its
`config` is a frozen snapshot and becomes another object when certificate files change on disk. So
whoever keeps something that was made from it compares by identity before a new connection, and
nobody has to be told:

    config = context.tls.config
    if config is not self._config:
        self._config, self._made = config, make_from(config)
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSInfo:
    """What a handshake settled.

    Attributes:
        alpn: Protocol chosen by ALPN (RFC 7301), or None.
        server_name: What the client named by SNI (RFC 6066), or None.
        extension: Value of `scope["extensions"]["tls"]` (ASGI TLS extension 0.2).
    """

    alpn: bytes | None
    server_name: str | None
    extension: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TLSCertificate:
    """One certificate of the server's, and its key. Certificate and key belong together.

    Attributes:
        file: Where the chain was read from.
        chain: PEM: the certificate, then those that lead to its CA.
        key: PEM, as it stands in its file; encrypted where `password` is not None.
        password: Opens the key.
        names: Host names it is for, in lower case, such as `a.example` and `*.a.example`.
        not_before: POSIX seconds.
        not_after: POSIX seconds.
    """

    file: str
    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)
    password: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    not_before: float = 0.0
    not_after: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TLSConfig:
    """What TLS listeners of every transport share. ALPN ids are each transport's own.

    Attributes:
        certificates: At least one; the first serves clients that name no host, or an unknown one.
        verify_mode: Whether clients must show a certificate.
        client_cas: PEM of the CAs that theirs must lead to, and of certificate revocation lists;
            empty where `verify_mode` is `none`.
        key_log: File that secrets of connections are appended to, in NSS's format; None for none.
    """

    certificates: tuple[TLSCertificate, ...]
    verify_mode: Literal["none", "optional", "required"] = "none"
    client_cas: bytes = field(default=b"", repr=False)
    key_log: str | None = None
    _named: Mapping[str, TLSCertificate] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """See by which name each certificate is found."""
        object.__setattr__(self, "_named", _first_of_each_name(self.certificates))

    def certificate_for(self, server_name: str | None) -> TLSCertificate:
        """The certificate for the host that a client names: one with this very name, or else one
        for `*` in place of its first label (RFC 9525 section 6.3), or else the default one.
        """
        if server_name is not None:
            name = server_name.lower().rstrip(".")
            exact = self._named.get(name)
            if exact is not None:
                return exact
            wildcard = self._named.get(f"*.{name.partition('.')[2]}")
            if wildcard is not None:
                return wildcard
        return self.certificates[0]


class TLSSource(typing.Protocol):
    """Where listeners find the present TLS configuration."""

    @property
    def config(self) -> TLSConfig:
        """The present one. The same object until something changes; see the module."""
        ...


def _first_of_each_name(certificates: Iterable[TLSCertificate]) -> dict[str, TLSCertificate]:
    named: dict[str, TLSCertificate] = {}
    for certificate in certificates:
        for name in certificate.names:
            named.setdefault(name, certificate)
    return named
