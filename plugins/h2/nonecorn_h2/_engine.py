"""The seam between a connection and what turns bytes into HTTP/2 and back.

An `Engine` knows frames, field compression, and which frame may come in which state; it knows no
stream objects of ours, no deadlines, no scheduling, no budgets. It calls its `Receiver`, the
connection, for each thing that arrives, and keeps in `out` what is to be written. `FrameEngine` is
the one in Python; one on a native library implements the same and is named by a subclass of
`H2Connection`.

Both sides use the table `streams`: the connection puts a `StreamState` there for each request that
it accepts and takes it out when the stream has closed; the engine looks frames up in it, ends the
client's direction and counts windows. Frames for streams that are not there are the engine's to
judge.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any, TypeAlias

from nonecorn.spi import Header, Headers, RemoteProtocolError
from nonecorn_h2._errors import StreamFault
from nonecorn_h2._rules import Head
from nonecorn_h2._stream_state import StreamState

Weight: TypeAlias = tuple[int, int, bool]
"""Priority of RFC 7540: the stream depended on, weight from 1 to 256, exclusive."""

Block: TypeAlias = Any
"""Encoded fields, as the engine keeps them; two are joined by `+`."""

IDLE, IN_HEAD, IN_DATA = range(3)
"""What an engine is in the middle of: nothing, a field block or another frame, or DATA."""


class Receiver(typing.Protocol):
    """What an engine tells. Any of these may raise a `ConnectionFault`, which `Engine.receive`
    lets through.
    """

    def request(self, stream_id: int, head: Head, weight: Weight | None, *, ended: bool) -> None:
        """A request; to be put into `streams`, or reset."""
        ...

    def refused(
        self, stream_id: int, error: RemoteProtocolError | StreamFault, *, ended: bool
    ) -> None:
        """A request that is not to be served."""
        ...

    def body(self, state: Any, data: bytes, credit: int, *, ended: bool) -> None:
        """DATA; `credit` counts the padding, too."""
        ...

    def trailers(self, state: Any, fields: Headers | None) -> None:
        """A trailer section, which ends the request; None where it is too large."""
        ...

    def discarded(self, credit: int) -> None:
        """DATA for a stream that is no more: only the connection's window is concerned."""
        ...

    def was_reset(self, state: Any, code: int) -> None:
        """RST_STREAM."""
        ...

    def fault(self, state: Any, fault: StreamFault) -> None:
        """A stream error: the stream is to be reset."""
        ...

    def window_opened(self, state: Any | None) -> None:
        """A stream's window grew, or the connection's or all (None)."""
        ...

    def settings_received(self) -> None:
        """The client's SETTINGS were applied and acknowledged."""
        ...

    def pinged(self) -> None:
        """PING; it was answered."""
        ...

    def ponged(self, payload: bytes) -> None:
        """Our PING was answered."""
        ...

    def weighted(self, stream_id: int, weight: Weight) -> None:
        """PRIORITY (RFC 7540)."""
        ...

    def prioritized(self, stream_id: int, value: bytes) -> None:
        """PRIORITY_UPDATE (RFC 9218 section 7.1)."""
        ...

    def noise(self, units: int) -> None:
        """A frame of which a client may not send many."""
        ...


class Engine(typing.Protocol):
    """HTTP/2 for one connection, without input or output.

    Attributes:
        streams: Those that are open, by number.
        out: What is to be written, in order.
        window_out: Bytes of DATA that the connection may send.
        initial_in: Window that a new stream gives to the client.
        initial_out: Window that it has.
        frame_out: Largest frame that the client takes.
        last_id: Highest number of a request so far.
        partial: `IDLE`, `IN_HEAD` or `IN_DATA`.
        partial_id: Stream of the DATA that it is in.
        fresh: That began with the last bytes received.
        greeted: The client's preface and SETTINGS have come.
        can_push: The client allows pushes.
        push_limit: How many at once.
    """

    streams: dict[int, Any]
    out: list[bytes]
    window_out: int
    initial_in: int
    initial_out: int
    frame_out: int
    last_id: int
    partial: int
    partial_id: int
    fresh: bool
    greeted: bool
    can_push: bool
    push_limit: int

    def start(self, settings: Mapping[int, int], window: int) -> None:
        """Send our preface: SETTINGS, and a connection window of `window` bytes."""
        ...

    def upgrade(self, settings: bytes) -> None:
        """Begin with a request that came by HTTP/1.1, as stream 1, and with the payload of its
        HTTP2-Settings, which was checked.
        """
        ...

    def receive(self, data: bytes) -> None:
        """Take bytes, and tell the receiver what they say.

        Raises:
            ConnectionFault: Nothing more can be understood, or is to be.
        """
        ...

    def close(self) -> None:
        """The connection has gone: let go of the receiver."""
        ...

    def stop(self, last_id: int) -> None:
        """Ignore streams above `last_id`: the final GOAWAY was sent."""
        ...

    @staticmethod
    def encode(fields: list[Header]) -> Block:
        """Fields, with names in lower case, as a block for any connection."""
        ...

    @staticmethod
    def encode_head(status: int, fields: list[Header]) -> Block:
        """The same with `:status` before them."""
        ...

    def headers(self, state: StreamState, block: Block, *, end: bool) -> None:
        """Send HEADERS."""
        ...

    def data(self, state: StreamState, data: bytes | memoryview, *, end: bool) -> int:
        """Send DATA; the windows allow it, and are counted down here.

        Returns:
            How many frames it became.
        """
        ...

    def push(self, state: StreamState, fields: list[Header]) -> int:
        """Send PUSH_PROMISE; returns the promised stream's number."""
        ...

    def reset(self, stream_id: int, code: int) -> None:
        """Send RST_STREAM. What still comes for the stream is told as `discarded`."""
        ...

    def open_window(self, state: StreamState | None, increment: int) -> None:
        """Send WINDOW_UPDATE for a stream, or the connection."""
        ...

    def ping(self, payload: bytes) -> None:
        """Send PING; the payload has eight bytes."""
        ...

    def goaway(self, last_id: int, code: int) -> None:
        """Send GOAWAY."""
        ...
