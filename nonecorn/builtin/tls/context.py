"""From a certificate and settings to OpenSSL's context.

The start is `ssl.create_default_context`, whose hardening is only ever added to. What cannot be
used is told with the name of its file; an encrypted key without a password is an error, never a
prompt on the terminal.
"""

from __future__ import annotations

import platform
import ssl
from collections.abc import Sequence

from nonecorn.builtin.tls.files import Pair, has_revocations
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import CertificateError, ConfigError, TLSCertificate, TLSConfig

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption; all others are on the list that HTTP/2
forbids (RFC 9113 appendix A). TLS 1.3 has its own suites, all of which qualify."""

_VERIFY = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

_HINTS = {
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "EE_KEY_TOO_SMALL": "the certificate's key is too small: make one of 2048 bits or more",
    "CA_MD_TOO_WEAK": "the certificate is signed with a weak hash: make one with SHA-256",
    "EE_KEY_TOO_WEAK": "the certificate's key is too weak",
}
"""What OpenSSL's reasons mean to who gave the file."""


def make_context(
    settings: ServerSettings,
    alpn: Sequence[bytes],
    config: TLSConfig,
    pair: Pair,
    certificate: TLSCertificate,
) -> ssl.SSLContext:
    """The context of the connections that show one certificate.

    Args:
        settings: The server's own table.
        alpn: ALPN ids to offer, preferred ones first.
        config: What all certificates share.
        pair: Where the certificate is.
        certificate: What was read from there.

    Raises:
        CertificateError: OpenSSL cannot use a file.
        ConfigError: OpenSSL does not know a cipher or a group.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.minimum_version = _VERSIONS[settings.tls_min_version]
    _set_ciphers(context, settings.ciphers)
    if settings.tls_groups is not None:
        _set_groups(context, settings.tls_groups)
    _load_certificate(context, pair, certificate)
    if config.verify_mode != "none" and settings.ca_certs is not None:
        _verify_clients(context, settings.ca_certs, config)
    if config.key_log is not None:
        context.keylog_filename = config.key_log
    if alpn:
        context.set_alpn_protocols([name.decode("ascii") for name in alpn])
    return context


def _set_ciphers(context: ssl.SSLContext, ciphers: str | None) -> None:
    try:
        context.set_ciphers(ciphers or _CIPHERS)
    except ssl.SSLError as error:
        message = (
            f"ciphers = {ciphers!r}: OpenSSL knows no such cipher; `openssl ciphers` lists them"
        )
        raise ConfigError(message) from error


def _set_groups(context: ssl.SSLContext, groups: str) -> None:
    set_groups = getattr(context, "set_groups", None)  # Python 3.15
    try:
        if set_groups is not None:
            set_groups(groups)
        elif ":" in groups:
            message = f"tls_groups = {groups!r}: before Python 3.15 only one group can be named"
            raise ConfigError(message)
        else:
            context.set_ecdh_curve(groups)
    except (ssl.SSLError, ValueError) as error:
        message = f"tls_groups = {groups!r}: OpenSSL knows no such group (X25519 is one)"
        if set_groups is None and isinstance(error, ssl.SSLError):
            # It does; but Python 3.11.2, for one, asks it for a curve, which X25519 is not there.
            message = (
                f"tls_groups = {groups!r}: Python {platform.python_version()} cannot choose that "
                f"group (prime256v1 is one that it can)"
            )
        raise ConfigError(message) from error


def _load_certificate(context: ssl.SSLContext, pair: Pair, certificate: TLSCertificate) -> None:
    password = _Password(certificate.password)
    try:
        context.load_cert_chain(pair.certfile, pair.keyfile, password)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        if password.asked and not password.given:
            message = f"{pair.holder} is encrypted: give its password with --keyfile-password-file"
        elif password.asked:
            message = f"{pair.holder} cannot be decrypted: check the password"
        else:
            message = f"{pair.setting} {pair.certfile}: {_reason(error)}"
        raise CertificateError(message) from error


class _Password:
    """Answers OpenSSL's question for a password; without an answer it would ask on the terminal."""

    def __init__(self, password: str | None) -> None:
        self.given = password is not None
        self.asked = False
        self._password = password or ""

    def __call__(self) -> str:
        self.asked = True
        return self._password


def _verify_clients(context: ssl.SSLContext, ca_certs: str, config: TLSConfig) -> None:
    try:
        context.load_verify_locations(cafile=ca_certs)
    except OSError as error:
        message = f"ca_certs {ca_certs}: {_reason(error)}"
        raise CertificateError(message) from error
    if has_revocations(config.client_cas):
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.verify_mode = _VERIFY[config.verify_mode]


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return _HINTS.get(
            error.reason, f"OpenSSL cannot use it ({error.reason.replace('_', ' ').lower()})"
        )
    return f"OpenSSL cannot use it ({error})"
