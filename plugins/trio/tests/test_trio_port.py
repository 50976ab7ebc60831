"""Ports: what the rules for workers leave open."""

from __future__ import annotations

import os
import socket

import pytest

from nonecorn.testing.conformance.worker_harness import (
    Echo,
    Mark,
    Recorder,
    connect,
    exchange,
    read,
    read_all,
    serving,
    until_closed,
)
from nonecorn_trio._nobody import NOBODY
from nonecorn_trio._worker import TrioWorker

_LARGE = os.urandom(65536) * 256

needs_sendfile = pytest.mark.skipif(not hasattr(os, "sendfile"), reason="the system has none")


def _serve(accept, client):
    async def main(runtime):
        return await serving(runtime, accept, client)

    return TrioWorker().run(main)


@pytest.fixture
def large_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(_LARGE)
    with path.open("rb") as file:
        yield file.fileno()


@needs_sendfile
def test_what_is_written_while_a_file_is_sent_follows_it(large_file):
    class Sender(Recorder):
        def data_received(self, data):
            if data == b"go":
                self.job = self.port.runtime.spawn(self.send)
            else:
                self.port.write(b"after")
                self.port.close()

        async def send(self):
            await self.port.sendfile(large_file, 0, len(_LARGE))

    def client(address):
        with connect(address) as sock:
            sock.sendall(b"go")
            first = read(sock, 1)
            sock.sendall(b"more")
            return first + read_all(sock)

    assert _serve(Sender, client) == _LARGE + b"after"


@needs_sendfile
def test_a_cancelled_sendfile_leaves_a_port_that_can_be_closed(large_file):
    made = []

    class Sender(Recorder):
        def data_received(self, data):
            if data == b"go":
                made.append(self)
                self.job = self.port.runtime.spawn(self.send)
            else:
                self.job.cancel()

        async def send(self):
            try:
                await self.port.sendfile(large_file, 0, len(_LARGE))
            finally:
                self.port.close()

    def client(address):
        with connect(address) as sock:
            sock.sendall(b"go")
            first = read(sock, 1)
            sock.sendall(b"stop")
            made[0].lost.wait()
            return first + until_closed(sock)

    sent = _serve(Sender, client)
    assert _LARGE.startswith(sent)
    assert len(sent) < len(_LARGE)
    # Each pause while the client took nothing of the file was taken back, the last one too.
    *pauses, last = made[0].events
    assert last == "connection_lost"
    assert pauses == ["pause_writing", "resume_writing"] * (len(pauses) // 2)


def test_a_pause_that_is_taken_back_at_once_costs_no_system_call():
    calls = []

    class Toggler(Echo):
        def data_received(self, data):
            poller = self.port._owner.poller
            modify, poller.modify = poller.modify, lambda *args: calls.append(args)
            self.port.pause_reading()
            self.port.resume_reading()
            poller.modify = modify
            super().data_received(data)

    def client(address):
        with connect(address) as sock:
            assert exchange(sock, b"x") == b"x"

    _serve(Toggler, client)
    assert not calls


def test_a_lost_port_lets_go_of_its_protocol():
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
        assert made[0].port.protocol is NOBODY
        assert repr(made[0].port).startswith("<SocketPort lost client=('127.0.0.1', ")

    TrioWorker().run(main)


def test_many_short_connections_are_served_and_forgotten():
    class Closer(Recorder):
        def data_received(self, data):
            self.port.write(data)
            if data == b"abort":
                self.port.abort()
            else:
                self.port.close()

    async def main(runtime):
        def client(address):
            for n in range(300):
                data = b"abort" if n % 3 else b"close"
                with connect(address) as sock:
                    sock.sendall(data)
                    assert until_closed(sock) == data

        await serving(runtime, Closer, client)
        closed = Mark(runtime, "the last connection's end")
        runtime.call_at(runtime.time() + 0.05, closed.set)
        await closed.reached()
        assert not runtime.ports

    TrioWorker().run(main)


def test_a_connection_that_was_reset_in_the_backlog_harms_nobody():
    async def main(runtime):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            sock.listen(8)
            sock.setblocking(False)
            for _ in range(3):
                early = connect(sock.getsockname())
                early.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                early.close()
            listening = await runtime.listen(sock, Echo, backlog=8, send_buffer=65536)
            with connect(sock.getsockname()) as client:
                assert await runtime.run_in_thread(exchange, client, b"x") == b"x"
            listening.close()

    TrioWorker().run(main)
