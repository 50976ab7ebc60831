"""Certificates, keys and CAs as they stand on disk.

What cannot be used is told with the setting and the file's name, in one line. Whoever needs bytes
and not paths (QUIC, the application's scope) gets what OpenSSL was given too.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass
from pathlib import Path

from nonecorn.builtin.tls.der import read_certificate
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import CertificateError, ConfigError, TLSCertificate

_CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL | re.ASCII
)
_CRL_MARK = b"-----BEGIN X509 CRL-----"
_KEY_MARK = b"PRIVATE KEY-----"

_AS_PEM = "in PEM form: convert it with openssl"

_KEY_HINTS = {
    "certfile": ": name its file with --keyfile",
    "sni_certificate": ": name its file behind a colon, as in CHAIN:KEY",
}

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")

Fingerprint = tuple[tuple[int, ...], ...]
"""What tells of a change: the identity, size and time of each file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Where a certificate and its key are.

    Attributes:
        setting: Which setting names the certificate's file.
        certfile: The chain, and maybe the key.
        keyfile: The key; None where it stands in `certfile`.
    """

    setting: str
    certfile: str
    keyfile: str | None = None

    @property
    def holder(self) -> str:
        """The file that holds the key, as messages name it."""
        if self.keyfile is None:
            return f"{self.setting} {self.certfile}"
        return f"keyfile {self.keyfile}"


def pairs(settings: ServerSettings) -> list[Pair]:
    """Every certificate that is configured, the default one first.

    Raises:
        ConfigError: There is none.
    """
    if settings.certfile is None:
        message = "keyfile is set without certfile: name the certificate too"
        raise ConfigError(message)
    default = Pair(setting="certfile", certfile=settings.certfile, keyfile=settings.keyfile)
    return [default, *map(sni_pair, settings.sni_certificate)]


def sni_pair(text: str) -> Pair:
    r"""`CHAIN`, or `CHAIN:KEY` with KEY relative to the directory of CHAIN.

    The colon of a Windows drive (`C:\a.pem`) separates nothing.
    """
    start = 2 if _DRIVE.match(text) else 0
    certfile, colon, key = text[start:].partition(":")
    certfile = text[:start] + certfile
    keyfile = str(Path(certfile).parent / key) if colon else None
    return Pair(setting="sni_certificate", certfile=certfile, keyfile=keyfile)


def read_pair(pair: Pair, password: str | None) -> TLSCertificate:
    """Read the files; whether the key belongs to the certificate is OpenSSL's to say.

    Args:
        pair: Where they are.
        password: Of the key.

    Raises:
        CertificateError: A file cannot be read, or holds something else.
    """
    where = f"{pair.setting} {pair.certfile}"
    pem = read(pair.setting, pair.certfile)
    chain = [_unix_lines(found) for found in _CERTIFICATE.findall(pem)]
    if not chain:
        message = f"{where} holds no certificate {_AS_PEM}"
        raise CertificateError(message)
    key = pem
    if pair.keyfile is not None:
        key = read("keyfile", pair.keyfile)
    if _KEY_MARK not in key:
        hint = f" {_AS_PEM}" if pair.keyfile is not None else _KEY_HINTS[pair.setting]
        message = f"{pair.holder} holds no private key{hint}"
        raise CertificateError(message)
    try:
        facts = read_certificate(base64.b64decode(b"".join(chain[0].splitlines()[1:-1])))
    except ValueError as error:
        message = f"{where}: its first certificate is damaged"
        raise CertificateError(message) from error
    if pair.setting == "sni_certificate" and not facts.names:
        message = f"{where} names no host, so no client can ask for it: it needs a subjectAltName"
        raise CertificateError(message)
    return TLSCertificate(
        file=pair.certfile,
        chain=b"".join(chain),
        key=key,
        password=password,
        names=facts.names,
        not_before=facts.not_before,
        not_after=facts.not_after,
    )


def read_client_cas(path: str) -> bytes:
    """The CAs of clients, and maybe their revocation lists.

    Raises:
        CertificateError: The file cannot be read, or holds something else.
    """
    pem = read("ca_certs", path)
    if not _CERTIFICATE.search(pem):
        message = f"ca_certs {path} holds no certificate {_AS_PEM}"
        raise CertificateError(message)
    return pem


def has_revocations(pem: bytes) -> bool:
    """Whether there are certificate revocation lists among CAs."""
    return _CRL_MARK in pem


def read_password(settings: ServerSettings) -> str | None:
    """The password of encrypted keys; the first line of its file.

    Raises:
        CertificateError: The file cannot be read.
    """
    path = settings.keyfile_password_file
    if path is None:
        return settings.keyfile_password
    try:
        return read("keyfile_password_file", path).split(b"\n")[0].rstrip(b"\r").decode()
    except UnicodeDecodeError as error:
        message = f"keyfile_password_file {path} is no text in UTF-8"
        raise CertificateError(message) from error


def read(setting: str, path: str) -> bytes:
    """A file's content.

    Raises:
        CertificateError: It cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        message = f"{setting} {path} cannot be read: {(error.strerror or str(error)).lower()}"
        raise CertificateError(message) from error


def fingerprint(settings: ServerSettings) -> Fingerprint:
    """What to compare with what it was before, to know whether to read the files again."""
    files = [settings.ca_certs, settings.keyfile_password_file]
    for pair in pairs(settings):
        files += [pair.certfile, pair.keyfile]
    return tuple(_state(path) for path in files if path is not None)


def _state(path: str) -> tuple[int, ...]:
    try:
        # Links are followed: that is how certbot and Kubernetes change a certificate.
        found = os.stat(path)  # noqa: PTH116  # what is polled should cost one call
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _unix_lines(pem: bytes) -> bytes:
    return pem.replace(b"\r\n", b"\n") + b"\n"
