"""What is read out of certificate files, and which certificate a name gets."""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from nonecorn.builtin.tls.credentials import concerns, load
from nonecorn.builtin.tls.der import read_certificate
from nonecorn.builtin.tls.files import sni_pair
from nonecorn.spi import CertificateError, ConfigError, TLSCertificate, TLSConfig

CA = trustme.CA()


def der(leaf: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


# DER ----------------------------------------------------------------------------------------------


def test_names_and_dates_are_those_that_a_library_reads() -> None:
    leaf = CA.issue_cert("A.example", "*.b.example", "127.0.0.1", "me@c.example", key_type=_RSA)
    found = read_certificate(der(leaf))
    known = x509.load_der_x509_certificate(der(leaf))
    assert found.names == ("a.example", "*.b.example")
    assert found.not_before == known.not_valid_before_utc.timestamp()
    assert found.not_after == known.not_valid_after_utc.timestamp()


_RSA = trustme.KeyType.RSA


@pytest.mark.parametrize("year", [1951, 1999, 2049, 2050, 9999])
def test_both_forms_of_time_are_read(year: int) -> None:
    end = dt.datetime(year, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    leaf = CA.issue_cert(
        "a.example", not_before=dt.datetime(1950, 1, 1, tzinfo=dt.UTC), not_after=end
    )
    assert read_certificate(der(leaf)).not_after == end.timestamp()


def test_a_certificate_without_names_has_none() -> None:
    pem = CA.cert_pem.bytes().decode()
    assert read_certificate(ssl.PEM_cert_to_DER_cert(pem)).names == ()


@pytest.mark.parametrize("cut", [0, 1, 2, 5, 30, 100, 200])
def test_a_cut_certificate_is_refused(cut: int) -> None:
    with pytest.raises(ValueError):
        read_certificate(der(CA.issue_cert("a.example"))[:cut])


def test_what_is_no_certificate_is_refused() -> None:
    for nonsense in (b"\x30\x00", b"\x30\x02\x30\x00", b"\x05\x00", b"\x30\x03\x02\x01\x00"):
        with pytest.raises(ValueError):
            read_certificate(nonsense)


# Which certificate a name gets --------------------------------------------------------------------


def config(*names: str) -> TLSConfig:
    """One certificate for each argument, which lists its names."""
    return TLSConfig(
        certificates=tuple(
            TLSCertificate(file=each, chain=b"", key=b"", names=tuple(each.split()))
            for each in names
        )
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, "default.example"),
        ("nobody.example", "default.example"),
        ("a.example", "a.example b.example"),
        ("b.example", "a.example b.example"),
        ("B.Example", "a.example b.example"),
        ("b.example.", "a.example b.example"),
        ("x.wild.example", "*.wild.example"),
        ("own.wild.example", "own.wild.example"),  # exact before wildcard, though it comes later
        ("wild.example", "default.example"),  # a wildcard stands for one whole label
        ("x.y.wild.example", "default.example"),
        ("example", "default.example"),
        ("", "default.example"),
        (".", "default.example"),
        ("*.wild.example", "*.wild.example"),
    ],
)
def test_a_name_gets_its_certificate(asked: str | None, found: str) -> None:
    table = config("default.example", "a.example b.example", "*.wild.example", "own.wild.example")
    assert table.certificate_for(asked).file == found


def test_of_two_certificates_for_a_name_the_first_is_shown() -> None:
    table = config("a.example", "a.example")
    assert table.certificate_for("a.example") is table.certificates[0]


def test_keys_and_passwords_are_in_no_repr() -> None:
    one = TLSCertificate(file="f", chain=b"CHAIN", key=b"KEY", password="PASSWORD")
    shown = repr(TLSConfig(certificates=(one,), client_cas=b"CAS"))
    assert not any(secret in shown for secret in ("KEY", "PASSWORD", "CHAIN", "CAS"))


# Settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "certfile", "keyfile"),
    [
        ("a.pem", "a.pem", None),
        ("dir/a.pem:a.key", "dir/a.pem", "dir/a.key"),
        ("dir/a.pem:/etc/a.key", "dir/a.pem", "/etc/a.key"),
        (
            "/etc/live/a/fullchain.pem:privkey.pem",
            "/etc/live/a/fullchain.pem",
            "/etc/live/a/privkey.pem",
        ),
        (r"C:\a.pem", r"C:\a.pem", None),
        ("C:/certs/a.pem:a.key", "C:/certs/a.pem", "C:/certs/a.key"),
        ("c:b.key", "c", "b.key"),
    ],
)
def test_a_further_certificate_is_named_with_its_key(
    text: str, certfile: str, keyfile: str | None
) -> None:
    pair = sni_pair(text)
    assert (pair.certfile, pair.keyfile) == (certfile, keyfile)


def test_the_configuration_for_other_transports_holds_what_openssl_got(certificates: Any) -> None:
    other = certificates.write_pair("other", "other.example")
    found = load(
        certificates.settings(
            sni_certificate=(f"{other}.pem:other.key",),
            ca_certs=certificates.ca_certs,
            verify_mode="required",
        ),
        [b"h2"],
    )
    first, second = found.config.certificates
    assert first.chain == Path(certificates.certfile).read_bytes()
    assert first.key == Path(certificates.keyfile).read_bytes()
    assert first.names == ("server.example",)
    assert second.names == ("other.example",)
    assert found.config.client_cas == Path(certificates.ca_certs).read_bytes()
    assert found.config.verify_mode == "required"


def test_a_combined_file_gives_the_chain_without_the_key(certificates: Any) -> None:
    settings = certificates.settings(certfile=certificates.combined, keyfile=None)
    (found,) = load(settings, []).config.certificates
    assert b"PRIVATE" not in found.chain
    assert found.chain == Path(certificates.certfile).read_bytes()


def test_a_further_certificate_that_names_no_host_is_refused(certificates: Any) -> None:
    unnamed = certificates.write_pair("unnamed", "127.0.0.1")
    with pytest.raises(CertificateError, match="names no host, so no client can ask for it"):
        load(certificates.settings(sni_certificate=(f"{unnamed}.pem:unnamed.key",)), [])


def test_a_further_certificate_without_key_is_refused(certificates: Any) -> None:
    lonely = certificates.write_pair("lonely", "lonely.example")
    with pytest.raises(CertificateError, match=r"lonely.pem holds no private key: .* CHAIN:KEY"):
        load(certificates.settings(sni_certificate=(f"{lonely}.pem",)), [])


def test_a_key_of_another_further_certificate_is_told_with_its_file(certificates: Any) -> None:
    one, _ = (
        certificates.write_pair("one", "one.example"),
        certificates.write_pair("two", "t.example"),
    )
    with pytest.raises(CertificateError, match=r"sni_certificate .*one.pem: the key does not"):
        load(certificates.settings(sni_certificate=(f"{one}.pem:two.key",)), [])


@pytest.mark.parametrize("text", ["open sesame", "open sesame\n", "open sesame\r\nsecond line\n"])
def test_the_password_may_stand_in_a_file(certificates: Any, tmp_path: Path, text: str) -> None:
    secret = tmp_path / "password"
    secret.write_text(text, newline="")
    key = tmp_path / "encrypted.key"
    key.write_bytes(_encrypted(certificates.server, b"open sesame"))
    settings = certificates.settings(keyfile=str(key), keyfile_password_file=str(secret))
    (found,) = load(settings, []).config.certificates
    assert found.password == "open sesame"
    assert serialization.load_pem_private_key(found.key, found.password.encode())


def test_a_password_file_that_is_not_there_is_told(certificates: Any, tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"keyfile_password_file .* cannot be read"):
        load(certificates.settings(keyfile_password_file=str(tmp_path / "none")), [])


def _encrypted(leaf: trustme.LeafCert, password: bytes) -> bytes:
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )


def test_one_group_can_be_named(certificates: Any) -> None:
    load(certificates.settings(tls_groups="prime256v1"), [])
    with pytest.raises(ConfigError, match="tls_groups = 'nope': OpenSSL knows no such group"):
        load(certificates.settings(tls_groups="nope"), [])


def test_a_group_that_is_no_curve_is_named_or_said_to_be_beyond_this_python(
    certificates: Any,
) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ecdh_curve("X25519")
    except ssl.SSLError:  # 3.11.2 and others
        expected: Any = pytest.raises(
            ConfigError, match=r"'X25519': Python 3\.\S+ cannot choose that group \(prime256v1 is"
        )
    else:
        expected = contextlib.nullcontext()
    with expected:
        load(certificates.settings(tls_groups="X25519"), [])


@pytest.mark.skipif(hasattr(ssl.SSLContext, "set_groups"), reason="this Python takes several")
def test_several_groups_need_a_newer_python(certificates: Any) -> None:
    with pytest.raises(ConfigError, match=r"before Python 3\.15 only one group"):
        load(certificates.settings(tls_groups="X25519:prime256v1"), [])


def test_the_group_is_the_one_that_is_used(certificates: Any) -> None:
    client = certificates.client_context()
    client.set_ecdh_curve("secp521r1")
    with pytest.raises(ssl.SSLError):
        certificates.connect(client=client, tls_groups="prime256v1").handshake()
    certificates.connect(client=client, tls_groups="secp521r1").handshake()


# Key log ------------------------------------------------------------------------------------------


def test_secrets_are_written_where_asked_and_for_the_owner_only(
    certificates: Any, tmp_path: Path
) -> None:
    log = tmp_path / "keys.log"
    certificates.connect(tls_key_log=str(log)).handshake()
    assert "SERVER_TRAFFIC_SECRET_0" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) & 0o077 == 0


def test_the_environment_names_the_key_log_too(
    certificates: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    found = load(certificates.settings(), [])
    assert found.config.key_log == str(log)
    assert [line for line in concerns(found.config) if "secrets" in line] == [
        f"secrets of TLS connections are written to {log}: whoever reads it can read the traffic"
    ]


def test_secrets_are_written_nowhere_by_default(certificates: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    found = load(certificates.settings(), [])
    assert found.config.key_log is None
    assert found.default.context.keylog_filename is None
    assert concerns(found.config) == []


def test_a_key_log_that_cannot_be_written_is_told(
    certificates: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    with pytest.raises(ConfigError, match=r"tls_key_log .* cannot be written: is a directory"):
        load(certificates.settings(tls_key_log=str(tmp_path)), [])
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"SSLKEYLOGFILE .* cannot be written: is a directory"):
        load(certificates.settings(), [])


# Concerns -----------------------------------------------------------------------------------------


def test_a_certificate_out_of_its_time_is_told() -> None:
    certificate = TLSCertificate(file="f.pem", chain=b"", key=b"", not_before=1000, not_after=2000)
    table = TLSConfig(certificates=(certificate,))
    assert concerns(table, 1500) == []
    assert concerns(table, 2001) == ["certificate f.pem has expired (1970-01-01 00:33 UTC)"]
    assert concerns(table, 900) == ["certificate f.pem is not valid before 1970-01-01 00:16 UTC"]


# Revocation ---------------------------------------------------------------------------------------


def test_a_revoked_client_certificate_is_refused(certificates: Any, tmp_path: Path) -> None:
    revoked = certificates.ca.issue_cert("bad@client.example")
    both = tmp_path / "cas-and-crl.pem"
    both.write_bytes(certificates.ca.cert_pem.bytes() + _crl(certificates.ca, revoked))
    for leaf, welcome in ((certificates.user, True), (revoked, False)):
        context = certificates.client_context()
        leaf.configure_cert(context)
        client = certificates.connect(client=context, ca_certs=str(both), verify_mode="required")
        if welcome:
            client.handshake()
        else:
            with pytest.raises(ssl.SSLError, match="REVOKED"):
                client.handshake()


def _crl(authority: trustme.CA, leaf: trustme.LeafCert) -> bytes:
    signer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    known = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    now = dt.datetime.now(dt.UTC)
    revoked = x509.RevokedCertificateBuilder().serial_number(known.serial_number)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.subject)
        .last_update(now - dt.timedelta(days=1))
        .next_update(now + dt.timedelta(days=1))
        .add_revoked_certificate(revoked.revocation_date(now).build())
        .add_extension(identifier, critical=False)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
