"""Certificates and settings that can, and cannot, be used."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from nonecorn.builtin.tls.server import ServerTLS
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import CertificateError, ConfigError


def load(settings: ServerSettings) -> ssl.SSLContext:
    return ServerTLS(settings, [b"h2", b"http/1.1"]).credentials.default.context


def failure(settings: ServerSettings) -> str:
    with pytest.raises(CertificateError) as caught:
        load(settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def encrypted(certificates: Any) -> str:
    key = serialization.load_pem_private_key(certificates.server.private_key_pem.bytes(), None)
    path = certificates.directory / "encrypted.key"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )
    return str(path)


def test_python_hardening_stays(certificates: Any) -> None:
    default = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context = load(certificates.settings())
    assert context.options & default.options == default.options
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_NONE


def test_only_authenticated_ciphers_with_forward_secrecy_are_offered(certificates: Any) -> None:
    ciphers = load(certificates.settings()).get_ciphers()
    assert ciphers
    assert all(cipher["aead"] for cipher in ciphers)
    assert all(
        cipher["protocol"] == "TLSv1.3" or cipher["name"].startswith("ECDHE-") for cipher in ciphers
    )


def test_ciphers_can_be_chosen(certificates: Any) -> None:
    context = load(certificates.settings(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"))
    names = [c["name"] for c in context.get_ciphers() if c["protocol"] == "TLSv1.2"]
    assert names == ["ECDHE-ECDSA-AES128-GCM-SHA256"]


def test_unknown_ciphers_are_a_configuration_error(certificates: Any) -> None:
    with pytest.raises(ConfigError, match="ciphers = 'ROT13': OpenSSL knows no such cipher"):
        load(certificates.settings(ciphers="ROT13"))


def test_the_oldest_version_can_be_raised(certificates: Any) -> None:
    context = load(certificates.settings(tls_min_version="1.3"))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3


def test_the_key_may_stand_in_the_certificates_file(certificates: Any) -> None:
    tls = ServerTLS(certificates.settings(certfile=certificates.combined, keyfile=None), [])
    assert tls.credentials.default.leaf == certificates.server.cert_chain_pems[0].bytes().decode()


def test_the_handshake_timeout_is_the_settings(certificates: Any) -> None:
    tls = ServerTLS(certificates.settings(tls_handshake_timeout=7.0), [])
    assert tls.handshake_timeout == 7.0
    assert "BEGIN" not in repr(tls)


def test_a_missing_file_is_named(certificates: Any, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    assert failure(certificates.settings(certfile=missing)) == (
        f"certfile {missing} cannot be read: no such file or directory"
    )
    assert failure(certificates.settings(keyfile=missing)).startswith(f"keyfile {missing} cannot")
    assert failure(certificates.settings(ca_certs=missing, verify_mode="required")).startswith(
        f"ca_certs {missing} cannot"
    )


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_an_unreadable_file_is_named(certificates: Any, tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(Path(certificates.keyfile).read_bytes())
    path.chmod(0)
    assert "permission denied" in failure(certificates.settings(keyfile=str(path)))


def test_a_directory_is_no_certificate(certificates: Any, tmp_path: Path) -> None:
    assert "is a directory" in failure(certificates.settings(certfile=str(tmp_path)))


def test_what_is_not_pem_is_told(certificates: Any, tmp_path: Path) -> None:
    der = tmp_path / "cert.der"
    der.write_bytes(ssl.PEM_cert_to_DER_cert(Path(certificates.certfile).read_text()))
    assert "holds no certificate in PEM form" in failure(certificates.settings(certfile=str(der)))
    assert "holds no private key in PEM form" in failure(certificates.settings(keyfile=str(der)))
    assert "holds no certificate in PEM form" in failure(
        certificates.settings(ca_certs=str(der), verify_mode="required")
    )


def test_damaged_pem_is_told(certificates: Any, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert f"certfile {damaged}: its first certificate is damaged" in failure(
        certificates.settings(certfile=str(damaged))
    )
    assert f"ca_certs {damaged}: OpenSSL cannot use it" in failure(
        certificates.settings(ca_certs=str(damaged), verify_mode="required")
    )


def test_a_certificate_without_its_end_is_told(certificates: Any, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pem"
    cut.write_text(Path(certificates.certfile).read_text()[:100])
    assert "holds no certificate" in failure(certificates.settings(certfile=str(cut)))


def test_a_missing_key_is_told(certificates: Any) -> None:
    assert "holds no private key: name its file with --keyfile" in failure(
        certificates.settings(keyfile=None)
    )


def test_a_key_of_another_certificate_is_told(certificates: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.write_bytes(trustme.CA().issue_cert("other.example").private_key_pem.bytes())
    assert "the key does not belong to the certificate" in failure(
        certificates.settings(keyfile=str(other))
    )


def test_an_encrypted_key_opens_with_its_password(certificates: Any, encrypted: str) -> None:
    load(certificates.settings(keyfile=encrypted, keyfile_password="open sesame"))


def test_an_encrypted_key_without_a_password_is_told_and_nobody_is_asked(
    certificates: Any, encrypted: str
) -> None:
    assert failure(certificates.settings(keyfile=encrypted)) == (
        f"keyfile {encrypted} is encrypted: give its password with --keyfile-password-file"
    )


@pytest.mark.parametrize("password", ["wrong", "", "x" * 5000])
def test_a_wrong_password_is_told_without_repeating_it(
    certificates: Any, encrypted: str, password: str
) -> None:
    assert failure(certificates.settings(keyfile=encrypted, keyfile_password=password)) == (
        f"keyfile {encrypted} cannot be decrypted: check the password"
    )


def test_a_key_without_a_certificate_is_told(certificates: Any) -> None:
    with pytest.raises(ConfigError, match="keyfile is set without certfile"):
        load(certificates.settings(certfile=None))


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_verification_needs_to_know_whom_to_trust(certificates: Any, mode: str) -> None:
    with pytest.raises(ConfigError, match=f"verify_mode = '{mode}' needs ca_certs"):
        load(certificates.settings(verify_mode=mode))


def test_trusted_cas_that_nobody_checks_are_an_error(certificates: Any) -> None:
    with pytest.raises(ConfigError, match="verify_mode = 'none' asks clients for no certificate"):
        load(certificates.settings(ca_certs=certificates.ca_certs))


@pytest.mark.parametrize(
    ("mode", "expected"), [("optional", ssl.CERT_OPTIONAL), ("required", ssl.CERT_REQUIRED)]
)
def test_verification_trusts_the_given_cas_only(
    certificates: Any, mode: str, expected: ssl.VerifyMode
) -> None:
    context = load(certificates.settings(ca_certs=certificates.ca_certs, verify_mode=mode))
    assert context.verify_mode == expected
    assert len(context.get_ca_certs()) == 1
