"""A peer that sends HTTP/2 frames one by one, also such as no client would.

What it gets is taken apart by hyperframe and hpack, which share no code with the engine under test.

    peer = H2Frames(lambda port: MyProtocol(context, port), runtime)
    peer.greet()
    peer.send(peer.headers(1, end=True), RstStreamFrame(1, error_code=8))
    assert peer.got(DataFrame) == []
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

import hpack
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, SettingsFrame

from nonecorn.spi import Headers
from nonecorn.testing.port import MemoryPort

if TYPE_CHECKING:
    from nonecorn.spi import Protocol
    from nonecorn.testing.runtime import MemoryRuntime

F = TypeVar("F", bound=Frame)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET: Headers = [
    (b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"test"), (b":path", b"/"),
]  # fmt: skip
POST: Headers = [(b":method", b"POST"), *GET[1:]]


class H2Frames:
    """One connection, from its client's side.

    Args:
        factory: Makes the protocol for its port.
        runtime: Whose port it is.
        **options: Those of `MemoryPort`.

    Attributes:
        port: The server's port.
        frames: All frames from the server so far; fields of HEADERS are in `fields`.
        fields: Fields of each field block so far, with its stream.
    """

    def __init__(
        self,
        factory: Callable[[MemoryPort], Protocol],
        runtime: MemoryRuntime,
        **options: int | bool | None,
    ) -> None:
        self.runtime = runtime
        self.port = runtime.connect(factory, **options)
        self.frames: list[Frame] = []
        self.fields: list[tuple[int, Headers]] = []
        self._encoder = hpack.Encoder()
        self._decoder = hpack.Decoder()
        self._buffer = b""
        self.read()

    def __repr__(self) -> str:
        return f"<H2Frames {self.port!r} frames={len(self.frames)}>"

    def greet(self, settings: dict[int, int] | None = None) -> None:
        """Send the preface, and acknowledge the server's SETTINGS."""
        self.send(
            PREFACE, SettingsFrame(0, settings=settings or {}), SettingsFrame(0, flags=["ACK"])
        )

    def headers(
        self, stream_id: int, fields: Headers = GET, *, end: bool = False, complete: bool = True
    ) -> HeadersFrame:
        """A HEADERS frame; `complete` sets END_HEADERS."""
        frame = HeadersFrame(stream_id, self._encoder.encode(fields))
        if end:
            frame.flags.add("END_STREAM")
        if complete:
            frame.flags.add("END_HEADERS")
        return frame

    def data(self, stream_id: int, data: bytes = b"", *, end: bool = False) -> DataFrame:
        """A DATA frame."""
        return DataFrame(stream_id, data, flags=["END_STREAM"] if end else [])

    def send(self, *frames: Frame | bytes) -> None:
        """Send frames in one piece, let the server work, and read what it answers."""
        self.port.receive(
            b"".join(each if isinstance(each, bytes) else each.serialize() for each in frames)
        )
        self.read()

    def read(self) -> None:
        """Take apart what the server has sent."""
        self.runtime.run_until_idle()
        self._buffer += self.port.take()
        while len(self._buffer) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._buffer[:9]))
            if len(self._buffer) < 9 + length:
                return
            frame.parse_body(memoryview(self._buffer[9 : 9 + length]))
            self._buffer = self._buffer[9 + length :]
            self.frames.append(frame)
            if isinstance(frame, HeadersFrame):
                fields = self._decoder.decode(frame.data, raw=True)
                self.fields.append((frame.stream_id, [(name, value) for name, value in fields]))

    def got(self, kind: type[F], stream_id: int | None = None) -> list[F]:
        """The frames of one type, of one stream or all."""
        found: Iterable[F] = (frame for frame in self.frames if isinstance(frame, kind))
        return [frame for frame in found if stream_id in (None, frame.stream_id)]

    def body(self, stream_id: int) -> bytes:
        """Body of a response so far."""
        return b"".join(frame.data for frame in self.got(DataFrame, stream_id))

    def status(self, stream_id: int) -> int | None:
        """Status of the last response head of a stream."""
        found = [fields for stream, fields in self.fields if stream == stream_id]
        return int(dict(found[-1])[b":status"]) if found else None

    @property
    def goaways(self) -> list[tuple[int, int]]:
        """Last stream and code of each GOAWAY."""
        return [(frame.last_stream_id, frame.error_code) for frame in self.got(GoAwayFrame)]
