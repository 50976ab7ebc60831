"""Rules W50 to W69: tasks, waiters, threads, and time."""

from __future__ import annotations

import contextvars
import email.utils
import threading
import time
from typing import Any

import pytest

from nonecorn.spi import TICK, Job, Port, Runtime
from nonecorn.testing.conformance.worker_harness import (
    Echo,
    Mark,
    Recorder,
    WorkerHarness,
    connect,
    error_log,
    exchange,
    read_all,
    serving,
    until_closed,
)

_VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("conformance", default="unset")


async def _settle(runtime: Runtime) -> None:
    """Let everything run that can run now."""
    for _ in range(5):
        waiter = runtime.waiter()
        runtime.end_of_tick(waiter.set)
        await waiter.wait()


class TaskRules(WorkerHarness):
    """What `spawn`, `waiter`, `end_of_tick`, `call_at`, `run_in_thread` and the clock do."""

    def test_w50_a_spawned_function_runs(self) -> None:
        """W50. `spawn` runs the function to its end."""

        async def main(runtime: Runtime) -> None:
            done = Mark(runtime, "the job")

            async def function() -> None:
                await _settle(runtime)
                done.set()

            job = runtime.spawn(function)
            await done.reached()
            job.cancel()

        self.run(main)

    def test_w51_each_job_has_a_fresh_copy_of_the_workers_context(self) -> None:
        """W51. What a job sets, or its spawner has set, no other job sees."""

        async def main(runtime: Runtime) -> list[str]:
            seen: list[str] = []
            jobs: list[Job] = []

            async def first() -> None:
                seen.append(_VARIABLE.get())
                _VARIABLE.set("first")
                jobs.append(runtime.spawn(second))

            async def second() -> None:
                seen.append(_VARIABLE.get())
                _VARIABLE.set("second")
                runtime.end_of_tick(lambda: jobs.append(runtime.spawn(third)))

            async def third() -> None:
                seen.append(_VARIABLE.get())
                done.set()

            _VARIABLE.set("main's own")
            for _ in range(3):  # Again, for runtimes that keep something from the jobs before.
                done = Mark(runtime, "the third job")
                jobs.append(runtime.spawn(first))
                await done.reached()
                await _settle(runtime)
            return seen

        token = _VARIABLE.set("base")
        try:
            assert self.run(main) == ["base"] * 9
        finally:
            _VARIABLE.reset(token)

    def test_w52_jobs_of_one_connection_share_no_context(self) -> None:
        """W52. So it is for jobs spawned by a protocol."""
        seen: list[str] = []

        class Spawner(Recorder):
            def data_received(self, data: bytes) -> None:
                self.job = self.port.runtime.spawn(self.answer)

            async def answer(self) -> None:
                seen.append(_VARIABLE.get())
                _VARIABLE.set("leaked")
                self.port.write(b"ok")

        def client(address: Any) -> None:
            with connect(address) as sock:
                for _ in range(3):
                    exchange(sock, b"go")

        self.serve(Spawner, client)
        assert seen == ["unset"] * 3

    def test_w53_cancel_ends_that_job_and_no_other(self) -> None:
        """W53. `Job.cancel` cancels its task; it is harmless twice, and once the task is done."""

        async def main(runtime: Runtime) -> None:
            for _ in range(
                3
            ):  # A runtime that keeps tasks or scopes for later must not keep a spoilt one.
                ended = Mark(runtime, "the end of the cancelled job")
                other = Mark(runtime, "the end of the other job")
                forever, release = runtime.waiter(), runtime.waiter()
                survived: list[bool] = []

                async def cancelled(forever: Any = forever, ended: Mark = ended) -> None:
                    try:
                        await forever.wait()
                    finally:
                        ended.set()

                async def waiting(
                    release: Any = release, other: Mark = other, survived: list[bool] = survived
                ) -> None:
                    await release.wait()
                    survived.append(True)
                    other.set()

                job, second = runtime.spawn(cancelled), runtime.spawn(waiting)
                await _settle(runtime)
                job.cancel()
                job.cancel()
                await ended.reached()
                forever.set()
                release.set()
                await other.reached()
                await _settle(runtime)
                job.cancel()
                second.cancel()
                assert survived == [True]

        self.run(main)

    def test_w54_cancelling_a_finished_job_does_not_touch_the_next(self) -> None:
        """W54. A job keeps no hold on what the runtime uses again."""

        async def main(runtime: Runtime) -> None:
            done: list[Mark] = [Mark(runtime, f"job {n}") for n in range(4)]
            old: list[Job] = []
            for mark in done:

                async def function(mark: Mark = mark) -> None:
                    for job in old:
                        job.cancel()
                    await _settle(runtime)
                    mark.set()

                job = runtime.spawn(function)
                await mark.reached()
                await _settle(runtime)
                old.append(job)

        self.run(main)

    def test_w55_an_error_out_of_a_job_does_not_end_the_worker(self) -> None:
        """W55. Though a function must not, one that lets an exception out harms nobody else."""

        async def main(runtime: Runtime) -> None:
            done = Mark(runtime, "the job after it")

            async def failing() -> None:
                message = "leaked"
                raise RuntimeError(message)

            async def following() -> None:
                done.set()

            job = runtime.spawn(failing)
            await _settle(runtime)
            following_job = runtime.spawn(following)
            await done.reached()
            del job, following_job

        with error_log():
            self.run(main)

    def test_w56_a_waiter_may_be_set_before_and_after_it_is_awaited(self) -> None:
        """W56. `wait` returns once `set` was called, in either order; `set` is idempotent."""

        async def main(runtime: Runtime) -> None:
            before = runtime.waiter()
            before.set()
            before.set()
            await before.wait()
            after = runtime.waiter()
            runtime.end_of_tick(after.set)
            await after.wait()
            after.set()
            await after.wait()

        self.run(main)

    def test_w57_setting_the_waiter_of_a_cancelled_task_is_harmless(self) -> None:
        """W57. A task that was cancelled while it waited is not woken again."""

        async def main(runtime: Runtime) -> None:
            ended = Mark(runtime, "the end of the job")
            waiter = runtime.waiter()

            async def function() -> None:
                try:
                    await waiter.wait()
                finally:
                    ended.set()

            for same_tick in (False, True):
                job = runtime.spawn(function)
                await _settle(runtime)
                job.cancel()
                if same_tick:
                    waiter.set()
                await ended.reached()
                waiter.set()
                await _settle(runtime)
                ended = Mark(runtime, "the end of the second job")
                waiter = runtime.waiter()

        self.run(main)

    def test_w57b_a_cancelled_wait_may_be_repeated(self) -> None:
        """W57b. A waiter outlives the task that was cancelled in it: another may wait for it."""

        async def main(runtime: Runtime) -> None:
            ended = Mark(runtime, "the end of the job")
            waiter = runtime.waiter()

            async def function() -> None:
                try:
                    await waiter.wait()
                finally:
                    ended.set()

            job = runtime.spawn(function)
            await _settle(runtime)
            job.cancel()
            await ended.reached()
            runtime.end_of_tick(waiter.set)
            await waiter.wait()
            await waiter.wait()

        self.run(main)

    def test_w58_end_of_tick_follows_the_callbacks_that_are_due(self) -> None:
        """W58. Called once each, in order, after the caller has returned."""
        order: list[str] = []

        class Caller(Echo):
            def data_received(self, data: bytes) -> None:
                self.port.runtime.end_of_tick(lambda: order.append("one"))
                self.port.runtime.end_of_tick(lambda: order.append("two"))
                self.port.runtime.end_of_tick(lambda: self.port.write(data))
                order.append("data")

        def client(address: Any) -> None:
            with connect(address) as sock:
                exchange(sock, b"x")

        self.serve(Caller, client)
        assert order == ["data", "one", "two"]

    def test_w59_end_of_tick_works_from_a_job_and_from_itself(self) -> None:
        """W59. Callbacks may ask again; those who ask for ever do not stop the loop."""

        async def main(runtime: Runtime) -> None:
            stop = Mark(runtime, "the timer")
            count = 0

            def again() -> None:
                nonlocal count
                count += 1
                if not stop.happened:
                    runtime.end_of_tick(again)

            def look() -> None:
                if count > 1:
                    stop.set()
                else:
                    runtime.call_at(runtime.time() + 0.01, look)

            runtime.end_of_tick(again)
            assert count == 0
            look()
            await stop.reached()

        self.run(main)

    def test_w60_call_at_calls_in_order_and_not_early(self) -> None:
        """W60. Calls come at their times or later, the earlier first."""

        async def main(runtime: Runtime) -> None:
            start = runtime.time()
            calls: list[tuple[float, float]] = []
            last = Mark(runtime, "the last call")

            def call(when: float) -> None:
                calls.append((when, runtime.time()))
                if when == start + 0.09:
                    last.set()

            for offset in (0.09, 0.03, 0.06, -1.0):
                when = start + offset
                runtime.call_at(when, lambda when=when: call(when))  # type: ignore[misc]
            assert not calls
            await last.reached()
            assert [round(when - start, 2) for when, _ in calls] == [-1.0, 0.03, 0.06, 0.09]
            assert all(at >= when - 0.01 for when, at in calls)

        self.run(main)

    def test_w61_a_cancelled_call_is_not_made(self) -> None:
        """W61. `Timer.cancel` before the call prevents it, and is harmless after."""

        async def main(runtime: Runtime) -> None:
            calls: list[str] = []
            done = Mark(runtime, "the second call")
            now = runtime.time()
            first = runtime.call_at(now + 0.02, lambda: calls.append("first"))
            second = runtime.call_at(now + 0.04, done.set)
            for _ in range(200):
                runtime.call_at(now + 0.03, lambda: calls.append("many")).cancel()
            first.cancel()
            first.cancel()
            await done.reached()
            second.cancel()
            assert calls == []

        self.run(main)

    def test_w62_a_function_runs_in_a_thread_with_the_tasks_context(self) -> None:
        """W62. `run_in_thread` gives what the function returns or raises."""

        async def main(runtime: Runtime) -> None:
            _VARIABLE.set("task")

            def function(a: int, b: int) -> tuple[int, int, str]:
                return a + b, threading.get_ident(), _VARIABLE.get()

            total, thread, value = await runtime.run_in_thread(function, 1, 2)
            assert (total, value) == (3, "task")
            assert thread != threading.get_ident()

            def failing() -> None:
                message = "in the thread"
                raise LookupError(message)

            with pytest.raises(LookupError, match="in the thread"):
                await runtime.run_in_thread(failing)

        self.run(main)

    def test_w63_the_clock_is_current_while_there_are_ports(self) -> None:
        """W63. `clock.now` and `clock.date` are a tick old at most, after idleness too."""

        async def main(runtime: Runtime) -> None:
            ages: list[float] = []
            dates: list[float] = []
            idle = Mark(runtime, "an idle second")
            runtime.call_at(runtime.time() + TICK * 1.3, idle.set)
            await idle.reached()

            class Reader(Echo):
                def data_received(self, data: bytes) -> None:
                    ages.append(runtime.time() - runtime.clock.now)
                    date = email.utils.parsedate_to_datetime(runtime.clock.date.decode())
                    dates.append(abs(date.timestamp() - time.time()))
                    super().data_received(data)

            def client(address: Any) -> None:
                with connect(address) as sock:
                    exchange(sock, b"x")

            await serving(runtime, Reader, client)
            assert 0 <= ages[0] <= TICK + 0.2
            assert dates[0] <= TICK + 1.2

        self.run(main)

    def test_w64_a_passed_deadline_is_swept(self) -> None:
        """W64. `sweep` comes after `protocol.deadline`, within a tick or so; never without one."""
        swept: list[tuple[float, float]] = []
        idle: list[Recorder] = []

        class Sweepable(Recorder):
            def data_received(self, data: bytes) -> None:
                self.deadline = self.port.runtime.clock.now + 0.1

            def sweep(self) -> None:
                swept.append((self.deadline, self.port.runtime.time()))
                self.port.close()

        def accept(port: Port) -> Recorder:
            if not idle:
                idle.append(Echo(port))
                return idle[0]
            return Sweepable(port)

        def client(address: Any) -> None:
            with connect(address) as other, connect(address) as sock:
                exchange(other, b"x")
                sock.sendall(b"go")
                assert read_all(sock) == b""
                assert exchange(other, b"x") == b"x"

        self.serve(accept, client)
        (deadline, at) = swept[0]
        assert len(swept) == 1
        assert deadline <= at <= deadline + 2 * TICK + 0.5
        assert "sweep" not in idle[0].events

    def test_w65_a_sweep_that_raises_ends_its_own_connection_only(self) -> None:
        """W65. It is logged, that connection aborted, and the others are swept."""

        class Raiser(Recorder):
            def data_received(self, data: bytes) -> None:
                self.deadline = 0.0

            def sweep(self) -> None:
                message = "sweep"
                raise RuntimeError(message)

        class Sweepable(Recorder):
            def data_received(self, data: bytes) -> None:
                self.deadline = 0.0

            def sweep(self) -> None:
                self.port.write(b"swept")
                self.port.close()

        protocols = iter((Raiser, Sweepable))

        def accept(port: Port) -> Recorder:
            return next(protocols)(port)

        def client(address: Any) -> bytes:
            with connect(address) as first, connect(address) as second:
                first.sendall(b"go")
                second.sendall(b"go")
                assert until_closed(first) == b""
                return read_all(second)

        with error_log() as log:
            assert self.serve(accept, client) == b"swept"
        assert [str(error) for error in log.raised()] == ["sweep"]

    @pytest.mark.parametrize("where", ["end_of_tick", "call_at"])
    def test_w66_a_callback_that_raises_does_not_end_the_worker(self, where: str) -> None:
        """W66. The callbacks after it are called."""

        async def main(runtime: Runtime) -> None:
            done = Mark(runtime, "the callback after it")

            def failing() -> None:
                raise RuntimeError(where)

            if where == "end_of_tick":
                runtime.end_of_tick(failing)
                runtime.end_of_tick(done.set)
            else:
                runtime.call_at(runtime.time(), failing)
                runtime.call_at(runtime.time() + 0.01, done.set)
            await done.reached()

        with error_log():
            self.run(main)
