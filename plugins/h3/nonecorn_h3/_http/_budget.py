"""What of HTTP/3 is noise, and what it costs: see `nonecorn.spi.messages.budget`.

Resets, streams of unknown types, unknown frames, empty DATA, priorities, cancelled pushes,
instructions of the field encoder.
"""

from __future__ import annotations

from nonecorn.spi.messages.budget import FRAME, RESET

STREAM = 2
"""A stream that nobody wants."""

__all__ = ["FRAME", "RESET", "STREAM"]
