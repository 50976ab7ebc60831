"""Datagrams that reached the wrong worker.

Each worker has a unix datagram socket named by its identity in the server's private directory. What
one receives for another is sent there, with the address that it came from. A worker that was
succeeded does not read its UDP socket any more and lives on what is put into its mailbox.

An ID that a client made up names no worker. Where workers share one socket, any of them may receive
the next packet with it; they agree on whose it is by comparing hashes of the ID with each identity
(rendezvous hashing), among those that take new connections.

A mailbox holds few letters (`net.unix.max_dgram_qlen`, often 10), while one tick may bring hundreds
of datagrams: the first of a tick goes at once, which also shows whether there is such a worker, and
the others follow at its end, many in one letter.

One worker may have several endpoints for one listener, when it serves the socket of a worker that
has yet to start beside its own. They have one identity, and so one mailbox; a datagram is for the
one that knows its connection.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import time
from collections.abc import Callable, Container
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nonecorn_h3._quic._envelope import bundled, opened, sealed
from nonecorn_h3._quic._ids import destination

if TYPE_CHECKING:
    from nonecorn.spi import DatagramPort, Lane, Place, Runtime

Receive = Callable[[bytes, Any, int], None]

_RETIRED = ".retired"
"""Marks a worker that takes no new connections, beside its socket."""
_LOOK_AGAIN = 1.0
"""Seconds for which the list of workers is believed."""


class Mailbox:
    """The way of one endpoint to its namesakes in other workers, and back.

    Args:
        worker: The worker's part of it.
        lane: Which listener's datagrams these are.
        receive: Takes a datagram, the address that it came from, and its ECN field.
        known: Has the connection IDs of the endpoint.

    Attributes:
        receive: See there.
        known: See there.
        retired: It takes no new connections.
    """

    __slots__ = ("_lane", "_worker", "known", "receive", "retired")

    def __init__(
        self, worker: _WorkerMailbox, lane: Lane, receive: Receive, known: Container[bytes]
    ) -> None:
        self._worker = worker
        self._lane = lane
        self.receive = receive
        self.known = known
        self.retired = False
        worker.endpoints.setdefault(lane.listener, []).append(self)

    def __repr__(self) -> str:
        return f"<Mailbox {self._lane.listener} {self._worker!r}>"

    @classmethod
    def join(
        cls,
        place: Place,
        lane: Lane,
        port: DatagramPort,
        receive: Receive,
        known: Container[bytes] = (),
    ) -> Mailbox | None:
        """Have one, where the server has a directory for them and the platform the sockets."""
        if not place.directory or not hasattr(socket, "AF_UNIX"):
            return None
        key = (place.directory, place.identity)
        if key not in _OPEN:
            _OPEN[key] = _WorkerMailbox(place, port.runtime)
        return cls(_OPEN[key], lane, receive, known)

    def pass_on(self, connection_id: bytes, data: bytes, address: Any, mark: int) -> bool:
        """Give a datagram to another endpoint of this worker; False where none knows the ID."""
        for other in self._worker.endpoints[self._lane.listener]:
            if other is not self and connection_id in other.known:
                other.receive(data, address, mark)
                return True
        return False

    def forward(self, identity: int, data: bytes, address: Any, mark: int) -> bool:
        """Send a datagram to the worker with that identity.

        Returns:
            False where there is no such worker. One that cannot take it now loses it, as the
            network might.
        """
        return self._worker.send(identity, sealed(self._lane.listener, address, data, mark))

    def forward_first(self, connection_id: bytes, data: bytes, address: Any, mark: int) -> bool:
        """Send a datagram with an ID that a client made up to the worker that all agree on.

        Returns:
            False where that is this one, or there is no need to agree: each worker has a socket of
            its own, and the kernel keeps a client to one of them.
        """
        if self._lane.count > 1:
            return False
        owner = self._worker.owner(connection_id)
        return owner is not None and self.forward(owner, data, address, mark)

    def retire(self) -> None:
        """It takes no new connections; where that holds for all, the other workers are told."""
        self.retired = True
        if all(each.retired for found in self._worker.endpoints.values() for each in found):
            self._worker.retire()

    def leave(self) -> None:
        """Receive no more; the last of the worker's endpoints closes it."""
        worker = self._worker
        found = worker.endpoints.get(self._lane.listener, [])
        if self in found:
            found.remove(self)
        if not found:
            worker.endpoints.pop(self._lane.listener, None)
        if not worker.endpoints:
            _OPEN.pop(worker.key, None)
            worker.close()


class _WorkerMailbox:
    """The socket, shared by all endpoints of the worker; an `Endpoint` for the runtime."""

    __slots__ = ("_closed", "_held", "_looked", "_path", "_peers", "_port", "_reader", "_runtime",
                 "_sock", "endpoints", "key")  # fmt: skip

    def __init__(self, place: Place, runtime: Runtime) -> None:
        self.key = (place.directory, place.identity)
        self.endpoints: dict[str, list[Mailbox]] = {}
        self._path = f"{place.directory}/{place.identity}"
        self._peers: list[int] = []
        self._looked = -_LOOK_AGAIN
        self._closed = False
        self._held: dict[int, list[bytes]] = {}
        self._runtime = runtime
        self._port: DatagramPort | None = None
        for left_over in (self._path, self._path + _RETIRED):  # of a worker that was killed
            with contextlib.suppress(FileNotFoundError):
                Path(left_over).unlink()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            self._sock.bind(self._path)
        except BaseException:
            self._sock.close()
            raise
        self._reader = runtime.spawn(partial(self._listen, runtime))

    def __repr__(self) -> str:
        return f"<{'closed' if self._closed else 'open'} {self._path}>"

    async def _listen(self, runtime: Runtime) -> None:
        await runtime.listen_datagrams(self._sock, self._serve)

    def _serve(self, port: DatagramPort) -> _WorkerMailbox:
        self._port = port
        return self

    def datagrams_received(self, packets: list[tuple[bytes, Any, int]]) -> None:
        """See `Endpoint`."""
        for letter, _, _ in packets:
            for listener, address, data, mark in opened(letter):
                boxes = self.endpoints.get(listener)
                if boxes:
                    _addressee(boxes, data).receive(data, address, mark)

    def pause(self) -> None:
        """See `Endpoint`: only endpoints take connections."""

    def resume(self) -> None:
        """See `Endpoint`."""

    def retire(self, *, succeeded: bool = True) -> None:
        """See `Endpoint`."""
        del succeeded
        with contextlib.suppress(OSError):
            os.close(os.open(self._path + _RETIRED, os.O_CREAT | os.O_WRONLY, 0o600))

    def send(self, identity: int, message: bytes) -> bool:
        """Put something into a mailbox by the end of this tick; False where there is none."""
        if identity == self.key[1]:
            return False
        held = self._held.get(identity)
        if held is not None:
            held.append(message)
            return True
        if not self._post(identity, message):
            return False
        if not self._held:
            self._runtime.end_of_tick(self._post_held)
        self._held[identity] = []
        return True

    def _post_held(self) -> None:
        held, self._held = self._held, {}
        if not self._closed:
            for identity, messages in held.items():
                for letter in bundled(messages):
                    self._post(identity, letter)

    def _post(self, identity: int, letter: bytes) -> bool:
        try:
            self._sock.sendto(letter, f"{self.key[0]}/{identity}")
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            pass  # it is full, or the letter too long: lost
        return True

    def owner(self, connection_id: bytes) -> int | None:
        """Which worker is to have a client that nobody knows; None for nobody in particular."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_AGAIN:
            self._looked = now
            names = {path.name for path in Path(self.key[0]).iterdir()}
            self._peers = [
                int(name) for name in names if name.isdecimal() and name + _RETIRED not in names
            ]
        if len(self._peers) < 2:
            return None
        return max(self._peers, key=lambda peer: _affinity(connection_id, peer))

    def close(self) -> None:
        """See `Endpoint`. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._reader.cancel()
        if self._port is not None:
            self._port.close()
        self._sock.close()
        for path in (self._path, self._path + _RETIRED):
            with contextlib.suppress(OSError):
                Path(path).unlink()


def _addressee(boxes: list[Mailbox], data: bytes) -> Mailbox:
    """Who knows the connection, or else takes new ones."""
    if len(boxes) > 1:
        connection_id = destination(data)
        for box in boxes:
            if connection_id in box.known:
                return box
        for box in boxes:
            if not box.retired:
                return box
    return boxes[0]


_OPEN: dict[tuple[str, int], _WorkerMailbox] = {}
"""Mailboxes of the workers in this process: one each, unless a program runs several."""


def _affinity(connection_id: bytes, identity: int) -> bytes:
    return hashlib.blake2s(connection_id + identity.to_bytes(4, "big"), digest_size=8).digest()
