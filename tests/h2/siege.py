"""An attack, an honest client beside it, and the server's memory under it."""

from __future__ import annotations

import contextlib
import re
import select
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.h2 import frames as f
from tests.h2.client import Client
from tests.h2.conftest import Served

MiB = 1 << 20
PATIENCE = 10.0
"""Seconds that an attack may go on, and that an honest request beside it may take."""
PAUSE = 0.01
"""Seconds between two honest requests, and between two looks at a server."""


class Attacker(Client):
    """Sends without mercy, and says what came of it.

    Attributes:
        sent: Bytes that the server's system took.
    """

    sent = 0

    def flood(
        self, parts: Iterable[bytes], *, read: bool = True, patience: float = PATIENCE
    ) -> str:
        """Send all parts, as fast as they are taken, and read what comes meanwhile.

        Args:
            parts: Frames, many of them in one part.
            read: Whether anything is read; otherwise answers pile up at the server.
            patience: Seconds for all of it.

        Returns:
            `closed`: the server hung up, or said GOAWAY with an error; `stalled`: it takes no
            more; `sent`: it took everything.
        """
        sock = self.sock
        sock.settimeout(0)
        deadline = time.monotonic() + patience
        for part in parts:
            left = memoryview(part)
            while left:
                if read:
                    self.drain()
                    if self.closed or any(code for _, code, _ in self.goaways):
                        return "closed"
                try:
                    count = sock.send(left)
                except (BlockingIOError, ssl.SSLWantWriteError):
                    wanted = [sock] if read else []
                    left_over = max(0.0, deadline - time.monotonic())
                    select.select(wanted, [sock], [], left_over)
                    if time.monotonic() > deadline:
                        return "stalled"
                    continue
                except (ConnectionError, ssl.SSLError):
                    return "closed"
                self.sent += count
                left = left[count:]
            if time.monotonic() > deadline:
                return "stalled"
        return "sent"

    def drain(self) -> None:
        """Read what is there, and wait for nothing."""
        with contextlib.suppress(TimeoutError):
            while not self.closed and select.select([self.sock], [], [], 0)[0]:
                self.read(time.monotonic() + 0.001)
        self.sock.settimeout(0)

    def verdict(self) -> int | None:
        """Code of the last GOAWAY, once the server has hung up; None where it came to none."""
        self.until_closed()
        return self.goaways[-1][1] if self.goaways else None


class Honest(threading.Thread):
    """Asks for one page after the other, with little pauses, on one connection, until told to stop.

    Attributes:
        served: How often it was.
        slowest: Seconds that it has waited at the worst.
    """

    def __init__(self, server: Served) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._enough = threading.Event()
        self._changed = threading.Condition()
        self.served = 0
        self.slowest = 0.0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with self._server.connect(patience=PATIENCE) as client:
                client.start()
                while not self._enough.wait(PAUSE):
                    began = time.monotonic()
                    response = client.ask(f.request(b"/tag?%d" % self.served))
                    assert response.data == b"%d" % self.served, client
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    client.streams.clear()
                    client.log.clear()
                    with self._changed:
                        self.served += 1
                        self._changed.notify()
        except BaseException as error:  # raised in the test's thread
            with self._changed:
                self.error = error
                self._changed.notify()

    def begin(self) -> None:
        self.start()
        assert self.is_served_again()

    def is_served_again(self) -> bool:
        """A request that begins now is answered (and not only one that is under way already)."""
        with self._changed:
            enough = self.served + (2 if self.served else 1)
            self._changed.wait_for(lambda: self.served >= enough or self.error, PATIENCE)
            return self.served >= enough or self.error is not None

    def stop(self) -> None:
        self._enough.set()
        self.join(PATIENCE * 2)
        if self.error is not None:
            raise self.error


def memory(pid: int, what: str) -> int:
    """`VmRSS` now or its peak `VmHWM`, in bytes."""
    [size] = re.findall(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(size) * 1024


@contextmanager
def siege(
    server: Served, *, bound: int = 12 * MiB, greet: bool = True, credit: bool = True
) -> Iterator[Attacker]:
    """Attack within; afterwards nobody has been harmed and nothing is left.

    Args:
        server: Whose memory is looked at.
        bound: Bytes by which its memory may have grown at any moment.
        greet: Exchange SETTINGS first.
        credit: See `Client`.
    """
    # What the first of its kind allocates for good is not the attack's.
    with server.connect() as other:
        other.start().ask()
    running = server.counts()["running"]
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")
    before = memory(server.pid, "VmRSS")
    honest = Honest(server)
    honest.begin()
    try:
        with Attacker(server.connect().sock, credit=credit) as attacker:
            if greet:
                attacker.start()
            yield attacker
            assert honest.is_served_again(), "nobody else is served meanwhile"
    finally:
        honest.stop()
    grown = memory(server.pid, "VmHWM") - before
    assert honest.slowest < PATIENCE / 2
    assert grown < bound, f"{grown / MiB:.1f} MiB"
    assert left_running(server, running) <= running


def left_running(server: Served, expected: int = 0) -> int:
    """Requests that still run, once they are as few as expected, or after much patience."""
    deadline = time.monotonic() + PATIENCE
    while (found := server.counts()["running"]) > expected and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return found


def repeat(part: bytes, count: int, size: int = 50) -> Iterator[bytes]:
    """`part` so many times, some in each write."""
    for _ in range(count // size):
        yield part * size
