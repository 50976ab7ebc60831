"""The CA and the certificates that it makes (RFC 5280)."""

from __future__ import annotations

import datetime as dt
import getpass
import ipaddress
import socket
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nonecorn_dev_tls._names import Names

CA_DAYS = 3650
LEAF_DAYS = 12
"""With the day before them no more than the two weeks for which browsers let WebTransport name a
certificate by its hash (`serverCertificateHashes`): they take no CA of one's own for QUIC.
"""
RENEW_DAYS = 8
"""A certificate with fewer days left is made anew at the next start."""

_YESTERDAY = dt.timedelta(days=1)
"""Certificates begin in the past: clocks differ, of phones in the network for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A CA with its key.

    Attributes:
        certificate: What clients are to trust.
        key: What signs.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, now: dt.datetime) -> Authority:
        """A new CA, which may sign certificates of servers and nothing else."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "nonecorn development CA"),
                x509.NameAttribute(NameOID.COMMON_NAME, f"nonecorn dev CA {_owner()}"[:64]),
            ]
        )
        certificate = (
            _builder(name, key.public_key(), now, CA_DAYS)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate=certificate, key=key)

    @classmethod
    def load(cls, certificate: bytes, key: bytes) -> Authority | None:
        """The CA out of its files; None where they are of no use, or not of each other."""
        try:
            found = x509.load_pem_x509_certificate(certificate)
            secret = serialization.load_pem_private_key(key, None)
        except (ValueError, TypeError):
            return None
        if not isinstance(secret, ec.EllipticCurvePrivateKey):
            return None
        if found.public_key() != secret.public_key():
            return None
        return cls(certificate=found, key=secret)

    def issue(self, names: Names, now: dt.datetime) -> tuple[x509.Certificate, bytes]:
        """A certificate for a server.

        Returns:
            The certificate, and its key as PEM.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nonecorn dev server")])
        general: list[x509.GeneralName] = [x509.DNSName(host) for host in sorted(names.hosts)]
        general += [x509.IPAddress(address) for address in sorted(names.addresses, key=str)]
        signer = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        certificate = (
            _builder(subject, key.public_key(), now, LEAF_DAYS)
            .issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(general), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer.value),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        return certificate, pem_of(key)

    def __repr__(self) -> str:
        return f"<Authority {self.certificate.subject.rfc4514_string()}>"


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key as PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def lasts(certificate: x509.Certificate, now: dt.datetime) -> bool:
    """Whether a certificate need not be renewed yet."""
    left = certificate.not_valid_after_utc - now
    return certificate.not_valid_before_utc <= now and left > dt.timedelta(days=RENEW_DAYS)


def issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether this CA signed that certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def names_of(certificate: x509.Certificate) -> Names:
    """What a certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Names(hosts=frozenset(), addresses=frozenset())
    addresses = found.get_values_for_type(x509.IPAddress)
    return Names(
        hosts=frozenset(found.get_values_for_type(x509.DNSName)),
        addresses=frozenset(
            address
            for address in addresses
            if isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address)
        ),
    )


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _YESTERDAY)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _owner() -> str:
    """Who made a CA, so that it can be told from others in a list of trusted ones."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
