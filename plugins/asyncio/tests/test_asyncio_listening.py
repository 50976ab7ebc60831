"""Accepting, where asyncio leaves something to be desired."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys

import pytest

from nonecorn.testing.conformance.worker_harness import (
    PATIENCE,
    Echo,
    Mark,
    connect,
    exchange,
    listener,
)
from nonecorn_asyncio import AsyncioWorker
from nonecorn_asyncio._accepting import BATCH


class Watch(logging.Handler):
    def __init__(self, mark):
        super().__init__()
        self.mark = mark
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())
        self.mark.set()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of descriptors to set")
def test_out_of_descriptors_is_told_once_and_survived():
    import resource

    async def main(runtime):
        told = Mark(runtime, "the error")
        watch = Watch(told)
        logging.getLogger("nonecorn.error").addHandler(watch)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with listener() as sock:
            listening = await runtime.listen(sock, Echo, backlog=128, send_buffer=65536)
            with socket.create_connection(sock.getsockname(), PATIENCE) as client:
                await runtime.run_in_thread(int)  # its thread's own descriptors exist now
                assert await runtime.run_in_thread(exchange, client, b"first") == b"first"
                late = socket.create_connection(sock.getsockname(), PATIENCE)
                lowest = os.dup(client.fileno())
                os.close(lowest)
                resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
                try:
                    await told.reached()
                    assert "exhausted" in repr(listening)
                    again = Mark(runtime, "two more attempts")
                    runtime.call_at(runtime.time() + 2.2, again.set)
                    await again.reached()
                    assert await runtime.run_in_thread(exchange, client, b"still") == b"still"
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                    logging.getLogger("nonecorn.error").removeHandler(watch)
                with late:
                    assert await runtime.run_in_thread(exchange, late, b"late") == b"late"
            listening.close()
            assert "closed" in repr(listening)
        return watch.messages

    [message] = AsyncioWorker().run(main)
    assert "Too many open files" in message
    assert "raise the limit of open files" in message


def test_a_listener_that_is_closed_while_exhausted_does_not_come_back():
    async def main(runtime):
        with listener() as sock:
            listening = await runtime.listen(sock, Echo, backlog=128, send_buffer=65536)
            listening.exhausted(OSError("no more"))
            listening.exhausted(OSError("no more"))
            listening.resume()
            listening.close()
            again = Mark(runtime, "an attempt")
            runtime.call_at(runtime.time() + 1.2, again.set)
            await again.reached()
            return repr(listening)

    assert "closed" in AsyncioWorker().run(main)


def test_what_was_accepted_before_a_pause_is_served_and_the_rest_after_it():
    count = 4 * BATCH

    async def main(runtime):
        accepted = []
        with listener() as sock:

            def accept(port):
                accepted.append(port)
                listening.pause()
                return Echo(port)

            def visit():
                for number, client in enumerate(clients):
                    client.sendall(b"%d" % number)
                echoed = [clients[0].recv(100)]
                before = len(accepted)
                loop.call_soon_threadsafe(resumed)
                echoed += [client.recv(100) for client in clients[1:]]
                return before, echoed

            def resumed():
                # Each that comes pauses again.
                if len(accepted) < count:
                    listening.resume()
                    loop.call_soon(resumed)

            loop = runtime.loop
            clients = [connect(sock.getsockname()) for _ in range(count)]
            listening = await runtime.listen(sock, accept, backlog=count, send_buffer=65536)
            found = await runtime.run_in_thread(visit)
            listening.close()
            for client in clients:
                client.close()
        return found

    before, echoed = AsyncioWorker().run(main)
    assert 1 <= before <= BATCH
    assert echoed == [b"%d" % number for number in range(count)]


def test_what_is_under_way_when_the_runtime_ends_is_closed():
    async def main(runtime):
        with listener() as sock:
            await runtime.listen(sock, Echo, backlog=128, send_buffer=65536)
            return [connect(sock.getsockname()) for _ in range(2 * BATCH)]

    for client in AsyncioWorker().run(main):
        with client, contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
