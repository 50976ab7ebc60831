"""Connection IDs that lead to their worker.

    byte 0       chosen so that byte % lanes == our lane: what the kernel steers by
    bytes 1, 2   the worker's identity, masked
    bytes 3-11   random

The mask is a keyed hash of all other bytes: to an observer without the key all twelve are random,
as RFC 9000 section 5.1 asks (no two IDs of a connection can be linked), while every worker of the
server reads the owner out of an ID that it has never seen. Stateless reset tokens come from the
same source: a hash of the ID under another key, so that any worker can reset what a dead one has
left behind (section 10.3.2).
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from nonecorn_h3._quic._packets import TOKEN_LENGTH

if TYPE_CHECKING:
    from nonecorn.spi import Lane, Place

ID_LENGTH = 12
"""Of every connection ID issued here: so a short header can be read without knowing its connection.
"""


def destination(data: bytes) -> bytes:
    """The connection ID that a datagram's first packet is for (RFC 8999 section 5)."""
    return data[6 : 6 + data[5]] if data[0] & 0x80 else data[1 : 1 + ID_LENGTH]


class ConnectionIDs:
    """Issues connection IDs, and reads those that others of this server have issued.

    Args:
        place: Whose they are; its secret must not be empty.
        lane: Which socket they arrive at.
    """

    __slots__ = ("_choices", "_identity", "_index", "_mask_key", "_reset_key", "_step")

    def __init__(self, place: Place, lane: Lane) -> None:
        self._identity = place.identity
        self._index = lane.index
        self._step = lane.count
        self._choices = (255 - lane.index) // lane.count + 1
        self._mask_key = place.key("quic connection id")
        self._reset_key = place.key("quic stateless reset")

    def __repr__(self) -> str:
        return f"<ConnectionIDs of {self._identity} lane {self._index}/{self._step}>"

    @property
    def own(self) -> int:
        """The identity written into the IDs."""
        return self._identity

    def issue(self) -> bytes:
        """A new connection ID."""
        rest = os.urandom(10)
        # 256 is no multiple of most numbers of lanes: the first choices are a trifle more likely.
        lane = bytes((self._index + self._step * (rest[0] % self._choices),))
        masked = self._identity ^ self._mask(lane, rest[1:])
        return lane + masked.to_bytes(2, "big") + rest[1:]

    def identity(self, connection_id: bytes) -> int:
        """Identity of the worker that issued an ID; any number for an ID that a client made up."""
        masked = int.from_bytes(connection_id[1:3], "big")
        return masked ^ self._mask(connection_id[:1], connection_id[3:])

    def reset_token(self, connection_id: bytes) -> bytes:
        """The stateless reset token of an ID."""
        return hashlib.blake2s(
            connection_id, key=self._reset_key, digest_size=TOKEN_LENGTH
        ).digest()

    def _mask(self, lane: bytes, rest: bytes) -> int:
        digest = hashlib.blake2s(lane + rest, key=self._mask_key, digest_size=2).digest()
        return int.from_bytes(digest, "big")
