"""What of HTTP/2 is noise, and what it costs: see `nonecorn.spi.messages.budget`.

Resets, PING, SETTINGS, empty DATA, priorities, CONTINUATION, tiny window updates, unknown types.
"""

from __future__ import annotations

from nonecorn.spi.messages import budget
from nonecorn_h2._errors import ConnectionFault, ErrorCode

FRAME = 1
"""A frame that asks for an answer or for book-keeping."""
SETTINGS = 4
"""Applied to every stream, and acknowledged."""
EMPTY_CONTINUATION = 4
RESET = 5
"""A request that was begun for nothing."""


class NoiseBudget(budget.NoiseBudget):
    """One connection's; without any left it ends with ENHANCE_YOUR_CALM."""

    __slots__ = ()

    def exhausted(self) -> Exception:
        """See `nonecorn.spi.messages.budget`."""
        return ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "noise")
