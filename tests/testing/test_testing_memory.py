"""The runtime, port and clock in memory: what other tests rely on."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import signal

import pytest

from nonecorn.spi import NEVER, ClientDisconnectedError, Protocol
from nonecorn.testing import (
    Cancelled,
    DeadlockError,
    ForeignAwaitError,
    Gate,
    ManualClock,
    MemoryPort,
    MemoryRuntime,
)


class Notes:
    """A protocol that takes notes."""

    def __init__(self, port: MemoryPort) -> None:
        self.deadline = NEVER
        self.port = port
        self.notes: list[object] = []
        self.keep_open = False

    def data_received(self, data: bytes) -> None:
        self.notes.append(data)

    def eof_received(self) -> bool:
        self.notes.append("eof")
        return self.keep_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.notes.append(("lost", exc))

    def pause_writing(self) -> None:
        self.notes.append("pause")

    def resume_writing(self) -> None:
        self.notes.append("resume")

    def sweep(self) -> None:
        self.notes.append(("sweep", self.port.runtime.clock.now))
        self.deadline = NEVER

    def shutdown(self) -> None:
        self.notes.append("shutdown")


@pytest.fixture
def runtime() -> MemoryRuntime:
    return MemoryRuntime()


def connect(runtime: MemoryRuntime, **options) -> tuple[MemoryPort, Notes]:
    port = runtime.connect(Notes, **options)
    protocol: Protocol = port.protocol
    assert isinstance(protocol, Notes)
    return port, protocol


# Clock --------------------------------------------------------------------------------------------


def test_time_moves_only_by_advance_and_now_only_by_ticks() -> None:
    clock = ManualClock(start=10)
    clock.advance(0.75)
    assert (clock.time(), clock.now) == (10.75, 10)
    clock.advance(0.25)
    assert (clock.time(), clock.now) == (11, 11)


def test_date_follows_the_wall_clock() -> None:
    clock = ManualClock()
    assert clock.date == b"Sun, 06 Nov 1994 08:49:37 GMT"
    clock.advance(30)
    assert clock.date == b"Sun, 06 Nov 1994 08:50:07 GMT"


def test_timers_fire_in_order_and_at_their_time() -> None:
    clock = ManualClock(start=0)
    fired: list[tuple[str, float]] = []
    for name, when in (("late", 2.5), ("early", 0.5), ("never", 1.0)):
        timer = clock.call_at(when, lambda name=name: fired.append((name, clock.time())))
        if name == "never":
            timer.cancel()
    clock.advance(3)
    assert fired == [("early", 0.5), ("late", 2.5)]


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="-1"):
        ManualClock().advance(-1)


# Runtime ------------------------------------------------------------------------------------------


def test_tasks_begin_at_the_next_turn_or_at_once() -> None:
    for eager in (False, True):
        runtime = MemoryRuntime(eager=eager)
        done: list[int] = []

        async def job(done=done) -> None:
            done.append(1)

        runtime.spawn(job)
        assert bool(done) is eager
        runtime.run_until_idle()
        assert done == [1]


def test_a_waiter_may_be_set_before_and_after_it_is_waited_for(runtime: MemoryRuntime) -> None:
    before, after = runtime.waiter(), runtime.waiter()
    steps: list[str] = []

    async def job() -> None:
        await before.wait()
        steps.append("before")
        await after.wait()
        steps.append("after")

    before.set()
    runtime.spawn(job)
    runtime.run_until_idle()
    assert steps == ["before"]
    after.set()
    assert steps == ["before"], "set() must not run the task"
    runtime.run_until_idle()
    assert steps == ["before", "after"]


def test_cancellation_is_raised_where_the_task_waits(runtime: MemoryRuntime) -> None:
    seen: list[str] = []

    async def job() -> None:
        try:
            await runtime.waiter().wait()
        except Cancelled:
            seen.append("cancelled")
            raise

    spawned = runtime.spawn(job)
    runtime.run_until_idle()
    spawned.cancel()
    runtime.run_until_idle()
    assert seen == ["cancelled"]
    assert spawned.cancelled
    assert not runtime.jobs
    spawned.cancel()


def test_what_a_task_lets_out_is_raised(runtime: MemoryRuntime) -> None:
    async def job() -> None:
        raise LookupError("lost")

    runtime.spawn(job)
    with pytest.raises(LookupError, match="lost"):
        runtime.run_until_idle()
    runtime.run_until_idle()


@pytest.mark.parametrize(
    "foreign", [lambda: asyncio.sleep(0), lambda: MemoryRuntime().waiter().wait()]
)
def test_a_foreign_await_fails_even_where_it_is_caught(runtime: MemoryRuntime, foreign) -> None:
    async def job() -> None:
        with contextlib.suppress(RuntimeError):
            await foreign()

    runtime.spawn(job)
    with pytest.raises(ForeignAwaitError, match=r"job.* awaited"):
        runtime.run_until_idle()


def test_a_waiter_is_for_one_task(runtime: MemoryRuntime) -> None:
    waiter = runtime.waiter()

    async def job() -> None:
        await waiter.wait()

    runtime.spawn(job)
    runtime.spawn(job)
    with pytest.raises(ForeignAwaitError, match="waits for"):
        runtime.run_until_idle()


def test_a_busy_loop_is_found(runtime: MemoryRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nonecorn.testing.runtime.STEPS", 1000)

    def again() -> None:
        runtime.end_of_tick(again)

    runtime.end_of_tick(again)
    with pytest.raises(DeadlockError, match="busy loop"):
        runtime.run_until_idle()


def test_run_returns_raises_and_finds_deadlocks(runtime: MemoryRuntime) -> None:
    async def add(a: int, b: int) -> int:
        return await runtime.run_in_thread(int.__add__, a, b)

    async def wait() -> None:
        await runtime.waiter().wait()

    async def fail() -> None:
        raise LookupError

    assert runtime.run(add, 1, 2) == 3
    with pytest.raises(LookupError):
        runtime.run(fail)
    with pytest.raises(DeadlockError, match="wait"):
        runtime.run(wait)
    assert not runtime.jobs


def test_tasks_do_not_share_context_variables(runtime: MemoryRuntime) -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    seen: list[int] = []

    async def job() -> None:
        seen.append(variable.get())
        variable.set(1)

    runtime.spawn(job)
    runtime.spawn(job)
    runtime.run_until_idle()
    assert seen == [0, 0]


def test_end_of_tick_comes_once_after_what_is_ready(runtime: MemoryRuntime) -> None:
    order: list[str] = []

    async def job() -> None:
        order.append("job")

    runtime.end_of_tick(lambda: order.append("end"))
    runtime.spawn(job)
    runtime.run_until_idle()
    runtime.run_until_idle()
    assert order == ["job", "end"]


def test_a_signal_reaches_who_asked_for_it(runtime: MemoryRuntime) -> None:
    got: list[int] = []
    runtime.on_signal(signal.SIGTERM, lambda: got.append(1))
    runtime.raise_signal(signal.SIGTERM)
    assert got == [1]
    with pytest.raises(LookupError, match="SIGINT"):
        runtime.raise_signal(signal.SIGINT)


def test_close_ends_connections_and_tasks(runtime: MemoryRuntime) -> None:
    _, protocol = connect(runtime)

    async def job() -> None:
        await runtime.waiter().wait()

    runtime.spawn(job)
    runtime.close()
    assert protocol.notes == [("lost", None)]
    assert not runtime.ports
    assert not runtime.jobs


# Port ---------------------------------------------------------------------------------------------


def test_what_arrives_while_reading_is_paused_comes_later_in_order(runtime: MemoryRuntime) -> None:
    port, protocol = connect(runtime)
    port.receive(b"1")
    port.pause_reading()
    port.receive(b"2")
    port.eof()
    assert protocol.notes == [b"1"]
    port.resume_reading()
    assert protocol.notes == [b"1"], "not from within resume_reading()"
    runtime.run_until_idle()
    assert protocol.notes == [b"1", b"2", "eof", ("lost", None)]


def test_a_blocked_peer_pauses_the_protocol_once_and_a_quarter_resumes_it(
    runtime: MemoryRuntime,
) -> None:
    port, protocol = connect(runtime, send_buffer=100, capacity=10)
    port.write(b"x" * 110)
    assert (len(port.sent), port.buffered(), protocol.notes) == (10, 100, [])
    port.write(b"x")
    port.write(b"x")
    assert protocol.notes == ["pause"]
    port.drain(76)
    assert protocol.notes == ["pause"]
    port.drain(1)
    assert protocol.notes == ["pause", "resume"]
    assert port.take() == b"x" * 87


def test_close_sends_what_is_buffered_and_tells_the_protocol_later(runtime: MemoryRuntime) -> None:
    port, protocol = connect(runtime, capacity=0)
    port.write(b"late")
    port.close()
    port.receive(b"ignored")
    runtime.run_until_idle()
    assert not port.closed
    port.drain()
    assert protocol.notes == []
    runtime.run_until_idle()
    assert (port.sent, protocol.notes) == (b"late", [("lost", None)])


def test_abort_drops_what_is_buffered(runtime: MemoryRuntime) -> None:
    port, protocol = connect(runtime, capacity=0)
    closed: list[object] = []
    port.on_close = closed.append
    port.write(b"never")
    port.abort()
    runtime.run_until_idle()
    assert (port.sent, protocol.notes, closed) == (b"", [("lost", None)], [port])


def test_loss_is_told_once_and_writes_do_nothing_after_it(runtime: MemoryRuntime) -> None:
    port, protocol = connect(runtime)
    error = ConnectionResetError()
    port.lose(error)
    port.lose()
    port.write(b"x")
    port.close()
    runtime.run_until_idle()
    assert protocol.notes == [("lost", error)]
    assert port.sent == b""


def test_a_half_closed_port_can_still_write(runtime: MemoryRuntime) -> None:
    port, protocol = connect(runtime)
    protocol.keep_open = True
    port.eof()
    runtime.run_until_idle()
    port.write(b"answer")
    port.write_eof()
    assert (port.sent, port.eof_sent, port.closed) == (b"answer", True, False)
    with pytest.raises(AssertionError, match="after write_eof"):
        port.write(b"more")


def test_sendfile_waits_for_the_peer(runtime: MemoryRuntime, tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)
    port, _ = connect(runtime, zero_copy=True, capacity=0)

    async def send(count: int) -> None:
        with path.open("rb") as file:
            results.append(await port.sendfile(file.fileno(), 1, count))

    results: list[int] = []
    runtime.spawn(lambda: send(100_000))
    runtime.run_until_idle()
    assert results == []
    with pytest.raises(AssertionError, match="during sendfile"):
        port.write(b"x")
    port.drain()
    runtime.run_until_idle()
    assert results == [100_000]
    assert port.take() == path.read_bytes()[1:100_001]
    runtime.spawn(lambda: send(1_000_000))
    runtime.run_until_idle()
    assert results[-1] == 255_999


def test_sendfile_raises_when_the_connection_is_lost(runtime: MemoryRuntime, tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    port, _ = connect(runtime, zero_copy=True, capacity=0)

    async def send() -> None:
        with path.open("rb") as file:
            await port.sendfile(file.fileno(), 0, 1000)

    runtime.spawn(send)
    runtime.run_until_idle()
    port.lose()
    with pytest.raises(ClientDisconnectedError):
        runtime.run_until_idle()


def test_ticks_sweep_ports_whose_deadline_has_passed(runtime: MemoryRuntime) -> None:
    _, protocol = connect(runtime)
    protocol.deadline = runtime.clock.now + 2
    runtime.advance(1)
    assert protocol.notes == []
    runtime.advance(5)
    assert protocol.notes == [("sweep", 1002.0)]


def test_a_listener_makes_connections_and_pauses(runtime: MemoryRuntime) -> None:
    listening = runtime.run(lambda: runtime.listen(None, Notes, backlog=1, send_buffer=10))
    first = listening.connect()
    assert first.protocol.notes == []
    listening.pause()
    second = listening.connect()
    with pytest.raises(ConnectionRefusedError):
        listening.connect()
    assert list(listening.backlog) == [second]
    listening.resume()
    assert second.protocol.notes == []
    listening.close()
    with pytest.raises(ConnectionRefusedError):
        listening.connect()


def test_reprs_say_what_state_things_are_in(runtime: MemoryRuntime) -> None:
    port, _ = connect(runtime)
    port.write(b"abc")
    assert repr(port) == "<MemoryPort open sent=3 buffered=0>"
    port.close()
    assert repr(port) == "<MemoryPort closed sent=3 buffered=0>"
    assert repr(runtime) == "<MemoryRuntime memory time=1000.000 ports=1 jobs=0>"
    assert repr(Gate()) == "<Gate shut, 0 waiting>"
    runtime.close()
