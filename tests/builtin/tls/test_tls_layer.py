"""The TLS layer against a foreign client, in memory."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from nonecorn.builtin.tls.port import TLSPort
from nonecorn.testing.split import SPLITTERS

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(params=VERSIONS, ids=["1.2", "1.3"])
def client(request: Any, certificates: Any) -> Any:
    context = certificates.client_context()
    context.maximum_version = request.param
    return certificates.connect(client=context)


@pytest.fixture
def connected(client: Any) -> Any:
    client.handshake()
    return client


def test_bytes_pass_both_ways(connected: Any) -> None:
    connected.send(b"question")
    assert connected.server.data == b"question"
    connected.server.port.write(b"answer")
    connected.pump()
    assert connected.data == b"answer"
    assert b"answer" not in connected.port.sent


@pytest.mark.parametrize(
    ("offer", "chosen", "protocol"),
    [
        (["h2", "http/1.1"], b"h2", "h2"),
        (["http/1.1", "h2"], b"h2", "h2"),  # our order counts
        (["http/1.1"], b"http/1.1", "http/1.1"),
        (["unknown/1"], None, "default"),
        ([], None, "default"),
    ],
)
def test_alpn_chooses_the_protocol(
    certificates: Any, offer: list[str], chosen: bytes | None, protocol: str
) -> None:
    client = certificates.connect(*offer)
    client.handshake()
    assert client.server.name == protocol
    assert client.server.port.tls.alpn == chosen


@pytest.mark.parametrize("split", SPLITTERS.values(), ids=SPLITTERS)
def test_it_does_not_matter_how_the_bytes_are_cut(client: Any, split: Any) -> None:
    client.handshake(split)
    client.tls.write(b"x" * 3000)
    client.pump(split)
    assert client.server.data == b"x" * 3000


def test_a_request_in_the_same_delivery_as_the_end_of_the_handshake_is_served(client: Any) -> None:
    for _ in range(3):
        try:
            client.tls.do_handshake()
        except ssl.SSLWantReadError:
            client.pump()
        else:
            break
    client.tls.write(b"early")
    client.pump()
    assert client.server.data == b"early"


def test_one_delivery_is_passed_on_in_one_piece(connected: Any) -> None:
    connected.send(b"x" * 100_000)  # seven records
    assert connected.server.data == b"x" * 100_000
    assert connected.server.pieces == 1


def test_what_a_protocol_writes_when_it_is_made_arrives(certificates: Any) -> None:
    client = certificates.connect()
    default = client.context.default

    def greet(context: Any, port: Any) -> Any:
        port.write(b"hello")
        return default(context, port)

    client.context.default = greet
    client.handshake()
    assert client.data == b"hello"


def test_large_writes_arrive_whole_and_in_order(connected: Any) -> None:
    data = bytes(range(256)) * 8192  # 2 MiB
    connected.server.port.write(data)
    connected.server.port.write(b"end")
    connected.pump()
    assert connected.data == data + b"end"


def test_an_empty_write_sends_nothing(connected: Any) -> None:
    before = len(connected.port.sent)
    connected.server.port.write(b"")
    assert len(connected.port.sent) == before


def test_back_pressure_reaches_the_protocol(connected: Any) -> None:
    connected.port.block()
    connected.server.port.write(b"x" * 100_000)
    assert connected.server.events == ["pause"]
    assert connected.server.port.buffered() > 100_000
    connected.port.drain()
    assert connected.server.events == ["pause", "resume"]
    connected.pump()
    assert connected.data == b"x" * 100_000


def test_a_protocol_made_while_the_port_is_stalled_is_told(client: Any) -> None:
    client.layer.pause_writing()
    client.handshake()
    assert client.server.events == ["pause"]


# Reading paused -----------------------------------------------------------------------------------


def test_nothing_is_delivered_while_reading_is_paused(connected: Any) -> None:
    connected.server.port.pause_reading()
    connected.send(b"later")
    assert connected.server.data == b""
    assert connected.port.reading is False
    connected.server.port.resume_reading()
    connected.pump()
    assert connected.server.data == b"later"
    assert connected.port.reading is True


def test_a_delivery_under_way_is_kept_until_reading_goes_on(connected: Any) -> None:
    connected.tls.write(b"first")
    first = connected.to_wire()
    connected.tls.write(b"second")
    second = connected.to_wire()
    connected.server.on_data = lambda data: connected.server.port.pause_reading()
    connected.layer.data_received(first)
    connected.layer.data_received(second)
    connected.layer.eof_received()
    assert connected.server.data == b"first"
    assert connected.server.events == []
    connected.server.on_data = None
    connected.server.port.resume_reading()
    assert connected.server.data == b"first"  # not from within the call
    connected.pump()
    assert connected.server.data == b"firstsecond"
    assert connected.server.events == ["eof"]


def test_reading_may_be_paused_again_before_it_goes_on(connected: Any) -> None:
    port = connected.server.port
    port.pause_reading()
    connected.tls.write(b"x")
    connected.layer.data_received(connected.to_wire())
    port.resume_reading()
    port.pause_reading()
    connected.runtime.run_until_idle()
    assert connected.server.data == b""
    port.resume_reading()
    connected.runtime.run_until_idle()
    assert connected.server.data == b"x"


# The end ------------------------------------------------------------------------------------------


def test_close_says_close_notify_and_closes(connected: Any) -> None:
    connected.server.port.write(b"bye")
    connected.server.port.close()
    connected.pump()
    assert connected.data == b"bye"
    assert connected.ended
    assert connected.port.closed
    assert not connected.port.aborted
    assert connected.server.events == [("lost", None)]


def test_close_says_close_notify_although_bytes_were_not_read(connected: Any) -> None:
    connected.server.port.pause_reading()
    connected.tls.write(b"never read")
    connected.layer.data_received(connected.to_wire())
    connected.server.port.close()
    connected.pump()
    assert connected.ended
    assert connected.server.data == b""
    assert connected.port.closed


def test_abort_says_nothing(connected: Any) -> None:
    before = connected.port.sent
    connected.server.port.abort()
    connected.pump()
    assert connected.port.aborted
    assert connected.port.sent == before
    assert connected.server.events == [("lost", None)]


def test_write_eof_ends_our_direction_only(connected: Any) -> None:
    connected.server.port.write_eof()
    connected.pump()
    assert connected.ended
    assert connected.port.eof_sent
    assert not connected.port.closed
    connected.send(b"still talking")
    assert connected.server.data == b"still talking"
    connected.server.port.write(b"ignored")
    connected.close_notify()
    assert connected.server.events == ["eof"]
    assert connected.data == b""


def test_write_eof_loses_nothing_that_was_not_read_yet(connected: Any) -> None:
    connected.server.port.pause_reading()
    connected.tls.write(b"kept")
    connected.layer.data_received(connected.to_wire())
    connected.server.port.write_eof()
    connected.pump()
    assert connected.ended
    connected.server.port.resume_reading()
    connected.send(b", and more")
    assert connected.server.data == b"kept, and more"


def test_the_peers_close_notify_is_its_end_and_ours_stays_open(connected: Any) -> None:
    connected.tls.write(b"last")
    connected.close_notify()
    assert connected.server.data == b"last"
    assert connected.server.events == ["eof"]
    connected.port.eof()
    assert connected.server.events == ["eof"]  # said once
    connected.server.port.write(b"answer")
    assert not connected.port.closed
    connected.server.port.close()
    connected.pump()
    assert connected.data == b"answer"


def test_the_peers_close_notify_closes_where_the_protocol_does_not_go_on(connected: Any) -> None:
    connected.server.half_close = False
    connected.close_notify()
    assert connected.ended
    assert connected.port.closed
    assert connected.server.events == ["eof", ("lost", None)]


def test_bytes_after_close_notify_are_ignored(connected: Any) -> None:
    connected.close_notify()
    connected.port.receive(b"x" * 1000)
    connected.pump()
    assert connected.server.data == b""
    assert connected.server.events == ["eof"]


def test_hanging_up_without_close_notify_is_an_end_too(connected: Any) -> None:
    connected.send(b"cut off")
    connected.port.eof()
    assert connected.server.data == b"cut off"
    assert connected.server.events == ["eof"]
    assert not connected.port.closed


def test_a_lost_connection_is_told_once_and_writing_then_does_nothing(connected: Any) -> None:
    error = ConnectionResetError()
    server = connected.server
    connected.port.lose(error)
    assert server.events == [("lost", error)]
    server.port.write(b"x")
    server.port.write_eof()
    server.port.close()
    server.port.pause_reading()
    server.port.resume_reading()
    connected.layer.data_received(b"x")
    connected.runtime.run_until_idle()
    assert server.events == [("lost", error)]


def test_a_port_can_be_closed_from_within_a_delivery(connected: Any) -> None:
    connected.server.on_data = lambda data: connected.server.port.close()
    connected.tls.write(b"x")
    connected.close_notify()
    assert connected.server.events == [("lost", None)]


# The rest of the port -----------------------------------------------------------------------------


def test_set_protocol_hands_the_connection_over(connected: Any) -> None:
    first = connected.server
    second = type(first)(connected.context, first.port)
    first.port.set_protocol(second)
    connected.send(b"for the second")
    assert (first.data, second.data) == (b"", b"for the second")
    assert first.port.protocol is second


def test_the_protocols_deadline_and_sweep_pass_through(connected: Any) -> None:
    server = connected.server
    assert connected.layer.deadline == server.deadline
    server.deadline = connected.runtime.clock.now + 2
    connected.runtime.advance(1)
    assert server.events == []
    connected.runtime.advance(1)
    assert server.events == ["sweep"]


def test_shutdown_passes_through(connected: Any) -> None:
    connected.layer.shutdown()
    assert connected.server.events == ["shutdown"]
    assert not connected.port.closed


def test_addresses_and_runtime_are_the_raw_ports(connected: Any) -> None:
    port = connected.server.port
    assert port.client == connected.port.client
    assert port.server == connected.port.server
    assert port.runtime is connected.runtime
    assert port.zero_copy is False


def test_there_is_no_sendfile(connected: Any) -> None:
    with pytest.raises(RuntimeError, match="zero_copy is False"):
        connected.runtime.run(connected.server.port.sendfile, 0, 0, 1)


def test_reprs_tell_the_state(client: Any) -> None:
    assert "handshake" in repr(client.layer)
    client.handshake()
    assert isinstance(client.server.port, TLSPort)
    assert repr(client.server.port).startswith("<TLSPort open/open over <MemoryPort")
    client.server.port.write_eof()
    assert "open/finished" in repr(client.layer)
    client.server.port.close()
    assert "closed" in repr(client.layer)
