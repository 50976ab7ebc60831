"""Raw HTTP/1.1 on connections that stay open."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import TypeVar

from nonecorn.testing import RawResponse, read_responses
from nonecorn.testing.wire import BadResponseError

T = TypeVar("T")
PATIENCE = 20.0


def get(path: str = "/", *fields: str, method: str = "GET") -> bytes:
    """A request without a body."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: test", *fields, "", ""]).encode()


def responses(sock: socket.socket, count: int = 1, method: str = "GET") -> list[RawResponse]:
    """Read exactly so many responses; the connection stays open."""
    data = b""
    while True:
        piece = sock.recv(65536)
        assert piece, f"closed within the response: {data!r}"
        data += piece
        try:
            found = read_responses(data, [method] * count, closed=False)
        except BadResponseError:
            continue  # not all of it, yet
        assert len(found) <= count
        if len(found) == count:
            return found


def ask(sock: socket.socket, request: bytes) -> RawResponse:
    """One request and its response."""
    sock.sendall(request)
    [response] = responses(sock, method=request.partition(b" ")[0].decode())
    return response


def reset(sock: socket.socket) -> None:
    """Close with a RST instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def settled(look: Callable[[], T], expected: T) -> T:
    """What `look` gives once it is `expected`, or after much patience."""
    deadline = time.monotonic() + PATIENCE
    while (found := look()) != expected and time.monotonic() < deadline:
        pass
    return found
