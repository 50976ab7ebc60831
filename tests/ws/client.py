"""A WebSocket client that sends exactly what it is told, and shows exactly what comes back.

Nothing is answered, repaired or joined unless a test asks for it: a ping stays unanswered, a frame
may be unmasked, reserved, cut short or endless. What the server sends is held against RFC 6455 as
it is read: never masked, lengths in their shortest form, control frames short and whole.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import struct
from typing import NamedTuple, Self

from nonecorn.testing import RawResponse, read_responses
from nonecorn.testing.wire import BadResponseError, connect

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = base64.b64encode(bytes(range(16))).decode()
MASK = b"\x1f\x2e\x3d\x4c"
PATIENCE = 20.0
FIELDS = {
    "host": "test",
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-key": KEY,
    "sec-websocket-version": "13",
}
"""What a handshake consists of (RFC 6455 section 4.1)."""


class Frame(NamedTuple):
    """One frame that the server sent."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0


class Ended(Exception):
    """The server ended the connection where a frame was waited for."""


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bytes | None = MASK
) -> bytes:
    """A frame as a client sends it, or as it must not.

    Args:
        opcode: Any of 0 to 15.
        payload: Payload, unmasked.
        fin: Whether it is the message's last.
        rsv: The three reserved bits, RSV1 the highest.
        mask: Masking key; None sends it unmasked.
    """
    first = fin << 7 | rsv << 4 | opcode
    masked = 0 if mask is None else 0x80
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, masked | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, masked | 126, size)
    else:
        head = struct.pack("!BBQ", first, masked | 127, size)
    return head + (payload if mask is None else mask + masking(payload, mask))


def masking(payload: bytes, mask: bytes) -> bytes:
    """`payload` masked, or unmasked (RFC 6455 section 5.3)."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return masked.to_bytes(size, "big")


def text(data: str) -> bytes:
    """A text message in one frame."""
    return frame(TEXT, data.encode())


def closing(code: int | None = 1000, reason: str = "") -> bytes:
    """A close frame; None sends one without a code."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason.encode())


def request(path: str = "/echo", *more: str, method: str = "GET", **fields: str | None) -> bytes:
    """A handshake.

    Args:
        path: Path, and query.
        *more: Further field lines.
        method: Method.
        **fields: Replace a field of `FIELDS` (`_` stands for `-`); None leaves it out.
    """
    chosen = FIELDS | {name.replace("_", "-"): value for name, value in fields.items()}
    lines = [f"{name}: {value}" for name, value in chosen.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, *more, "", ""]).encode("latin-1")


def accept_of(key: str = KEY) -> bytes:
    """The answer that proves that the server understood the key (RFC 6455 section 4.2.2)."""
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode())
    return base64.b64encode(digest.digest())


class RawClient:
    """One connection.

    Args:
        address: Where to.
        hello: What to send first, a handshake as a rule.
        receive_buffer: Size of the socket's own buffer, where a test is to fill it.

    Attributes:
        sock: The socket.
        response: Answer to the handshake, once read.
    """

    def __init__(
        self, address: tuple[str, int] | str, hello: bytes = b"", receive_buffer: int = 0
    ) -> None:
        if receive_buffer:  # before the connection: it bounds the window that is offered
            self.sock = socket.socket()
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.sock.settimeout(PATIENCE)
            self.sock.connect(address)
        else:
            self.sock = connect(address, PATIENCE)
        self.response: RawResponse | None = None
        self._data = bytearray()
        self.send(hello)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def __repr__(self) -> str:
        return f"<RawClient fd={self.sock.fileno()} unread={len(self._data)}>"

    # Sending --------------------------------------------------------------------------------------

    def send(self, *frames: bytes) -> Self:
        """Send all of it."""
        self.sock.sendall(b"".join(frames))
        return self

    # Reading --------------------------------------------------------------------------------------

    def head(self) -> RawResponse:
        """Read the head that answers the handshake; what follows it stays unread."""
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            self._more()
        [self.response] = read_responses(self._take(end + 4), ["HEAD"])
        return self.response

    def opened(self) -> Self:
        """Read the answer, which must be 101 and right."""
        response = self.head()
        assert response.status == 101, response
        assert response.values(b"sec-websocket-accept") == [accept_of()]
        assert [each.lower() for each in response.values(b"upgrade")] == [b"websocket"]
        assert [each.lower() for each in response.values(b"connection")] == [b"upgrade"]
        return self

    def refused(self) -> RawResponse:
        """Read one whole response; the connection may go on or end after it."""
        found: list[RawResponse] = []
        while not found:
            closed = False
            try:
                self._more()
            except Ended:
                closed = True
            with contextlib.suppress(*() if closed else (BadResponseError,)):
                found = read_responses(bytes(self._data), closed=closed)
        [response] = found
        self._data.clear()
        return response

    def frame(self) -> Frame:
        """Read one frame.

        Raises:
            Ended: There is none.
        """
        first, second = self._read(2)
        size = second & 0x7F
        assert not second & 0x80, "a server must not mask (RFC 6455 section 5.1)"
        opcode, fin = first & 0x0F, bool(first & 0x80)
        assert opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)
        if size == 126:
            [size] = struct.unpack("!H", self._read(2))
            assert size > 125, "a length in its shortest form (RFC 6455 section 5.2)"
        elif size == 127:
            [size] = struct.unpack("!Q", self._read(8))
            assert size > 65535
        if opcode >= CLOSE:
            assert size < 126, "a control frame of more than 125 bytes (RFC 6455 section 5.5)"
            assert fin, "a control frame in pieces (RFC 6455 section 5.5)"
        return Frame(opcode, self._read(size), fin, (first & 0x70) >> 4)

    def message(self) -> Frame:
        """Read one message, joined; control frames may not come in between."""
        first = self.frame()
        if first.fin:
            return first
        pieces, last = [first.payload], first
        while not last.fin:
            last = self.frame()
            assert last.opcode == CONTINUATION
            pieces.append(last.payload)
        return Frame(first.opcode, b"".join(pieces), True, first.rsv)

    def closed(self) -> tuple[int | None, str]:
        """Read a close frame: its code, None for an empty one, and its reason."""
        found = self.frame()
        assert found.opcode == CLOSE, found
        assert len(found.payload) != 1
        if not found.payload:
            return None, ""
        [code] = struct.unpack("!H", found.payload[:2])
        return code, found.payload[2:].decode()

    def failed(self) -> int | None:
        """Read the code of a close frame that is the last thing before the connection ends."""
        code, _ = self.closed()
        assert self.ended()
        return code

    def goodbye(self, code: int | None = 1000, reason: str = "") -> tuple[int | None, str]:
        """Close, and read the server's answer and the end of the connection."""
        self.send(closing(code, reason))
        answer = self.closed()
        assert self.ended()
        return answer

    def ended(self) -> bool:
        """Wait for the end of the connection; False if bytes come instead."""
        try:
            self._read(1)
        except Ended:
            return True
        return False

    def _read(self, count: int) -> bytes:
        while len(self._data) < count:
            self._more()
        return self._take(count)

    def _take(self, count: int) -> bytes:
        found = bytes(self._data[:count])
        del self._data[:count]
        return found

    def _more(self) -> None:
        try:
            piece = self.sock.recv(1 << 18)
        except ConnectionError as error:
            raise Ended from error
        if not piece:
            raise Ended
        self._data += piece


def opened(address: tuple[str, int] | str, path: str = "/echo", *more: str) -> RawClient:
    """A connection whose handshake has succeeded."""
    client = RawClient(address, request(path, *more))
    try:
        return client.opened()
    except BaseException:
        client.sock.close()
        raise


def stuck(client: RawClient, data: bytes, most: int = 256 << 20) -> int:
    """Send `data` over and over until the server takes no more for a second.

    Returns:
        Bytes that were taken, `most` at most.
    """
    client.sock.settimeout(1.0)
    sent = 0
    try:
        while sent < most:
            sent += client.sock.send(data)
    except TimeoutError:
        pass
    finally:
        client.sock.settimeout(PATIENCE)
    return sent
