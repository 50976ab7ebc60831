"""Marks on what is sent: when, how the path is found to bear them, and what congestion follows."""

from __future__ import annotations

import itertools
import json

import pytest
from aioquic.quic.congestion.cubic import CubicCongestionControl
from aioquic.quic.congestion.reno import RenoCongestionControl
from aioquic.tls import Epoch

from nonecorn_h3._quic._aioquic._marking import ECT0, Marking, State
from nonecorn_h3._quic._aioquic._varint import varint
from nonecorn_h3._settings import H3Settings
from nonecorn_h3.testing import SERVER, Network, QuicWire

CE = 3
BODY = bytes(200_000)


def begin(wire: QuicWire, *, tells: bool = True, tamper=None, address=None):
    client = wire.client(address)
    client.tells, client.tamper = tells, tamper
    client.connect(SERVER, now=wire.runtime.time())
    wire.pump(1)
    assert client.ready
    return client


def download(wire: QuicWire, client, protocol=None, size: int = len(BODY)) -> list[int]:
    """Marks of what is sent for it."""
    protocol = protocol or wire.protocols[-1]
    stream = client.get_next_available_stream_id()
    client.send_stream_data(stream, b"", end_stream=True)
    wire.pump()
    before = len(wire.port.marks)
    protocol.port.write(stream, bytes(size), True)
    wire.pump(10)
    assert client.received(stream) == bytes(size)
    return wire.port.marks[before:]


def engine_of(wire: QuicWire):
    return wire.protocols[-1].port._engine


def state_of(wire: QuicWire) -> State:
    return engine_of(wire)._marking.state


def moved(wire: QuicWire, client, address) -> None:
    del wire.clients[client.address]
    client.address = address
    wire.clients[address] = client


# The test by itself -------------------------------------------------------------------------------


def test_so_many_packets_are_marked_and_no_more_until_something_is_known():
    marking = Marking()
    for _ in range(10):
        assert (marking.state, marking.mark) == (State.TESTING, ECT0)
        marking.sent(kept=True)
    assert (marking.state, marking.mark) == (State.UNKNOWN, 0)
    assert repr(marking) == "<Marking unknown>"
    marking.confirm()
    assert (marking.state, marking.mark) == (State.CAPABLE, ECT0)
    marking.refute()
    assert (marking.state, marking.mark) == (State.FAILED, 0)


def test_a_test_whose_packets_are_all_lost_has_failed():
    marking = Marking()
    for _ in range(10):
        marking.sent(kept=True)
    for number in range(9):
        marking.lost(number, Epoch.ONE_RTT)
        assert marking.state is State.UNKNOWN
    marking.lost(9, Epoch.ONE_RTT)
    assert marking.state is State.FAILED


def test_packets_that_were_late_and_not_lost_are_known_by_number_and_space():
    marking = Marking()
    marking.sent(kept=True)
    marking.sent(kept=True)
    marking.timed_out()
    assert (marking.state, marking.mark) == (State.UNKNOWN, 0)
    marking.lost(3, Epoch.INITIAL)
    marking.lost(4, Epoch.HANDSHAKE)
    assert marking.state is State.FAILED
    assert marking.recover(0, 3, Epoch.HANDSHAKE) == 0
    assert marking.recover(4, 9, Epoch.HANDSHAKE) == 1
    assert marking.recover(0, 9, Epoch.HANDSHAKE) == 0
    assert marking.recover(3, 3, Epoch.INITIAL) == 1
    marking.confirm()
    assert (marking.state, marking.mark) == (State.CAPABLE, ECT0)


def test_a_test_of_nothing_but_acknowledgements_proves_nothing():
    marking = Marking()
    for _ in range(10):
        marking.sent(kept=False)
    assert (marking.state, marking.mark) == (State.UNKNOWN, 0)


def test_a_path_that_falls_silent_is_not_marked_any_more():
    marking = Marking()
    marking.confirm()
    for _ in range(3):
        marking.timed_out()
        marking.timed_out()
        assert marking.mark == ECT0
        marking.heard()
    for _ in range(3):
        marking.timed_out()
    assert (marking.state, marking.mark) == (State.UNKNOWN, 0)
    marking.heard()  # it was but slow
    assert (marking.state, marking.mark) == (State.CAPABLE, ECT0)


# Paths of all kinds -------------------------------------------------------------------------------


@pytest.mark.parametrize("control", ["reno", "cubic"])
def test_on_a_path_that_bears_marks_all_is_marked(control: str):
    wire = QuicWire(settings=H3Settings(congestion_control=control))
    client = begin(wire)
    assert wire.port.marks[0] == ECT0
    assert state_of(wire) is State.CAPABLE
    marks = download(wire, client)
    # All but the probes of what size the path carries.
    assert marks.count(ECT0) > len(BODY) // 1452
    assert len(marks) - marks.count(ECT0) <= 3
    assert client.fields[Epoch.ONE_RTT][CE] == 0


def test_a_client_that_tells_nothing_ends_it():
    wire = QuicWire()
    client = begin(wire, tells=False)
    assert wire.port.marks[0] == ECT0
    assert state_of(wire) is State.FAILED
    assert set(download(wire, client)) == {0}


def test_nothing_is_marked_where_it_is_switched_off():
    wire = QuicWire(settings=H3Settings(ecn=False))
    client = begin(wire)
    download(wire, client)
    assert set(wire.port.marks) == {0}


@pytest.mark.parametrize("arrives", [0, 1], ids=["bleached", "changed to ECT(1)"])
def test_a_path_that_changes_marks(arrives: int):
    wire = QuicWire(network=Network(routers=lambda mark: arrives if mark else 0))
    client = begin(wire)
    assert state_of(wire) is State.FAILED
    assert set(download(wire, client)) == {0}


def test_a_path_that_marks_everything_as_congested():
    wire = QuicWire(network=Network(routers=lambda mark: CE if mark else 0))
    client = begin(wire)
    marks = download(wire, client)
    assert state_of(wire) is State.FAILED
    assert marks.count(ECT0) <= 10
    assert marks[-1] == 0
    assert engine_of(wire)._loss._cc._congestion_recovery_start_time == 0


def test_a_path_that_drops_what_is_marked():
    wire = QuicWire(network=Network(routers=lambda mark: None if mark else 0))
    began = wire.runtime.time()
    client = wire.client()
    client.tells = True
    client.connect(SERVER, now=began)
    while not client.ready:
        assert wire.runtime.time() < began + 1  # no more than the first timeouts
        wire.pump(0.01)
    assert set(download(wire, client)) == {0}
    assert state_of(wire) in (State.FAILED, State.UNKNOWN)


def test_a_path_that_is_slower_than_was_thought():
    """What seemed lost arrives after all, and with its marks."""
    wire = QuicWire(latency=0.5)
    client = begin(wire)
    assert wire.port.marks[:2] == [ECT0, 0]  # a timeout was shorter than the round trip
    assert state_of(wire) is State.CAPABLE
    assert download(wire, client).count(ECT0) > 100
    assert engine_of(wire)._loss._rtt_smoothed > 0.4


def test_a_path_with_losses_is_found_to_bear_marks():
    wire = QuicWire(network=Network(loss=0.05, seed=3))
    client = begin(wire)
    assert download(wire, client).count(ECT0) > 100
    assert state_of(wire) is State.CAPABLE


def test_a_path_that_begins_to_drop_what_is_marked():
    network = Network()
    wire = QuicWire(network=network)
    client = begin(wire)
    download(wire, client)
    network.routers = lambda mark: None if mark else 0
    marks = download(wire, client)
    assert marks[0] == ECT0
    assert marks[-1] == 0


# Counts -------------------------------------------------------------------------------------------


def after(count: int, change):
    """Tamper with counts from the so-manieth acknowledgement on."""
    number = itertools.count()
    return lambda counts: change(counts) if next(number) >= count else counts


@pytest.mark.parametrize(
    "change",
    [
        lambda counts: [counts[0] - 1, *counts[1:]],
        lambda _: [0, 0, 0],
        lambda counts: [counts[0] + 1000, *counts[1:]],
        lambda counts: [*counts[:2], counts[2] + 1000],
        lambda counts: [counts[0] - 1, 1, counts[2]],
        lambda _: [(1 << 62) - 1, 0, 0],
    ],
    ids=["one too few", "fewer than before", "too many", "too many CE", "ECT(1)", "senseless"],
)
@pytest.mark.parametrize("count", [0, 5])
def test_counts_that_cannot_be_end_it(change, count: int):
    wire = QuicWire()
    client = begin(wire, tamper=after(count, change))
    download(wire, client)
    assert state_of(wire) is State.FAILED
    assert wire.port.marks[-1] == 0


def acknowledgement(largest: int, counts: tuple[int, int, int] | None = None) -> bytes:
    head = b"\x02" if counts is None else b"\x03"
    return b"".join((head, *map(varint, (largest, 0, 0, 0, *(counts or ())))))


def settled(wire: QuicWire, count: int):
    """An engine with so many marked packets under way; and the number of the first."""
    client = begin(wire)
    engine = engine_of(wire)
    download(wire, client, size=40_000)
    del wire.clients[client.address]  # from now on the test speaks for it
    space = engine._spaces[Epoch.ONE_RTT]
    first = engine._packet_number
    stream = client.get_next_available_stream_id()
    wire.port.receive([client.packet(b"\x08" + varint(stream) + b"x")], client.address)
    # Each packet its own, for a time of its own.
    for _ in range(count):
        wire.protocols[-1].port.write(stream, b"y" * 1100, False)
        wire.runtime.run_until_idle()
        wire.runtime.advance(0.001)
    numbers = [number for number in space.sent_packets if number >= first]
    assert len(numbers) >= count
    return client, engine, numbers


def say(wire: QuicWire, client, largest: int, counts=None) -> None:
    wire.port.receive([client.packet(acknowledgement(largest, counts))], client.address)


def test_an_acknowledgement_that_was_overtaken_is_not_judged():
    wire = QuicWire()
    client, engine, numbers = settled(wire, 4)
    echo = engine._echoes[Epoch.ONE_RTT]
    before = echo.ect0
    say(wire, client, numbers[2], (before + 3, 0, 0))
    assert (engine._marking.state, echo.ect0) == (State.CAPABLE, before + 3)
    say(wire, client, numbers[1], (before + 2, 0, 0))
    say(wire, client, numbers[0])
    assert (engine._marking.state, echo.ect0) == (State.CAPABLE, before + 3)
    say(wire, client, numbers[3])
    assert engine._marking.state is State.FAILED


# Congestion ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("control", "kind"), [("reno", RenoCongestionControl), ("cubic", CubicCongestionControl)]
)
def test_congestion_reduces_the_window_once_for_what_was_under_way(control: str, kind: type):
    wire = QuicWire(settings=H3Settings(congestion_control=control))
    client, engine, numbers = settled(wire, 6)
    found = engine._loss._cc
    assert isinstance(found, kind)
    echo = engine._echoes[Epoch.ONE_RTT]
    before, window, flight = echo.ect0, found.congestion_window, found.bytes_in_flight
    size = engine._spaces[Epoch.ONE_RTT].sent_packets[numbers[0]].sent_bytes
    say(wire, client, numbers[0], (before, 0, 1))
    reduced = found.congestion_window
    assert reduced < 0.75 * window
    assert found.ssthresh <= reduced <= found.ssthresh + 1452
    assert found.bytes_in_flight == flight - size
    began = wire.runtime.time()
    for step, number in enumerate(numbers[1:5], 2):
        wire.runtime.advance(0.001)
        # Sent before the reduction: it is the same congestion.
        say(wire, client, number, (before, 0, step))
        assert found.congestion_window <= reduced + 1452
    assert engine._marking.state is State.CAPABLE
    assert found._congestion_recovery_start_time == began
    found.congestion_window = window = 100_000
    wire.protocols[-1].port.write(client.get_next_available_stream_id(), b"z" * 1100, False)
    wire.runtime.run_until_idle()
    wire.runtime.advance(0.01)
    newest = max(engine._spaces[Epoch.ONE_RTT].sent_packets)  # a number may have been left out
    say(wire, client, newest, (before, 0, 6))
    assert found.congestion_window < 0.75 * window
    assert found._congestion_recovery_start_time > began


def test_congestion_now_and_then_costs_speed_and_no_marks():
    number = itertools.count()
    network = Network(routers=lambda mark: CE if mark and next(number) % 25 == 24 else mark)
    wire = QuicWire(network=network)
    client = begin(wire)
    marks = download(wire, client)
    assert marks[-1] == ECT0
    assert state_of(wire) is State.CAPABLE
    assert client.fields[Epoch.ONE_RTT][CE] > 3
    slow = engine_of(wire)._loss._cc
    assert slow._congestion_recovery_start_time > 0
    assert slow.ssthresh is not None


# Another path -------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [("127.0.0.1", 6000), ("10.9.8.7", 6000)])
@pytest.mark.parametrize("new_id", [False, True], ids=["rebound", "migrated"])
def test_another_path_is_tested_anew(address: tuple[str, int], new_id: bool):
    network = Network()
    wire = QuicWire(network=network)
    client = begin(wire)
    download(wire, client)
    for arrives, wanted in ((0, State.FAILED), (ECT0, State.CAPABLE)):
        network.routers = lambda mark, arrives=arrives: arrives if mark else 0
        address = (address[0], address[1] + 1)
        moved(wire, client, address)
        if new_id:
            client.change_connection_id()
        client.send_ping(arrives)
        before = len(wire.port.marks)
        wire.pump()
        # Until the path is validated nothing is.
        assert wire.port.marks[before] == 0
        marks = download(wire, client)
        assert state_of(wire) is wanted
        assert marks[-1] == arrives
        assert ECT0 in wire.port.marks[before:]


def test_a_client_may_move_to_a_path_that_drops_what_is_marked():
    network = Network()
    wire = QuicWire(network=network)
    client = begin(wire)
    download(wire, client)
    network.routers = lambda mark: None if mark else 0
    moved(wire, client, ("10.9.8.7", 6000))
    client.change_connection_id()
    marks = download(wire, client)
    assert 0 < marks.count(ECT0) <= 20
    assert marks[-1] == 0
    assert wire.protocols[-1].port.client == ("10.9.8.7", 6000)


def test_a_qlog_says_what_is_known_of_each_path(tmp_path):
    network = Network()
    wire = QuicWire(settings=H3Settings(qlog=str(tmp_path)), network=network)
    client = begin(wire)
    download(wire, client)
    network.routers = lambda _: 0
    moved(wire, client, ("10.9.8.7", 6000))
    client.change_connection_id()
    download(wire, client)
    client.close()
    wire.pump(10)
    (path,) = tmp_path.iterdir()
    events = [json.loads(each) for each in path.read_text("utf-8").split("\x1e") if each]
    states = [each["data"]["new"] for each in events if "ecn_state" in each.get("name", "")]
    assert states == ["capable", "testing", "unknown", "failed"]
