"""What `[webtransport]` may hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from nonecorn.spi import Settings, Unit, setting

_MOST_CODE = (1 << 32) - 1
_MOST_INTEGER = (1 << 62) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WebTransportSettings(Settings):
    """Bounds and behaviour of WebTransport sessions."""

    table: ClassVar[str] = "webtransport"

    max_sessions: int = setting(
        16, help="Sessions that a client may have on one connection (429 beyond it).", minimum=1
    )
    max_streams: int = setting(
        100,
        help="Streams of each kind that a client may have open in one session, and that the "
        "application may; `h3.max_streams` bounds those of a connection.",
        minimum=1,
    )
    max_datagrams: int = setting(
        256,
        help="Datagrams that wait for the application; the oldest is dropped for a new one.",
        minimum=1,
    )
    ping_interval: float = setting(
        15.0,
        help="Time between two signs of life to a client, or an idle session ends with its "
        "connection; 0 for none.",
        unit=Unit.SECONDS,
        minimum=0,
    )
    drain_timeout: float = setting(
        5.0,
        help="Time that sessions get to end by themselves when the worker stops, after both sides "
        "were asked to; 0 closes them at once.",
        unit=Unit.SECONDS,
        minimum=0,
    )
    drain_code: int = setting(
        0, help="Code of the close that sessions get after that time.", minimum=0
    )

    def problems(self) -> Iterator[str]:
        """What a minimum does not say of these values, one line each."""
        if self.drain_code > _MOST_CODE:
            yield f"webtransport.drain_code is {self.drain_code}: codes have 32 bits"
        if self.max_sessions > _MOST_INTEGER:
            yield f"webtransport.max_sessions is {self.max_sessions}: SETTINGS says 2^62-1 at most"
