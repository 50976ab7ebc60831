"""What `[h2]` may hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from nonecorn.spi import Settings, Unit, setting

# As in `_frames`, which is not imported for a command line.
_MOST_FRAME_SIZE = (1 << 24) - 1
_MOST_WINDOW = (1 << 31) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class H2Settings(Settings):
    """Behaviour of HTTP/2 connections. What holds for every protocol is in `[limits]`."""

    table: ClassVar[str] = "h2"

    max_streams: int = setting(
        100, help="Requests that a client may have open on one connection.", minimum=1
    )
    receive_window: int = setting(
        1048576,
        help="Request body that may be under way on one connection; a stream whose application "
        "keeps up may have as much.",
        unit=Unit.BYTES,
        minimum=65535,
    )
    send_buffer: int = setting(
        1048576,
        help="Responses held on one connection until the client takes them.",
        unit=Unit.BYTES,
        minimum=65536,
    )
    frame_size: int = setting(
        16384, help="Largest frame that a client may send.", unit=Unit.BYTES, minimum=16384
    )
    noise: int = setting(
        1000,
        help="Budget for frames that are no request: resets, PING, SETTINGS, priorities, empty "
        "ones. Served requests refill it.",
        minimum=100,
    )
    upgrade: bool = setting(True, help="Accept `Upgrade: h2c` on clear connections.")
    push: bool = setting(False, help="Let applications push, to clients that allow it.")

    def problems(self) -> Iterator[str]:
        """What cannot be said in a frame (RFC 9113 sections 6.5.2 and 6.9.1)."""
        if self.frame_size > _MOST_FRAME_SIZE:
            yield f"h2.frame_size is {self.frame_size}: a frame has {_MOST_FRAME_SIZE} at most"
        if self.receive_window > _MOST_WINDOW:
            yield f"h2.receive_window is {self.receive_window}: a window has {_MOST_WINDOW} at most"
