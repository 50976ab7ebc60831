"""Accepting: the limits that the operating system and the server set."""

from __future__ import annotations

import logging
import os
import socket

import pytest

from nonecorn.testing.conformance.worker_harness import (
    PATIENCE,
    Echo,
    Mark,
    connect,
    exchange,
    listener,
    serving,
)
from nonecorn_trio._worker import TrioWorker

resource = pytest.importorskip("resource", reason="only POSIX limits descriptors")


class _Watch(logging.Handler):
    def __init__(self, mark):
        super().__init__()
        self.messages = []
        self.mark = mark

    def emit(self, record):
        self.messages.append(record.getMessage())
        self.mark.set()


def test_out_of_descriptors_is_told_once_and_survived():
    async def main(runtime):
        told = Mark(runtime, "the error")
        watch = _Watch(told)
        logging.getLogger("nonecorn.error").addHandler(watch)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with listener() as sock:
            listening = await runtime.listen(sock, Echo, backlog=128, send_buffer=65536)
            listening.pause()
            with socket.create_connection(sock.getsockname(), PATIENCE) as client:
                lowest = os.dup(client.fileno())
                os.close(lowest)
                await runtime.run_in_thread(int)  # The thread's own descriptors, if any, exist now.
                resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
                try:
                    listening.resume()
                    await told.reached()
                    assert "exhausted" in repr(listening)
                    again = Mark(runtime, "two more attempts")
                    runtime.call_at(runtime.time() + 2.2, again.set)
                    await again.reached()
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                    logging.getLogger("nonecorn.error").removeHandler(watch)
                assert await runtime.run_in_thread(exchange, client, b"late") == b"late"
            listening.close()
            assert "closed" in repr(listening)
        return watch.messages

    (message,) = TrioWorker().run(main)
    assert "Too many open files" in message
    assert "raise the limit of open files" in message


def test_a_listener_that_is_paused_by_accept_takes_no_other_connection():
    async def main(runtime):
        accepted = []
        with listener() as sock:

            def accept(port):
                accepted.append(port)
                listening.pause()
                return Echo(port)

            clients = [socket.create_connection(sock.getsockname(), PATIENCE) for _ in range(3)]
            listening = await runtime.listen(sock, accept, backlog=128, send_buffer=65536)
            for n, client in enumerate(clients, 1):
                with client:
                    await runtime.run_in_thread(exchange, client, b"x")
                assert len(accepted) == n
                listening.resume()
            listening.close()

    TrioWorker().run(main)


def test_a_read_is_bounded():
    sizes = []

    class Sizes(Echo):
        def data_received(self, data):
            sizes.append(len(data))
            self.received += data
            if len(self.received) == 1_000_000:
                self.port.write(b"done")

    def client(address):
        with connect(address) as sock:
            sock.sendall(b"x" * 1_000_000)
            sock.recv(4)

    async def main(runtime):
        await serving(runtime, Sizes, client)

    TrioWorker().run(main)
    assert max(sizes) <= 65536


def test_tcp_connections_do_not_wait_to_fill_segments():
    options = []

    def accept(port):
        options.append(port._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return Echo(port)

    def client(address):
        with connect(address) as sock:
            exchange(sock, b"x")

    async def main(runtime):
        await serving(runtime, accept, client)

    TrioWorker().run(main)
    assert options[0]
