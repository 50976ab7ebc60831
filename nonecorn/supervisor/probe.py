"""One connection to `health_bind` on the supervisor's loop: a request, a response, the end.

As `nonecorn.serving.health.connection`, on a socket instead of a port: our direction is closed
after the response, and what still comes is thrown away until the peer has closed its own.
"""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from nonecorn.serving.health.answer import answer, refusal
from nonecorn.serving.health.connection import TIMEOUT
from nonecorn.serving.health.request import RefusedError, Request, read

if TYPE_CHECKING:
    from nonecorn.serving.health.facts import Facts
    from nonecorn.supervisor.loop import Loop

_READ_SIZE = 16384


class Probe:
    """See the module.

    Args:
        loop: The supervisor's.
        sock: Accepted.
        ask: Gets the facts, sooner or later.
        closed: Told at the end, once.
    """

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        ask: Callable[[Callable[[Facts], None]], None],
        closed: Callable[[Probe], None],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._ask = ask
        self._closed = closed
        self._received = bytearray()
        self._unsent = b""
        self._answering = False  # the request is complete, or refused
        self._answered = False  # the response has been sent
        self._ended = False  # the peer has closed its direction before that
        self._limit = loop.call_later(TIMEOUT, self.close)
        sock.setblocking(False)
        loop.on_ready(sock, self._read)

    def __repr__(self) -> str:
        state = (
            "closed" if self._sock.fileno() == -1
            else "answering" if self._answering
            else f"received={len(self._received)}"
        )  # fmt: skip
        return f"<Probe {state}>"

    def close(self) -> None:
        """End the connection. Idempotent."""
        if self._sock.fileno() != -1:
            self._limit.cancel()
            self._loop.forget(self._sock)
            self._sock.close()
            self._closed(self)

    def _read(self) -> None:
        try:
            data = self._sock.recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        if not data:
            self._peer_ended()
        elif not self._answering:
            self._received += data
            self._look()

    def _look(self) -> None:
        """Answer, if the request is complete."""
        try:
            request = read(self._received)
        except RefusedError as error:
            self._answering = True
            self._send(refusal(error))
            return
        if request is not None:
            self._answering = True
            self._received.clear()
            self._ask(functools.partial(self._answer, request))

    def _peer_ended(self) -> None:
        if self._answering and not self._answered:
            # It waits for the response all the same; a socket that has ended is always readable.
            self._ended = True
            self._loop.forget(self._sock)
        else:
            self.close()

    def _answer(self, request: Request, facts: Facts) -> None:
        if self._sock.fileno() != -1:
            self._send(answer(request, facts))

    def _send(self, data: bytes) -> None:
        self._unsent = data
        self._flush()

    def _flush(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except (BlockingIOError, InterruptedError):
            self._loop.on_ready(self._sock, None if self._ended else self._read, self._flush)
            return
        except OSError:
            self.close()
            return
        self._answered = True
        if self._ended:
            self.close()
            return
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        self._loop.on_ready(self._sock, self._read)
