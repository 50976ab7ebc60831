"""Facts of an established session, in the shape of ASGI's TLS extension 0.2."""

from __future__ import annotations

import ssl
from typing import Any

from nonecorn.builtin.tls.credentials import Credential
from nonecorn.builtin.tls.names import distinguished_name
from nonecorn.spi import TLSInfo

_VERSIONS = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


def tls_info(session: ssl.SSLObject, credential: Credential, server_name: str | None) -> TLSInfo:
    """Read a session whose handshake is done."""
    alpn = session.selected_alpn_protocol()
    cipher = session.cipher()
    leaf = session.getpeercert(binary_form=True)
    extension: dict[str, Any] = {
        "server_cert": credential.leaf,
        "client_cert_chain": [] if leaf is None else _chain(session, leaf),
        "client_cert_name": None if leaf is None else _subject(session),
        "client_cert_error": None,  # a certificate with an error ends the handshake
        "tls_version": _VERSIONS.get(session.version() or ""),
        "cipher_suite": None if cipher is None else credential.cipher_suites.get(cipher[0]),
    }
    return TLSInfo(
        alpn=None if alpn is None else alpn.encode("ascii"),
        server_name=server_name,
        extension=extension,
    )


def _chain(session: ssl.SSLObject, leaf: bytes) -> list[str]:
    """The verified chain, leaf first. Before Python 3.13 only the leaf can be had, and a resumed
    session knows no more either.
    """
    verified = getattr(session, "get_verified_chain", None)
    chain: list[bytes] = [] if verified is None else verified()
    return [ssl.DER_cert_to_PEM_cert(certificate) for certificate in chain or [leaf]]


def _subject(session: ssl.SSLObject) -> str:
    certificate: Any = session.getpeercert()
    return distinguished_name(certificate.get("subject", ()))
