"""Rules W10 to W23, and W90: one connection, from its first byte to `connection_lost`."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any

import pytest

from nonecorn.spi import Port, Runtime
from nonecorn.testing.conformance.worker_harness import (
    PATIENCE,
    Echo,
    Mark,
    Recorder,
    WorkerHarness,
    connect,
    exchange,
    listener,
    read,
    read_all,
    serving,
    until_closed,
)

_LARGE = bytes(range(256)) * 65536  # 16 MiB: more than the buffers of a loopback connection hold.
_STEP = 65536


def _reset(sock: socket.socket) -> None:
    """Close with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class ConnectionRules(WorkerHarness):
    """What a Port does and how it calls its protocol."""

    def test_w10_bytes_are_delivered_and_sent(self) -> None:
        """W10. What a peer sends is delivered, and what is written arrives."""

        def client(address: Any) -> None:
            with connect(address) as sock:
                for size in (1, 100, 10_000):
                    assert exchange(sock, b"x" * size) == b"x" * size

        self.serve(Echo, client)

    def test_w11_writes_arrive_in_order(self) -> None:
        """W11. Writes keep their order, single or several at once, whether the kernel took them or
        they were buffered.
        """
        chunks = [struct.pack("!I", n) * (1 + n * 37 % 5000) for n in range(400)]

        class Writer(Recorder):
            def data_received(self, data: bytes) -> None:
                for start in range(0, len(chunks), 5):
                    self.port.write(chunks[start])
                    self.port.writelines(chunks[start + 1 : start + 5])
                self.port.close()

        def client(address: Any) -> bytes:
            with connect(address) as sock:
                sock.sendall(b"go")
                return read_all(sock)

        assert self.serve(Writer, client) == b"".join(chunks)

    def test_w12_a_slow_reader_pauses_the_protocol_and_a_drained_buffer_resumes_it(self) -> None:
        """W12. `pause_writing` past `send_buffer`, `resume_writing` at a quarter of it, in turn."""
        levels: list[tuple[str, int]] = []
        made: list[Writer] = []
        content = _LARGE[:3_000_000]

        class Writer(Recorder):
            paused = False
            sent = 0

            def data_received(self, data: bytes) -> None:
                self.full = Mark(self.port.runtime, "pause_writing")
                made.append(self)
                self.port.write(b"1")
                self.pump()

            def pump(self) -> None:
                while self.sent < len(content) and not self.paused:
                    self.port.write(content[self.sent : self.sent + _STEP])
                    self.sent += _STEP
                if self.sent >= len(content) and not self.paused:
                    self.port.close()

            def pause_writing(self) -> None:
                self.paused = True
                levels.append(("pause", self.port.buffered()))
                self.full.set()

            def resume_writing(self) -> None:
                self.paused = False
                levels.append(("resume", self.port.buffered()))
                self.pump()

        def client(address: Any) -> bytes:
            with connect(address) as sock:
                sock.sendall(b"go")
                first = read(sock, 1)
                made[0].full.wait()
                return first + read_all(sock)

        # A small kernel buffer, which accepted sockets inherit, drains the port's own in steps.
        sock = listener()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        assert self.serve(Writer, client, send_buffer=1_000_000, sock=sock) == b"1" + content
        assert [name for name, _ in levels[::2]] == ["pause"] * len(levels[::2])
        assert [name for name, _ in levels[1::2]] == ["resume"] * len(levels[1::2])
        assert all(level > 1_000_000 for name, level in levels if name == "pause")
        assert all(level <= 250_000 for name, level in levels if name == "resume")

    def test_w13_close_sends_what_is_buffered_first(self) -> None:
        """W13. `close` sends every byte written before, then ends; later writes are dropped."""
        made: list[Recorder] = []

        class Writer(Recorder):
            def data_received(self, data: bytes) -> None:
                made.append(self)
                self.port.write(_LARGE)
                self.port.close()
                self.port.close()
                self.port.write(b"too late")

        def client(address: Any) -> bytes:
            with connect(address) as sock:
                sock.sendall(b"go")
                data = read_all(sock)
                made[0].lost.wait()
                return data

        assert self.serve(Writer, client) == _LARGE
        assert made[0].error is None

    @pytest.mark.parametrize("how", ["close", "abort"])
    def test_w14_connection_lost_is_not_called_from_within(self, how: str) -> None:
        """W14. `connection_lost` follows `close` and `abort`; it is not called from inside them."""
        inside: list[bool] = []
        made: list[Recorder] = []

        class Closer(Recorder):
            def data_received(self, data: bytes) -> None:
                made.append(self)
                getattr(self.port, how)()
                inside.append(self.lost.happened)

        def client(address: Any) -> None:
            with connect(address) as sock:
                sock.sendall(b"go")
                assert read(sock, 1) == b""
                made[0].lost.wait()

        self.serve(Closer, client)
        assert inside == [False]
        assert made[0].error is None

    def test_w15_abort_drops_what_is_buffered(self) -> None:
        """W15. `abort` closes at once: a buffer that the peer did not drain is not sent."""
        made: list[Recorder] = []

        class Aborter(Recorder):
            def data_received(self, data: bytes) -> None:
                made.append(self)
                self.port.write(b"1")
                self.port.write(_LARGE)
                self.port.abort()

        def client(address: Any) -> int:
            with connect(address) as sock:
                sock.sendall(b"go")
                # Who reads on now drains the connection while it is being filled.
                assert read(sock, 1) == b"1"
                made[0].lost.wait()
                return len(until_closed(sock))

        assert self.serve(Aborter, client) < len(_LARGE)
        assert made[0].events.count("connection_lost") == 1

    def test_w16_after_the_loss_every_call_is_harmless(self) -> None:
        """W16. After `connection_lost` writing does nothing, by a reference kept before it too."""

        async def main(runtime: Runtime) -> None:
            made: list[Recorder] = []
            accepted = Mark(runtime, "the connection")

            def accept(port: Port) -> Recorder:
                made.append(Recorder(port))
                accepted.set()
                return made[0]

            def client(address: Any) -> None:
                with connect(address) as sock:
                    sock.sendall(b"x")
                    accepted.wait()

            await serving(runtime, accept, client)
            (protocol,) = made
            port, write = protocol.port, protocol.port.write
            await protocol.lost.reached()
            write(b"x" * 1000)
            port.write(b"x")
            port.writelines([b"x", b"y"])
            port.write_eof()
            port.pause_reading()
            port.resume_reading()
            port.close()
            port.abort()
            assert port.buffered() == 0
            assert port not in runtime.ports
            assert protocol.events.count("connection_lost") == 1

        self.run(main)

    def test_w17_write_eof_ends_our_direction_only(self) -> None:
        """W17. `write_eof` sends what is buffered, then our end; the peer's bytes still come."""
        made: list[Recorder] = []

        class Ender(Recorder):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                if not made:
                    made.append(self)
                    self.port.write(_LARGE)
                    self.port.write_eof()

        def client(address: Any) -> bytes:
            with connect(address) as sock:
                sock.sendall(b"go")
                data = read_all(sock)
                sock.sendall(b" on")
                sock.shutdown(socket.SHUT_WR)
                made[0].lost.wait()
                return data

        assert self.serve(Ender, client) == _LARGE
        assert made[0].received == b"go on"
        assert made[0].events[-2:] == ["eof_received", "connection_lost"]

    def test_w18_the_peers_end_closes_unless_the_protocol_keeps_it_open(self) -> None:
        """W18. After `eof_received` the port is closed, once what was written has been sent."""

        class Replier(Recorder):
            def eof_received(self) -> bool | None:
                self.port.write(_LARGE)
                return False

        def client(address: Any) -> bytes:
            with connect(address) as sock:
                sock.shutdown(socket.SHUT_WR)
                return read_all(sock)

        assert self.serve(Replier, client) == _LARGE

    def test_w19_a_true_eof_received_keeps_our_direction_open(self) -> None:
        """W19. Where `eof_received` returned true, the protocol goes on writing."""
        made: list[Recorder] = []

        class Keeper(Recorder):
            def eof_received(self) -> bool | None:
                super().eof_received()
                made.append(self)
                self.port.runtime.end_of_tick(self.later)
                return True

            def later(self) -> None:
                self.port.write(b"still here")
                self.port.runtime.end_of_tick(self.port.close)

        def client(address: Any) -> bytes:
            with connect(address) as sock:
                sock.shutdown(socket.SHUT_WR)
                data = read_all(sock)
                made[0].lost.wait()
                return data

        assert self.serve(Keeper, client) == b"still here"
        assert made[0].events == ["eof_received", "connection_lost"]

    def test_w20_a_paused_port_delivers_nothing_until_it_is_resumed(self) -> None:
        """W20. After `pause_reading` at most one more call comes; `resume_reading` delivers all."""

        async def main(runtime: Runtime) -> None:
            paused: list[Recorder] = []
            resumed = Mark(runtime, "delivery after resume_reading")

            class Pauser(Recorder):
                def data_received(self, data: bytes) -> None:
                    super().data_received(data)
                    if self.received.endswith(b"c"):
                        resumed.set()
                    elif self not in paused:
                        paused.append(self)
                        self.port.pause_reading()
                        self.port.pause_reading()
                        self.port.write(b"paused")

            class Fence(Echo):
                def data_received(self, data: bytes) -> None:
                    super().data_received(data)
                    if data == b"resume":
                        paused[0].port.resume_reading()
                        paused[0].port.resume_reading()

            protocols = iter((Pauser, Fence))

            def accept(port: Port) -> Recorder:
                return next(protocols)(port)

            def client(address: Any) -> tuple[bytes, bytes]:
                with connect(address) as sock:
                    sock.sendall(b"a")
                    assert read(sock, 6) == b"paused"
                    with connect(address) as fence:
                        seen = []
                        for data in (b"b", b"c"):
                            sock.sendall(data)
                            for _ in range(3):
                                exchange(fence, b"fence")
                            seen.append(bytes(paused[0].received))
                        exchange(fence, b"resume")
                        resumed.wait()
                        return seen[0], seen[1]

            before, after = await serving(runtime, accept, client)
            assert before in (b"a", b"ab")
            assert after == before
            assert paused[0].received == b"abc"

        self.run(main)

    def test_w21_pausing_and_resuming_at_once_loses_nothing(self) -> None:
        """W21. `pause_reading` and `resume_reading` in one callback, and `resume_reading` alone."""

        class Toggler(Echo):
            def data_received(self, data: bytes) -> None:
                self.port.resume_reading()
                self.port.pause_reading()
                self.port.resume_reading()
                super().data_received(data)

        def client(address: Any) -> None:
            with connect(address) as sock:
                for _ in range(5):
                    assert exchange(sock, b"hello") == b"hello"

        self.serve(Toggler, client)

    def test_w22_a_reset_connection_is_lost_once(self) -> None:
        """W22. A peer's reset is `connection_lost`, once and last, with or without an error."""

        async def main(runtime: Runtime) -> None:
            made: list[Recorder] = []

            def accept(port: Port) -> Recorder:
                made.append(Echo(port))
                return made[0]

            def client(address: Any) -> None:
                sock = connect(address)
                exchange(sock, b"x")
                _reset(sock)

            await serving(runtime, accept, client)
            await made[0].lost.reached()
            assert made[0].events.count("connection_lost") == 1
            assert made[0].events[-1] == "connection_lost"

        self.run(main)

    @pytest.mark.parametrize("several", [False, True], ids=["write", "writelines"])
    def test_w23_a_peer_that_leaves_while_we_write_is_noticed(self, several: bool) -> None:
        """W23. A failing write is not raised: `connection_lost` follows, after `write`."""
        inside: list[bool] = []

        async def main(runtime: Runtime) -> None:
            made: list[Recorder] = []

            class Writer(Recorder):
                def data_received(self, data: bytes) -> None:
                    made.append(self)
                    self.port.runtime.end_of_tick(self.pump)

                def pump(self) -> None:
                    if several:
                        self.port.writelines([b"x" * _STEP, b"y" * _STEP])
                    else:
                        self.port.write(b"x" * _STEP)
                    inside.append(self.lost.happened)

                def resume_writing(self) -> None:
                    self.pump()

            def client(address: Any) -> None:
                sock = connect(address)
                sock.sendall(b"go")
                read(sock, 1)
                _reset(sock)

            await serving(runtime, Writer, client, send_buffer=1024)
            await made[0].lost.reached()
            assert made[0].events.count("connection_lost") == 1

        self.run(main)
        assert not any(inside)

    def test_w90_the_end_of_our_direction_finds_the_peer_gone(self) -> None:
        """W90. `write_eof` on a connection that was reset is not raised: `connection_lost`."""

        async def main(runtime: Runtime) -> None:
            made: list[Recorder] = []
            before: list[bool] = []
            told, gone = threading.Event(), threading.Event()

            class Ender(Recorder):
                def data_received(self, data: bytes) -> None:
                    made.append(self)
                    told.set()
                    # The loop waits, so that it cannot have heard of the reset before.
                    assert gone.wait(PATIENCE)
                    self.port.write_eof()
                    self.port.write_eof()
                    before.append(self.lost.happened)

            def client(address: Any) -> None:
                sock = connect(address)
                sock.sendall(b"go")
                assert told.wait(PATIENCE)
                _reset(sock)
                gone.set()

            await serving(runtime, Ender, client)
            await made[0].lost.reached()
            assert before == [False]
            assert made[0].error is None or isinstance(made[0].error, OSError)
            assert made[0].events.count("connection_lost") == 1

        self.run(main)
