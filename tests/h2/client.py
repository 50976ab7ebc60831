"""An HTTP/2 client that does as it is told: blocking, with a deadline for every wait.

It sends bytes as they are given, reads frames one by one, and keeps what each stream got. By itself
it does only what a test says it shall: acknowledge SETTINGS, answer PING, return credit.
"""

from __future__ import annotations

import contextlib
import ssl
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import hpack

from nonecorn.testing.wire import connect
from tests.h2 import frames as f

PATIENCE = 15.0
"""Seconds that a test waits for what must come."""


@dataclass(slots=True)
class Response:
    """What one stream got.

    Attributes:
        interim: Fields of each 1xx response.
        fields: Of the final response; None until it has come.
        data: Body so far.
        pieces: Length of each DATA frame, padding not counted.
        trailers: Trailer section, None without one.
        ended: END_STREAM has come.
        end_frame: Type of the frame that carried it.
        reset: Code of the RST_STREAM that came.
    """

    interim: list[f.Fields] = field(default_factory=list)
    fields: f.Fields | None = None
    data: bytearray = field(default_factory=bytearray)
    pieces: list[int] = field(default_factory=list)
    trailers: f.Fields | None = None
    ended: bool = False
    end_frame: int | None = None
    reset: int | None = None

    @property
    def status(self) -> int | None:
        return None if self.fields is None else int(dict(self.fields)[b":status"])

    @property
    def done(self) -> bool:
        return self.ended or self.reset is not None

    def values(self, name: bytes) -> list[bytes]:
        return [value for found, value in self.fields or () if found == name]


class Client:
    """One connection.

    Args:
        sock: Connected, with TLS or without.
        credit: Return credit for DATA as it comes.
        patience: Seconds for each wait.

    Attributes:
        log: Every frame received.
        streams: What each stream got.
        settings: The server's, by number.
        greeted: They have come.
        acknowledged: How many of our SETTINGS the server acknowledged.
        goaways: `(last stream, code, debug data)` of each GOAWAY.
        pongs: Payload of each acknowledged PING.
        promised: Stream and request fields of each PUSH_PROMISE.
        closed: The server has ended the connection.
    """

    def __init__(self, sock: Any, *, credit: bool = True, patience: float = PATIENCE) -> None:
        self.sock = sock
        self.log: list[f.Frame] = []
        self.streams: dict[int, Response] = {}
        self.settings: dict[int, int] = {}
        self.greeted = False
        self.acknowledged = 0
        self.goaways: list[tuple[int, int, bytes]] = []
        self.pongs: list[bytes] = []
        self.promised: dict[int, f.Fields] = {}
        self.closed = False
        self.credit = credit
        self.next_stream = 1
        self._patience = patience
        self._buffer = bytearray()
        self._decoder = hpack.Decoder(max_header_list_size=1 << 24)
        self._fragments = bytearray()
        self._opening: f.Frame
        self._pings = 0
        self._granted: Counter[int] = Counter()
        self._uploaded: Counter[int] = Counter()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<Client {state} goaways={self.goaways} last frames={self.log[-8:]}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.close()

    # Sending --------------------------------------------------------------------------------------

    def send(self, *parts: bytes) -> None:
        """Send frames in one write; a server that has hung up shows itself in what is read."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.sock.settimeout(self._patience)
            self.sock.sendall(b"".join(parts))

    def start(self, *pairs: tuple[int, int]) -> Self:
        """Preface and SETTINGS; returns once the server's have come and ours are acknowledged."""
        self.send(f.PREFACE, f.settings(*pairs))
        self.wait(lambda: self.greeted and self.acknowledged)
        return self

    def open(self, fields: f.Fields | bytes | None = None, *, end: bool = True) -> int:
        """Send a request's HEADERS on the next stream; returns its number."""
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        self.send(f.headers(stream, f.request() if fields is None else fields, end=end))
        return stream

    def get(self, path: bytes = b"/", *more: tuple[bytes, bytes]) -> int:
        return self.open(f.request(path, *more))

    def ask(self, fields: f.Fields | None = None, body: bytes | None = None) -> Response:
        """A whole exchange; the body goes in one frame."""
        stream = self.open(fields, end=body is None)
        if body is not None:
            self.send(f.data(stream, body, end=True))
        return self.response(stream)

    def window(self, stream: int) -> int:
        """Bytes that may be sent on a stream now, by `upload`'s count of what went before."""
        initial = self.settings.get(f.INITIAL_WINDOW_SIZE, 65535)
        own = initial + self._granted[stream] - self._uploaded[stream]
        return min(own, 65535 + self._granted[0] - self._uploaded[0])

    def upload(self, stream: int, body: bytes, *, end: bool = True, wait: bool = True) -> int:
        """Send a body as the windows allow.

        Args:
            stream: Its number.
            body: All of it.
            end: Whether it ends the request, once all is sent.
            wait: For credit; otherwise send what can be sent now.

        Returns:
            How much was sent.
        """
        at = 0
        while at < len(body):
            room = min(self.window(stream), 16384, len(body) - at)
            if room <= 0:
                if not wait:
                    return at
                self.wait(lambda: self.window(stream) > 0 or self[stream].done)
                if self[stream].done:
                    return at
                continue
            self.send(f.data(stream, body[at : at + room]))
            self._uploaded.update({stream: room, 0: room})
            at += room
        if end:
            self.send(f.data(stream, end=True))
        return at

    # Waiting --------------------------------------------------------------------------------------

    def __getitem__(self, stream: int) -> Response:
        return self.streams.setdefault(stream, Response())

    def wait(self, condition: Callable[[], object], patience: float | None = None) -> None:
        """Read frames until `condition` holds.

        Raises:
            AssertionError: The connection ended first.
            TimeoutError: It did not come about in time.
        """
        deadline = time.monotonic() + (self._patience if patience is None else patience)
        while not condition():
            assert not self.closed, f"the server closed the connection: {self!r}"
            self.read(deadline)

    def response(self, stream: int, patience: float | None = None) -> Response:
        """The response of a stream, complete or reset."""
        self.wait(lambda: self[stream].done, patience)
        return self[stream]

    def sync(self) -> None:
        """PING and its answer: what was sent before has been seen."""
        self._pings += 1
        payload = struct.pack(">Q", self._pings)
        self.send(f.ping(payload))
        self.wait(lambda: payload in self.pongs)

    def until_closed(self, patience: float | None = None) -> None:
        """Read everything up to the end of the connection."""
        deadline = time.monotonic() + (self._patience if patience is None else patience)
        while not self.closed:
            self.read(deadline)

    def read(self, deadline: float) -> f.Frame | None:
        """The next frame, which is also recorded; None at the end of the connection.

        Raises:
            TimeoutError: None came by then, in `time.monotonic` seconds.
        """
        while (length := self._complete()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                message = f"nothing more came: {self!r}"
                raise TimeoutError(message)
            self.sock.settimeout(left)
            try:
                piece = self.sock.recv(65536)
            except TimeoutError:
                message = f"nothing more came: {self!r}"
                raise TimeoutError(message) from None
            except (ConnectionError, ssl.SSLError):
                piece = b""
            if not piece:
                self.closed = True
                return None
            self._buffer += piece
        kind, flags, stream = struct.unpack(">BBI", self._buffer[3:9])
        received = f.Frame(kind, flags, stream & 0x7FFFFFFF, bytes(self._buffer[9 : 9 + length]))
        del self._buffer[: 9 + length]
        self.log.append(received)
        self._record(received)
        return received

    def _complete(self) -> int | None:
        if len(self._buffer) < 9:
            return None
        length = int.from_bytes(self._buffer[:3], "big")
        return length if len(self._buffer) >= 9 + length else None

    # Recording ------------------------------------------------------------------------------------

    def _record(self, frame: f.Frame) -> None:
        record = getattr(self, f"_on_{f.TYPES.get(frame.type, 'unknown').lower()}", None)
        if record is not None:
            record(frame)

    def _on_settings(self, frame: f.Frame) -> None:
        if frame.flags & f.ACK:
            self.acknowledged += 1
            return
        for at in range(0, len(frame.payload), 6):
            number, value = struct.unpack(">HI", frame.payload[at : at + 6])
            self.settings[number] = value
        self.greeted = True
        self.send(f.settings_ack())

    def _on_ping(self, frame: f.Frame) -> None:
        if frame.flags & f.ACK:
            self.pongs.append(frame.payload)
        else:
            self.send(f.ping(frame.payload, ack=True))

    def _on_goaway(self, frame: f.Frame) -> None:
        last, code = struct.unpack(">II", frame.payload[:8])
        self.goaways.append((last, code, frame.payload[8:]))

    def _on_window_update(self, frame: f.Frame) -> None:
        self._granted[frame.stream] += int.from_bytes(frame.payload, "big")

    def _on_rst_stream(self, frame: f.Frame) -> None:
        [self[frame.stream].reset] = struct.unpack(">I", frame.payload)

    def _on_data(self, frame: f.Frame) -> None:
        response = self[frame.stream]
        payload = frame.payload
        if frame.flags & f.PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        response.data += payload
        response.pieces.append(len(payload))
        if self.credit and frame.payload:
            size = len(frame.payload)
            more = b"" if frame.end_stream else f.window_update(frame.stream, size)
            self.send(f.window_update(0, size), more)
        self._end(frame)

    def _on_headers(self, frame: f.Frame) -> None:
        payload = frame.payload
        if frame.flags & f.PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        if frame.flags & f.WITH_PRIORITY:
            payload = payload[5:]
        self._fragments = bytearray(payload)
        self._opening = frame
        if frame.flags & f.END_HEADERS:
            self._block_complete()

    def _on_push_promise(self, frame: f.Frame) -> None:
        self._fragments = bytearray(frame.payload)
        self._opening = frame
        if frame.flags & f.END_HEADERS:
            self._block_complete()

    def _on_continuation(self, frame: f.Frame) -> None:
        self._fragments += frame.payload
        if frame.flags & f.END_HEADERS:
            self._block_complete()

    def _block_complete(self) -> None:
        opening = self._opening
        if opening.type == f.PUSH_PROMISE:
            [promised] = struct.unpack(">I", self._fragments[:4])
            self.promised[promised] = self._decode(self._fragments[4:])
            return
        fields = self._decode(self._fragments)
        response = self[opening.stream]
        status = dict(fields).get(b":status", b"")
        if response.fields is not None:
            assert not status, f"a second final response on stream {opening.stream}"
            response.trailers = fields
        elif status.startswith(b"1"):
            assert not opening.end_stream, "END_STREAM on an interim response"
            response.interim.append(fields)
        else:
            assert status, f"a response without a status: {fields}"
            response.fields = fields
        self._end(opening)

    def _decode(self, fragments: bytearray) -> f.Fields:
        decoded = self._decoder.decode(bytes(fragments), raw=True)
        return [(bytes(name), bytes(value)) for name, value in decoded]

    def _end(self, frame: f.Frame) -> None:
        if frame.end_stream:
            response = self[frame.stream]
            assert not response.ended, f"stream {frame.stream} ended twice"
            response.ended, response.end_frame = True, frame.type


def clear(address: Any, **more: Any) -> Client:
    """A connection without TLS, on which nothing was said."""
    return Client(connect(address, PATIENCE), **more)


def encrypted(address: Any, context: ssl.SSLContext, **more: Any) -> Client:
    """A connection with TLS and ALPN `h2`."""
    sock = context.wrap_socket(connect(address, PATIENCE), server_hostname="localhost")
    assert sock.selected_alpn_protocol() == "h2"
    return Client(sock, **more)
