"""TLS of QUIC: certificates, verified clients, resumption, 0-RTT, and what is written down."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import time
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from aioquic import tls
from aioquic.quic import events
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nonecorn.spi import CertificateError, ConfigError, Place, TLSCertificate, TLSConfig
from nonecorn_h3._settings import H3Settings
from nonecorn_h3.testing import SERVER, QuicWire, self_signed

CA = trustme.CA()
PLACE = Place(identity=1, secret=bytes(32))
ALERT = 0x100
DAY = dt.timedelta(days=1)


def certificate(*names: str) -> TLSCertificate:
    made = CA.issue_cert(*names)
    return TLSCertificate(
        file=f"{names[0]}.pem",
        chain=b"".join(each.bytes() for each in made.cert_chain_pems),
        key=made.private_key_pem.bytes(),
        names=names,
    )


TLS = TLSConfig(certificates=(certificate("localhost"), certificate("*.example.com", "b.test")))


def issued(
    authority: trustme.CA = CA,
    *,
    purpose: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
    begins: dt.timedelta = -DAY,
    ends: dt.timedelta = DAY,
) -> dict[str, object]:
    """A client's certificate, in aioquic's terms."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    issuer_key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ada, Countess")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False
        )
        .add_extension(x509.BasicConstraints(False, None), True)
    )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
    return {"certificate": builder.sign(issuer_key, hashes.SHA256()), "private_key": key}


def verified(name: str | None = "localhost") -> dict[str, object]:
    return {"verify_mode": ssl.CERT_REQUIRED, "cadata": CA.cert_pem.bytes(), "server_name": name}


# Certificates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["localhost", "a.example.com", "B.test"])
def test_the_certificate_is_chosen_by_sni(name: str):
    wire = QuicWire(tls=TLS)
    assert wire.connect(configuration=verified(name)).ready
    info = wire.protocols[0].port.tls
    assert info.server_name == name
    assert info.extension["server_cert"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert info.extension["tls_version"] == 0x0304
    assert info.extension["cipher_suite"] == 0x1301
    assert info.extension["client_cert_chain"] == []
    assert info.extension["client_cert_name"] is None
    assert info.extension["client_cert_error"] is None


def test_a_host_without_a_certificate_gets_the_first_one():
    wire = QuicWire(tls=TLS)
    client = wire.connect(configuration={"server_name": "elsewhere"})
    assert client.ready
    assert (
        client.tls._peer_certificate.serial_number
        == x509.load_pem_x509_certificate(TLS.certificates[0].chain).serial_number
    )


def test_a_renewed_certificate_is_shown_to_the_next_client():
    wire = QuicWire(tls=TLS)
    wire.connect()
    before = wire.protocols[0].port.tls.extension["server_cert"]
    wire.source.config = TLSConfig(certificates=(certificate("localhost"),))
    assert wire.connect(configuration=verified()).ready
    assert wire.protocols[1].port.tls.extension["server_cert"] != before


def test_a_certificate_that_cannot_be_used_leaves_the_one_before(caplog):
    wire = QuicWire(tls=TLS)
    wire.source.config = TLSConfig(certificates=(replace(TLS.certificates[0], key=b"nonsense"),))
    assert wire.connect().ready
    assert wire.connect().ready
    assert [record.message for record in caplog.records] == [caplog.records[0].message]
    assert "localhost.pem: QUIC cannot use it" in caplog.text


def keyed(key: object, password: bytes | None = None) -> TLSCertificate:
    source = self_signed("localhost")
    leaf = x509.load_pem_x509_certificate(source.chain)
    hash_ = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = (
        x509.CertificateBuilder()
        .subject_name(leaf.subject)
        .issuer_name(leaf.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
        .sign(key, hash_)
    )
    encryption = (
        serialization.NoEncryption()
        if password is None
        else serialization.BestAvailableEncryption(password)
    )
    return TLSCertificate(
        file="k.pem",
        chain=made.public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        ),
        password=None if password is None else password.decode(),
    )


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["rsa", "p384", "ed25519"],
)
def test_kinds_of_keys(key: object):
    wire = QuicWire(tls=TLSConfig(certificates=(keyed(key),)))
    assert wire.connect().ready


def test_an_encrypted_key():
    source = keyed(ec.generate_private_key(ec.SECP256R1()), b"secret")
    assert QuicWire(tls=TLSConfig(certificates=(source,))).connect().ready
    with pytest.raises(CertificateError, match=r"k\.pem: QUIC cannot use it"):
        QuicWire(tls=TLSConfig(certificates=(replace(source, password="wrong"),)))


def test_a_key_that_cannot_sign_is_refused_at_once():
    source = keyed(ec.generate_private_key(ec.SECP521R1()))
    with pytest.raises(CertificateError, match="QUIC cannot sign with its key"):
        QuicWire(tls=TLSConfig(certificates=(source,)))


def test_a_long_chain_of_certificates():
    source = TLS.certificates[0]
    more = b"".join(self_signed(f"{number}.test").chain for number in range(60))
    wire = QuicWire(tls=TLSConfig(certificates=(replace(source, chain=source.chain + more),)))
    assert wire.connect().ready


# Clients ------------------------------------------------------------------------------------------


def asking(mode: str, *more: bytes) -> TLSConfig:
    return TLSConfig(
        certificates=TLS.certificates,
        verify_mode=mode,
        client_cas=b"".join((CA.cert_pem.bytes(), *more)),
    )


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_client_with_a_good_certificate(mode: str):
    wire = QuicWire(tls=asking(mode))
    client = wire.connect(configuration=issued())
    assert client.ready
    extension = wire.protocols[0].port.tls.extension
    chain = extension["client_cert_chain"]
    assert [each.splitlines()[0] for each in chain] == ["-----BEGIN CERTIFICATE-----"] * 2
    assert chain[1] == CA.cert_pem.bytes().decode()
    assert extension["client_cert_name"] == "CN=Ada\\, Countess"


def test_no_certificate_where_one_is_required_ends_the_handshake():
    wire = QuicWire(tls=asking("required"))
    client = wire.connect()
    assert client.terminated.error_code == ALERT + 116  # certificate_required
    assert wire.protocols == []


def test_no_certificate_where_one_is_welcome():
    wire = QuicWire(tls=asking("optional"))
    assert wire.connect().ready
    assert wire.protocols[0].port.tls.extension["client_cert_chain"] == []


OTHER = trustme.CA()


@pytest.mark.parametrize("mode", ["optional", "required"])
@pytest.mark.parametrize(
    ("what", "alert"),
    [
        (lambda: issued(OTHER), 48),
        (lambda: issued(ends=-DAY / 2), 45),
        (lambda: issued(begins=DAY / 2), 45),
        (lambda: issued(purpose=ExtendedKeyUsageOID.SERVER_AUTH), 43),
        (lambda: {**issued(), "private_key": ec.generate_private_key(ec.SECP256R1())}, 51),
    ],
    ids=["unknown-ca", "expired", "not-yet", "for-servers", "not-its-key"],
)
def test_a_bad_certificate_ends_the_handshake_in_either_mode(mode, what, alert):
    wire = QuicWire(tls=asking(mode))
    client = wire.connect(configuration=what())
    assert client.terminated.error_code == ALERT + alert
    assert wire.protocols == []


def test_a_certificate_without_a_purpose_is_for_all():
    wire = QuicWire(tls=asking("required"))
    assert wire.connect(configuration=issued(purpose=None)).ready


def test_a_revoked_certificate():
    mine = issued()
    issuer = x509.load_pem_x509_certificate(CA.cert_pem.bytes())
    key = serialization.load_pem_private_key(CA.private_key_pem.bytes(), None)
    now = dt.datetime.now(dt.UTC)
    revoked = (
        x509.RevokedCertificateBuilder()
        .serial_number(mine["certificate"].serial_number)
        .revocation_date(now)
        .build()
    )
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now - DAY)
        .next_update(now + DAY)
        .add_revoked_certificate(revoked)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    wire = QuicWire(tls=asking("required", crl))
    assert wire.connect(configuration=mine).terminated.error_code == ALERT + 44
    assert wire.connect(configuration=issued()).ready


# Resumption ---------------------------------------------------------------------------------------


def ticket_of(wire: QuicWire, **configuration: object) -> tls.SessionTicket:
    tickets: list[tls.SessionTicket] = []
    client = wire.connect(session_ticket_handler=tickets.append, configuration=configuration)
    assert client.ready
    (ticket,) = tickets
    return ticket


def completed(client) -> events.HandshakeCompleted:
    (event,) = client.of_type(events.HandshakeCompleted)
    return event


def test_a_session_is_resumed_with_any_worker():
    ticket = ticket_of(QuicWire(tls=TLS, place=PLACE))
    there = QuicWire(tls=TLS, place=Place(identity=2, secret=PLACE.secret))
    client = there.connect(configuration={"session_ticket": ticket})
    assert completed(client).session_resumed
    assert not completed(client).early_data_accepted
    assert there.protocols[0].port.tls.extension["cipher_suite"] == 0x1301


@pytest.mark.parametrize(
    "place", [Place(identity=2, secret=b"other"), Place()], ids=["other-server", "no-secret"]
)
def test_a_ticket_of_another_server_is_not_resumed(place: Place):
    ticket = ticket_of(QuicWire(tls=TLS, place=PLACE))
    client = QuicWire(tls=TLS, place=place).connect(configuration={"session_ticket": ticket})
    assert client.ready
    assert not completed(client).session_resumed


def test_no_tickets():
    wire = QuicWire(tls=TLS, settings=H3Settings(session_tickets=False))
    tickets: list[tls.SessionTicket] = []
    assert wire.connect(session_ticket_handler=tickets.append).ready
    assert tickets == []


def test_a_session_with_verified_clients_is_never_resumed():
    ticket = ticket_of(QuicWire(tls=TLS, place=PLACE))
    wire = QuicWire(tls=asking("required"), place=PLACE)
    client = wire.connect(configuration={"session_ticket": ticket})
    assert client.terminated.error_code == ALERT + 116
    tickets: list[tls.SessionTicket] = []
    assert wire.connect(session_ticket_handler=tickets.append, configuration=issued()).ready
    assert tickets == []


# 0-RTT --------------------------------------------------------------------------------------------

EARLY = H3Settings(early_data=True)


def send_early(wire: QuicWire, ticket: tls.SessionTicket):
    """A client whose first flight holds a request; nothing of it has been answered."""
    client = wire.client(configuration={"session_ticket": ticket})
    client.connect(SERVER, now=wire.runtime.time())
    client.send_stream_data(0, b"early", end_stream=True)
    return client


def test_early_data_is_off_by_default():
    ticket = ticket_of(QuicWire(tls=TLS, place=PLACE))
    assert ticket.max_early_data_size is None


def test_early_data_reaches_the_protocol_before_the_handshake_is_complete():
    wire = QuicWire(tls=TLS, place=PLACE, settings=EARLY)
    ticket = ticket_of(wire)
    client = send_early(wire, ticket)
    wire._to_server()
    protocol = wire.protocols[1]
    assert protocol.data == {0: b"early"}
    assert protocol.port.early
    assert protocol.port.tls.alpn == b"h3"
    wire.pump()
    assert completed(client).early_data_accepted
    assert not protocol.port.early
    assert len(wire.protocols) == 2
    assert protocol.data == {0: b"early"}


def test_early_data_is_refused_where_the_settings_have_changed():
    ticket = ticket_of(QuicWire(tls=TLS, place=PLACE, settings=EARLY))
    wire = QuicWire(tls=TLS, place=PLACE, settings=replace(EARLY, max_streams=7))
    client = send_early(wire, ticket)
    wire._to_server()
    assert wire.protocols == []
    wire.pump(3)
    assert completed(client).session_resumed
    assert not completed(client).early_data_accepted
    assert wire.protocols[0].data == {0: b"early"}


def test_early_data_is_refused_where_it_is_off():
    ticket = ticket_of(QuicWire(tls=TLS, place=PLACE, settings=EARLY))
    wire = QuicWire(tls=TLS, place=PLACE)
    client = send_early(wire, ticket)
    wire.pump(3)
    assert not completed(client).early_data_accepted
    assert wire.protocols[0].data == {0: b"early"}


def test_early_data_that_was_recorded_and_is_played_again_later_is_refused(monkeypatch):
    wire = QuicWire(tls=TLS, place=PLACE, settings=EARLY)
    client = send_early(wire, ticket_of(wire))
    recorded = [data for data, _ in client.datagrams_to_send(wire.runtime.time())]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60)
    wire.port.receive(recorded, ("10.0.0.9", 1))
    wire.runtime.run_until_idle()
    assert len(wire.protocols) == 1


# What is written down -----------------------------------------------------------------------------


def test_the_key_log_is_in_the_format_of_nss(tmp_path: Path):
    path = tmp_path / "keys"
    wire = QuicWire(tls=TLSConfig(certificates=TLS.certificates, key_log=str(path)))
    client = wire.connect()
    lines = [line.split(" ") for line in path.read_text().splitlines()]
    assert {line[0] for line in lines} == {
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    }
    assert {line[1] for line in lines} == {client.tls.client_random.hex()}
    wire.endpoint.close()


def test_qlog_has_a_file_for_each_connection(tmp_path: Path):
    wire = QuicWire(tls=TLS, settings=H3Settings(qlog=str(tmp_path)))
    client = wire.connect()
    client.send_stream_data(0, b"x", end_stream=True)
    wire.pump()
    wire.protocols[0].port.write(0, b"y", True)
    wire.pump()
    wire.protocols[0].port.close()
    wire.pump()
    (path,) = tmp_path.iterdir()
    assert path.name == f"{client.original_destination_connection_id.hex()}.sqlog"
    records = [json.loads(line) for line in path.read_text().split("\x1e")[1:]]
    assert records[0]["qlog_format"] == "JSON-SEQ"
    names = {record["name"] for record in records[1:]}
    assert {"transport:packet_received", "transport:packet_sent"} <= names
    frames = [
        frame["frame_type"] for record in records[1:] for frame in record["data"].get("frames", [])
    ]
    assert {"crypto", "ack", "stream", "handshake_done"} <= set(frames)


def test_qlog_needs_a_directory(tmp_path: Path):
    with pytest.raises(ConfigError, match="is no directory"):
        QuicWire(tls=TLS, settings=H3Settings(qlog=str(tmp_path / "none")))
