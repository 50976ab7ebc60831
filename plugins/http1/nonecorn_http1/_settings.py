"""What `[http1]` may hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nonecorn.spi import Settings, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Http1Settings(Settings):
    """Behaviour of HTTP/1.1 connections, whichever engine parses them. Limits are in `[limits]`."""

    table: ClassVar[str] = "http1"

    early_hints: bool = setting(
        True, help="Send 103 Early Hints; some old HTTP/1.1 clients mistake them for the response."
    )
