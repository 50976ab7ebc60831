"""The client that downloads: it reads as fast as it can and does nothing with what it reads.

wrk parses what it reads in pieces of 8 KiB, and would be the limit itself. This one makes one
`recv_into` per readable socket into a large buffer and counts. It starts no new download after its
time and ends those that run: only whole answers count, and no server sees a broken connection.
"""

from __future__ import annotations

import selectors
import socket
import time

from bench.errors import BenchError
from bench.load import Load
from bench.servers import HOST

_BUFFER = 1024 * 1024
_STALL = 10.0
_HEAD_LIMIT = 16 * 1024


class _Download:
    """One connection, downloading over and over."""

    __slots__ = ("_head", "_left", "_request", "_size", "finished", "sock")

    def __init__(self, port: int, request: bytes, size: int) -> None:
        self.sock = socket.create_connection((HOST, port), timeout=_STALL)
        self.sock.setblocking(False)
        self.finished = 0
        self._request = request
        self._size = size
        self._head = b""
        self._left = 0

    def ask(self) -> None:
        self._head = b""
        self._left = -1
        self.sock.send(self._request)  # a few bytes into an empty buffer: always whole

    def read(self, buffer: bytearray) -> tuple[int, bool]:
        """Read once; return how many bytes came, and whether the download is complete."""
        count = self.sock.recv_into(buffer)
        if count == 0:
            raise BenchError("the server closed the connection within a download")
        body = count
        if self._left < 0:
            self._head += buffer[:count]
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                if len(self._head) > _HEAD_LIMIT:
                    raise BenchError("a response head without an end")
                return count, False
            if not self._head.startswith(b"HTTP/1.1 200 "):
                raise BenchError(f"unexpected answer: {self._head[:60]!r}")
            self._left = self._size
            body = len(self._head) - end - 4
        self._left -= body
        if self._left < 0:
            raise BenchError("more bytes than the response declared")
        self.finished += self._left == 0
        return count, self._left == 0


def run_drain(port: int, path: str, size: int, *, seconds: float, connections: int) -> Load:
    """Download `path`, `size` bytes each time, over and over on `connections` for `seconds`.

    Runs in the calling process, on the CPU that it is on.

    Raises:
        BenchError: A wrong answer, a closed connection, or silence.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode()
    downloads: list[_Download] = []
    buffer = bytearray(_BUFFER)
    received = 0
    with selectors.DefaultSelector() as selector:
        try:
            for _ in range(connections):
                download = _Download(port, request, size)
                downloads.append(download)
                selector.register(download.sock, selectors.EVENT_READ, download)
            cpu_before, started = time.process_time(), time.monotonic()
            for download in downloads:
                download.ask()
            running = connections
            while running:
                ready = selector.select(_STALL)
                if not ready:
                    raise BenchError(f"no byte for {_STALL:.0f} s within a download")
                for key, _ in ready:
                    count, complete = key.data.read(buffer)
                    received += count
                    if not complete:
                        continue
                    if time.monotonic() - started < seconds:
                        key.data.ask()
                    else:
                        running -= 1
            elapsed = time.monotonic() - started
            client_cpu = time.process_time() - cpu_before
        finally:
            for download in downloads:
                download.sock.close()
    return Load(
        requests=sum(download.finished for download in downloads),
        size=received,
        seconds=elapsed,
        errors=0,
        client_busy=client_cpu / elapsed,
    )
