"""What `[ws]` may hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from nonecorn.spi import Settings, Unit, setting

_MIB = 1048576


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketSettings(Settings):
    """Bounds and behaviour of WebSockets, whichever protocol carries them."""

    table: ClassVar[str] = "ws"

    max_message: int = setting(
        16 * _MIB, help="Message, as it comes (1009 beyond it).", unit=Unit.BYTES, minimum=1
    )
    max_frame: int = setting(
        16 * _MIB, help="Payload of one frame (1009 beyond it).", unit=Unit.BYTES, minimum=1
    )
    max_fragments: int = setting(131072, help="Frames of one message (1009 beyond it).", minimum=1)
    max_inflated: int = setting(
        16 * _MIB,
        help="Message after it was inflated, looked at while it is (1009 beyond it).",
        unit=Unit.BYTES,
        minimum=1,
    )  # fmt: skip
    ping_interval: float = setting(
        20.0, help="Time between two pings to a client; 0 for none.", unit=Unit.SECONDS, minimum=0
    )
    ping_timeout: float = setting(
        20.0,
        help="Silence after a ping, after which the socket is closed (1011); 0 for no end.",
        unit=Unit.SECONDS,
        minimum=0,
    )
    close_timeout: float = setting(
        5.0,
        help="Time for a client to answer our close.",
        unit=Unit.SECONDS,
        minimum=0.01,
    )
    drain_code: int = setting(
        1012, help="Code of the close that open sockets get when the worker stops.", minimum=1000
    )
    pass_ping: bool = setting(
        False, help="Hand pings and pongs to the application, which then answers pings itself."
    )
    per_message_deflate: bool = setting(
        True, help="Compress messages with clients that offer it (RFC 7692)."
    )
    deflate_level: int = setting(6, help="Effort of compression, 0 to 9.", minimum=0)
    deflate_window_bits: int = setting(
        12, help="Window of compression, 9 to 15: 2^(bits+2) bytes a socket.", minimum=9
    )
    deflate_memory_level: int = setting(
        5, help="Further memory of compression, 1 to 9: 2^(level+9) bytes a socket.", minimum=1
    )
    deflate_threshold: int = setting(
        128, help="Shorter messages are sent as they are.", unit=Unit.BYTES, minimum=1
    )
    server_no_context_takeover: bool = setting(
        False, help="Compress each message by itself: less memory, more bytes."
    )
    client_no_context_takeover: bool = setting(
        False, help="Have clients compress each message by itself."
    )

    def problems(self) -> Iterator[str]:
        """What a minimum does not say of these values, one line each."""
        for name, most in (
            ("deflate_level", 9),
            ("deflate_window_bits", 15),
            ("deflate_memory_level", 9),
        ):
            value = getattr(self, name)
            if value > most:
                yield f"ws.{name}: {value} is too much: {most} is the most that zlib has"
        # RFC 6455 section 7.4: going away, service restart, try again later, or an agreed one.
        code = self.drain_code
        if code not in (1001, 1012, 1013) and not 3000 <= code <= 4999:
            yield f"ws.drain_code: {code} is none of 1001, 1012, 1013 and 3000 to 4999"
