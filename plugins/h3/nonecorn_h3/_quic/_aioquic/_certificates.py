"""The server's certificates as `cryptography` reads them, from the TLS configuration of TCP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aioquic.tls import load_pem_private_key, load_pem_x509_certificates
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from nonecorn.spi import CertificateError, TLSCertificate, TLSConfig


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Credential:
    """One certificate, ready for handshakes.

    Attributes:
        certificate: It.
        chain: Those that lead to its CA.
        key: Its private key.
        leaf: PEM of the certificate, for the ASGI extension `tls`.
        size: Bytes of all certificates, in a handshake.
    """

    certificate: x509.Certificate
    chain: list[x509.Certificate]
    key: Any = field(repr=False)
    leaf: str = field(repr=False)
    size: int


class Credentials:
    """All certificates of one configuration.

    Args:
        config: Where they come from.

    Raises:
        CertificateError: One cannot be used.
    """

    __slots__ = ("_config", "_ready")

    def __init__(self, config: TLSConfig) -> None:
        self._config = config
        self._ready: Mapping[TLSCertificate, Credential] = {
            certificate: _read(certificate) for certificate in config.certificates
        }

    def __repr__(self) -> str:
        return f"<Credentials {len(self._ready)}>"

    @property
    def size(self) -> int:
        """Of the largest."""
        return max(each.size for each in self._ready.values())

    def select(self, server_name: str | None) -> Credential:
        """The credential for the host that a client names."""
        return self._ready[self._config.certificate_for(server_name)]


def _read(source: TLSCertificate) -> Credential:
    password = None if source.password is None else source.password.encode()
    try:
        certificates = load_pem_x509_certificates(source.chain.strip() + b"\n")
        key = load_pem_private_key(source.key, password)
    except (ValueError, TypeError) as error:
        message = f"certificate {source.file}: QUIC cannot use it: {error}"
        raise CertificateError(message) from error
    if not _can_sign(key):
        message = (
            f"certificate {source.file}: QUIC cannot sign with its key: take RSA, ECDSA with P-256 "
            "or P-384, Ed25519 or Ed448"
        )
        raise CertificateError(message)
    first = certificates[0]
    return Credential(
        certificate=first,
        chain=certificates[1:],
        key=key,
        leaf=first.public_bytes(Encoding.PEM).decode("ascii"),
        size=sum(len(each.public_bytes(Encoding.DER)) + 5 for each in certificates),
    )


def _can_sign(key: object) -> bool:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1))
    return isinstance(key, (rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
