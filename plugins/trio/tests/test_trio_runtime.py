"""What is particular to trio: idleness, Ctrl-C, debug mode, recognition."""

from __future__ import annotations

import logging
import re
import signal
import socket
import time

import pytest
import trio
import trio.testing

from nonecorn.spi import Ref
from nonecorn.testing.conformance.worker_harness import (
    Echo,
    Mark,
    connect,
    exchange,
    serving,
)
from nonecorn_trio import plugin
from nonecorn_trio._timers import Timers
from nonecorn_trio._worker import TrioWorker, is_running


class _Steps(trio.abc.Instrument):
    def __init__(self):
        self.names = []

    def before_task_step(self, task):
        self.names.append(task.name)


def test_an_idle_worker_is_woken_by_nothing():
    steps = _Steps()

    async def main():
        async with TrioWorker().attach() as runtime:
            await serving_nobody(runtime)
            trio.lowlevel.add_instrument(steps)
            await trio.sleep(3600)
            trio.lowlevel.remove_instrument(steps)

    async def serving_nobody(runtime):
        for _ in range(6):
            await trio.lowlevel.checkpoint()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.01))
    assert not [name for name in steps.names if name.startswith("nonecorn.")]


def test_the_clock_stops_ticking_after_the_last_connection():
    async def main(runtime):
        made = []

        def accept(port):
            made.append(Echo(port))
            return made[0]

        def client(address):
            with connect(address) as sock:
                exchange(sock, b"x")

        await serving(runtime, accept, client)
        await made[0].lost.reached()
        over = Mark(runtime, "two idle seconds")
        runtime.call_at(runtime.time() + 2.2, over.set)
        steps = _Steps()
        trio.lowlevel.add_instrument(steps)
        await over.reached()
        trio.lowlevel.remove_instrument(steps)
        # One more tick finds that nobody is left; then there is the call above.
        assert steps.names.count("nonecorn.timers") <= 2

    TrioWorker().run(main)


def test_datagrams_after_idleness_find_a_fresh_clock():
    async def main(runtime):
        idle = Mark(runtime, "an idle second")
        runtime.call_at(runtime.time() + 1.2, idle.set)
        ages = []
        received = Mark(runtime, "the datagram")

        class Endpoint:
            def datagrams_received(self, packets):
                ages.append(runtime.time() - runtime.clock.now)
                received.set()

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            port = await runtime.listen_datagrams(sock, lambda port: Endpoint())
            assert repr(port) == f"<DatagramSocket open server={sock.getsockname()}>"
            await idle.reached()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"x", sock.getsockname())
            await received.reached()
            port.close()
        assert ages[0] < 1

    TrioWorker().run(main)


def test_ctrl_c_interrupts_main_where_nobody_handles_the_signal():
    async def main(runtime):
        signal.raise_signal(signal.SIGINT)
        await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        TrioWorker().run(main)


def test_debug_mode_names_the_task_that_held_up_the_loop(caplog):
    async def main(runtime):
        done = Mark(runtime, "the job")

        async def greedy():
            until = time.perf_counter() + 0.12
            while time.perf_counter() < until:
                pass
            done.set()

        runtime.spawn(greedy)
        await done.reached()

    with caplog.at_level(logging.WARNING, "nonecorn.error"):
        TrioWorker().run(main, debug=True)
    told = re.search(r"task nonecorn\.job held up the loop for ([\d.]+) s", caplog.text)
    assert told is not None
    assert float(told[1]) >= 0.12


def test_a_running_trio_is_recognised():
    async def main():
        return is_running()

    assert trio.run(main)
    assert not is_running()


def test_the_descriptor_names_the_worker():
    (spec,) = plugin.nonecorn_workers()
    assert spec.name == spec.library == "trio"
    assert spec.worker.load() is TrioWorker
    assert isinstance(spec.running, Ref)
    assert spec.running.load() is is_running


def test_attaching_leaves_the_callers_tasks_alone():
    async def main():
        ended = []
        async with trio.open_nursery() as nursery:

            async def own():
                await trio.sleep_forever()
                ended.append(True)

            nursery.start_soon(own)
            async with TrioWorker().attach() as runtime:
                assert "TrioRuntime" in repr(runtime)
            await trio.lowlevel.checkpoint()
            assert len(nursery.child_tasks) == 1
            nursery.cancel_scope.cancel()
        assert not ended

    trio.run(main)


def test_cancelling_the_caller_leaves_attach():
    async def main():
        with trio.move_on_after(0.02) as scope:
            async with TrioWorker().attach():
                await trio.sleep_forever()
        assert scope.cancelled_caught

    trio.run(main)


def test_void_timers_do_not_pile_up():
    timers = Timers()
    for n in range(10_000):
        timers.call_at(1e9 + n, print).cancel()
    kept = timers.call_at(1e9, print)
    assert len(timers._heap) < 200
    assert repr(timers) == "<Timers pending=1>"
    assert repr(kept) == "<Timer at=1000000000.000>"


def test_the_worker_says_what_it_is():
    assert repr(TrioWorker()) == "<TrioWorker poller=best_poller>"
