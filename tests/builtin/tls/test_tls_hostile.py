"""Peers that do not speak TLS, or not to the end."""

from __future__ import annotations

import logging
import random
import ssl
import tracemalloc
from typing import Any

import pytest

from nonecorn.spi import Limits


@pytest.fixture
def client(certificates: Any) -> Any:
    return certificates.connect()


def test_plain_http_is_told_so_and_closed(client: Any) -> None:
    client.port.receive(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    client.runtime.run_until_idle()
    head, _, body = client.port.sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in head
    assert f"content-length: {len(body)}".encode() in head
    assert client.port.closed
    assert client.layer.inner is None


@pytest.mark.parametrize("seed", range(20))
def test_garbage_is_closed_or_awaits_more(client: Any, seed: int) -> None:
    client.port.receive(random.Random(seed).randbytes(2000))
    client.runtime.run_until_idle()
    assert client.layer.inner is None
    client.runtime.advance(61)
    assert client.port.closed


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_record_ends_the_connection_with_an_alert(client: Any, seed: int) -> None:
    client.handshake()
    server = client.server
    client.tls.write(b"x" * 100)
    record = bytearray(client.to_wire())
    at = random.Random(seed).randrange(5, len(record))
    record[at] ^= 0x55
    before = len(client.port.sent)
    client.port.receive(bytes(record))
    client.runtime.run_until_idle()
    assert server.data == b""
    assert client.port.closed
    assert client.port.sent[before : before + 1] in (b"\x15", b"\x17")  # alert, maybe encrypted
    ((event, error),) = server.events
    assert event == "lost"
    assert isinstance(error, ssl.SSLError)


def test_what_came_before_a_damaged_record_is_delivered(client: Any) -> None:
    client.handshake()
    server = client.server
    client.tls.write(b"good")
    good = client.to_wire()
    client.port.receive(good + b"\x17\x03\x03\x00\x20" + b"\0" * 32)
    client.runtime.run_until_idle()
    assert server.data == b"good"
    assert client.port.closed


def test_a_handshake_that_does_not_end_is_aborted(certificates: Any) -> None:
    client = certificates.connect(tls_handshake_timeout=5.0)
    client.port.receive(b"\x16\x03\x01\x02\x00\x01")
    client.runtime.advance(4)
    assert not client.port.closed
    client.runtime.advance(2)
    assert client.port.aborted


def test_a_silent_peer_is_aborted_too(certificates: Any) -> None:
    client = certificates.connect(tls_handshake_timeout=5.0)
    client.runtime.advance(6)
    assert client.port.aborted


def test_no_handshake_timeout_is_possible(certificates: Any) -> None:
    client = certificates.connect(tls_handshake_timeout=0.0)
    client.runtime.advance(10_000)
    assert not client.port.closed


def test_a_refused_peer_that_takes_nothing_is_aborted(certificates: Any) -> None:
    client = certificates.connect(limits=Limits(close_timeout=3.0))
    client.port.block()
    client.port.receive(b"GET / HTTP/1.1\r\n\r\n")
    client.runtime.advance(2)
    assert not client.port.closed
    client.runtime.advance(2)
    assert client.port.aborted


def test_hanging_up_within_the_handshake_closes(client: Any) -> None:
    client.port.receive(b"\x16\x03")
    client.port.eof()
    client.runtime.run_until_idle()
    assert client.port.closed


def test_shutdown_within_the_handshake_ends_it(client: Any) -> None:
    client.layer.shutdown()
    client.runtime.run_until_idle()
    assert client.port.closed


def test_an_endless_handshake_is_cut(client: Any) -> None:
    # Warnings before a hello: records that OpenSSL takes without making progress.
    client_hello_prefix = b"\x16\x03\x01\x40\x00\x01\x01\xff\xf0\x03\x03"
    client.port.receive(client_hello_prefix)
    sent = 0
    while not client.port.closed and sent < 4_000_000:
        client.port.receive(b"\x01" * 16384)
        client.runtime.run_until_idle()
        sent += 16384
    assert client.port.closed
    assert sent < 600_000


def test_a_hello_in_many_tiny_records_is_bounded_in_memory(client: Any) -> None:
    tracemalloc.start()
    try:
        client.port.receive(b"\x16\x03\x01\x00\x04\x01\x01\x00\x00")  # a hello of 64 KiB begins
        for _ in range(20_000):
            client.port.receive(b"\x16\x03\x01\x00\x01\x00")
        client.runtime.run_until_idle()
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert current < 1_000_000


def test_a_factory_that_fails_aborts_its_connection_only(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(context: Any, port: Any) -> Any:
        raise LookupError

    client.context.default = broken
    with caplog.at_level(logging.ERROR, logger="nonecorn.error"):
        client.handshake()
    assert client.port.aborted
    assert "cannot serve <TLSPort" in caplog.text


def test_handshake_failures_are_told_at_debug_level_only(
    certificates: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="nonecorn.error")
    for piece in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 40):
        client = certificates.connect()
        client.port.receive(piece)
        client.runtime.run_until_idle()
    client = certificates.connect()
    client.port.eof()
    assert [record.levelname for record in caplog.records] == ["DEBUG"] * 3
    assert "http request" in caplog.records[0].message
    assert "hung up" in caplog.records[2].message


def test_a_server_name_that_is_not_ascii_harms_nobody(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.do_handshake()
    hello = client.to_wire()
    assert b"server.example" in hello
    client.port.receive(hello.replace(b"server.example", b"s\xe9rver.examp\xff\n"))
    client.runtime.run_until_idle()
    assert capsys.readouterr().err == ""


def test_a_peer_that_reads_nothing_cannot_make_us_answer_for_ever(certificates: Any) -> None:
    # Renegotiation is refused with a warning each; a peer that reads none of them is cut off. The
    # warnings stand in for KeyUpdate, which Python's client cannot send.
    client = certificates.connect()
    client.handshake()
    client.port.block()
    client.server.port.write(b"x" * 100_000)
    layer = client.layer
    for _ in range(1000):
        if client.port.closed:
            break
        layer._outgoing.write(b"y" * 30)
        layer._flush_control()
    client.runtime.run_until_idle()
    assert client.port.aborted


def test_control_answers_are_sent_while_the_peer_reads(certificates: Any) -> None:
    client = certificates.connect()
    client.handshake()
    for _ in range(1000):
        client.layer._outgoing.write(b"y" * 30)
        client.layer._flush_control()
    assert not client.port.closed
