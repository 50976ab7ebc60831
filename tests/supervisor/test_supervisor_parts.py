"""The supervisor's parts, each by itself: no server."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys

import pytest

from nonecorn.serving.bindings import Bindings
from nonecorn.serving.request_limit import RequestLimit
from nonecorn.spi import ConfigError
from nonecorn.supervisor.backoff import HEALTHY, Backoff
from nonecorn.supervisor.channel import LIMIT, Channel, ChannelClosedError
from nonecorn.supervisor.endings import ending
from nonecorn.supervisor.health import Health
from nonecorn.supervisor.loop import Loop
from nonecorn.supervisor.memory import resident
from nonecorn.supervisor.messages import (
    Adopt,
    Failed,
    Ping,
    Pong,
    Ready,
    Release,
    Reopen,
    Retire,
    Retiring,
    Stop,
    Tickets,
    decode,
    encode,
)
from nonecorn.supervisor.replan import Replan
from nonecorn.supervisor.slots import lanes_of
from nonecorn.supervisor.takeover import VARIABLE, Takeover
from nonecorn.supervisor.tickets import TicketSecret
from nonecorn.supervisor.worker import _give_up
from tests.serving.loops import plan_of
from tests.supervisor.exhaustion import few_descriptors

posix = pytest.mark.skipif(os.name == "nt", reason="what POSIX alone has")


# Messages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        Retire(), Stop(), Reopen(), Ping(), Ready(), Failed(code=3, message="no"),
        Retiring(reason="old"), Adopt(handles="[]"), Release(lane=1),
        Pong(connections=1, requests=2), Tickets(secret="00ff"),
    ],
    ids=lambda message: type(message).__name__,
)  # fmt: skip
def test_a_message_arrives_as_it_was(message):
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"null", b"\xff", b'{"kind": "destroy"}', b'{"kind": []}',
        b'{"kind": "failed", "code": "3", "message": ""}', b'{"kind": "ready", "more": 1}',
        b'{"kind": "failed", "code": true, "message": ""}', b'{"kind": "retiring"}',
        b"[" * LIMIT, b'{"kind": ' * 5000,
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(data):
    with pytest.raises(ValueError):
        decode(data)


@pytest.mark.parametrize("text", ["x", "ä", "\N{GRINNING FACE}", "\ud800", "\0"])
def test_a_long_text_is_cut(text):
    data = encode(Failed(code=1, message=text * 100_000))
    assert len(data) < LIMIT
    assert len(decode(data).message) < 10_000
    assert decode(encode(Failed(code=1, message=text))).message == text


# Secrets ------------------------------------------------------------------------------------------


def test_there_is_another_secret_from_time_to_time():
    told = []
    with Loop() as loop:
        secret = TicketSecret(loop, told.append, lifetime=0.001)
        first = secret.value
        loop.run(lambda: len(told) == 3)
    assert len({first, *told}) == 4
    assert secret.value == told[-1]
    assert {len(each) for each in told} == {32}


def test_no_secret_is_in_a_repr():
    with Loop() as loop:
        secret = TicketSecret(loop, lambda _: None)
        assert repr(secret) == "<TicketSecret of 32 bytes>"
    assert "00ff" not in repr(Tickets(secret="00ff"))


# Channels -----------------------------------------------------------------------------------------


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), Channel(theirs, limit=0, takes_descriptors=True)


def test_frames_arrive_whole_and_in_order(pair):
    one, other = pair
    frames = [b"", b"a", b"b" * 1000]
    for frame in frames:
        one.send(frame)
    assert other.receive() == frames
    assert other.receive() == []


def test_what_the_system_does_not_take_is_sent_later(pair):
    one, other = pair
    big = os.urandom(4_000_000)
    one.send(big)
    assert one.unsent
    assert repr(one) == "<Channel unsent=1>"
    got = []
    while not got:
        one.flush()
        got += other.receive()
    assert got == [big]
    assert not one.unsent


def test_a_frame_beyond_the_limit_ends_the_conversation(pair):
    one, other = pair
    other.send(b"x" * (LIMIT + 1))
    with pytest.raises(ChannelClosedError):
        [one.receive() for _ in range(100)]


def test_the_end_of_the_other_side_is_noticed(pair):
    one, other = pair
    other.send(b"last")
    other.close()
    assert one.receive() == [b"last"]
    with pytest.raises(ChannelClosedError):
        one.receive()
    one.send(b"into the void")
    assert not one.unsent


@posix
def test_descriptors_come_along(pair):
    one, other = pair
    read, write = os.pipe()
    one.send(b"before")
    one.send(b"here", [write])
    os.close(write)
    frames = []
    while len(frames) < 2:
        frames += other.receive()
    [passed] = other.passed
    assert not os.get_inheritable(passed)
    os.write(passed, b"through")
    assert os.read(read, 100) == b"through"
    os.close(read)
    os.close(passed)


@pytest.mark.skipif(sys.platform != "linux", reason="it is done with what Linux has")
def test_where_there_is_no_room_for_all_none_is_passed(pair):
    one, other = pair
    before = len(os.listdir("/dev/fd"))
    with few_descriptors(left=2), pytest.raises(OSError, match="Too many open files"):
        one.send(b"frame", [0, 1, 2])
    assert len(os.listdir("/dev/fd")) == before
    one.send(b"next")
    assert (other.receive(), list(other.passed)) == ([b"next"], [])


@posix
def test_nobody_else_is_passed_any(pair):
    one, other = pair
    read, write = os.pipe()
    other.send(b"here", [write])
    assert one.receive() == [b"here"]
    assert not one.passed
    os.close(write)
    assert os.read(read, 1) == b""  # no copy is left
    os.close(read)


# The loop -----------------------------------------------------------------------------------------


def test_timers_are_called_in_order_and_not_when_cancelled():
    calls = []
    with Loop() as loop:
        loop.call_later(0.02, lambda: calls.append(2))
        loop.call_later(0.01, lambda: calls.append(1))
        loop.call_later(0.0, lambda: calls.append(9)).cancel()
        loop.run(lambda: len(calls) == 2)
    assert calls == [1, 2]


@posix
def test_signals_before_it_runs_are_not_lost_and_handlers_are_given_back():
    calls = []
    before = signal.getsignal(signal.SIGHUP)
    with Loop() as loop:
        loop.on_signal(signal.SIGHUP, lambda: calls.append("hup"))
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert calls == []
        loop.run(lambda: len(calls) == 2)
    assert calls == ["hup", "hup"]
    assert signal.getsignal(signal.SIGHUP) is before
    loop.close()


def test_a_callback_that_fails_is_logged_and_the_rest_goes_on(caplog):
    calls = []

    def fail():
        raise LookupError("once")

    with Loop() as loop:
        loop.call_later(0, fail)
        loop.call_later(0.001, lambda: calls.append(1))
        loop.run(lambda: bool(calls))
    assert "the supervisor failed in" in caplog.text


def test_a_socket_is_looked_at_until_it_is_forgotten(pair):
    one, other = pair
    calls = []
    with Loop() as loop:
        loop.on_ready(one.sock, lambda: calls.append(one.receive()))
        other.send(b"1")
        loop.run(lambda: bool(calls))
        loop.forget(one.sock)
        loop.forget(one.sock)
        other.send(b"2")
        done = []
        loop.call_later(0.01, lambda: done.append(1))
        loop.run(lambda: bool(done))
    assert calls == [[b"1"]]


# Numbers ------------------------------------------------------------------------------------------


def test_the_first_end_is_met_at_once_and_further_ones_ever_later():
    backoff = Backoff()
    assert [backoff.ended(1.0) for _ in range(9)] == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.ended(HEALTHY) == 0
    assert backoff.ended(None) == 0.5
    assert (backoff.failures, backoff.unready) == (2, 1)
    backoff.ended(1.0)
    assert backoff.unready == 0


@pytest.mark.parametrize("lanes", range(1, 6))
@pytest.mark.parametrize("count", range(1, 8))
def test_every_socket_has_somebody_who_serves_it(count, lanes):
    served = [lanes_of(index, count, lanes) for index in range(count)]
    assert set().union(*served) == set(range(lanes))
    assert all(len(set(each)) == len(each) for each in served)
    if count >= lanes:
        assert all(len(each) == 1 for each in served)


def test_ends_are_told_in_words():
    assert ending(0) == "exited with 0"
    assert ending(3) == "exited with 3"
    assert ending(-15) == "was killed by SIGTERM"
    assert ending(-9) == "was killed by SIGKILL, perhaps for want of memory"
    assert ending(-99) == "was killed by signal 99"


def test_the_last_allowed_request_says_so_once():
    calls = []
    limit = RequestLimit(2, lambda: calls.append(1))
    for _ in range(5):
        limit({})
    assert calls == [1]


def test_memory_of_a_process_is_known_and_of_none_is_0():
    assert resident(os.getpid()) > 1 << 20
    assert resident(2**22 + 1) == 0


# The environment ----------------------------------------------------------------------------------


def test_what_an_environment_file_added_is_read_anew(monkeypatch):
    monkeypatch.setenv("MINE", "kept")
    monkeypatch.setenv("FILES", "old")
    seen = []

    def read():
        seen.append(os.environ.get("FILES"))
        os.environ["FILES"] = "new"
        os.environ["MORE"] = "too"
        return "plan"

    replan = Replan(read, {"FILES"})
    assert replan() == "plan"
    assert seen == [None]
    assert os.environ["FILES"] == "new"
    assert replan.environ(dict(os.environ)).keys() & {"MINE", "FILES", "MORE"} == {"MINE"}
    monkeypatch.delenv("MORE")


def test_a_configuration_that_exits_is_one_that_cannot_be_used(monkeypatch):
    monkeypatch.setenv("OLD", "1")

    def read():
        del os.environ["OLD"]
        sys.exit("SECRET is not set")

    with pytest.raises(ConfigError, match="the configuration exited with 'SECRET is not set'"):
        Replan(read)()
    assert os.environ["OLD"] == "1"


def test_an_environment_that_cannot_be_read_again_is_as_before(monkeypatch):
    monkeypatch.setenv("FILES", "old")

    def read():
        os.environ["OTHER"] = "x"
        raise LookupError

    with pytest.raises(LookupError):
        Replan(read, {"FILES"})()
    assert os.environ["FILES"] == "old"
    assert "OTHER" not in os.environ


@pytest.mark.parametrize(
    "value", ["", "7", "1:7", f"{os.getpid()}:7"], ids=["empty", "one", "other", "own"]
)
def test_an_environment_that_means_another_process_is_no_takeover(value):
    environ = {VARIABLE: value}
    assert Takeover.from_environment(environ) is None
    assert VARIABLE not in environ


# Interruption -------------------------------------------------------------------------------------


def test_an_import_is_interrupted_in_the_applications_own_code_only(tmp_path, monkeypatch):
    (tmp_path / "supervisor_parts_imported.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    frames = []
    sys.setprofile(lambda frame, _event, _argument: frames.append(frame))
    try:
        importlib.import_module("supervisor_parts_imported")
    finally:
        sys.setprofile(None)
    names = [frame.f_code.co_filename for frame in frames]
    own = frames[next(at for at, name in enumerate(names) if name.startswith(str(tmp_path)))]
    before = signal.getsignal(signal.SIGTERM)
    for frame, name in zip(frames, names, strict=True):
        if name.startswith("<frozen importlib"):
            _give_up(signal.SIGTERM, frame)
    assert signal.getsignal(signal.SIGTERM) is before
    try:
        with pytest.raises(SystemExit):
            _give_up(signal.SIGTERM, own)
    finally:
        signal.signal(signal.SIGTERM, before)


# Health -------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="it is done with what Linux has")
def test_without_room_for_new_sockets_health_is_told_at_the_old_ones():
    plan = plan_of(health_bind=["127.0.0.1:0", "127.0.0.1:0"], workers=1)
    with Loop() as loop, Bindings() as bindings:
        bindings.bind(plan, workers=1)
        health = Health(loop, None)
        health.listen(bindings)
        before = len(os.listdir("/dev/fd"))
        with few_descriptors(left=1):
            health.listen(bindings)
        assert repr(health) == "<Health 2 listeners, 0 connections>"
        assert len(os.listdir("/dev/fd")) == before
        health.close()
        assert repr(health) == "<Health 0 listeners, 0 connections>"
