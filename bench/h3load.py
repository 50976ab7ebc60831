"""Loads a server over HTTP/3: a few connections, each with so many requests under way at once.

One process without threads, as the other Python clients here: sockets are polled, what has come is
given to qh3 in as few pieces as the kernel can make of it (UDP_GRO), and what qh3 has to say is
sent. Runs in the calling process, on the CPU that it is on.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from bench.errors import BenchError
from bench.h3client import Connection, encode
from bench.load import Load
from bench.probe import Request
from bench.servers import HOST

VARIED = 10_000
"""How many different queries there are, where they differ."""
_STALL = 10.0
_READ = 65535
_BUFFER = 4 * 2**20
_UDP_GRO = 104
_SIZE = 4
_BATCH = 32


def run_h3load(
    port: int,
    request: Request,
    *,
    seconds: float,
    connections: int,
    streams: int,
    vary: bool = False,
) -> Load:
    """Ask for the same for `seconds`; what is under way then is given up, and counts for the bytes
    that came.

    Args:
        port: Where the server listens.
        request: What to ask for.
        seconds: How long.
        connections: How many.
        streams: How many requests at once on each.
        vary: Add a query that a connection repeats only after `VARIED` requests.

    Raises:
        BenchError: A closed connection, or silence.
    """
    with _links(port, request, connections, streams, vary=vary) as links:
        cpu_before, started = time.process_time(), time.monotonic()
        ends = started + seconds
        _run(links, lambda: time.monotonic() >= ends)
        made = [link.connection for link in links]
        elapsed = time.monotonic() - started
        client_cpu = time.process_time() - cpu_before
    return Load(
        requests=sum(connection.done for connection in made),
        size=sum(connection.size for connection in made),
        seconds=elapsed,
        errors=sum(connection.errors for connection in made),
        client_busy=client_cpu / elapsed,
    )


def probe_http3(port: int, request: Request) -> None:
    """Send `request` twice on one connection, and check status and body each time.

    Raises:
        BenchError: The answer is not the one that the scenario counts on.
    """
    what = f"HTTP/3 {request.method} {request.path}"
    with _links(port, request, 1, 1, keep=True) as links:
        connection = links[0].connection
        _run(links, lambda: connection.done + connection.errors >= 2)
    if connection.errors:
        raise BenchError(f"{what}: no answer with status 200")
    for body in connection.bodies:
        if body != request.expected:
            raise BenchError(
                f"{what}: {len(body)} bytes that are not the {len(request.expected)} expected"
            )


class _Link:
    """A connection and its socket."""

    __slots__ = ("_peer", "connection", "sock")

    def __init__(self, connection: Connection, sock: socket.socket, peer: tuple[str, int]) -> None:
        self.connection = connection
        self.sock = sock
        self._peer = peer

    def read(self) -> None:
        """Take in what has come."""
        room = socket.CMSG_SPACE(_SIZE)
        for _ in range(_BATCH):
            try:
                data, control, _, _ = self.sock.recvmsg(_READ, room)
            except BlockingIOError:
                break
            segment = int.from_bytes(control[0][2][:_SIZE], "little") if control else 0
            self.connection.receive(data, segment, self._peer, time.monotonic())

    def send(self) -> None:
        """Send what is to go out."""
        for data in self.connection.to_send(time.monotonic()):
            with contextlib.suppress(BlockingIOError):
                self.sock.send(data)


@contextlib.contextmanager
def _links(
    port: int,
    request: Request,
    count: int,
    streams: int,
    *,
    keep: bool = False,
    vary: bool = False,
) -> Iterator[list[_Link]]:
    """Connections that have begun; they are closed at the end."""
    peer = (HOST, port)
    paths = [f"{request.path}?{number}" for number in range(VARIED)] if vary else [request.path]
    frames = [encode(f"{HOST}:{port}", replace(request, path=path)) for path in paths]
    links: list[_Link] = []
    try:
        for _ in range(count):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            connection = Connection(peer, frames, streams=streams, keep=keep)
            links.append(_Link(connection, sock, peer))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            sock.setsockopt(socket.SOL_UDP, _UDP_GRO, 1)
            sock.setblocking(False)
            sock.connect(peer)
        yield links
        for link in links:
            link.connection.close()
            link.send()
    finally:
        for link in links:
            link.sock.close()


def _run(links: list[_Link], enough: Callable[[], bool]) -> None:
    """Keep connections going until there is enough of it."""
    by_number = {link.sock.fileno(): link for link in links}
    heard = time.monotonic()
    with select.epoll() as poll:
        for number in by_number:
            poll.register(number, select.EPOLLIN)
        for link in links:
            link.send()
        while not enough():
            now = time.monotonic()
            due = min(link.connection.timer() or now + _STALL for link in links)
            try:
                events = poll.poll(min(max(due - now, 0.0), 0.1))
            except InterruptedError:
                continue
            for number, _ in events:
                by_number[number].read()
            now = time.monotonic()
            if events:
                heard = now
            elif now > heard + _STALL:
                raise BenchError(f"no datagram for {_STALL:.0f} s with requests under way")
            for link in links:
                due = link.connection.timer() or now + _STALL
                if due <= now:
                    link.connection.tick(now)
                    link.send()
            for number, _ in events:
                by_number[number].send()
