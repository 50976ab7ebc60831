"""From settings to what every TLS connection of a listener shares.

The start is `ssl.create_default_context`, whose hardening is only ever added to. What cannot be
used is told with the name of its file; an encrypted key without a password is an error, never a
prompt on the terminal.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nonecorn.config.schema import ServerSettings
from nonecorn.spi import CertificateError, ConfigError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption; all others are on the list that HTTP/2
forbids (RFC 9113 appendix A). TLS 1.3 has its own suites, all of which qualify."""

_VERIFY = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

_CERTIFICATE_MARK = b"-----BEGIN CERTIFICATE-----"
_CERTIFICATE_END = b"-----END CERTIFICATE-----"
_KEY_MARK = b"PRIVATE KEY-----"

_AS_PEM = "in PEM form: convert it with openssl"

_HINTS = {
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "EE_KEY_TOO_SMALL": "the certificate's key is too small: make one of 2048 bits or more",
    "CA_MD_TOO_WEAK": "the certificate is signed with a weak hash: make one with SHA-256",
    "EE_KEY_TOO_WEAK": "the certificate's key is too weak",
}
"""What OpenSSL's reasons mean to who gave the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTLS:
    """What the TLS connections of a listener share.

    Attributes:
        context: Makes their sessions.
        certificate: The server's own certificate, PEM.
        cipher_suites: IANA code point by OpenSSL's name of the suite.
        handshake_timeout: Seconds for a handshake; 0 for no limit.
    """

    context: ssl.SSLContext
    certificate: str = field(repr=False)
    handshake_timeout: float = 60.0
    cipher_suites: Mapping[str, int] = field(default_factory=dict, repr=False)


def server_tls(settings: ServerSettings, alpn: Sequence[bytes]) -> ServerTLS:
    """Read the certificates and build the context.

    Args:
        settings: The server's own table; `certfile` must be set.
        alpn: ALPN ids to offer, preferred ones first.

    Raises:
        CertificateError: A file is missing or unusable.
        ConfigError: Settings contradict each other, or OpenSSL does not know a cipher.
    """
    if settings.certfile is None:
        message = "keyfile is set without certfile: name the certificate too"
        raise ConfigError(message)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.minimum_version = _VERSIONS[settings.tls_min_version]
    _set_ciphers(context, settings.ciphers)
    certificate = _load_certificate(context, settings.certfile, settings)
    _set_client_verification(context, settings)
    if alpn:
        context.set_alpn_protocols([name.decode("ascii") for name in alpn])
    return ServerTLS(
        context=context,
        certificate=certificate,
        handshake_timeout=settings.tls_handshake_timeout,
        # The low half of OpenSSL's id is the code point on the wire.
        cipher_suites={suite["name"]: suite["id"] & 0xFFFF for suite in context.get_ciphers()},
    )


def _set_ciphers(context: ssl.SSLContext, ciphers: str | None) -> None:
    try:
        context.set_ciphers(ciphers or _CIPHERS)
    except ssl.SSLError as error:
        message = (
            f"ciphers = {ciphers!r}: OpenSSL knows no such cipher; `openssl ciphers` lists them"
        )
        raise ConfigError(message) from error


def _load_certificate(context: ssl.SSLContext, certfile: str, settings: ServerSettings) -> str:
    """Load certificate and key; return the first certificate of the chain."""
    pem = _read("certfile", certfile)
    _, mark, rest = pem.partition(_CERTIFICATE_MARK)
    if not mark:
        message = f"certfile {certfile} holds no certificate {_AS_PEM}"
        raise CertificateError(message)
    keyfile = settings.keyfile
    if keyfile is None:
        if _KEY_MARK not in pem:
            message = f"certfile {certfile} holds no private key: name its file with --keyfile"
            raise CertificateError(message)
    elif _KEY_MARK not in _read("keyfile", keyfile):
        message = f"keyfile {keyfile} holds no private key {_AS_PEM}"
        raise CertificateError(message)

    password = _Password(settings.keyfile_password)
    holder = f"keyfile {keyfile}" if keyfile is not None else f"certfile {certfile}"
    try:
        context.load_cert_chain(certfile, keyfile, password)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        if password.asked and not password.given:
            message = f"{holder} is encrypted: give its password with --keyfile-password"
        elif password.asked:
            message = f"{holder} cannot be decrypted: check the password"
        else:
            message = f"certfile {certfile}: {_reason(error)}"
        raise CertificateError(message) from error
    first = _CERTIFICATE_MARK + rest[: rest.index(_CERTIFICATE_END)] + _CERTIFICATE_END
    return first.decode("ascii").replace("\r\n", "\n") + "\n"


class _Password:
    """Answers OpenSSL's question for a password; without an answer it would ask on the terminal."""

    def __init__(self, password: str | None) -> None:
        self.given = password is not None
        self.asked = False
        self._password = password or ""

    def __call__(self) -> str:
        self.asked = True
        return self._password


def _set_client_verification(context: ssl.SSLContext, settings: ServerSettings) -> None:
    mode = settings.verify_mode
    if settings.ca_certs is None:
        if mode != "none":
            # The system's CAs would let in whoever has any public certificate.
            message = f"verify_mode = {mode!r} needs ca_certs: the CAs that may sign clients"
            raise ConfigError(message)
        return
    if mode == "none":
        message = "ca_certs is set, but verify_mode = 'none' asks clients for no certificate"
        raise ConfigError(message)
    if _CERTIFICATE_MARK not in _read("ca_certs", settings.ca_certs):
        message = f"ca_certs {settings.ca_certs} holds no certificate {_AS_PEM}"
        raise CertificateError(message)
    try:
        context.load_verify_locations(cafile=settings.ca_certs)
    except OSError as error:
        message = f"ca_certs {settings.ca_certs}: {_reason(error)}"
        raise CertificateError(message) from error
    context.verify_mode = _VERIFY[mode]


def _read(name: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        message = f"{name} {path} cannot be read: {(error.strerror or str(error)).lower()}"
        raise CertificateError(message) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return _HINTS.get(
            error.reason, f"OpenSSL cannot use it ({error.reason.replace('_', ' ').lower()})"
        )
    return f"OpenSSL cannot use it ({error})"
