"""What of HTTP/3 is noise, and what it costs: see `nonecorn.spi.messages.budget`.

Resets, streams of unknown types, unknown frames, empty DATA, priorities, cancelled pushes,
instructions of the field encoder.
"""

from __future__ import annotations

from nonecorn.spi.messages import budget
from nonecorn_h3._http._errors import ConnectionFault, ErrorCode

FRAME = 1
"""A frame, an instruction or a datagram that asks for book-keeping."""
STREAM = 2
"""A stream that nobody wants."""
RESET = 5
"""A request that was begun for nothing."""


class NoiseBudget(budget.NoiseBudget):
    """One connection's; without any left it ends with H3_EXCESSIVE_LOAD."""

    __slots__ = ()

    def exhausted(self) -> Exception:
        """See `nonecorn.spi.messages.budget`."""
        return ConnectionFault(ErrorCode.EXCESSIVE_LOAD, "noise")
