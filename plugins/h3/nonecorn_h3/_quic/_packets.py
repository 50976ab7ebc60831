"""What can be read of a packet without its keys, and the packets that belong to no connection.

The layout of long headers up to the connection IDs is the same in every version (RFC 8999). Of
versions 1 and 2 (RFC 9000, RFC 9369) an Initial packet's token is read as well, since it decides
whether there will be a connection at all.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION_1 = 0x00000001
VERSION_2 = 0x6B3343CF

SMALLEST_DATAGRAM = 1200
"""A datagram with an Initial packet is at least this long (RFC 9000 section 14.1)."""

LONGEST_ID = 20
TOKEN_LENGTH = 16
"""Of a stateless reset (RFC 9000 section 10.3)."""

_SMALLEST_RESET = 21
"""Five bytes that look like a short header packet, and the token (RFC 9000 section 10.3)."""
_RESET_SIZE = 43
"""A reset of this size passes for a small packet with a connection ID of ours."""

_INITIAL = {VERSION_1: 0x00, VERSION_2: 0x10}
_RETRY = {VERSION_1: 0x30, VERSION_2: 0x00}
_TYPE = 0x30
"""Type of a long header packet within its first byte: RFC 9000 section 17.2, RFC 9369 section 3.2.
"""

_INTEGRITY = {
    VERSION_1: ("be0c690b9f66575a1d766b54e368c84e", "461599d35d632bf2239825bb"),
    VERSION_2: ("8fb4b01b56ac48e260fbcbcead7ccc92", "d86969bc2d7c6d9990efb04a"),
}
"""Key and nonce of the Retry integrity tag: RFC 9001 section 5.8, RFC 9369 section 3.3.3."""


@dataclass(slots=True)
class LongHeader:
    """Start of a long header packet (RFC 8999 section 5.1).

    Attributes:
        first: First byte.
        version: 0 in a Version Negotiation packet.
        destination: Destination connection ID.
        source: Source connection ID.
        end: Where what depends on the version begins.
    """

    first: int
    version: int
    destination: bytes
    source: bytes
    end: int

    @property
    def is_initial(self) -> bool:
        """It is an Initial packet of a version known here."""
        return _INITIAL.get(self.version) == self.first & _TYPE and bool(self.first & 0x40)

    def token(self, data: bytes) -> bytes | None:
        """Token of this Initial packet; None where the packet is cut off."""
        if self.end >= len(data):
            return None
        width = 1 << (data[self.end] >> 6)
        start = self.end + width
        encoded = data[self.end : start]
        length = int.from_bytes(encoded, "big") & ((1 << (8 * width - 2)) - 1)
        if len(encoded) < width or start + length > len(data):
            return None
        return data[start : start + length]


def read_long_header(data: bytes) -> LongHeader | None:
    """The start of a datagram whose first byte says that its header is long; None for nonsense.

    Connection IDs may be longer than 20 bytes in versions unknown here (RFC 8999 section 5.1), to
    whose packets the only answer is Version Negotiation.
    """
    size = len(data)
    if size < 7:
        return None
    source_at = 6 + data[5]
    if source_at >= size:
        return None
    end = source_at + 1 + data[source_at]
    if end > size:
        return None
    return LongHeader(
        data[0],
        int.from_bytes(data[1:5], "big"),
        data[6:source_at],
        data[source_at + 1 : end],
        end,
    )


def version_negotiation(header: LongHeader, versions: Sequence[int]) -> bytes:
    """The answer to a packet of a version that is not spoken here (RFC 9000 section 17.2.1).

    One of the versions offered is reserved, so that clients stay used to unknown ones (section 15).
    """
    greased = int.from_bytes(os.urandom(4), "big") & 0xF0F0F0F0 | 0x0A0A0A0A
    return b"".join(
        (
            bytes((os.urandom(1)[0] | 0xC0,)),
            bytes(4),
            _vector(header.source),
            _vector(header.destination),
            struct.pack(f"!{len(versions) + 1}I", *versions, greased),
        )
    )


def retry_packet(header: LongHeader, source: bytes, token: bytes) -> bytes:
    """A Retry packet (RFC 9000 section 17.2.5) in answer to an Initial.

    Args:
        header: Of that Initial.
        source: Connection ID that the client is to send to.
        token: What it is to bring along.
    """
    first = 0xC0 | _RETRY[header.version] | os.urandom(1)[0] & 0x0F
    packet = b"".join(
        (
            bytes((first,)),
            header.version.to_bytes(4, "big"),
            _vector(header.source),
            _vector(source),
            token,
        )
    )
    key, nonce = (bytes.fromhex(each) for each in _INTEGRITY[header.version])
    pseudo = _vector(header.destination) + packet
    return packet + AESGCM(key).encrypt(nonce, b"", pseudo)


def stateless_reset(received: int, token: bytes) -> bytes | None:
    """Tells a peer that its connection is not known here (RFC 9000 section 10.3).

    Args:
        received: Length of the packet that caused it; the reset is shorter, so that two endpoints
            that answer each other come to an end (section 10.3.3).
        token: Of the connection ID that the packet was sent to.

    Returns:
        The packet; None where it would be too short to pass for one.
    """
    size = min(received - 1, _RESET_SIZE)
    if size < _SMALLEST_RESET:
        return None
    noise = bytearray(os.urandom(size - TOKEN_LENGTH))
    noise[0] = noise[0] & 0x3F | 0x40
    return bytes(noise) + token


def _vector(value: bytes) -> bytes:
    return bytes((len(value),)) + value
