"""WebSocket over HTTP/3 (RFC 9220): extended CONNECT by aioquic, frames by `websockets`."""

from __future__ import annotations

from collections.abc import Generator

from websockets.exceptions import ConnectionClosed  # noqa: F401  # loads the package's parts
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from tests.h3.clients_aioquic import Client, Fields

ENABLE_CONNECT_PROTOCOL = 8


def asks(
    path: bytes = b"/ws", *more: tuple[bytes, bytes], protocol: bytes = b"websocket"
) -> Fields:
    """Fields of an extended CONNECT."""
    return [
        (b":method", b"CONNECT"),
        (b":protocol", protocol),
        (b":scheme", b"https"),
        (b":authority", b"localhost"),
        (b":path", path),
        (b"sec-websocket-version", b"13"),
        *more,
    ]


class WebSocket:
    """One WebSocket of a connection.

    Attributes:
        stream: Whose stream it is.
        response: What the stream got.
    """

    def __init__(self, client: Client, path: bytes = b"/ws", *more: tuple[bytes, bytes]) -> None:
        self._client = client
        self.stream = client.open(asks(path, *more), end=False)
        self.response = client[self.stream]
        self._reader = StreamReader()
        self._read = 0
        self._parser: Generator[None, None, Frame] | None = None
        client.wait(lambda: self.response.fields is not None or self.response.done)

    def send(self, data: str | bytes) -> None:
        opcode = Opcode.TEXT if isinstance(data, str) else Opcode.BINARY
        self.send_frame(opcode, data.encode() if isinstance(data, str) else data)

    def send_frame(self, opcode: Opcode, data: bytes, *, end: bool = False) -> None:
        self._client.send(self.stream, Frame(opcode, data).serialize(mask=True), end=end)

    def receive(self) -> tuple[Opcode, bytes]:
        """The next frame."""
        found: list[Frame] = []

        def parse() -> bool:
            fresh = bytes(self.response.data[self._read :])
            self._read += len(fresh)
            self._reader.feed_data(fresh)
            if self._parser is None:
                self._parser = Frame.parse(self._reader.read_exact, mask=False, max_size=None)
            try:
                next(self._parser)
            except StopIteration as stop:
                self._parser = None
                found.append(stop.value)
            return bool(found)

        self._client.wait(parse)
        return found[0].opcode, bytes(found[0].data)
