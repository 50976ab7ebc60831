"""What stands by itself: sockets, batches of datagrams, and what is relied upon of aioquic."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import sys
from pathlib import Path

import pytest

from nonecorn.spi import BindRequest, DatagramBatches, Kind
from nonecorn.testing.conformance.transport import TransportConformance
from nonecorn_h3._quic._aioquic import _guard
from nonecorn_h3._quic._aioquic._varint import BufferReadError, read_varint, varint
from nonecorn_h3._quic._bind import bind
from nonecorn_h3._settings import H3Settings

linux = pytest.mark.skipif(sys.platform != "linux", reason="offload is Linux's")


class TestQuicTransport(TransportConformance):
    bind = staticmethod(bind)
    kind = Kind.DATAGRAM
    bad = ("127.0.0.1:nonsense", "127.0.0.1:70000", "[::1", "a/b")

    def address(self, tmp_path: Path) -> str:
        return "127.0.0.1:0"


def test_a_name_is_bound_at_all_its_addresses_with_one_port():
    sockets = bind(BindRequest(address="localhost:0", backlog=1))
    with contextlib.ExitStack() as stack:
        for each in sockets:
            stack.enter_context(each.sock)
        assert len({each.sock.getsockname()[1] for each in sockets}) == 1


@linux
def test_what_is_sent_is_never_cut_by_ip():
    for address, level, option in (
        ("127.0.0.1:0", socket.IPPROTO_IP, 10),
        ("[::1]:0", socket.IPPROTO_IPV6, 23),
    ):
        (bound,) = bind(BindRequest(address=address, backlog=1))
        with bound.sock as sock:
            assert sock.getsockopt(level, option) == 3


@pytest.fixture(params=["127.0.0.1", "::1"])
def wires(request: pytest.FixtureRequest):
    """Two sockets, and the address of the second."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with (
        socket.socket(family, socket.SOCK_DGRAM) as one,
        socket.socket(family, socket.SOCK_DGRAM) as other,
    ):
        for sock in (one, other):
            sock.bind((request.param, 0))
            sock.setblocking(False)
        yield one, other


def all_of(batches: DatagramBatches, sock: socket.socket, count: int):
    found = []
    while len(found) < count:
        assert select.select([sock], [], [], 10)[0], f"{len(found)} of {count}"
        found += batches.receive()
    return found


@pytest.mark.parametrize(
    "sizes",
    [[1200] * 40 + [700], [1452] * 100, [1200, 1300, 1300, 1300, 20, 1200], [1], [9000] * 10],
)
def test_batches_arrive_as_they_were_sent(wires, sizes: list[int]):
    one, other = wires
    packets = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    sender, receiver = DatagramBatches(one), DatagramBatches(other)
    sender.send(packets, other.getsockname())
    found = all_of(receiver, other, len(packets))
    assert [data for data, _, _ in found] == packets
    assert {address for _, address, _ in found} == {one.getsockname()}
    assert {mark for _, _, mark in found} == {0}


@linux
@pytest.mark.parametrize("mark", [1, 2, 3])
def test_marks_of_congestion_are_read(wires, mark: int):
    one, other = wires
    receiver = DatagramBatches(other)
    if one.family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, mark)
    else:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, mark)
    DatagramBatches(one).send([b"x" * 1200] * 5, other.getsockname())
    assert {mark for _, _, mark in all_of(receiver, other, 5)} == {mark}


@linux
def test_batches_are_one_call_each_way(wires):
    one, other = wires
    sender, receiver = DatagramBatches(one), DatagramBatches(other)
    sender.send([b"x" * 1200] * 40, other.getsockname())
    assert repr(sender) == "<DatagramBatches segmented, together>"
    assert len(receiver.receive()) == 40


@linux
@pytest.mark.parametrize("count", [1, 30], ids=["alone", "segmented"])
@pytest.mark.parametrize("mark", [0, 1, 2, 3])
def test_marks_are_sent_and_leave_the_other_bits_of_the_socket_alone(wires, mark, count):
    one, other = wires
    if one.family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0xB8)
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    else:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xB8)
        other.setsockopt(socket.IPPROTO_IP, 13, 1)
    DatagramBatches(one).send([b"x" * 1200] * count, other.getsockname(), mark)
    for _ in range(count):
        assert select.select([other], [], [], 10)[0]
        _, [(_, _, value)], _, _ = other.recvmsg(2000, 100)
        assert value[0] == 0xB8 | mark


@linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_socket_for_both_families_sends_and_reads_marks(host: str):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as both,
        socket.socket(family, socket.SOCK_DGRAM) as peer,
    ):
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        both.bind(("::", 0))
        peer.bind((host, 0))
        for sock in (both, peer):
            sock.setblocking(False)
        here, there = DatagramBatches(both), DatagramBatches(peer)
        there.send([b"x" * 100] * 3, (host, both.getsockname()[1]), 2)
        found = all_of(here, both, 3)
        assert [mark for _, _, mark in found] == [2, 2, 2]
        here.send([b"y" * 100] * 3 + [b"z"], found[0][1], 3)
        here.send([b"last"], found[0][1])
        found = all_of(there, peer, 5)
        assert [mark for _, _, mark in found] == [3, 3, 3, 3, 0]


class Refusing(socket.socket):
    """A socket of a system that takes no mark.

    Attributes:
        refused: Calls so far.
    """

    refused = 0

    def sendmsg(self, packets, control=(), *rest):
        if any(kind in (socket.IP_TOS, socket.IPV6_TCLASS) for _, kind, _ in control):
            self.refused += 1
            raise OSError(errno.EINVAL, "Invalid argument")
        return super().sendmsg(packets, control, *rest)


@pytest.mark.skipif(not hasattr(socket.socket, "sendmsg"), reason="there never is a mark")
@pytest.mark.parametrize("count", [1, 40])
def test_a_system_that_takes_no_marks_is_asked_once_and_loses_nothing(wires, count: int):
    like, other = wires
    with Refusing(like.family, socket.SOCK_DGRAM) as one:
        one.bind((like.getsockname()[0], 0))
        sender, receiver = DatagramBatches(one), DatagramBatches(other)
        packets = [bytes([number]) * 1200 for number in range(count)]
        for _ in range(3):
            sender.send(packets, other.getsockname(), 2)
            assert [data for data, _, _ in all_of(receiver, other, count)] == packets
        assert one.refused <= 2  # all together, and the first by itself
        assert repr(sender).endswith(", unmarked>")


@linux
def test_an_address_that_cannot_be_does_not_end_marks(wires):
    one, other = wires
    sender, receiver = DatagramBatches(one), DatagramBatches(other)
    nowhere = (other.getsockname()[0], 0, *other.getsockname()[2:])
    sender.send([b"x" * 100] * 2, nowhere, 2)
    sender.send([b"y"], other.getsockname(), 2)
    assert [mark for _, _, mark in all_of(receiver, other, 1)] == [2]


def test_a_batch_to_nowhere_raises_nothing(wires):
    one, _ = wires
    batches = DatagramBatches(one)
    batches.send([b"x" * 70_000, b"y"], one.getsockname())
    batches.send([b"x" * 100, b"y" * 100], ("255.255.255.255", 9, 0, 0)[: len(one.getsockname())])
    assert [data for data, _, _ in all_of(batches, one, 1)] == [b"y"]


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"), (37, "25"), (63, "3f"), (64, "4040"), (15293, "7bbd"), (16383, "7fff"),
        (16384, "80004000"), (494878333, "9d7f3e7d"), ((1 << 30) - 1, "bfffffff"),
        (1 << 30, "c000000040000000"), (151288809941952652, "c2197c5eff14e88c"),
        ((1 << 62) - 1, "ffffffffffffffff"),
    ],
)  # fmt: skip
def test_integers_of_variable_length(value: int, encoded: str):
    data = bytes.fromhex(encoded)
    assert varint(value) == data
    assert read_varint(b"!" + data + b"!", 1) == (value, 1 + len(data))
    for end in range(len(data)):
        with pytest.raises(BufferReadError):
            read_varint(data[:end], 0)


def test_aioquic_is_still_what_it_was():
    assert list(_guard.changes()) == []


def test_settings_that_no_packet_can_carry():
    settings = H3Settings(max_datagram_size=70_000, max_streams=1 << 61)
    assert len(list(settings.problems())) == 2
    assert list(H3Settings().problems()) == []
