"""All certificates of a server, loaded at once: either every file can be used, or none is.

    load(settings, alpn) ─► Credentials ─ select(server name) ─► Credential ─► SSLContext

A `Credentials` is never changed. What has been renewed on disk makes another one; connections keep
the context that they began with.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from nonecorn.builtin.tls.context import make_context
from nonecorn.builtin.tls.files import (
    Fingerprint,
    fingerprint,
    pairs,
    read_client_cas,
    read_pair,
    read_password,
)
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import CertificateError, ConfigError, TLSCertificate, TLSConfig

TLSAdjuster: TypeAlias = Callable[[ssl.SSLContext], ssl.SSLContext]
"""Of a program that serves from Python: changes a context, or returns another in its place."""

_END = "-----END CERTIFICATE-----\n"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Credential:
    """One certificate, ready for handshakes.

    Attributes:
        context: Makes sessions.
        leaf: The certificate, PEM.
        cipher_suites: IANA code point by OpenSSL's name of the suite.
    """

    context: ssl.SSLContext
    leaf: str = field(repr=False)
    cipher_suites: Mapping[str, int] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Credentials:
    """What was loaded together.

    Attributes:
        config: In the form that other transports take.
        seen: State of the files, from before they were read.
        default: Shown to clients that name no host, or an unknown one.
        only: There is no other.
    """

    config: TLSConfig
    seen: Fingerprint = field(repr=False)
    default: Credential
    only: bool
    _ready: Mapping[TLSCertificate, Credential] = field(repr=False)

    def select(self, server_name: str | None) -> Credential:
        """The credential for the host that a client names."""
        return self._ready[self.config.certificate_for(server_name)]

    def share_tickets(self, secret: bytes) -> str:
        """Let the sessions of these be resumed wherever the secret is the same, and for the same
        hosts the same clients are let in.

        Returns:
            Why sessions stay in this process; empty where they do not.
        """
        try:
            from nonecorn.builtin.tls.tickets import (  # noqa: PLC0415  # only with workers
                UnavailableError,
                tickets,
            )
        except ImportError as error:  # a Python without ctypes
            return str(error)
        found = tickets()
        if isinstance(found, UnavailableError):
            return str(found)
        for certificate, credential in self._ready.items():
            purpose = (certificate.names, self.config.verify_mode, self.config.client_cas)
            try:
                found.share(credential.context, secret, repr(purpose).encode())
            except UnavailableError as error:
                return str(error)
        return ""


def load(
    settings: ServerSettings, alpn: Sequence[bytes], adjust: TLSAdjuster | None = None
) -> Credentials:
    """Read every file and make the contexts.

    Args:
        settings: The server's own table; `certfile` must be set.
        alpn: ALPN ids to offer over TCP, preferred ones first.
        adjust: Has the last word on each context.

    Raises:
        CertificateError: A file is missing or unusable.
        ConfigError: Settings contradict each other, or OpenSSL does not know what one names.
    """
    seen = fingerprint(settings)
    _check_verification(settings)
    configured = pairs(settings)
    password = read_password(settings)
    certificates = [read_pair(pair, password) for pair in configured]
    config = TLSConfig(
        certificates=tuple(certificates),
        verify_mode=settings.verify_mode,
        client_cas=b"" if settings.ca_certs is None else read_client_cas(settings.ca_certs),
        key_log=_key_log(settings),
    )
    ready = {}
    for pair, certificate in zip(configured, certificates, strict=True):
        context = make_context(settings, alpn, config, pair, certificate)
        if adjust is not None:
            context = adjust(context)
        ready[certificate] = Credential(
            context=context,
            leaf=certificate.chain.decode("ascii").partition(_END)[0] + _END,
            # The low half of OpenSSL's id is the code point on the wire.
            cipher_suites={suite["name"]: suite["id"] & 0xFFFF for suite in context.get_ciphers()},
        )
    if fingerprint(settings) != seen:
        # OpenSSL reads the files by itself: it and we may have read different ones.
        message = f"certfile {settings.certfile}: certificates were replaced while they were read"
        raise CertificateError(message)
    return Credentials(
        config=config,
        seen=seen,
        default=ready[certificates[0]],
        only=len(ready) == 1,
        _ready=ready,
    )


def concerns(config: TLSConfig, now: float | None = None) -> list[str]:
    """What serves, and yet is probably not meant so; one line each.

    Args:
        config: What is served with.
        now: POSIX seconds; the present by default.
    """
    when = time.time() if now is None else now
    found = []
    for certificate in config.certificates:
        if certificate.not_after < when:
            end = time.strftime("%Y-%m-%d %H:%M", time.gmtime(certificate.not_after))
            found.append(f"certificate {certificate.file} has expired ({end} UTC)")
        elif certificate.not_before > when:
            begin = time.strftime("%Y-%m-%d %H:%M", time.gmtime(certificate.not_before))
            found.append(f"certificate {certificate.file} is not valid before {begin} UTC")
    if config.key_log is not None:
        found.append(
            f"secrets of TLS connections are written to {config.key_log}: "
            "whoever reads it can read the traffic"
        )
    return found


def _check_verification(settings: ServerSettings) -> None:
    mode = settings.verify_mode
    if settings.ca_certs is None and mode != "none":
        # The system's CAs would let in whoever has any public certificate.
        message = f"verify_mode = {mode!r} needs ca_certs: the CAs that may sign clients"
        raise ConfigError(message)
    if settings.ca_certs is not None and mode == "none":
        message = "ca_certs is set, but verify_mode = 'none' asks clients for no certificate"
        raise ConfigError(message)


def _key_log(settings: ServerSettings) -> str | None:
    """The file for secrets; made here if there is none, so that only its owner can read it."""
    path = settings.tls_key_log
    setting = "tls_key_log"
    if path is None and not sys.flags.ignore_environment:
        path = os.environ.get("SSLKEYLOGFILE") or None
        setting = "SSLKEYLOGFILE"
    if path is None:
        return None
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    except OSError as error:
        message = f"{setting} {path} cannot be written: {(error.strerror or str(error)).lower()}"
        raise ConfigError(message) from error
    return path
