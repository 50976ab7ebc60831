"""Datagrams and the workers that they are for: steering by the kernel, and mailboxes."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
from pathlib import Path

import pytest

from nonecorn.spi import Lane, Place
from nonecorn_h3._quic._envelope import bundled, opened, sealed
from nonecorn_h3._quic._ids import ConnectionIDs
from nonecorn_h3._quic._mailbox import Mailbox
from nonecorn_h3._quic._steer import detach, steer
from nonecorn_h3.testing import SERVER, QuicWire

SECRET = bytes(range(32))
LISTENER = "quic_bind 127.0.0.1:443"

linux = pytest.mark.skipif(
    sys.platform != "linux", reason="SO_ATTACH_REUSEPORT_CBPF is Linux's alone"
)
unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no unix sockets here")


@contextlib.contextmanager
def group(count: int):
    """Sockets with one address."""
    with contextlib.ExitStack() as stack:
        sockets = []
        port = 0
        for _ in range(count):
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(("127.0.0.1", port))
            sock.setblocking(False)
            port = sock.getsockname()[1]
            sockets.append(sock)
        yield sockets


def received(sock: socket.socket) -> list[bytes]:
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(sock.recv(2000))
    return found


@linux
@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_the_kernel_gives_each_lane_its_own(count: int):
    ids = [ConnectionIDs(Place(secret=SECRET), Lane(index=i, count=count)) for i in range(count)]
    with group(count) as sockets, contextlib.ExitStack() as stack:
        steer(sockets)
        clients = [
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(8)
        ]
        sent: list[set[bytes]] = [set() for _ in range(count)]
        for number in range(200):
            lane = number % count
            connection_id = ids[lane].issue()
            if number % 2:
                data = b"\x40" + connection_id + bytes(40)
            else:
                data = b"\xe0\0\0\0\1\x0c" + connection_id + bytes(40)
            sent[lane].add(data)
            # From another address each time, as clients that move do.
            random.choice(clients).sendto(data, sockets[0].getsockname())
        assert [set(received(sock)) for sock in sockets] == sent


@linux
def test_first_packets_are_spread():
    with group(4) as sockets, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        steer(sockets)
        for _ in range(400):
            client.sendto(b"\xc0\0\0\0\1\x08" + os.urandom(8) + bytes(40), sockets[0].getsockname())
        assert all(60 < len(received(sock)) < 140 for sock in sockets)


@linux
def test_a_group_can_be_steered_anew_and_left_alone():
    with group(3) as sockets, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        steer(sockets)
        steer(sockets)
        detach(sockets[0])
        client.connect(sockets[0].getsockname())
        for number in range(60):
            client.send(b"\x40" + bytes((number,)) + bytes(40))
        # By the client's address again: all go to one.
        assert sorted(len(received(sock)) for sock in sockets) == [0, 0, 60]
        steer(sockets[:1])
        steer([])


@pytest.mark.parametrize("address", [("127.0.0.1", 65535), ("::1", 1, 0, 0), ("fe80::1", 5, 77, 4)])
def test_an_envelope_keeps_what_it_is_given(address: tuple[object, ...]):
    message = sealed(LISTENER, address, b"data", 3)
    assert list(opened(message)) == [(LISTENER, address, b"data", 3)]


def test_many_messages_take_few_letters():
    address = ("127.0.0.1", 5)
    sent = [bytes([number]) * 1200 for number in range(200)]
    letters = list(bundled(sealed(LISTENER, address, data, 2) for data in sent))
    assert len(letters) == 5
    assert max(map(len, letters)) < 65536
    assert [found for letter in letters for found in opened(letter)] == [
        (LISTENER, address, data, 2) for data in sent
    ]


def test_a_letter_that_was_cut_tells_what_is_whole():
    address = ("127.0.0.1", 5)
    whole = sealed(LISTENER, address, b"data", 0)
    for size in range(len(whole)):
        assert list(opened(whole + whole[:size])) == [(LISTENER, address, b"data", 0)]


@pytest.mark.parametrize("junk", [b"", b"\0" * 5, b"\xff" * 14, b"\1\1\0\0" + b"\xff" * 20])
def test_an_envelope_of_nobodys(junk: bytes):
    assert all(found[0] != LISTENER for found in opened(junk))


class Worker:
    """A worker in memory, whose mailbox is real and is emptied by hand."""

    def __init__(self, directory: Path, identity: int, count: int = 1, index: int = 0) -> None:
        self.wire = QuicWire(
            place=Place(identity=identity, directory=str(directory), secret=SECRET),
            lane=Lane(index=index, count=count, listener=LISTENER),
        )
        self.endpoint = self.wire.endpoint
        self.mailbox: Mailbox = self.endpoint._mailbox
        self.sock = self.mailbox._worker._sock
        self.wire.runtime.run_until_idle()

    def close(self) -> None:
        self.endpoint.close()
        self.wire.runtime.run_until_idle()

    def collect(self) -> int:
        """Take what others have put into the mailbox."""
        letters = []
        with contextlib.suppress(BlockingIOError):
            while True:
                letters.append((self.sock.recv(65535), None, 0))
        self.mailbox._worker.datagrams_received(letters)
        self.wire.runtime.run_until_idle()
        return len(letters)


@pytest.fixture
def pair(tmp_path: Path):
    workers = [Worker(tmp_path, 17), Worker(tmp_path, 4711)]
    yield workers
    for worker in workers:
        worker.close()
    assert list(tmp_path.iterdir()) == []


@unix
def test_a_datagram_at_the_wrong_worker_reaches_the_right_one(pair: list[Worker]):
    one, other = pair
    for number in range(50):
        client = one.wire.connect(("127.0.0.1", 2000 + number))
        if client.ready:
            break  # by its ID it is this worker's
    client.send_stream_data(0, b"lost my way")
    for data, _ in client.datagrams_to_send(one.wire.runtime.time()):
        other.collect()
        other.wire.port.take()
        other.wire.port.receive([data], client.address)
    assert other.wire.port.take() == []
    one.collect()
    assert one.wire.protocols[0].data == {0: b"lost my way"}
    assert one.wire.protocols[0].port.client == client.address


@unix
def test_a_worker_with_two_sockets_of_one_address_has_one_mailbox(
    pair: list[Worker], tmp_path: Path
):
    """It serves that of a worker which has yet to start, for a while."""
    one, other = pair
    adopted = Worker(tmp_path, 17)
    for number in range(50):
        client = one.wire.connect(("127.0.0.1", 2000 + number))
        if client.ready:
            break

    def say(data: bytes, worker: Worker) -> bytes:
        client.send_stream_data(0, data)
        for packet, _ in client.datagrams_to_send(one.wire.runtime.time()):
            worker.wire.port.receive([packet], client.address)
        one.collect()
        one.wire.runtime.run_until_idle()
        return one.wire.protocols[0].data[0]

    assert say(b"by the other door", adopted) == b"by the other door"
    adopted.endpoint.retire(succeeded=True)
    assert not list(tmp_path.glob("*.retired")), "it takes new connections at the first"
    adopted.close()
    assert say(b" and by post", other) == b"by the other door and by post"


@unix
def test_what_was_forwarded_is_not_forwarded_again(pair: list[Worker]):
    one, other = pair
    foreign = ConnectionIDs(Place(identity=17, secret=SECRET), Lane()).issue()
    other.wire.port.receive([b"\x40" + foreign + bytes(60)])
    assert one.collect() == 1
    ((reset, _),) = one.wire.port.take()  # nobody's: that is answered, once
    assert len(reset) == 43
    assert other.collect() == 0
    assert other.wire.port.take() == []


@unix
def test_a_packet_of_a_dead_worker_is_answered_by_any(pair: list[Worker]):
    one, _ = pair
    dead = ConnectionIDs(Place(identity=99, secret=SECRET), Lane()).issue()
    one.wire.port.receive([b"\x40" + dead + bytes(60)])
    ((reset, _),) = one.wire.port.take()
    assert reset.endswith(ConnectionIDs(Place(secret=SECRET), Lane()).reset_token(dead))


@unix
def test_workers_that_share_a_socket_agree_on_new_clients(tmp_path: Path):
    workers = [Worker(tmp_path, identity) for identity in (5, 6, 7, 8)]
    try:
        ids = [os.urandom(8) for _ in range(100)]
        for each in ids:
            owners = {worker.mailbox._worker.owner(each) for worker in workers}
            assert len(owners) == 1
        shares = [workers[0].mailbox._worker.owner(each) for each in ids]
        assert all(shares.count(worker) > 8 for worker in (5, 6, 7, 8))
        workers[0].endpoint.retire(succeeded=True)
        for worker in workers:
            worker.mailbox._worker._looked = -10
        assert {worker.mailbox._worker.owner(each) for worker in workers for each in ids} == {
            6, 7, 8,
        }  # fmt: skip
    finally:
        for worker in workers:
            worker.close()


@unix
def test_workers_with_sockets_of_their_own_keep_new_clients(tmp_path: Path):
    workers = [Worker(tmp_path, identity, count=2, index=identity) for identity in (0, 1)]
    try:
        client = workers[0].wire.connect()
        assert client.ready
        assert workers[1].collect() == 0
    finally:
        for worker in workers:
            worker.close()


@unix
def test_a_worker_that_was_succeeded_lives_on_its_mailbox(tmp_path: Path):
    old = Worker(tmp_path, 1)
    client = old.wire.connect()
    old.endpoint.retire(succeeded=True)
    new = Worker(tmp_path, 2)
    try:
        client.send_stream_data(0, b"still yours")
        for data, _ in client.datagrams_to_send(old.wire.runtime.time()):
            new.wire.port.receive([data], client.address)
        assert old.collect() == 1
        assert old.wire.protocols[0].data == {0: b"still yours"}
        later = old.wire.client()
        later.connect(SERVER, now=old.wire.runtime.time())
        for data, _ in later.datagrams_to_send(old.wire.runtime.time()):
            new.wire.port.receive([data], later.address)
        assert old.collect() == 0
        assert len(new.endpoint._ports) == 1
    finally:
        old.close()
        new.close()


@unix
def test_a_handshake_that_has_begun_is_waited_for(tmp_path: Path):
    old = Worker(tmp_path, 1)
    runtime = old.wire.runtime
    try:
        client = old.wire.client()
        client.connect(SERVER, now=runtime.time())
        for data, _ in client.datagrams_to_send(runtime.time()):
            old.wire.port.receive([data], client.address)
        assert not runtime.ports
        old.endpoint.retire(succeeded=True)
        (waited_for,) = runtime.ports
        waited_for.abort()
        runtime.run_until_idle()
        assert not runtime.ports
    finally:
        old.close()


@unix
def test_a_mailbox_left_over_by_a_worker_that_was_killed(tmp_path: Path):
    (tmp_path / "3").write_text("in the way")
    (tmp_path / "3.retired").write_text("")
    worker = Worker(tmp_path, 3)
    assert worker.mailbox._worker.send(4, b"x") is False
    assert repr(worker.mailbox) == f"<Mailbox {LISTENER} <open {tmp_path}/3>>"
    worker.close()
