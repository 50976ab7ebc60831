"""Error codes: an application's 32 bits within those of HTTP/3 (draft-ietf-webtrans-http3).

Applications have a range of their own in HTTP/3's space, with gaps where that reserves every 31st
code (RFC 9114 section 8.1).
"""

from __future__ import annotations

REFUSED = 0x3994BD84
"""WEBTRANSPORT_BUFFERED_STREAM_REJECTED."""
GONE = 0x170D7B68
"""WEBTRANSPORT_SESSION_GONE."""
MOST = (1 << 32) - 1

_FIRST = 0x52E4A40FA8DB
_LAST = 0x52E5AC983162


def to_http(code: int) -> int:
    """What RESET_STREAM and STOP_SENDING say for an application's code."""
    return _FIRST + code + code // 0x1E


def from_http(code: int) -> int | None:
    """The application's code that they say; None where it is none."""
    if not _FIRST <= code <= _LAST or not (code - 0x21) % 0x1F:
        return None
    shifted = code - _FIRST
    return shifted - shifted // 0x1F
