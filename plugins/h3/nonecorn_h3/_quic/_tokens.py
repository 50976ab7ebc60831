"""Address validation tokens (RFC 9000 section 8.1).

A Retry token proves that the client receives at its address, and carries what a stateless server
must know of the first Initial; it holds for seconds, for one address with its port, and for one
connection ID. A NEW_TOKEN token spares a returning client that detour; it holds for days, for one
address whatever the port. Both are sealed under keys that all workers share. Times are POSIX
seconds: that clock the workers and their successors have in common.

A server cannot know that a token of the second kind is used only once without remembering it. Who
replays one from the same address gets a connection without Retry; what that costs is the same as
for anybody who has proved that address, which must be the attacker's own.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nonecorn_h3._quic._seal import Seal

if TYPE_CHECKING:
    from nonecorn.spi import Place

RETRY_LIFETIME = 15.0
"""In seconds: clients come back at once."""
TOKEN_LIFETIME = 7 * 86400.0

_RETRY = b"\x01"
_NEW = b"\x02"
"""First byte, in clear: RFC 9000 section 8.1.1 wants the two told apart."""
_TIME = struct.Struct("!d")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a valid token says.

    Attributes:
        original: Destination connection ID of the client's very first packet, where it was answered
            by Retry; None otherwise.
    """

    original: bytes | None


class BadRetryTokenError(ValueError):
    """A Retry token that is not valid: of another address, too old, or tampered with."""


class Tokens:
    """Makes and reads tokens.

    Args:
        place: Its secret is what they are sealed with.
    """

    __slots__ = ("_new", "_retry")

    def __init__(self, place: Place) -> None:
        self._retry = Seal(place.key("quic retry token"), b"quic retry")
        self._new = Seal(place.key("quic new token"), b"quic new token")

    def __repr__(self) -> str:
        return "<Tokens>"

    def for_retry(self, address: Any, original: bytes, source: bytes, now: float) -> bytes:
        """Token of a Retry packet.

        Args:
            address: Socket address of the client.
            original: Destination connection ID of the Initial that is answered.
            source: Connection ID that the client will send to.
            now: POSIX seconds.
        """
        bound = _host(address) + _port(address) + source
        return _RETRY + self._retry.close(_TIME.pack(now) + original, bound)

    def for_later(self, address: Any, now: float) -> bytes:
        """Token of a NEW_TOKEN frame."""
        return _NEW + self._new.close(_TIME.pack(now), _host(address))

    def read(self, token: bytes, address: Any, destination: bytes, now: float) -> Claim | None:
        """What a token in an Initial packet is worth.

        Args:
            token: Not empty.
            address: Socket address that the packet came from.
            destination: Its destination connection ID.
            now: POSIX seconds.

        Returns:
            Its claim; None for one that is to be ignored (RFC 9000 section 8.1.3).

        Raises:
            BadRetryTokenError: It was made for a Retry and is not valid (section 8.1.2).
        """
        kind, sealed = token[:1], token[1:]
        if kind == _RETRY:
            plain = self._retry.open(sealed, _host(address) + _port(address) + destination)
            if plain is None or not 0 <= now - _TIME.unpack_from(plain)[0] <= RETRY_LIFETIME:
                message = "the token is not valid for this address, or too old"
                raise BadRetryTokenError(message)
            return Claim(plain[_TIME.size :])
        if kind == _NEW:
            plain = self._new.open(sealed, _host(address))
            if plain is not None and 0 <= now - _TIME.unpack_from(plain)[0] <= TOKEN_LIFETIME:
                return Claim(None)
        return None


def _host(address: Any) -> bytes:
    try:
        return ipaddress.ip_address(address[0].partition("%")[0]).packed
    except ValueError:  # no IP address: tests, other address families
        return str(address[0]).encode()


def _port(address: Any) -> bytes:
    return int(address[1]).to_bytes(4, "big")
