"""One HTTP/3 connection of the load: qh3 below, and of HTTP/3 only what the load needs. No I/O.

The request is encoded once, by static and literal QPACK alone, and no dynamic table is allowed to
the server, so that streams are read without a decoder: frames are told apart, and the bodies
counted. What the client costs is not in the figures that count, but it must keep up with the
server: qh3's core is compiled, and needs a fraction of what a server in Python does.
"""

from __future__ import annotations

import itertools
import ssl
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from qh3.quic.configuration import QuicConfiguration
from qh3.quic.connection import QuicConnection
from qh3.quic.events import (
    ConnectionTerminated,
    HandshakeCompleted,
    StreamDataReceived,
    StreamReset,
)

from bench.errors import BenchError
from bench.probe import Request

T = TypeVar("T")

_HEADERS, _DATA = 1, 0
_CONTROL = b"\x00\x04\x00"
"""The control stream: its type and an empty SETTINGS frame, so no table of QPACK's."""
_OK = (b"\xd9", b"\xff\x0a")
"""How `:status: 200` begins a field section: entry 25 of the static table."""
_WINDOW = 16 * 2**20


def varint(value: int) -> bytes:
    """A QUIC integer (RFC 9000 section 16)."""
    for size, prefix in ((1, 0), (2, 1), (4, 2)):
        if value < 1 << (8 * size - 2):
            return (value | prefix << (8 * size - 2)).to_bytes(size, "big")
    return (value | 3 << 62).to_bytes(8, "big")


def read_varint(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """A QUIC integer and where the next byte is; None where it is not complete."""
    if at >= len(data):
        return None
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        return None
    return int.from_bytes(data[at : at + size], "big") & ((1 << (8 * size - 2)) - 1), at + size


def encode(authority: str, request: Request) -> bytes:
    """The frames of a request: HEADERS, and DATA where there is a body."""
    method = {"GET": b"\xd1", "POST": b"\xd4"}[request.method]
    fields = [
        b"\x00\x00" + method + b"\xd7",
        b"\x51" + _string(request.path.encode()),
        b"\x50" + _string(authority.encode()),
    ]
    for name, value in request.headers:
        fields += [_string(name.lower().encode(), bits=3, flags=0x20), _string(value.encode())]
    section = b"".join(fields)
    frames = varint(_HEADERS) + varint(len(section)) + section
    if request.body:
        frames += varint(_DATA) + varint(len(request.body)) + request.body
    return frames


def _string(data: bytes, *, bits: int = 7, flags: int = 0) -> bytes:
    """A string literal without Huffman coding (RFC 9204 section 4.1.2)."""
    most = (1 << bits) - 1
    if len(data) < most:
        return bytes([flags | len(data)]) + data
    rest, size = len(data) - most, bytearray([flags | most])
    while rest >= 128:
        size.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*size, rest]) + data


class Answer:
    """What has come on one stream: its frames told apart, its body counted and maybe kept."""

    __slots__ = ("_head", "_kind", "_left", "body", "ok", "size")

    def __init__(self, *, keep: bool) -> None:
        self.body: bytearray | None = bytearray() if keep else None
        self.ok = False
        self.size = 0
        self._head = bytearray()
        self._kind = -1
        self._left = 0

    def feed(self, data: bytes) -> None:
        """Take in the stream's next bytes."""
        if self._kind == _DATA and len(data) < self._left:  # the middle of a body: nearly always
            self._left -= len(data)
            self.size += len(data)
            if self.body is not None:
                self.body += data
            return
        self._head += data
        while True:
            if self._kind < 0:
                kind = read_varint(self._head, 0)
                length = read_varint(self._head, kind[1]) if kind is not None else None
                if kind is None or length is None:
                    return
                self._kind, self._left = kind[0], length[0]
                del self._head[: length[1]]
            if self._kind == _DATA:
                part = self._head[: self._left]
                self._left -= len(part)
                self.size += len(part)
                if self.body is not None:
                    self.body += part
                del self._head[: len(part)]
                if self._left:
                    return
            else:
                if len(self._head) < self._left:
                    return
                if self._kind == _HEADERS and self._head[2:4].startswith(_OK[0]):
                    self.ok = True
                del self._head[: self._left]
            self._kind = -1


class Connection:
    """One connection that keeps `streams` requests under way.

    Args:
        peer: The server's address.
        frames: The encoded requests, which are sent in turn.
        streams: How many at once.
        keep: Keep bodies, in `bodies`.

    Attributes:
        done: Requests answered with 200, and ended.
        size: Bytes of bodies received, of answers under way too.
        errors: Requests that were reset or answered otherwise.
        asking: More requests are begun; False: those under way are the last.
        bodies: The bodies that were kept.
    """

    __slots__ = (
        "_answers",
        "_frames",
        "_keep",
        "_quic",
        "_streams",
        "asking",
        "bodies",
        "done",
        "errors",
        "size",
    )

    def __init__(
        self, peer: tuple[str, int], frames: Sequence[bytes], *, streams: int, keep: bool = False
    ) -> None:
        configuration = QuicConfiguration(
            alpn_protocols=["h3"],
            server_name=peer[0],
            verify_mode=ssl.CERT_NONE,
            max_data=4 * _WINDOW,
            max_stream_data=_WINDOW,
            idle_timeout=60.0,
        )
        self._quic = QuicConnection(configuration=configuration)
        self._quic.connect(peer, time.monotonic())
        self._frames = itertools.cycle(frames)
        self._streams = streams
        self._keep = keep
        self._answers: dict[int, Answer] = {}
        self.asking = True
        self.bodies: list[bytes] = []
        self.done = self.size = self.errors = 0

    def __repr__(self) -> str:
        return f"<Connection done={self.done} open={len(self._answers)}>"

    @property
    def idle(self) -> bool:
        """No request is under way."""
        return not self._answers

    def receive(self, data: bytes, segment: int, peer: tuple[str, int], now: float) -> None:
        """Take in what came from the server: one datagram, or several of `segment` bytes.

        Raises:
            BenchError: The server has closed the connection.
        """
        if segment and len(data) > segment:
            _guarded(self._quic.receive_gro_buffer, data, segment, peer, now)
        else:
            _guarded(self._quic.receive_datagram, data, peer, now)
        self._look()

    def timer(self) -> float | None:
        """When `tick` is due."""
        return self._quic.get_timer()

    def tick(self, now: float) -> None:
        """The timer has expired."""
        _guarded(self._quic.handle_timer, now)
        self._look()

    def to_send(self, now: float) -> Sequence[bytes]:
        """Datagrams that are to go out."""
        return [data for data, _ in _guarded(self._quic.datagrams_to_send, now)]

    def close(self) -> None:
        """Say goodbye (H3_NO_ERROR)."""
        self._quic.close(error_code=0x100, reason_phrase="")

    def _look(self) -> None:
        while (event := self._quic.next_event()) is not None:
            if type(event) is StreamDataReceived:
                answer = self._answers.get(event.stream_id)
                if answer is None:
                    continue  # the server's control stream and QPACK's
                before = answer.size
                answer.feed(event.data)
                self.size += answer.size - before
                if event.end_stream:
                    self._finish(event.stream_id, answer)
            elif type(event) is StreamReset:
                self.errors += 1
                self._answers.pop(event.stream_id, None)
                self._ask()
            elif type(event) is HandshakeCompleted:
                self._quic.send_stream_data(
                    self._quic.get_next_available_stream_id(is_unidirectional=True), _CONTROL
                )
                for _ in range(self._streams):
                    self._ask()
            elif type(event) is ConnectionTerminated:
                raise BenchError(
                    f"the server closed the connection: {event.error_code:#x}"
                    f" {event.reason_phrase or ''}"
                )

    def _finish(self, stream: int, answer: Answer) -> None:
        del self._answers[stream]
        if answer.ok:
            self.done += 1
        else:
            self.errors += 1
        if answer.body is not None:
            self.bodies.append(bytes(answer.body))
        self._ask()

    def _ask(self) -> None:
        if not self.asking:
            return
        stream = self._quic.get_next_available_stream_id()
        self._answers[stream] = Answer(keep=self._keep)
        self._quic.send_stream_data(stream, next(self._frames), end_stream=True)


def _guarded(call: Callable[..., T], *args: object) -> T:
    """Call into qh3, whose own faults end a measurement and not the run."""
    try:
        return call(*args)
    except ValueError as error:
        raise BenchError(f"qh3, the client, failed: {error}") from error
