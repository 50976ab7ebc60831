"""What the rules for workers share: listeners, clients in threads, protocols that take notes.

Nothing here sleeps. A test waits for a `Mark`, which the code under test sets, on the loop or in a
client's thread; one that is not set within `PATIENCE` seconds fails the test. Where a rule says
that something does *not* happen, the test makes a round trip on another connection first: a loop
that was going to do it has had its chance by then.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from nonecorn.spi import NEVER, Port, Protocol, Runtime, Worker

PATIENCE = 10.0
"""Seconds after which what a test waits for is taken to be missing."""

T = TypeVar("T")


class Mark:
    """Something that is to happen, awaited on the loop or waited for in a thread."""

    def __init__(self, runtime: Runtime, name: str) -> None:
        self._runtime = runtime
        self._name = name
        self._event = threading.Event()
        self._waiter = runtime.waiter()

    def set(self) -> None:
        """It has happened. On the loop's thread only."""
        self._event.set()
        self._waiter.set()

    @property
    def happened(self) -> bool:
        """It has."""
        return self._event.is_set()

    async def reached(self) -> None:
        """Wait in the one task that may.

        Raises:
            AssertionError: It did not happen in time.
        """
        timer = self._runtime.call_at(self._runtime.time() + PATIENCE, self._waiter.set)
        await self._waiter.wait()
        timer.cancel()
        self._check()

    def wait(self) -> None:
        """Wait in a client's thread.

        Raises:
            AssertionError: It did not happen in time.
        """
        self._event.wait(PATIENCE)
        self._check()

    def _check(self) -> None:
        assert self._event.is_set(), f"{self._name} did not happen within {PATIENCE:g} s"

    def __repr__(self) -> str:
        return f"<Mark {self._name} {'set' if self.happened else 'unset'}>"


class Recorder:
    """A protocol that notes each call, and does nothing else.

    Attributes:
        events: Names of the calls, in order.
        received: Bytes delivered.
        opened: Set once made.
        lost: Set by `connection_lost`.
        error: What `connection_lost` was given.
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.deadline = NEVER
        self.events: list[str] = []
        self.received = bytearray()
        self.error: Exception | None = None
        self.lost = Mark(port.runtime, "connection_lost")

    def data_received(self, data: bytes) -> None:
        """Note the bytes."""
        self.events.append("data_received")
        self.received += data

    def eof_received(self) -> bool | None:
        """Note it, and let the runtime close."""
        self.events.append("eof_received")
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """Note it."""
        self.events.append("connection_lost")
        self.error = exc
        self.lost.set()

    def pause_writing(self) -> None:
        """Note it."""
        self.events.append("pause_writing")

    def resume_writing(self) -> None:
        """Note it."""
        self.events.append("resume_writing")

    def sweep(self) -> None:
        """Note it."""
        self.events.append("sweep")

    def shutdown(self) -> None:
        """Note it."""
        self.events.append("shutdown")


class Echo(Recorder):
    """Sends back what it gets."""

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        super().data_received(data)
        self.port.write(data)


class Log(logging.Handler):
    """Collects the records of a logger."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.records.append(record)

    def raised(self) -> list[BaseException]:
        """The exceptions that were logged with their traceback."""
        return [r.exc_info[1] for r in self.records if r.exc_info and r.exc_info[1] is not None]


@contextlib.contextmanager
def error_log() -> Iterator[Log]:
    """What goes to `nonecorn.error` meanwhile."""
    log = Log()
    logger = logging.getLogger("nonecorn.error")
    logger.addHandler(log)
    try:
        yield log
    finally:
        logger.removeHandler(log)


def listener(address: tuple[str, int] = ("127.0.0.1", 0)) -> socket.socket:
    """A listening TCP socket on a port of the system's choice."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.bind(address)
    sock.listen(128)
    return sock


def connect(address: Any) -> socket.socket:
    """A client whose every call gives up after `PATIENCE`; a string is a unix socket's path."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(PATIENCE)
        sock.connect(address)
        return sock
    sock = socket.create_connection(address, timeout=PATIENCE)
    # What a test has sent must be there, and not wait until what was sent before is acknowledged.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read(sock: socket.socket, count: int) -> bytes:
    """Exactly so many bytes, or fewer where the peer ends before."""
    data = bytearray()
    while len(data) < count:
        chunk = sock.recv(min(65536, count - len(data)))
        if not chunk:
            break
        data += chunk
    return bytes(data)


def read_all(sock: socket.socket) -> bytes:
    """Everything up to the peer's end."""
    data = bytearray()
    while chunk := sock.recv(65536):
        data += chunk
    return bytes(data)


def until_closed(sock: socket.socket) -> bytes:
    """Everything up to the peer's end, be it a FIN or a reset."""
    data = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(65536):
            data += chunk
    return bytes(data)


def exchange(sock: socket.socket, data: bytes) -> bytes:
    """Send, and read as many bytes."""
    sock.sendall(data)
    return read(sock, len(data))


class WorkerHarness:
    """Base of the rules.

    Attributes:
        worker: Makes the worker under test: its class, or a method.
    """

    worker: Callable[..., Worker]

    def run(self, main: Callable[[Runtime], Awaitable[T]]) -> T:
        """Run `main` on a new loop."""
        return self.worker().run(main)

    def serve(
        self,
        accept: Callable[[Port], Protocol],
        client: Callable[[Any], T],
        *,
        send_buffer: int = 65536,
        sock: socket.socket | None = None,
    ) -> T:
        """Run a server with these protocols for as long as `client`, in a thread, takes."""

        async def main(runtime: Runtime) -> T:
            return await serving(runtime, accept, client, send_buffer=send_buffer, sock=sock)

        return self.run(main)


async def serving(
    runtime: Runtime,
    accept: Callable[[Port], Protocol],
    client: Callable[[Any], T],
    *,
    send_buffer: int = 65536,
    sock: socket.socket | None = None,
) -> T:
    """As `WorkerHarness.serve`, on a loop that runs."""
    with sock or listener() as bound:
        listening = await runtime.listen(bound, accept, backlog=128, send_buffer=send_buffer)
        try:
            return await runtime.run_in_thread(client, bound.getsockname())
        finally:
            listening.close()
