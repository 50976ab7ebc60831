"""What of HTTP/2 is noise, and what it costs: see `nonecorn.spi.messages.budget`.

Resets, PING, SETTINGS, empty DATA, priorities, CONTINUATION, tiny window updates, unknown types.
"""

from __future__ import annotations

from nonecorn.spi.messages.budget import FRAME, RESET

SETTINGS = 4
"""Applied to every stream, and acknowledged."""
EMPTY_CONTINUATION = 4

__all__ = ["EMPTY_CONTINUATION", "FRAME", "RESET", "SETTINGS"]
