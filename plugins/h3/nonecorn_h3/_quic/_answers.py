"""Answers to packets of no connection: each bounded in size by its cause, and in number by time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nonecorn_h3._quic._allowance import Allowance
from nonecorn_h3._quic._ids import ID_LENGTH, ConnectionIDs
from nonecorn_h3._quic._packets import (
    SMALLEST_DATAGRAM,
    LongHeader,
    retry_packet,
    stateless_reset,
    version_negotiation,
)
from nonecorn_h3._quic._refusal import refusal

if TYPE_CHECKING:
    from nonecorn.spi import DatagramPort
    from nonecorn_h3._quic._tokens import Tokens


class Answers:
    """Sends them.

    Args:
        port: By way of this.
        ids: Where connection IDs and reset tokens come from.
        tokens: Where Retry tokens come from.
        versions: QUIC versions spoken here.
    """

    __slots__ = ("_ids", "_others", "_port", "_resets", "_tokens", "_versions")

    def __init__(
        self, port: DatagramPort, ids: ConnectionIDs, tokens: Tokens, versions: Sequence[int]
    ) -> None:
        self._port = port
        self._ids = ids
        self._tokens = tokens
        self._versions = versions
        self._resets = Allowance(rate=100, burst=100)
        self._others = Allowance(rate=1000, burst=1000)

    def __repr__(self) -> str:
        return f"<Answers resets={self._resets!r} others={self._others!r}>"

    def negotiate(self, header: LongHeader, size: int, address: Any, now: float) -> None:
        """Version Negotiation, to a datagram as long as a first one must be (RFC 9000 section
        5.2.2).
        """
        if size >= SMALLEST_DATAGRAM and self._others.use(now):
            self._port.send([version_negotiation(header, self._versions)], address)

    def retry(self, header: LongHeader, address: Any) -> None:
        """Retry: a tenth of its cause in length, so it is sent without any bound."""
        source = self._ids.issue()
        token = self._tokens.for_retry(address, header.destination, source, time.time())
        self._port.send([retry_packet(header, source, token)], address)

    def refuse(self, header: LongHeader, code: int, address: Any, now: float) -> None:
        """CONNECTION_CLOSE."""
        if self._others.use(now):
            self._port.send([refusal(header, code)], address)

    def reset(self, data: bytes, address: Any, now: float) -> None:
        """Stateless reset, to a packet with a short header."""
        token = self._ids.reset_token(data[1 : 1 + ID_LENGTH])
        answer = stateless_reset(len(data), token)
        if answer is not None and self._resets.use(now):
            self._port.send([answer], address)
