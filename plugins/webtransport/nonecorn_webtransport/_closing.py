"""Capsules of a session: what its CONNECT stream says (draft-ietf-webtrans-http3, RFC 9297)."""

from __future__ import annotations

from nonecorn.spi import RemoteProtocolError
from nonecorn_h3.capsules import DATAGRAM, CapsuleReader, encode_capsule

CLOSE = 0x2843
DRAIN = 0x78AE
MAX_REASON = 1024
"""Bytes."""

_PADDING = 0x17
"""RFC 9297 section 5.4: one of those that mean nothing."""
_MOST = 4096
_KNOWN = frozenset((DATAGRAM, CLOSE, DRAIN))

PING = encode_capsule(_PADDING, b"")
"""A sign of life: nobody answers it, but that it came is acknowledged."""
DRAIN_CAPSULE = encode_capsule(DRAIN, b"")


def capsule_reader() -> CapsuleReader:
    """Reads those that a session knows."""
    return CapsuleReader(_MOST, _KNOWN)


def close_capsule(code: int, reason: str) -> bytes:
    """CLOSE_WEBTRANSPORT_SESSION."""
    return encode_capsule(CLOSE, code.to_bytes(4, "big") + reason.encode())


def read_close(value: bytes) -> tuple[int, str]:
    """Code and reason of a CLOSE_WEBTRANSPORT_SESSION.

    Raises:
        RemoteProtocolError: It is malformed.
    """
    if not 4 <= len(value) <= 4 + MAX_REASON:
        raise RemoteProtocolError(400, "close-capsule")
    try:
        return int.from_bytes(value[:4], "big"), str(value[4:], "utf-8")
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(400, "close-capsule") from error
