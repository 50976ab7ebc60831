"""What applications are told of a TLS connection, and whom client verification lets in."""

from __future__ import annotations

import ssl
import sys
from typing import Any

import pytest
import trustme
from cryptography import x509

from nonecorn.builtin.tls.client_hello import ClientHello
from nonecorn.builtin.tls.names import distinguished_name


def extension(client: Any) -> dict[str, Any]:
    value: dict[str, Any] = client.server.port.tls.extension
    return value


@pytest.mark.parametrize(
    ("version", "number"),
    [(ssl.TLSVersion.TLSv1_2, 0x0303), (ssl.TLSVersion.TLSv1_3, 0x0304)],
)
def test_version_and_cipher_suite_are_code_points(
    certificates: Any, version: ssl.TLSVersion, number: int
) -> None:
    context = certificates.client_context()
    context.maximum_version = version
    client = certificates.connect(client=context)
    client.handshake()
    assert extension(client)["tls_version"] == number
    name, _, _ = client.tls.cipher()
    known = {
        "TLS_AES_128_GCM_SHA256": 0x1301,
        "TLS_AES_256_GCM_SHA384": 0x1302,
        "TLS_CHACHA20_POLY1305_SHA256": 0x1303,
        "ECDHE-ECDSA-AES128-GCM-SHA256": 0xC02B,
        "ECDHE-ECDSA-AES256-GCM-SHA384": 0xC02C,
        "ECDHE-ECDSA-CHACHA20-POLY1305": 0xCCA9,
    }
    assert extension(client)["cipher_suite"] == known[name]


def test_the_servers_own_certificate_is_there(certificates: Any) -> None:
    client = certificates.connect()
    client.handshake()
    assert (
        extension(client)["server_cert"] == certificates.server.cert_chain_pems[0].bytes().decode()
    )
    assert ssl.PEM_cert_to_DER_cert(extension(client)["server_cert"]) == client.tls.getpeercert(
        binary_form=True
    )


def test_without_a_client_certificate_its_keys_are_empty(certificates: Any) -> None:
    client = certificates.connect()
    client.handshake()
    found = extension(client)
    assert found["client_cert_chain"] == []
    assert found["client_cert_name"] is None
    assert found["client_cert_error"] is None


def test_the_server_name_is_the_one_asked_for(certificates: Any) -> None:
    client = certificates.connect()
    client.handshake()
    assert client.server.port.tls.server_name == "server.example"
    assert client.port.tls is client.server.port.tls  # for observers


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_client_certificate_is_verified_and_shown(certificates: Any, mode: str) -> None:
    context = certificates.client_context()
    certificates.user.configure_cert(context)
    client = certificates.connect(client=context, ca_certs=certificates.ca_certs, verify_mode=mode)
    client.handshake()
    found = extension(client)
    leaf = x509.load_pem_x509_certificate(certificates.user.cert_chain_pems[0].bytes())
    assert x509.load_pem_x509_certificate(found["client_cert_chain"][0].encode()) == leaf
    assert len(found["client_cert_chain"]) == (2 if sys.version_info >= (3, 13) else 1)
    assert found["client_cert_name"] == leaf.subject.rfc4514_string()
    assert r"CN=Doe\, \"Jo\"" in found["client_cert_name"]
    assert found["client_cert_error"] is None


def test_optional_lets_in_a_client_without_certificate(certificates: Any) -> None:
    client = certificates.connect(ca_certs=certificates.ca_certs, verify_mode="optional")
    client.handshake()
    assert extension(client)["client_cert_name"] is None


def refused(client: Any) -> str:
    """Try to get served; the reason why not."""
    with pytest.raises(ssl.SSLError) as caught:
        client.handshake()
    client.runtime.run_until_idle()
    assert client.layer.inner is None
    assert client.port.closed
    return str(caught.value.reason)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_required_refuses_a_client_without_certificate(
    certificates: Any, version: ssl.TLSVersion
) -> None:
    context = certificates.client_context()
    context.maximum_version = version
    client = certificates.connect(
        client=context, ca_certs=certificates.ca_certs, verify_mode="required"
    )
    assert "ALERT" in refused(client)


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_stranger_is_refused(certificates: Any, mode: str) -> None:
    context = certificates.client_context()
    trustme.CA().issue_cert("stranger@client.example").configure_cert(context)
    client = certificates.connect(client=context, ca_certs=certificates.ca_certs, verify_mode=mode)
    assert "ALERT" in refused(client)


def test_a_client_below_the_oldest_version_is_refused(certificates: Any) -> None:
    context = certificates.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    client = certificates.connect(client=context, tls_min_version="1.3")
    assert "PROTOCOL_VERSION" in refused(client)


# Server name ------------------------------------------------------------------------------------


def hello(name: str | None) -> bytes:
    """A foreign client's first bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if name is None:
        context.check_hostname = False
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def server_name(data: bytes) -> str | None:
    found = ClientHello()
    found.feed(data)
    return found.server_name


def test_the_name_is_found_in_a_hello() -> None:
    assert server_name(hello("a.example")) == "a.example"
    assert server_name(hello(None)) is None


def test_the_name_is_found_in_a_hello_of_many_records() -> None:
    whole = hello("a.example")
    message = whole[5:]
    cut = b"".join(
        b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece
        for piece in (message[at : at + 7] for at in range(0, len(message), 7))
    )
    assert server_name(cut) == "a.example"


@pytest.mark.parametrize("kept", range(0, 400, 7))
def test_a_cut_hello_has_no_name(kept: int) -> None:
    assert server_name(hello("a.example")[:kept]) is None


def test_nonsense_has_no_name() -> None:
    for data in (b"", b"\x16", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03\x01\x00\x00" * 3):
        assert server_name(data) is None


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ([], ""),
        ([[("countryName", "DE")], [("commonName", "a")]], "CN=a,C=DE"),
        ([[("commonName", "a"), ("userId", "b")]], "CN=a+UID=b"),
        ([[("emailAddress", "a@b")]], "emailAddress=a@b"),
        ([[("commonName", '",+;<>\\')]], r"CN=\"\,\+\;\<\>\\"),
        ([[("commonName", " # ")]], r"CN=\ #\ "),
        ([[("commonName", "#1")]], r"CN=\#1"),
        ([[("commonName", " ")]], r"CN=\ "),
        ([[("commonName", "a\r\n\0")]], r"CN=a\0D\0A\00"),
        ([[("commonName", "Lučić")]], "CN=Lučić"),
        ([[("1.2.3.4", "hé")]], "1.2.3.4=#0c0368c3a9"),
        ([[("1.2.3.4", "x" * 200)]], "1.2.3.4=#0c81c8" + "78" * 200),
    ],
)
def test_names_are_written_as_rfc_4514_says(name: Any, text: str) -> None:
    assert distinguished_name(name) == text
