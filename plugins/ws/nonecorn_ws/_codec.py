"""The seam between the stream and its frames.

A `FrameCodec` is RFC 6455 sections 5 to 7 for one server side connection, without I/O: bytes in,
messages and control frames out; messages in, bytes out. It knows nothing of ASGI, of tasks or of
the connection. The stream makes one when the application accepts, by its class attribute `codec`.

What a codec must do is what `nonecorn_ws.testing.FrameCodecConformance` asks of it. `FrameEncoder`
(the sending half), `Assembly` (messages from frames) and `close_of` (a close frame's payload) are
there for codecs that have nothing faster.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import TypeAlias

if typing.TYPE_CHECKING:
    from nonecorn_ws._deflate import Deflate

NO_CODE = 1005
"""The peer's close had no code (RFC 6455 section 7.1.5); never on the wire."""
LOST = 1006
"""There was no close; never on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """The peer asks for a pong with the same data."""

    data: bytes

    def __len__(self) -> int:
        return len(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """The peer answers a ping, or is just alive (RFC 6455 section 5.5.3)."""

    data: bytes

    def __len__(self) -> int:
        return len(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The peer's close. Nothing comes after it.

    Attributes:
        code: Status code, checked; `NO_CODE` where there was none.
        reason: Text; empty where there was none.
    """

    code: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The peer broke a rule or a limit. Nothing comes after it.

    Attributes:
        code: What to close with: 1002, 1007, 1009.
        reason: A few words, fit for the close frame.
    """

    code: int
    reason: str


Event: TypeAlias = str | bytes | Ping | Pong | Close | Failure
"""What `receive` finds. A text message is its `str`, a binary one its `bytes`: those are most."""


class FrameError(Exception):
    """How the parts of a codec say `Failure` to each other."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code} {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecLimits:
    """What a peer may send, in bytes.

    Attributes:
        frame: Payload of a frame.
        message: Payloads of a message's frames together.
        fragments: Frames of a message.
        inflated: A message after it was inflated.
    """

    frame: int
    message: int
    fragments: int
    inflated: int


class FrameCodec(typing.Protocol):
    """Frames of one connection, seen from the server.

    Attributes:
        stalled: `receive` stopped for want of room, and `receive(b"", room)` would go on.
    """

    stalled: bool

    def receive(self, data: bytes, room: int, /) -> list[Event]:
        """Read on.

        Args:
            data: What came, however it is cut. Kept, if `room` is used up before its end.
            room: Weight that may be returned: each message or control frame weighs its length
                and `WEIGHT`. The one that uses it up is the last; with none left nothing is
                read.

        Returns:
            What is complete, in order. After a `Close` or `Failure` nothing is ever read.
        """
        ...

    def message(self, data: str | bytes, final: bool, /) -> bytes:
        """A message, or with `final` False the next part of one, as a frame.

        Raises:
            LocalProtocolError: The part is text in a binary message, or the reverse.
            UnicodeEncodeError: Text that is none: it has surrogates.
        """
        ...

    def ping(self, data: bytes, /) -> bytes:
        """A ping frame; at most 125 bytes of data."""
        ...

    def pong(self, data: bytes, /) -> bytes:
        """A pong frame; at most 125 bytes of data."""
        ...

    def close(self, code: int, reason: str, /) -> bytes:
        """A close frame; `NO_CODE` for one without code. At most 123 bytes of reason."""
        ...


WEIGHT = 64
"""What an event weighs besides its data; see `FrameCodec.receive`."""


def weight(event: Event) -> int:
    """What an event takes of the room that `receive` was given."""
    return WEIGHT if isinstance(event, Close | Failure) else WEIGHT + len(event)


class FrameCodecFactory(typing.Protocol):
    """Makes the codec of a connection."""

    def __call__(self, limits: CodecLimits, deflate: Deflate | None, /) -> FrameCodec:
        """Make it.

        Args:
            limits: Of what the peer sends.
            deflate: The connection's compression, where it was negotiated.
        """
        ...
