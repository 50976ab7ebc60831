"""Several certificates on one listener: the client's hello says which."""

from __future__ import annotations

import random
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from nonecorn.builtin.tls.client_hello import ClientHello
from nonecorn.builtin.tls.server import ServerTLS
from nonecorn.config import prepare
from nonecorn.plan import compile_plan
from nonecorn.serving.contexts import Contexts, load_negotiable, load_tls
from nonecorn.spi import Limits, Observers
from nonecorn.testing.runtime import MemoryRuntime
from tests.builtin.tls.conftest import Client


@pytest.fixture(scope="module")
def several(certificates: Any) -> ServerTLS:
    """`server.example` by default, and two more certificates of three hosts."""
    first = certificates.write_pair("first", "first.example", "one.example")
    wild = certificates.write_pair("wild", "*.wild.example")
    settings = certificates.settings(
        sni_certificate=(f"{first}.pem:first.key", f"{wild}.pem:wild.key"),
        tls_handshake_timeout=5.0,
    )
    return ServerTLS(settings, [b"h2", b"http/1.1"])


def connect(certificates: Any, tls: ServerTLS, host: str | None, **more: Any) -> Client:
    context = certificates.client_context("h2")
    context.check_hostname = False
    return Client(context, tls, host=host, **more)


def shown(client: Client) -> tuple[str, ...]:
    """Names in the certificate that the client got."""
    return tuple(name for _, name in client.tls.getpeercert()["subjectAltName"])


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("server.example", ("server.example",)),
        ("first.example", ("first.example", "one.example")),
        ("one.example", ("first.example", "one.example")),
        ("ONE.example", ("first.example", "one.example")),
        ("any.wild.example", ("*.wild.example",)),
        ("nobody.example", ("server.example",)),
        ("127.0.0.1", ("server.example",)),  # addresses are not named (RFC 6066 section 3)
        (None, ("server.example",)),
    ],
)
def test_a_client_gets_the_certificate_of_the_host_it_asks_for(
    certificates: Any, several: ServerTLS, host: str | None, names: tuple[str, ...]
) -> None:
    client = connect(certificates, several, host)
    client.handshake()
    assert shown(client) == names
    pem = client.server.port.tls.extension["server_cert"]
    assert ssl.PEM_cert_to_DER_cert(pem) == client.tls.getpeercert(binary_form=True)
    assert client.tls.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("size", [1, 3, 50, 517])
def test_it_does_not_matter_how_the_hello_is_cut(
    certificates: Any, several: ServerTLS, size: int
) -> None:
    def cut(data: bytes) -> Iterator[bytes]:
        yield from (data[at : at + size] for at in range(0, len(data), size))

    client = connect(certificates, several, "first.example")
    client.handshake(cut)
    assert shown(client) == ("first.example", "one.example")


def test_a_hello_in_many_records_is_understood(certificates: Any, several: ServerTLS) -> None:
    def cut(data: bytes) -> Iterator[bytes]:
        if data[:1] != b"\x16" or data[5] != 1:
            yield data
            return
        message = data[5:]
        for at in range(0, len(message), 20):
            piece = message[at : at + 20]
            yield b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece

    client = connect(certificates, several, "first.example")
    client.handshake(cut)
    assert shown(client) == ("first.example", "one.example")


def test_a_silent_client_is_cut_off_as_with_one_certificate(
    certificates: Any, several: ServerTLS
) -> None:
    client = connect(certificates, several, "first.example")
    client.port.receive(b"\x16\x03\x01\x02\x00\x01\x00")
    client.runtime.advance(7)
    assert client.port.aborted


def test_a_hello_that_does_not_end_is_cut(certificates: Any, several: ServerTLS) -> None:
    client = connect(certificates, several, "first.example")
    client.port.receive(b"\x16\x03\x01\x40\x00\x01\xff\xff\xff\x03\x03" + b"\1" * (0x4000 - 6))
    sent = 16384
    while not client.port.closed and sent < 1_000_000:
        client.port.receive(b"\x16\x03\x01\x40\x00" + b"\1" * 0x4000)
        client.runtime.run_until_idle()
        sent += 16384
    assert client.port.closed
    assert sent < 400_000


def test_plain_http_is_told_so_here_too(certificates: Any, several: ServerTLS) -> None:
    client = connect(certificates, several, "first.example")
    client.port.receive(b"GET / HTTP/1.1\r\nhost: first.example\r\n\r\n")
    client.runtime.run_until_idle()
    assert client.port.sent.startswith(b"HTTP/1.1 400 ")


def test_hanging_up_within_the_hello_closes(certificates: Any, several: ServerTLS) -> None:
    client = connect(certificates, several, "first.example")
    client.port.receive(b"\x16\x03")
    client.port.eof()
    client.runtime.run_until_idle()
    assert client.port.closed


def test_a_session_is_resumed_with_its_own_host_and_not_with_another(
    certificates: Any, several: ServerTLS
) -> None:
    context = certificates.client_context()
    context.check_hostname = False
    first = Client(context, several, host="first.example")
    first.handshake()
    first.server.port.write(b"x")  # tickets come with the first data
    first.pump()
    session = first.tls.session
    again = Client(context, several, host="first.example", session=session)
    again.handshake()
    assert again.tls.session_reused
    other = Client(context, several, host="any.wild.example", session=session)
    other.handshake()
    assert not other.tls.session_reused
    assert shown(other) == ("*.wild.example",)


def test_a_resumed_session_shows_its_client_certificate(certificates: Any) -> None:
    context = certificates.client_context()
    certificates.user.configure_cert(context)
    settings = certificates.settings(ca_certs=certificates.ca_certs, verify_mode="required")
    tls = ServerTLS(settings, [])
    first = Client(context, tls)
    first.handshake()
    first.server.port.write(b"x")
    first.pump()
    again = Client(context, tls, session=first.tls.session)
    again.handshake()
    assert again.tls.session_reused
    found = again.server.port.tls.extension
    assert found["client_cert_chain"][0] == first.server.port.tls.extension["client_cert_chain"][0]
    assert found["client_cert_name"] == first.server.port.tls.extension["client_cert_name"]


def test_clients_are_verified_whichever_certificate_they_see(certificates: Any) -> None:
    first = certificates.write_pair("first", "first.example")
    settings = certificates.settings(
        sni_certificate=(f"{first}.pem:first.key",),
        ca_certs=certificates.ca_certs,
        verify_mode="required",
    )
    tls = ServerTLS(settings, [])
    for host in ("server.example", "first.example"):
        context = certificates.client_context()
        context.check_hostname = False
        trustme.CA().issue_cert("stranger@client.example").configure_cert(context)
        client = Client(context, tls, Limits(), host=host)
        with pytest.raises(ssl.SSLError):
            client.handshake()
        assert client.layer.inner is None


@pytest.mark.parametrize("seed", range(50))
def test_a_damaged_hello_is_read_alike_however_it_is_cut(seed: int) -> None:
    chance = random.Random(seed)
    outgoing = ssl.MemoryBIO()
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(
        ssl.MemoryBIO(), outgoing, server_hostname="first.example"
    )
    with pytest.raises(ssl.SSLWantReadError):
        asking.do_handshake()
    hello = bytearray(outgoing.read())
    for _ in range(chance.randrange(1, 6)):
        hello[chance.randrange(len(hello))] = chance.randrange(256)
    found = set()
    for size in (1, 7, len(hello)):
        reader = ClientHello()
        for at in range(0, len(hello), size):
            reader.feed(bytes(hello[at : at + size]))
        found.add((reader.complete, reader.server_name))
    assert len(found) == 1


def test_listeners_over_tls_and_no_others_find_the_certificates(certificates: Any) -> None:
    # From there a protocol that brings a TLS of its own, as QUIC does, takes them.
    plugins, config = prepare({"certfile": certificates.combined, "insecure_bind": "127.0.0.1:0"})
    plan = compile_plan(config, plugins)
    tls = load_tls(plan)
    assert tls is not None

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    runtime = MemoryRuntime()
    contexts = Contexts(plan, load_negotiable(plan), runtime, app, Observers(), None, tls=tls)
    assert contexts.clear.tls is None
    source = contexts.secure.tls
    assert source is not None
    assert source.config.certificate_for("server.example").names == ("server.example",)
