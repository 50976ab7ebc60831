"""What is left of a connection that was closed, for as long as its packets may still arrive.

A connection that we closed answers them with its CONNECTION_CLOSE, in case that was lost; less and
less often, since who sends may be somebody else (RFC 9000 section 10.2.1). One that the peer closed
answers nothing (section 10.2.2). Either must be known for three probe timeouts, or else what was
under way would be answered by stateless resets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nonecorn.spi import Datagram, DatagramPort


class Departed:
    """A closed connection.

    Args:
        port: Where to answer.
        farewell: Datagrams with CONNECTION_CLOSE; empty for no answer.
        until: When it may be forgotten, in seconds of `Runtime.time`.
        ids: Connection IDs under which it is known.
    """

    __slots__ = ("_farewell", "_heard", "_next", "_port", "ids", "until")

    def __init__(
        self,
        port: DatagramPort,
        farewell: Sequence[Datagram],
        until: float,
        ids: Sequence[bytes],
    ) -> None:
        self._port = port
        self._farewell = farewell
        self._heard = 0
        self._next = 1
        self.until = until
        self.ids = ids

    def __repr__(self) -> str:
        return f"<Departed {'closing' if self._farewell else 'draining'} until {self.until:.3f}>"

    def arrived(self, data: bytes, address: Any, now: float, mark: int) -> None:
        """A datagram for it: the first, second, fourth, eighth … is answered, to where the farewell
        went, whoever has sent.
        """
        del data, address, mark
        if self._farewell and now < self.until:
            self._heard += 1
            if self._heard >= self._next:
                self._next *= 2
                for packet, peer, _ in self._farewell:
                    self._port.send([packet], peer)
