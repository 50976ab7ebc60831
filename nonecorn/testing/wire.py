"""Raw HTTP/1 over real sockets: send exactly these bytes, see exactly what comes back.

Clients are too polite to test a server with: they correct what they send and repair what they get.
`raw_exchange` does neither, and `read_responses` takes an answer apart without mercy, so that a
stray byte is an error.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nonecorn.spi import Headers

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2}) [\t\x20-\x7e\x80-\xff]*\Z")
_FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*\Z")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")
_CLEAN = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")


class BadResponseError(ValueError):
    """The bytes are no well-formed sequence of HTTP/1 responses."""


@dataclass(slots=True, kw_only=True)
class RawResponse:
    """One final response and the interim ones before it.

    Attributes:
        status: Status code.
        headers: Field lines, names in lower case.
        body: Body without its framing.
        trailers: Trailer section.
        interim: Status codes of the 1xx responses.
        delimited: The message says where it ends: it need not be ended by closing the connection.
        version: `1.1`, as the status line has it.
    """

    status: int
    headers: Headers
    body: bytes = b""
    trailers: Headers = field(default_factory=list)
    interim: tuple[int, ...] = ()
    delimited: bool = True
    version: str = "1.1"

    def values(self, name: bytes) -> list[bytes]:
        """Values of every field line of this name, given in lower case."""
        return [value for found, value in self.headers if found == name]


def read_responses(
    data: bytes, methods: Sequence[str] = (), *, closed: bool = True
) -> list[RawResponse]:
    """Split what a server sent into responses.

    Args:
        data: All of it.
        methods: Request method by position, for HEAD and CONNECT; GET for those not given.
        closed: The server has closed the connection: a response without length ends there, and no
            other may be cut short.

    Raises:
        BadResponseError: The data breaks the grammar of RFC 9112, contradicts itself, or ends
            within a response.
    """
    responses: list[RawResponse] = []
    interim: list[int] = []
    rest = data
    while rest:
        method = methods[len(responses)] if len(responses) < len(methods) else "GET"
        head, separator, rest = rest.partition(b"\r\n\r\n")
        if not separator:
            message = f"a response head without an end: {head!r}"
            raise BadResponseError(message)
        response = _read_head(head)
        if 100 <= response.status < 200 and response.status != 101:
            interim.append(response.status)
            continue
        response.interim = tuple(interim)
        interim.clear()
        rest = _read_body(response, rest, method, closed)
        responses.append(response)
    if interim:
        message = f"interim responses {interim} and no final one"
        raise BadResponseError(message)
    return responses


def _read_head(head: bytes) -> RawResponse:
    lines = head.split(b"\r\n")
    status_line = _STATUS_LINE.match(lines[0])
    if status_line is None:
        message = f"not a status line: {lines[0]!r}"
        raise BadResponseError(message)
    headers = [_field(line) for line in lines[1:]]
    version = lines[0][5:8].decode()
    return RawResponse(status=int(status_line[1]), headers=headers, version=version)


def _field(line: bytes) -> tuple[bytes, bytes]:
    match = _FIELD_LINE.match(line)
    if match is None or not _CLEAN.match(match[2]):
        message = f"not a field line: {line!r}"
        raise BadResponseError(message)
    return match[1].lower(), match[2]


def _read_body(response: RawResponse, rest: bytes, method: str, closed: bool) -> bytes:
    """Take the body off `rest` by the rules of RFC 9112 section 6.3; returns what follows it."""
    lengths = response.values(b"content-length")
    codings = response.values(b"transfer-encoding")
    if len(lengths) > 1 or len(codings) > 1 or (lengths and codings):
        message = f"contradictory framing: {lengths + codings}"
        raise BadResponseError(message)
    if lengths and not lengths[0].isdigit():
        message = f"bad content-length: {lengths[0]!r}"
        raise BadResponseError(message)
    if (lengths or codings) and response.status in (101, 204):
        message = f"{response.status} with a body length (RFC 9110 section 8.6)"
        raise BadResponseError(message)
    if method == "HEAD" or response.status in (101, 204, 304):
        if response.status == 101:  # what follows is not HTTP
            response.body, rest = rest, b""
        return rest
    if codings:
        if codings[0].lower() != b"chunked":
            message = f"unexpected transfer-encoding: {codings[0]!r}"
            raise BadResponseError(message)
        return _read_chunks(response, rest)
    if lengths:
        length = int(lengths[0])
        if len(rest) < length:
            message = f"body cut short: {len(rest)} bytes of {length}"
            raise BadResponseError(message)
        response.body = rest[:length]
        return rest[length:]
    response.delimited = False
    if not closed:
        message = "a response without length on a connection that stays open"
        raise BadResponseError(message)
    response.body = rest
    return b""


def _read_chunks(response: RawResponse, rest: bytes) -> bytes:
    body = bytearray()
    while True:
        match = _CHUNK.match(rest)
        if match is None:
            message = f"not a chunk: {rest[:40]!r}"
            raise BadResponseError(message)
        size = int(match[1], 16)
        rest = rest[match.end() :]
        if size == 0:
            break
        if rest[size : size + 2] != b"\r\n":
            message = f"a chunk of {size} bytes without an end, or cut short"
            raise BadResponseError(message)
        body += rest[:size]
        rest = rest[size + 2 :]
    response.body = bytes(body)
    while not rest.startswith(b"\r\n"):
        line, separator, rest = rest.partition(b"\r\n")
        if not separator:
            message = "a trailer section without an end"
            raise BadResponseError(message)
        response.trailers.append(_field(line))
    return rest[2:]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """What a server sent on one connection.

    Attributes:
        data: All bytes, in order.
        closed: The server ended the connection; False if the exchange gave up waiting.
        reset: It ended by RST instead of FIN.
    """

    data: bytes
    closed: bool
    reset: bool = False


def connect(address: tuple[str, int] | str, timeout: float = 5.0) -> socket.socket:
    """A blocking socket to a TCP address, or to a unix socket by its path."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return sock
    sock = socket.create_connection(address, timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def raw_exchange(
    address: tuple[str, int] | str,
    chunks: bytes | Iterable[bytes],
    timeout: float = 5.0,
    *,
    half_close: bool = False,
) -> RawAnswer:
    """Send bytes, then read until the server closes.

    Args:
        address: `(host, port)`, or the path of a unix socket.
        chunks: What to send; each chunk is one system call.
        timeout: Seconds for the whole exchange.
        half_close: End our direction after the last byte.

    Returns:
        All that came, and how it ended; `closed` is False where the server left the connection open
        until `timeout`.
    """
    deadline = time.monotonic() + timeout
    with connect(address, timeout) as sock:
        # A server may refuse, and close, before it has read everything: what it said still counts.
        with contextlib.suppress(ConnectionError):
            for chunk in (chunks,) if isinstance(chunks, bytes) else chunks:
                sock.sendall(chunk)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        return read_until_closed(sock, deadline)


def read_until_closed(sock: socket.socket, deadline: float) -> RawAnswer:
    """Read until the peer closes, or `deadline` in `time.monotonic` seconds has passed."""
    data = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return RawAnswer(data=bytes(data), closed=False)
        sock.settimeout(left)
        try:
            piece = sock.recv(65536)
        except TimeoutError:
            return RawAnswer(data=bytes(data), closed=False)
        except ConnectionError:
            return RawAnswer(data=bytes(data), closed=True, reset=True)
        if not piece:
            return RawAnswer(data=bytes(data), closed=True)
        data += piece
