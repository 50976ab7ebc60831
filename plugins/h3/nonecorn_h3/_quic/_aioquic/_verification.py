"""Are clients who they say they are? OpenSSL decides, by the rules that hold over TCP.

aioquic checks that a client owns the key of the certificate that it shows, and no more: whose it
is, for what and until when, is checked here.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import TypeVar

from aioquic import tls
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from nonecorn.spi import CertificateError, TLSConfig

E = TypeVar("E", bound=x509.ExtensionType)

_CERTIFICATE = b"-----END CERTIFICATE-----"
_REVOCATIONS = b"-----BEGIN X509 CRL-----"
_REVOCATIONS_END = b"-----END X509 CRL-----"

_HAS_EXPIRED = 10
_NOT_YET_VALID = 9
_REVOKED = 23
_ISSUER_UNKNOWN = frozenset({2, 18, 19, 20, 21})
"""Errors of X509_verify_cert (openssl/x509_vfy.h)."""


class RevokedAlert(tls.Alert):
    """The certificate was revoked."""

    description = tls.AlertDescription.certificate_revoked


class UnknownAuthorityAlert(tls.Alert):
    """No CA of ours has signed it."""

    description = tls.AlertDescription.unknown_ca


class CertificateRequiredAlert(tls.Alert):
    """The client has shown none, and must (RFC 8446 section 6.2)."""

    description = tls.AlertDescription.certificate_required


class Verification:
    """Checks the certificates of clients.

    Args:
        config: CAs, revocation lists, and whether a certificate is required.

    Raises:
        CertificateError: The CAs cannot be read.
    """

    __slots__ = ("_store", "required")

    def __init__(self, config: TLSConfig) -> None:
        self.required = config.verify_mode == "required"
        store = crypto.X509Store()
        # What Python's `ssl` asks of certificates over TCP; the bits are OpenSSL's.
        flags = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).verify_flags
        try:
            for each in _blocks(config.client_cas, b"-----BEGIN CERTIFICATE-----", _CERTIFICATE):
                authority = x509.load_pem_x509_certificate(each)
                store.add_cert(crypto.X509.from_cryptography(authority))
            for each in _blocks(config.client_cas, _REVOCATIONS, _REVOCATIONS_END):
                store.add_crl(x509.load_pem_x509_crl(each))
                flags |= ssl.VERIFY_CRL_CHECK_LEAF
        except (ValueError, crypto.Error) as error:
            message = f"ca_certs: QUIC cannot use them: {error}"
            raise CertificateError(message) from error
        if flags:
            store.set_flags(int(flags))
        self._store = store

    def __repr__(self) -> str:
        return f"<Verification {'required' if self.required else 'optional'}>"

    def check(self, leaf: x509.Certificate, chain: Sequence[x509.Certificate]) -> list[str]:
        """The chain from a client's certificate to a CA of ours, PEM, its own first.

        Raises:
            tls.Alert: There is none, or one of them is not valid, or not for this.
        """
        context = crypto.X509StoreContext(
            self._store,
            crypto.X509.from_cryptography(leaf),
            [crypto.X509.from_cryptography(each) for each in chain],
        )
        try:
            verified = context.get_verified_chain()
        except crypto.X509StoreContextError as error:
            raise _alert(error) from error
        _check_purpose(leaf)
        return [
            each.to_cryptography().public_bytes(Encoding.PEM).decode("ascii") for each in verified
        ]


def _alert(error: crypto.X509StoreContextError) -> tls.Alert:
    code = error.errors[0]
    message = str(error)
    if code in (_HAS_EXPIRED, _NOT_YET_VALID):
        return tls.AlertCertificateExpired(message)
    if code == _REVOKED:
        return RevokedAlert(message)
    if code in _ISSUER_UNKNOWN:
        return UnknownAuthorityAlert(message)
    return tls.AlertBadCertificate(message)


def _check_purpose(leaf: x509.Certificate) -> None:
    """It is for clients, where it says what it is for (RFC 5280 sections 4.2.1.3 and 4.2.1.12)."""
    try:
        extensions = leaf.extensions
        usage = _extension(extensions, x509.KeyUsage)
        purposes = _extension(extensions, x509.ExtendedKeyUsage)
    except ValueError as error:
        message = f"an extension cannot be read: {error}"
        raise tls.AlertBadCertificate(message) from error
    if usage is not None and not (usage.digital_signature or usage.key_agreement):
        message = "the certificate is not for signatures"
        raise tls.AlertUnsupportedCertificate(message)
    if purposes is not None and not {
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    }.intersection(purposes):
        message = "the certificate is not for clients"
        raise tls.AlertUnsupportedCertificate(message)


def _extension(extensions: x509.Extensions, kind: type[E]) -> E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _blocks(pem: bytes, begin: bytes, end: bytes) -> list[bytes]:
    """The parts of a PEM file between two lines, those included."""
    found = []
    for part in pem.split(begin)[1:]:
        body, _, _ = part.partition(end)
        found.append(begin + body + end + b"\n")
    return found
