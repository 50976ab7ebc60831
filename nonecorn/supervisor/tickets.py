"""What all workers make the keys of TLS session tickets from (`nonecorn.builtin.tls.tickets`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.supervisor.loop import Loop

LIFETIME = 86400.0
"""Seconds until there is another one: who learns one can decrypt the sessions of that day. TLS 1.2
has no other key in a session that is resumed (RFC 5077 section 5.5)."""
_SIZE = 32


class TicketSecret:
    """The present secret; it outlives workers and generations.

    Args:
        loop: The supervisor's.
        changed: Called with each further one.
        lifetime: Seconds until that.

    Attributes:
        value: Random bytes.
    """

    __slots__ = ("_changed", "_lifetime", "_loop", "value")

    def __init__(
        self, loop: Loop, changed: Callable[[bytes], None], lifetime: float = LIFETIME
    ) -> None:
        self._loop = loop
        self._lifetime = lifetime
        self._changed = changed
        self.value = b""
        self._change()

    def __repr__(self) -> str:
        return f"<TicketSecret of {len(self.value)} bytes>"

    def _change(self) -> None:
        had = self.value
        self.value = os.urandom(_SIZE)
        self._loop.call_later(self._lifetime, self._change)
        if had:
            self._changed(self.value)
