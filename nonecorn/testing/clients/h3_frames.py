"""A peer that sends HTTP/3 frames one by one, also such as no client would.

What it gets is taken apart here, and its fields by pylsqpack's other half.

    peer = H3Frames(lambda port: MyProtocol(context, port), runtime)
    peer.greet()
    stream = peer.open(peer.headers(GET), end=True)
    assert peer.status(stream) == 200
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pylsqpack

from nonecorn.spi import Headers
from nonecorn.testing.quic import MemoryQuicPort

if TYPE_CHECKING:
    from nonecorn.spi import QuicPort, QuicProtocol
    from nonecorn.testing.runtime import MemoryRuntime

GET: Headers = [
    (b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"test"), (b":path", b"/"),
]  # fmt: skip
POST: Headers = [(b":method", b"POST"), *GET[1:]]

DATA, HEADERS, CANCEL_PUSH, SETTINGS, PUSH_PROMISE, GOAWAY = 0, 1, 3, 4, 5, 7
MAX_PUSH_ID = 0xD

CONTROL, ENCODER, DECODER = 2, 6, 10
"""Numbers of the client's own streams, once `greet` has opened them."""


def integer(value: int) -> bytes:
    """An integer of variable length (RFC 9000 section 16)."""
    for length, prefix in ((1, 0x00), (2, 0x40), (4, 0x80), (8, 0xC0)):
        if value < 1 << (8 * length - 2):
            encoded = value.to_bytes(length, "big")
            return bytes((encoded[0] | prefix,)) + encoded[1:]
    message = f"{value} is no integer of QUIC's"
    raise ValueError(message)


def frame(kind: int, payload: bytes = b"") -> bytes:
    """A frame."""
    return integer(kind) + integer(len(payload)) + payload


def data(payload: bytes) -> bytes:
    """DATA."""
    return frame(DATA, payload)


def settings(*pairs: tuple[int, int]) -> bytes:
    """SETTINGS."""
    return frame(SETTINGS, b"".join(integer(name) + integer(value) for name, value in pairs))


def take_integer(data: bytes, position: int = 0) -> tuple[int, int]:
    """An integer and where it ends.

    Raises:
        IndexError: It is not whole.
    """
    end = position + (1 << (data[position] >> 6))
    if end > len(data):
        raise IndexError
    value = int.from_bytes(data[position:end], "big")
    return value & ((1 << (8 * (end - position) - 2)) - 1), end


def frames_of(data: bytes) -> list[tuple[int, bytes]]:
    """Type and payload of each whole frame."""
    found: list[tuple[int, bytes]] = []
    position = 0
    while position < len(data):
        try:
            kind, start = take_integer(data, position)
            size, start = take_integer(data, start)
        except IndexError:
            break
        if start + size > len(data):
            break
        found.append((kind, data[start : start + size]))
        position = start + size
    return found


class H3Frames:
    """One connection, from its client's side.

    Args:
        factory: Makes the protocol for its port.
        runtime: Whose port it is.
        **options: Those of `MemoryQuicPort`.

    Attributes:
        port: The server's port.
        encoder: What `dynamic` compresses with.
    """

    def __init__(
        self,
        factory: Callable[[QuicPort], QuicProtocol],
        runtime: MemoryRuntime,
        **options: Any,
    ) -> None:
        self.runtime = runtime
        self.port = MemoryQuicPort(runtime, **options)
        self.port.serve(factory)
        self.encoder = pylsqpack.Encoder()
        self._decoder = pylsqpack.Decoder(0, 0)
        self._next = {True: 0, False: CONTROL}
        self.run()

    def __repr__(self) -> str:
        return f"<H3Frames {self.port!r}>"

    # What the client sends ------------------------------------------------------------------------

    def run(self) -> None:
        """Let the server work."""
        self.runtime.run_until_idle()

    def greet(self, *pairs: tuple[int, int]) -> None:
        """Open the control stream, with these settings, and those of the field compression."""
        self.open(b"\x00" + settings(*pairs), bidirectional=False)
        self.open(b"\x02", bidirectional=False)
        self.open(b"\x03", bidirectional=False)

    def open(self, *parts: bytes, end: bool = False, bidirectional: bool = True) -> int:
        """Open a stream with these bytes; returns its number."""
        stream = self._next[bidirectional]
        self._next[bidirectional] += 4
        self.send(stream, *parts, end=end)
        return stream

    def send(self, stream: int, *parts: bytes, end: bool = False) -> None:
        """Send bytes on a stream, and let the server work."""
        self.port.receive(stream, b"".join(parts), end=end)
        self.run()

    def headers(self, fields: Headers = GET) -> bytes:
        """HEADERS, without the dynamic table."""
        return frame(HEADERS, pylsqpack.Encoder().encode(0, fields)[1])

    def use_table(self) -> None:
        """Take up the server's offer of a dynamic table."""
        offer = self.settings
        self.send(ENCODER, self.encoder.apply_settings(offer.get(1, 0), offer.get(7, 0)))

    def dynamic(self, stream: int, fields: Headers = GET) -> tuple[bytes, bytes]:
        """Instructions for the server's table, and HEADERS that refers to it."""
        instructions, block = self.encoder.encode(stream, fields)
        return instructions, frame(HEADERS, block)

    def get(self, path: bytes = b"/", *more: tuple[bytes, bytes]) -> int:
        """A whole GET; returns its stream."""
        return self.open(self.headers([*GET[:3], (b":path", path), *more]), end=True)

    def reset(self, stream: int, code: int = 0x10C) -> None:
        """RESET_STREAM."""
        self.port.peer_reset(stream, code)
        self.run()

    def stop(self, stream: int, code: int = 0x10C) -> None:
        """STOP_SENDING."""
        self.port.peer_stop(stream, code)
        self.run()

    # What it has got ------------------------------------------------------------------------------

    def uni(self, kind: int) -> list[int]:
        """The server's unidirectional streams of a type."""
        found = [stream for stream in self.port.opened if stream & 2]
        return [each for each in found if take_integer(self.port.sent(each))[0] == kind]

    @property
    def control(self) -> list[tuple[int, bytes]]:
        """Frames of the server's control stream."""
        return frames_of(self.port.sent(self.uni(0)[0])[1:])

    @property
    def settings(self) -> dict[int, int]:
        """The server's SETTINGS."""
        payload = self.control[0][1]
        found: dict[int, int] = {}
        position = 0
        while position < len(payload):
            name, position = take_integer(payload, position)
            found[name], position = take_integer(payload, position)
        return found

    @property
    def goaways(self) -> list[int]:
        """What each GOAWAY of the server names."""
        return [take_integer(payload)[0] for kind, payload in self.control if kind == GOAWAY]

    def instructions(self) -> bytes:
        """What the server's field decoder has said."""
        return self.port.sent(self.uni(3)[0])[1:]

    def frames(self, stream: int) -> list[tuple[int, bytes]]:
        """Frames of a response; of a push those behind its number."""
        sent = self.port.sent(stream)
        if stream & 2 and sent:
            _, start = take_integer(sent, 1)
            sent = sent[start:]
        return frames_of(sent)

    def fields(self, stream: int) -> list[Headers]:
        """Field sections of a response."""
        return [
            self._decoder.feed_header(stream, payload)[1]
            for kind, payload in self.frames(stream)
            if kind == HEADERS
        ]

    def statuses(self, stream: int) -> list[int]:
        """Status of each response on a stream, interim ones too."""
        found = [dict(fields).get(b":status") for fields in self.fields(stream)]
        return [int(status) for status in found if status is not None]

    def status(self, stream: int) -> int | None:
        """Status of the last."""
        found = self.statuses(stream)
        return found[-1] if found else None

    def body(self, stream: int) -> bytes:
        """Body of a response so far."""
        return b"".join(payload for kind, payload in self.frames(stream) if kind == DATA)

    def complete(self, stream: int) -> bool:
        """The response has come to its end."""
        return self.port.ended(stream)
