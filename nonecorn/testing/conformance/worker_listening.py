"""Rules W70 to W89: listening sockets and datagrams."""

from __future__ import annotations

import pathlib
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

import pytest

from nonecorn.spi import NEVER, DatagramPort, Port, Runtime
from nonecorn.testing.conformance.worker_harness import (
    PATIENCE,
    Echo,
    Mark,
    Recorder,
    WorkerHarness,
    connect,
    error_log,
    exchange,
    listener,
    serving,
    until_closed,
)


def _datagram_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return sock


class _EchoDatagrams:
    """Sends every datagram back, those of one call in one."""

    def __init__(self, port: DatagramPort) -> None:
        self.port = port
        self.packets: list[bytes] = []

    def datagrams_received(self, packets: list[tuple[bytes, Any, int]]) -> None:
        self.packets += [data for data, _, _ in packets]
        for data, address, _ in packets:
            self.port.send([data], address)

    def pause(self) -> None:
        """There are no connections."""

    resume = pause

    def retire(self, *, succeeded: bool) -> None:
        if succeeded:
            self.port.pause_reading()

    def close(self) -> None:
        self.port.close()


class ListeningRules(WorkerHarness):
    """What `listen` and `listen_datagrams` do."""

    def test_w70_many_connections_at_once_are_served(self) -> None:
        """W70. A burst of connections, all open at once, is served completely."""

        def client(address: Any) -> None:
            socks = [connect(address) for _ in range(100)]
            for n, sock in enumerate(socks):
                sock.sendall(struct.pack("!I", n))
            for n, sock in enumerate(socks):
                assert sock.recv(4) == struct.pack("!I", n)
                sock.close()

        self.serve(Echo, client)

    def test_w71_a_paused_listener_leaves_connections_in_the_backlog(self) -> None:
        """W71. `pause` accepts no more; `resume` accepts those who wait. Both are idempotent."""

        async def main(runtime: Runtime) -> None:
            accepted: list[Port] = []

            def accept(port: Port) -> Recorder:
                accepted.append(port)
                return Echo(port)

            with listener() as sock:
                listening = await runtime.listen(sock, accept, backlog=128, send_buffer=65536)
                listening.pause()
                listening.pause()

                class Fence(Echo):
                    def data_received(self, data: bytes) -> None:
                        if data == b"resume":
                            listening.resume()
                            listening.resume()
                        super().data_received(data)

                def client(address: Any) -> None:
                    with connect(sock.getsockname()) as waiting, connect(address) as fence:
                        waiting.sendall(b"hello")
                        for _ in range(5):
                            exchange(fence, b"fence!")
                        assert not accepted
                        exchange(fence, b"resume")
                        assert waiting.recv(5) == b"hello"

                await serving(runtime, Fence, client)
                listening.close()

        self.run(main)

    def test_w72_closing_a_listener_leaves_its_connections_and_the_callers_socket(self) -> None:
        """W72. After `close` accepted connections go on, and `sock` can be listened to again."""

        async def main(runtime: Runtime) -> None:
            with listener() as sock:
                listening = await runtime.listen(sock, Echo, backlog=128, send_buffer=65536)

                def begin(address: Any) -> socket.socket:
                    client = connect(address)
                    exchange(client, b"one")
                    return client

                client = await runtime.run_in_thread(begin, sock.getsockname())
                listening.close()
                listening.close()
                listening.pause()
                listening.resume()
                with client:
                    echoed = await runtime.run_in_thread(exchange, client, b"two")
                    assert echoed == b"two"
                again = await runtime.listen(sock, Echo, backlog=128, send_buffer=65536)
                with await runtime.run_in_thread(begin, sock.getsockname()):
                    again.close()

        self.run(main)

    def test_w73_an_accept_that_raises_closes_that_connection_only(self) -> None:
        """W73. It is logged; the next connection is served."""
        calls: list[Port] = []

        def accept(port: Port) -> Recorder:
            calls.append(port)
            if len(calls) == 1:
                message = "accept"
                raise RuntimeError(message)
            return Echo(port)

        def client(address: Any) -> None:
            with connect(address) as sock:
                assert until_closed(sock) == b""
            with connect(address) as sock:
                assert exchange(sock, b"on") == b"on"

        with error_log() as log:
            self.serve(accept, client)
        assert [str(error) for error in log.raised()] == ["accept"]

    def test_w74_a_unix_socket_has_a_path_and_no_client_address(
        self, tmp_path: pathlib.Path
    ) -> None:
        """W74. `client` is None and `server` is `(path, None)`."""
        if not hasattr(socket, "AF_UNIX"):
            pytest.skip("this platform has no unix sockets")
        path = str(tmp_path / "s")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.bind(path)
        sock.listen(16)
        ports: list[Port] = []

        def accept(port: Port) -> Recorder:
            ports.append(port)
            return Echo(port)

        def client(address: Any) -> None:
            with connect(address) as sock:
                assert exchange(sock, b"unix") == b"unix"

        self.serve(accept, client, sock=sock)
        assert ports[0].client is None
        assert ports[0].server == (path, None)

    def test_w80_datagrams_come_with_their_peers_address_and_in_order(self) -> None:
        """W80. `datagrams_received` gets every datagram whole, oldest first; `send` answers."""

        async def main(runtime: Runtime) -> None:
            endpoints: list[_EchoDatagrams] = []

            def endpoint(port: DatagramPort) -> _EchoDatagrams:
                endpoints.append(_EchoDatagrams(port))
                return endpoints[0]

            def client(address: Any) -> list[bytes]:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.settimeout(PATIENCE)
                    for n in range(20):
                        sock.sendto(b"%d" % n, address)
                    return [sock.recv(100) for _ in range(20)]

            with _datagram_socket() as sock:
                port = await runtime.listen_datagrams(sock, endpoint)
                assert port.server == sock.getsockname()
                echoed = await runtime.run_in_thread(client, sock.getsockname())
                port.close()
                port.close()
                port.send([b"late"], sock.getsockname())
                assert sock.fileno() >= 0
            assert echoed == endpoints[0].packets == [b"%d" % n for n in range(20)]

        self.run(main)

    @pytest.mark.parametrize(
        "sizes",
        [[1200] * 10, [1200] * 5 + [300], [100, 1200, 50], [1200, 0, 1200], [1200] * 70],
        ids=["equal", "short last", "mixed", "empty among them", "many"],
    )
    def test_w81_each_packet_sent_is_a_datagram(self, sizes: list[int]) -> None:
        """W81. However few system calls `send` makes, the peer gets the packets as they were."""
        packets = [bytes([n % 256]) * size for n, size in enumerate(sizes)]

        class Burst(_EchoDatagrams):
            def datagrams_received(self, received: list[tuple[bytes, Any, int]]) -> None:
                self.port.send(packets, received[0][1])

        async def main(runtime: Runtime) -> list[bytes]:
            def client(address: Any) -> list[bytes]:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.settimeout(PATIENCE)
                    sock.sendto(b"go", address)
                    return [sock.recv(65536) for _ in packets]

            with _datagram_socket() as sock:
                port = await runtime.listen_datagrams(sock, Burst)
                try:
                    return await runtime.run_in_thread(client, sock.getsockname())
                finally:
                    port.close()

        assert self.run(main) == packets

    def test_w82_a_datagram_that_cannot_be_sent_is_dropped(self) -> None:
        """W82. `send` does not raise, and sends the packets that can be sent."""

        class Burst(_EchoDatagrams):
            def datagrams_received(self, received: list[tuple[bytes, Any, int]]) -> None:
                self.port.send([b"x" * 70_000, b"fits"], received[0][1])

        async def main(runtime: Runtime) -> bytes:
            def client(address: Any) -> bytes:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.settimeout(PATIENCE)
                    sock.sendto(b"go", address)
                    return sock.recv(65536)

            with _datagram_socket() as sock:
                port = await runtime.listen_datagrams(sock, Burst)
                try:
                    return await runtime.run_in_thread(client, sock.getsockname())
                finally:
                    port.close()

        assert self.run(main) == b"fits"

    def test_w83_an_endpoint_that_raises_does_not_end_the_worker(self) -> None:
        """W83. It is logged, and gets the next datagrams."""

        async def main(runtime: Runtime) -> bytes:
            raised = Mark(runtime, "the first datagram")

            class Raiser(_EchoDatagrams):
                def datagrams_received(self, received: list[tuple[bytes, Any, int]]) -> None:
                    if not raised.happened:
                        raised.set()
                        message = "datagrams_received"
                        raise RuntimeError(message)
                    super().datagrams_received(received)

            def client(address: Any) -> bytes:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.settimeout(PATIENCE)
                    sock.sendto(b"one", address)
                    raised.wait()
                    sock.sendto(b"two", address)
                    return sock.recv(100)

            with _datagram_socket() as sock:
                port = await runtime.listen_datagrams(sock, Raiser)
                try:
                    return await runtime.run_in_thread(client, sock.getsockname())
                finally:
                    port.close()

        with error_log() as log:
            assert self.run(main) == b"two"
        assert [str(error) for error in log.raised()] == ["datagrams_received"]

    def test_w84_a_paused_datagram_port_still_sends(self) -> None:
        """W84. `pause_reading` leaves what arrives to whoever else reads the socket; idempotent."""

        async def main(runtime: Runtime) -> tuple[bytes, bytes]:
            endpoints: list[_EchoDatagrams] = []

            def endpoint(port: DatagramPort) -> _EchoDatagrams:
                endpoints.append(_EchoDatagrams(port))
                return endpoints[0]

            with _datagram_socket() as sock, _datagram_socket() as client:
                port = await runtime.listen_datagrams(sock, endpoint)
                port.pause_reading()
                port.pause_reading()
                client.sendto(b"for others", sock.getsockname())
                port.send([b"from here"], client.getsockname())
                client.setblocking(True)
                sent = await runtime.run_in_thread(client.recv, 100)
                received = await runtime.run_in_thread(_receive, sock)
                port.close()
            assert endpoints[0].packets == []
            return sent, received

        assert self.run(main) == (b"from here", b"for others")

    def test_w85_a_connection_that_joins_is_swept_and_aborted_at_the_end(self) -> None:
        """W85. `join` makes the clock tick for a connection that the runtime did not make; after
        `leave` it is not heard of any more.
        """
        joined = _Joined()

        async def main(runtime: Runtime) -> None:
            swept = Mark(runtime, "the sweep")
            joined.runtime = runtime
            joined.protocol.on_sweep = swept.set
            joined.protocol.deadline = runtime.time()
            runtime.join(joined)
            runtime.join(joined)
            assert joined in runtime.ports
            await swept.reached()
            runtime.leave(joined)
            runtime.leave(joined)
            assert joined not in runtime.ports
            runtime.join(joined)

        self.run(main)
        assert joined.aborted

    @pytest.mark.skipif(sys.platform != "linux", reason="how marks are read is each system's own")
    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_w86_packets_of_one_call_bear_its_mark(self, host: str) -> None:
        """W86. The third argument of `send` is the ECN field of all its packets, and of no others;
        `datagrams_received` tells that of each.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sizes = [1200, 1200, 1200, 500, 700]
        marks = [2, 0, 1, 3]
        wanted = [mark for mark in marks for _ in sizes]

        async def main(runtime: Runtime) -> tuple[list[int], list[int]]:
            arrived = Mark(runtime, "all packets")
            told: list[int] = []

            class Marks(_EchoDatagrams):
                def datagrams_received(self, received: list[tuple[bytes, Any, int]]) -> None:
                    told.extend(mark for _, _, mark in received)
                    if len(told) == len(wanted):
                        arrived.set()

            with (
                socket.socket(family, socket.SOCK_DGRAM) as one,
                socket.socket(family, socket.SOCK_DGRAM) as other,
                socket.socket(family, socket.SOCK_DGRAM) as reader,
            ):
                for sock in (one, other, reader):
                    sock.bind((host, 0))
                if family == socket.AF_INET6:
                    reader.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
                else:
                    reader.setsockopt(socket.IPPROTO_IP, _IP_RECVTOS, 1)
                sender = await runtime.listen_datagrams(one, _EchoDatagrams)
                receiver = await runtime.listen_datagrams(other, Marks)
                for address in (other.getsockname(), reader.getsockname()):
                    for mark in marks:
                        sender.send([bytes(size) for size in sizes], address, mark)
                await arrived.reached()
                read = await runtime.run_in_thread(_read_marks, reader, len(wanted))
                sender.close()
                receiver.close()
            return told, read

        told, read = self.run(main)
        assert told == read == wanted


_IP_RECVTOS = 13  # linux/in.h; Python does not name it


def _read_marks(sock: socket.socket, count: int) -> list[int]:
    """ECN fields of so many datagrams."""
    sock.settimeout(PATIENCE)
    found = []
    for _ in range(count):
        _, [(_, _, value)], _, _ = sock.recvmsg(2000, 100)
        found.append(value[0] & 3)
    return found


def _receive(sock: socket.socket) -> bytes:
    sock.settimeout(PATIENCE)
    return sock.recv(100)


class _Swept:
    deadline = NEVER

    def __init__(self) -> None:
        self.on_sweep: Callable[[], object] = list

    def sweep(self) -> None:
        self.deadline = NEVER
        self.on_sweep()

    def shutdown(self) -> None:
        """Nothing is under way."""


class _Joined:
    """A connection of no runtime's making."""

    client: tuple[str, int] | None = None
    server: Any = None
    tls: Any = None
    on_close: Callable[[Any], None] | None = None
    runtime: Any = None

    def __init__(self) -> None:
        self.protocol = _Swept()
        self.aborted = False

    def close(self) -> None:
        self.runtime.leave(self)

    def abort(self) -> None:
        self.aborted = True
        self.runtime.leave(self)
