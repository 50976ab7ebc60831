"""What `[h3]` may hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from nonecorn.spi import Settings, Unit, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class H3Settings(Settings):
    """QUIC and HTTP/3. What holds for every protocol is in `[limits]`."""

    table: ClassVar[str] = "h3"

    # QUIC -----------------------------------------------------------------------------------------

    idle_timeout: float = setting(
        30.0,
        help="A connection is forgotten after this silence.",
        unit=Unit.SECONDS,
        minimum=1,
    )
    handshakes: int = setting(
        1000,
        help="Handshakes under way per worker whose client has not proved its address; more must "
        "prove it first (Retry).",
        minimum=1,
    )
    retry: bool = setting(False, help="Have every new client prove its address first (Retry).")
    max_streams: int = setting(
        100, help="Requests that a client may have open on one connection.", minimum=1
    )
    receive_window: int = setting(
        1048576,
        help="What streams whose application keeps up may have under way beyond "
        "`limits.receive_buffer`, per connection.",
        unit=Unit.BYTES,
        minimum=0,
    )
    max_datagram_size: int = setting(
        1452,
        help="Largest UDP payload that is sent, once it has proved to arrive; 1200 does always.",
        unit=Unit.BYTES,
        minimum=1200,
    )
    congestion_control: Literal["cubic", "reno"] = setting(
        "cubic", help="How the rate of sending follows the network."
    )
    ecn: bool = setting(
        True,
        help="Mark packets, on paths that bear it, so that routers can tell of congestion before "
        "they drop any (ECN).",
    )
    session_tickets: bool = setting(
        True, help="Let clients resume a session with any worker; not where they show certificates."
    )
    early_data: bool = setting(False, help="Accept 0-RTT: requests that an attacker may replay.")
    qlog: str | None = setting(
        None, help="Directory for one qlog file per connection; slow, for debugging.", is_path=True
    )

    # HTTP/3 ---------------------------------------------------------------------------------------

    qpack_table_size: int = setting(
        4096,
        help="Table that a client may have us keep for its header fields, per connection.",
        unit=Unit.BYTES,
        minimum=0,
    )
    qpack_blocked_streams: int = setting(
        16, help="Requests that may wait for entries of that table.", minimum=0
    )
    noise: int = setting(
        1000,
        help="Budget for what is no request: resets, priorities, empty and unknown frames, streams "
        "of unknown types. Served requests refill it.",
        minimum=100,
    )
    push: bool = setting(False, help="Let applications push, to clients that allow it.")

    def problems(self) -> Iterator[str]:
        """What no packet could say, and what UDP cannot carry."""
        if self.max_datagram_size > 65527:
            yield f"h3.max_datagram_size is {self.max_datagram_size}: UDP carries 65527 at most"
        if self.max_streams > 1 << 60:
            yield f"h3.max_streams is {self.max_streams}: a frame says 2^60 at most"
