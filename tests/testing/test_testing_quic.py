"""The QUIC connection in memory keeps its contract, and fails who breaks it."""

from __future__ import annotations

import pytest

from nonecorn.spi import NEVER
from nonecorn.testing import MemoryQuicPort, MemoryRuntime


class Recording:
    """A protocol that writes down what it is told."""

    def __init__(self):
        self.deadline = NEVER
        self.calls = []

    def __getattr__(self, name):
        return lambda *args: self.calls.append((name, *args))


@pytest.fixture
def port():
    port = MemoryQuicPort(MemoryRuntime(), send_buffer=100, receive_buffer=50, max_datagram=10)
    port.serve(lambda port: Recording())
    return port


def test_what_the_peer_does_is_told(port):
    port.receive(0, b"abc")
    port.receive(0, b"", end=True)
    port.receive(4, b"x")
    port.peer_reset(4, 7)
    port.peer_stop(0, 8)
    port.peer_datagram(b"d")
    port.lose(OSError("gone"))
    *calls, (last, error) = port.protocol.calls
    assert calls == [
        ("stream_data", 0, b"abc", False), ("stream_data", 0, b"", True),
        ("stream_data", 4, b"x", False), ("stream_reset", 4, 7), ("stream_stopped", 0, 8),
        ("datagram_received", b"d"),
    ]  # fmt: skip
    assert (last, str(error)) == ("connection_lost", "gone")


def test_what_the_protocol_writes_is_kept(port):
    port.receive(0, b"x")
    port.write(0, b"one", False)
    assert (port.take(0), port.ended(0)) == (b"one", False)
    port.write(0, b"two", True)
    assert (port.take(0), port.sent(0), port.ended(0)) == (b"two", b"onetwo", True)
    ours = [port.open(bidirectional=both) for both in (True, False, True, False)]
    assert ours == [1, 3, 5, 7] == port.opened
    port.prioritize(3, -1, False)
    assert port.streams[3].priority == (-1, False)


def test_a_stream_that_is_not_taken_pauses_and_resumes(port):
    port.block()
    port.write(0, b"x" * 100, False)
    assert port.protocol.calls == []
    port.write(0, b"x", False)
    assert port.protocol.calls == [("pause_writing", 0)]
    port.drain(0, 75)
    assert port.protocol.calls == [("pause_writing", 0)]
    port.drain(0, 1)
    assert port.protocol.calls[1:] == [("resume_writing", 0)]
    assert port.buffered(0) == 25
    port.write(0, b"", True)
    assert not port.ended(0)
    port.drain()
    assert port.ended(0)


def test_credit_is_what_was_consumed(port):
    port.receive(0, b"x" * 50)
    assert (port.credit(0), port.owed) == (0, 50)
    with pytest.raises(AssertionError, match="credit"):
        port.receive(0, b"x")
    port.consumed(0, 20)
    assert (port.credit(0), port.owed) == (20, 30)
    with pytest.raises(AssertionError, match="never came"):
        port.consumed(0, 31)


def test_a_stopped_stream_is_credited_and_silent(port):
    port.receive(0, b"x" * 50)
    port.stop(0, 5)
    assert (port.streams[0].stopped, port.owed) == (5, 0)
    port.receive(0, b"y" * 50)
    port.consumed(0, 50)
    port.peer_reset(0, 1)
    assert len(port.protocol.calls) == 1
    assert port.owed == 0


def test_a_reset_drops_what_waits(port):
    port.block()
    port.write(0, b"x" * 10, False)
    port.reset(0, 9)
    port.write(0, b"y", True)
    assert (port.buffered(0), port.streams[0].reset, port.ended(0)) == (0, 9, False)
    port.write(4, b"", True)
    port.reset(4, 9)
    port.peer_stop(4, 9)
    assert port.streams[4].reset is None
    assert port.protocol.calls == []


def test_rules_of_quic_are_kept(port):
    with pytest.raises(AssertionError, match="peer's to send on"):
        port.write(2, b"", False)
    with pytest.raises(AssertionError, match="not opened"):
        port.write(3, b"", False)
    port.write(0, b"", True)
    with pytest.raises(AssertionError, match="after its end"):
        port.write(0, b"x", False)
    port.receive(0, b"", end=True)
    with pytest.raises(AssertionError, match="ended by the peer"):
        port.receive(0, b"x")


def test_datagrams_are_kept_where_they_fit(port):
    assert port.send_datagram(b"x" * 10)
    assert not port.send_datagram(b"x" * 11)
    assert port.datagrams == [b"x" * 10]


def test_a_closed_port_is_told_once_and_does_nothing_more(port):
    assert port in port.runtime.ports
    closed = []
    port.on_close = closed.append
    port.close(0x100, "bye")
    assert port.protocol.calls == []
    port.runtime.run_until_idle()
    port.abort()
    port.write(0, b"x", False)
    port.receive(0, b"x")
    port.peer_datagram(b"x")
    port.lose()
    assert port.protocol.calls == [("connection_lost", None)]
    assert (port.close_code, port.close_reason, closed) == (0x100, "bye", [port])
    assert port not in port.runtime.ports


def test_the_runtime_sweeps_and_aborts_it(port):
    port.protocol.deadline = port.runtime.clock.now
    port.runtime.advance(2)
    assert port.protocol.calls[0] == ("sweep",)
    port.runtime.close()
    assert port.aborted


def test_it_says_what_it_is(port):
    assert "open" in repr(port)
    port.close(0x101)
    assert "0x101" in repr(port)
    assert "sent=0" in repr(port._stream(0))
