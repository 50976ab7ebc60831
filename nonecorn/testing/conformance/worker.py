"""The rules for workers: subclass `WorkerConformance`, name the worker, and pytest runs them.

    from nonecorn.testing.conformance.worker import WorkerConformance

    class TestMyWorker(WorkerConformance):
        worker = MyWorker

`worker` is anything that makes the worker when it is called: its class, or a method. Each test is
one numbered rule of `nonecorn.spi.runtime`, told by its docstring. Real sockets, threads and
signals are used, on loopback; nothing sleeps but for the clock's own ticks.
"""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Awaitable
from typing import Any

import pytest

from nonecorn.spi import Runtime
from nonecorn.testing.conformance.worker_connections import ConnectionRules
from nonecorn.testing.conformance.worker_files import FileRules
from nonecorn.testing.conformance.worker_harness import (
    Echo,
    Mark,
    connect,
    exchange,
    listener,
    read_all,
    serving,
    until_closed,
)
from nonecorn.testing.conformance.worker_listening import ListeningRules
from nonecorn.testing.conformance.worker_protocols import ProtocolRules
from nonecorn.testing.conformance.worker_tasks import TaskRules

__all__ = ["WorkerConformance"]


class WorkerConformance(ConnectionRules, ProtocolRules, FileRules, TaskRules, ListeningRules):
    """Every rule for a worker: W1 to W9 here, the others by subject in its bases.

    Attributes:
        worker: Makes the worker under test: its class, or a method.
    """

    def test_w01_run_returns_what_main_returned(self) -> None:
        """W1. `run` gives `main` a runtime, and returns its value; it can run again."""

        async def main(runtime: Runtime) -> str:
            assert runtime.name
            return runtime.name

        assert self.run(main) == self.run(main)

    def test_w02_run_raises_what_main_raised(self) -> None:
        """W2. The same exception, not wrapped."""
        error = LookupError("from main")

        async def main(runtime: Runtime) -> None:
            raise error

        with pytest.raises(LookupError) as raised:
            self.run(main)
        assert raised.value is error

    def test_w03_what_is_open_at_the_end_is_closed_and_told(self) -> None:
        """W3. Once `main` has returned, open connections are lost and running jobs cancelled."""
        marks: list[Mark] = []

        class Talker(Echo):
            def data_received(self, data: bytes) -> None:
                marks.append(self.lost)
                super().data_received(data)

        async def main(runtime: Runtime) -> Any:
            ended = Mark(runtime, "the end of the job")
            started = Mark(runtime, "the start of the job")
            marks.append(ended)

            async def job() -> None:
                started.set()
                try:
                    await runtime.waiter().wait()
                finally:
                    ended.set()

            def begin(address: Any) -> Any:
                sock = connect(address)
                exchange(sock, b"x")
                return sock

            self.job = runtime.spawn(job)
            await started.reached()
            return await serving(runtime, Talker, begin)

        with self.run(main) as sock:
            assert [mark.happened for mark in marks] == [True, True]
            assert until_closed(sock) == b""

    def test_w04_a_runtime_can_be_attached_to_a_running_loop(self) -> None:
        """W4. `attach` serves within the caller's loop; leaving it closes what it opened."""
        made: list[Echo] = []

        class Talker(Echo):
            def data_received(self, data: bytes) -> None:
                made.append(self)
                super().data_received(data)

        def client(address: Any) -> Any:
            sock = connect(address)
            assert exchange(sock, b"x") == b"x"
            return sock

        async def main(outer: Runtime) -> None:
            with listener() as bound:
                async with self.worker().attach() as runtime:
                    await runtime.listen(bound, Talker, backlog=128, send_buffer=65536)
                    sock = await outer.run_in_thread(client, bound.getsockname())
                    assert not outer.ports
                    assert len(runtime.ports) == 1
                with sock:
                    assert made[0].lost.happened
                    assert not runtime.ports
                    await outer.run_in_thread(read_all, sock)

        self.run(main)

    def test_w05_attach_lets_the_callers_error_through(self) -> None:
        """W5. What is raised inside `attach` comes out of it, not wrapped."""
        error = LookupError("inside")

        async def main(outer: Runtime) -> None:
            async with self.worker().attach():
                raise error

        with pytest.raises(LookupError) as raised:
            self.run(main)
        assert raised.value is error

    def test_w06_a_signal_calls_back_on_the_loop(self) -> None:
        """W6. `on_signal` calls on the loop's thread, and the old handler is back at the end."""
        before = signal.getsignal(signal.SIGTERM)

        async def main(runtime: Runtime) -> None:
            threads: list[int] = []
            done = Mark(runtime, "the signal")

            def callback() -> None:
                threads.append(threading.get_ident())
                done.set()

            runtime.on_signal(signal.SIGTERM, callback)
            signal.raise_signal(signal.SIGTERM)
            await done.reached()
            assert threads == [threading.get_ident()]

        self.run(main)
        assert signal.getsignal(signal.SIGTERM) is before

    def test_w07_a_signal_interrupts_an_idle_loop(self) -> None:
        """W7. A loop that waits for nothing else is woken."""

        async def main(runtime: Runtime) -> None:
            done = Mark(runtime, "the signal")
            runtime.on_signal(signal.SIGTERM, done.set)

            def send() -> None:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

            if not hasattr(signal, "pthread_kill"):
                pytest.skip("this platform cannot signal a thread")
            sent: Awaitable[None] = runtime.run_in_thread(send)
            await sent
            await done.reached()

        self.run(main)

    def test_w09_another_thread_calls_back_on_the_loop(self) -> None:
        """W9. `call_from_thread` wakes the loop, keeps the order, survives an error and the end."""
        runtimes: list[Runtime] = []

        async def main(runtime: Runtime) -> None:
            calls: list[tuple[int, int]] = []
            done = Mark(runtime, "the last call")
            runtimes.append(runtime)

            def note(index: int) -> None:
                calls.append((index, threading.get_ident()))

            def fail() -> None:
                message = "a call that fails"
                raise LookupError(message)

            def send() -> None:
                runtime.call_from_thread(fail)
                for index in range(3):
                    runtime.call_from_thread(functools.partial(note, index))
                runtime.call_from_thread(done.set)

            thread = threading.Thread(target=send)
            thread.start()
            await done.reached()
            thread.join()
            assert calls == [(index, threading.get_ident()) for index in range(3)]

        self.run(main)
        runtimes[0].call_from_thread(runtimes.clear)
        assert runtimes

    def test_w08_long_lived_objects_describe_themselves(self) -> None:
        """W8. The reprs of runtime, listening and port say what they are, not where in memory."""

        async def main(runtime: Runtime) -> None:
            reprs: list[str] = []

            class Talker(Echo):
                def data_received(self, data: bytes) -> None:
                    reprs.append(repr(self.port))
                    super().data_received(data)

            def client(address: Any) -> None:
                with connect(address) as sock:
                    exchange(sock, b"x")

            with listener() as bound:
                listening = await runtime.listen(bound, Talker, backlog=128, send_buffer=65536)
                await runtime.run_in_thread(client, bound.getsockname())
                reprs += [repr(runtime), repr(listening)]
                listening.close()
            assert not [text for text in reprs if "object at 0x" in text]

        self.run(main)
