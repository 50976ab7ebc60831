"""An idle server's memory and CPU, and what each idle connection or WebSocket adds."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable

from bench import proc
from bench.app import HELLO
from bench.errors import BenchError
from bench.fleet import Server
from bench.results import Sample
from bench.servers import HOST

WINDOW = 5.0
"""Seconds over which CPU use is counted."""
_SETTLE = 1.0
_WARM_UP = 32
_TIMEOUT = 20.0
_REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def measure_idle(
    server: Server, count: int, connect: Callable[[int], socket.socket] | None = None
) -> Sample:
    """Measure `server` before and after `count` connections made one request each and fell silent.

    A few connections come and go first: what the first requests import and allocate for good is the
    worker's own, not a connection's.

    Args:
        server: The server.
        count: How many connections.
        connect: Makes a connection to a port and asks for something once; a GET by default.

    Raises:
        BenchError: A connection is refused, or answered wrongly.
    """
    connect = connect or _get
    port = server.listen.port
    with contextlib.ExitStack() as stack:
        for _ in range(_WARM_UP):
            stack.enter_context(_connected(connect, port))
    time.sleep(_SETTLE)
    alone = proc.memory(server.pid)
    cpu = _cpu_in_window(server)
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(_connected(connect, port)) for _ in range(count)]
        time.sleep(_SETTLE)
        together = proc.memory(server.pid)
        connected_cpu = _cpu_in_window(server)
        lost = _closed(sockets)
    server.check_alive()
    values = {
        "pss": alone.pss / 2**20,
        "private": alone.private / 2**20,
        "cpu": cpu * 1e3,
        "per_connection": (together.pss - alone.pss) / 1024 / count,
        "connected_cpu": connected_cpu * 1e3,
        "connections": count - lost,
    }
    return Sample(values=values, errors=lost, printed=server.printed())


def _connected(connect: Callable[[int], socket.socket], port: int) -> socket.socket:
    try:
        return connect(port)
    except OSError as error:
        raise BenchError(f"idle connections: {error}") from error


def _get(port: int) -> socket.socket:
    sock = socket.create_connection((HOST, port), timeout=_TIMEOUT)
    try:
        sock.sendall(_REQUEST)
        answer = b""
        while not answer.endswith(b"\r\n\r\n" + HELLO):
            data = sock.recv(4096)
            if not data:
                raise BenchError(f"connection closed after {answer[:60]!r}")
            answer += data
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise BenchError(f"unexpected answer: {answer[:60]!r}")
    except BaseException:
        sock.close()
        raise
    return sock


def _cpu_in_window(server: Server) -> float:
    before, started = proc.precise_cpu(server.pid), time.monotonic()
    time.sleep(WINDOW)
    return (proc.precise_cpu(server.pid) - before) * WINDOW / (time.monotonic() - started)


def _closed(sockets: list[socket.socket]) -> int:
    """Count the connections that the server has closed: on an idle one, nothing is to be read."""
    poll = select.poll()
    for sock in sockets:
        poll.register(sock, select.POLLIN)
    return len(poll.poll(0))
