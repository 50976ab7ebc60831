"""A plain client's requests: does the server answer rightly, before its speed is measured?"""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass

from bench.app import HELLO
from bench.errors import BenchError
from bench.servers import HOST, Listen

_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, and the body that must come back with status 200."""

    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    expected: bytes = HELLO

    @property
    def method(self) -> str:
        """POST if there is a body."""
        return "POST" if self.body else "GET"

    @property
    def closes(self) -> bool:
        """Whether it asks for the connection to be closed."""
        return ("Connection", "close") in self.headers


def probe(listen: Listen, request: Request) -> None:
    """Send `request` and check status, body, and whether the connection stays open.

    If it stays open, the request is sent once more on it.

    Raises:
        BenchError: The answer is not the one that the scenario counts on.
        ConnectionRefusedError: Nobody listens there (yet).
    """
    connection: http.client.HTTPConnection
    if listen.certificate is None:
        connection = http.client.HTTPConnection(HOST, listen.port, timeout=_TIMEOUT)
    else:
        context = ssl.create_default_context(cafile=listen.certificate.chain)
        connection = http.client.HTTPSConnection(
            HOST, listen.port, timeout=_TIMEOUT, context=context
        )
    try:
        for _ in range(1 if request.closes else 2):
            _ask(connection, request)
    except ConnectionRefusedError:
        raise
    except (OSError, http.client.HTTPException) as error:
        what = f"{request.method} {request.path}"
        raise BenchError(f"{what}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, request: Request) -> None:
    body = request.body or None  # b"" would make it say Content-Length: 0
    connection.request(request.method, request.path, body, dict(request.headers))
    response = connection.getresponse()
    closes = response.will_close
    answer = response.read()
    what = f"{request.method} {request.path}"
    if response.status != 200:
        raise BenchError(f"{what}: status {response.status} instead of 200")
    if answer != request.expected:
        raise BenchError(
            f"{what}: {len(answer)} bytes that are not the {len(request.expected)} expected"
        )
    if closes != request.closes:
        state = "closed" if closes else "kept open"
        raise BenchError(f"{what}: connection {state} against the request")
