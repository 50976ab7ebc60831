"""Rules W24 to W39: a port and the protocol behind it."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from nonecorn.spi import Port, Runtime
from nonecorn.testing.conformance.worker_harness import (
    Echo,
    Mark,
    Recorder,
    WorkerHarness,
    connect,
    error_log,
    exchange,
    read,
    read_all,
    serving,
    until_closed,
)

_LARGE = bytes(range(256)) * 65536  # 16 MiB: more than the buffers of a loopback connection hold.


class ProtocolRules(WorkerHarness):
    """How a Port treats its protocol, whatever that does."""

    def test_w24_set_protocol_hands_the_connection_over(self) -> None:
        """W24. After `set_protocol` the new protocol gets every call, the last included."""
        second: list[Recorder] = []
        first: list[Recorder] = []

        class Giver(Recorder):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                first.append(self)
                second.append(Echo(self.port))
                self.port.set_protocol(second[0])
                second[0].data_received(data)

        def client(address: Any) -> None:
            with connect(address) as sock:
                assert exchange(sock, b"one") == b"one"
                assert exchange(sock, b"two") == b"two"
            second[0].lost.wait()

        self.serve(Giver, client)
        assert first[0].events == ["data_received"]
        assert second[0].received == b"onetwo"
        assert second[0].port.protocol is not first[0]

    def test_w25_a_port_knows_its_addresses(self) -> None:
        """W25. `client` and `server` are the addresses that the peer sees; `tls` is None."""
        ports: list[Port] = []

        def accept(port: Port) -> Recorder:
            ports.append(port)
            return Echo(port)

        def client(address: Any) -> tuple[Any, Any]:
            with connect(address) as sock:
                exchange(sock, b"x")
                return sock.getsockname(), sock.getpeername()

        ours, theirs = self.serve(accept, client)
        assert ports[0].client == ours
        assert ports[0].server == theirs
        assert ports[0].tls is None

    def test_w26_an_open_port_is_among_the_runtimes_ports(self) -> None:
        """W26. `runtime.ports` holds a port from its acceptance to its loss."""

        async def main(runtime: Runtime) -> None:
            made: list[Recorder] = []
            during: list[bool] = []

            class Member(Echo):
                def data_received(self, data: bytes) -> None:
                    made.append(self)
                    during.append(self.port in runtime.ports)
                    super().data_received(data)

            def client(address: Any) -> None:
                with connect(address) as sock:
                    exchange(sock, b"x")

            assert not runtime.ports
            await serving(runtime, Member, client)
            await made[0].lost.reached()
            assert during == [True]
            assert not runtime.ports

        self.run(main)

    def test_w27_on_close_is_called_once_after_connection_lost(self) -> None:
        """W27. `port.on_close(port)` follows `connection_lost`."""

        async def main(runtime: Runtime) -> None:
            made: list[Recorder] = []
            closed: list[tuple[Port, bool]] = []
            done = Mark(runtime, "on_close")

            def on_close(port: Port) -> None:
                closed.append((port, made[0].lost.happened))
                done.set()

            def accept(port: Port) -> Recorder:
                port.on_close = on_close
                made.append(Echo(port))
                return made[0]

            def client(address: Any) -> None:
                with connect(address) as sock:
                    exchange(sock, b"x")

            await serving(runtime, accept, client)
            await done.reached()
            assert closed == [(made[0].port, True)]

        self.run(main)

    def test_w28_a_protocol_may_write_and_pause_as_it_is_made(self) -> None:
        """W28. A port works while `accept` runs: what is written there is sent, in order."""

        def accept(port: Port) -> Recorder:
            port.write(b"hello ")
            protocol = Echo(port)
            port.write(b"there ")
            return protocol

        def client(address: Any) -> bytes:
            with connect(address) as sock:
                sock.sendall(b"you")
                return read(sock, 15)

        assert self.serve(accept, client) == b"hello there you"

    def test_w29_a_protocol_may_close_as_it_is_made(self) -> None:
        """W29. `close` while `accept` runs sends what was written; `connection_lost` follows."""
        made: list[Recorder] = []

        def accept(port: Port) -> Recorder:
            made.append(Recorder(port))
            port.write(b"full")
            port.close()
            return made[0]

        def client(address: Any) -> bytes:
            with connect(address) as sock:
                data = read_all(sock)
                made[0].lost.wait()
                return data

        assert self.serve(accept, client) == b"full"
        assert made[0].events == ["connection_lost"]

    @pytest.mark.parametrize(
        "method",
        ["data_received", "eof_received", "connection_lost", "pause_writing", "resume_writing"],
    )
    def test_w30_a_protocol_that_raises_ends_its_own_connection_only(self, method: str) -> None:
        """W30. What a protocol raises is logged, its connection aborted, and the worker goes on."""
        writes = method in ("pause_writing", "resume_writing")

        class Raiser(Recorder):
            def __init__(self, port: Port) -> None:
                super().__init__(port)
                self.full = Mark(port.runtime, "pause_writing")

            def data_received(self, data: bytes) -> None:
                if writes:
                    self.port.write(b"1")
                    self.port.write(_LARGE)

            def pause_writing(self) -> None:
                self.full.set()

        def fail(*_args: object) -> None:
            message = method
            raise RuntimeError(message)

        def accept(port: Port) -> Recorder:
            if made:
                return Echo(port)
            made.append(Raiser(port))
            setattr(made[0], method, fail)
            return made[0]

        made: list[Raiser] = []

        def client(address: Any) -> None:
            with connect(address) as sock:
                sock.sendall(b"go")
                if method in ("eof_received", "connection_lost"):
                    sock.shutdown(socket.SHUT_WR)
                if writes:
                    # Who reads on now drains the connection while it is being filled.
                    assert read(sock, 1) == b"1"
                    (made[0].full if method == "resume_writing" else made[0].lost).wait()
                until_closed(sock)
                if method != "connection_lost":
                    made[0].lost.wait()
            with connect(address) as sock:
                assert exchange(sock, b"on") == b"on"

        with error_log() as log:
            self.serve(accept, client)
        assert [str(error) for error in log.raised()] == [method]

    def test_w31_one_slow_reader_does_not_hold_up_another_connection(self) -> None:
        """W31. While one peer does not read, others are served."""

        class Writer(Echo):
            def data_received(self, data: bytes) -> None:
                if data == b"flood":
                    self.port.write(_LARGE)
                else:
                    super().data_received(data)

        def client(address: Any) -> None:
            with connect(address) as slow, connect(address) as other:
                slow.sendall(b"flood")
                for _ in range(20):
                    assert exchange(other, b"hello") == b"hello"

        self.serve(Writer, client)
